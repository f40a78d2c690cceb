import GPUDevice
import HopperEngine
import HopperSimulator
import LatentAttention
import Reports

/// Runs of many calls in all variants: short ones simulated, long ones predicted from fits to simulated runs.
struct VariantComparison {
  /// A call in one variant. The properties' names are the keys in JSON.
  struct Row: Encodable {
    let variant: String
    let heads, batch, kv, pageSize: Int
    /// Whether the time is that of a simulated run, or predicted.
    var isSimulated = false
    var microseconds = 0.0
    var teraflops = 0.0
    /// Of keys, each counted once.
    var kvGBps = 0.0
    /// Of the dense peak of the tensor cores.
    var tensorShare = 0.0
    /// Of what streams from DRAM reach.
    var dramShare = 0.0
    /// Of what the fit predicts, over what was simulated, less 1; nil for what was not simulated.
    var predictionError: Double?
    /// Whether no other variant of the call is faster.
    var isBest = false
    /// Bytes of queries, keys and results, each once; for the roofline.
    let bytes: Double
  }

  /// Which costs a prediction needs.
  private struct FitKey: Hashable {
    let variant: Int
    let sharing: KeySharing
    let pageSize: Int
  }

  let device: DeviceDescription
  let threads: Int?
  let shapes: [DecodeSimulation.Shape]
  let variants: [ComparedVariant]
  /// Calls of more pairs of a row tile and a key tile are predicted.
  let simulatedPairs: Int
  /// Whether any call is: only then costs are fitted.
  private let predicts: Bool
  private var fits: [FitKey: CostFit] = [:]

  init(
    _ device: DeviceDescription, _ shapes: [DecodeSimulation.Shape], variants: [ComparedVariant],
    simulatedPairs: Int, threads: Int?
  ) {
    self.device = device
    self.shapes = shapes
    self.variants = variants
    self.simulatedPairs = simulatedPairs
    predicts = shapes.contains { $0.tilePairs > simulatedPairs }
    self.threads = threads
  }

  /// All variants that a call can run in, the best one marked.
  mutating func rows(_ shape: DecodeSimulation.Shape) throws -> [Row] {
    var rows: [Row] = []
    for (index, variant) in variants.enumerated() {
      let engine = HopperEngine(device: SimulatedGPU(device, threadCount: threads), options: variant.options)
      let plan = try engine.plan(shape.requests(), geometry: shape.geometry())
      guard variant.applies(to: shape, plan: plan) else { continue }
      let predicted = predicts ? try fit(index, shape).prediction(plan) * 1e-9 : nil
      let simulated =
        shape.tilePairs <= simulatedPairs
        ? try Self.simulate(shape, device, variant.options, threads: threads) : nil
      rows.append(try row(shape, variant, predicted: predicted, simulated: simulated))
    }
    if let best = rows.indices.min(by: { rows[$0].microseconds < rows[$1].microseconds }) {
      rows[best].isBest = true
    }
    return rows
  }

  /// The row of a predicted call, simulated after all.
  func checked(_ row: Row) throws -> Row {
    var shape = DecodeSimulation.Shape()
    (shape.heads, shape.batch, shape.keys, shape.pageSize) = (row.heads, row.batch, row.kv, row.pageSize)
    guard let variant = variant(named: row.variant) else { return row }
    let seconds = try Self.simulate(shape, device, variant.options, threads: threads)
    return try self.row(shape, variant, predicted: row.microseconds * 1e-6, simulated: seconds)
  }

  /// The variant of a row.
  func variant(named name: String) -> ComparedVariant? { variants.first { $0.name == name } }

  private mutating func fit(_ variant: Int, _ shape: DecodeSimulation.Shape) throws -> CostFit {
    let key = FitKey(
      variant: variant, sharing: variants[variant].sharing(shape), pageSize: shape.pageSize)
    if let fit = fits[key] { return fit }
    let fit = try CostFit(
      device, key.sharing, variants[variant].options, pageSize: key.pageSize, threads: threads)
    fits[key] = fit
    return fit
  }

  private static func simulate(
    _ shape: DecodeSimulation.Shape, _ device: DeviceDescription, _ options: HopperEngineOptions,
    threads: Int?
  ) throws -> Double {
    let simulated = SimulatedGPU(device, threadCount: threads)
    let simulation = try DecodeSimulation(shape, engine: HopperEngine(device: simulated, options: options))
    try simulation.run(simulation.plan(PolicyName.balanced.policy))
    return simulated.takeLaunches().seconds
  }

  private func row(
    _ shape: DecodeSimulation.Shape, _ variant: ComparedVariant, predicted: Double?, simulated: Double?
  ) throws -> Row {
    let geometry = try shape.geometry()
    let work = CallWork(try shape.requests(), geometry: geometry, elementType: shape.elementType)
    let rowBytes = (geometry.keyWidth + geometry.latentWidth) * shape.elementType.byteCount
    let seconds = simulated ?? predicted ?? .nan
    var row = Row(
      variant: variant.name, heads: shape.heads, batch: shape.batch, kv: shape.keys, pageSize: shape.pageSize,
      bytes: work.keyBytes + Double(shape.batch * shape.queries * shape.heads * rowBytes))
    row.isSimulated = simulated != nil
    row.microseconds = seconds * 1e6
    row.teraflops = work.flops / seconds * 1e-12
    row.kvGBps = work.keyBytes / seconds * 1e-9
    row.tensorShare = work.flops / seconds / device.tensorFlopsPerSecond
    row.dramShare = work.keyBytes / seconds / device.dramBytesPerSecond
    row.predictionError = predicted.flatMap { predicted in simulated.map { predicted / $0 - 1 } }
    return row
  }
}

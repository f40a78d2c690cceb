import HopperEngine
import LatentAttention
import Reports

/// Runs of many calls in all variants, on this machine's GPU or simulated: then long ones are predicted from fits to
/// simulated runs.
struct VariantComparison {
  /// Where a call's time is from.
  enum Source: String, Encodable {
    case simulated, predicted, measured
  }

  /// A call in one variant. The properties' names are the keys in JSON.
  struct Row: Encodable {
    let variant: String
    let heads, batch, kv, pageSize: Int
    let source: Source
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
    let variant: String
    let sharing: KeySharing
    let pageSize: Int
  }

  /// Which calls a fit is off by about as much time for, one after the other.
  private struct SeriesKey: Hashable {
    let variant: String
    let pageSize, rows: Int
  }

  let timer: any CallTimer
  let shapes: [DecodeCall.Shape]
  let variants: [ComparedVariant]
  /// Calls of more pairs of a row tile and a key tile are predicted, unless they are measured.
  let simulatedPairs: Int
  /// Whether any call is: only then costs are fitted.
  private let predicts: Bool
  private var fits: [FitKey: CostFit] = [:]
  /// What was simulated less what the fit said, in seconds, of the last simulated call of each series.
  private var corrections: [SeriesKey: Double] = [:]

  init(
    _ timer: any CallTimer, _ shapes: [DecodeCall.Shape], variants: [ComparedVariant], simulatedPairs: Int
  ) {
    self.timer = timer
    self.shapes = shapes
    self.variants = variants
    self.simulatedPairs = simulatedPairs
    predicts = timer.isSimulated && shapes.contains { $0.tilePairs > simulatedPairs }
  }

  /// All variants that a call can run in, the best one marked.
  mutating func rows(_ shape: DecodeCall.Shape) throws -> [Row] {
    try rows(shape, of: variants, predicts: predicts)
  }

  /// Those of some variants that a call can run in, the best one marked. Without predictions there are no costs to be
  /// fitted; the call is one that is timed.
  mutating func rows(
    _ shape: DecodeCall.Shape, of variants: [ComparedVariant], predicts: Bool
  ) throws -> [Row] {
    let (batch, geometry) = (try shape.requests(), try shape.geometry())
    var applicable: [(variant: ComparedVariant, run: TimedRun)] = []
    for variant in variants {
      let engine = try timer.engine(variant.options)
      let plan = try engine.plan(batch, geometry: geometry)
      guard variant.applies(to: shape, plan: plan) else { continue }
      applicable.append((variant, TimedRun(plan: plan, shape: shape, engine: engine)))
    }
    let isTimed = !timer.isSimulated || shape.tilePairs <= simulatedPairs
    let timed = isTimed ? try timer.seconds(applicable.map(\.run)) : []
    var rows: [Row] = []
    for (position, (variant, run)) in applicable.enumerated() {
      let timed = isTimed ? timed[position] : nil
      let predicted = predicts ? try prediction(of: run.plan, shape, variant, simulated: timed) : nil
      rows.append(try row(shape, batch, variant, predicted: predicted, timed: timed))
    }
    if let best = rows.indices.min(by: { rows[$0].microseconds < rows[$1].microseconds }) {
      rows[best].isBest = true
    }
    return rows
  }

  /// The row of a predicted call, simulated after all.
  func checked(_ row: Row) throws -> Row {
    var shape = DecodeCall.Shape()
    (shape.heads, shape.batch, shape.keys, shape.pageSize) = (row.heads, row.batch, row.kv, row.pageSize)
    guard let variant = variant(named: row.variant) else { return row }
    let engine = try timer.engine(variant.options)
    let batch = try shape.requests()
    let plan = try engine.plan(batch, geometry: shape.geometry())
    let seconds = try timer.seconds([TimedRun(plan: plan, shape: shape, engine: engine)])
    return try self.row(shape, batch, variant, predicted: row.microseconds * 1e-6, timed: seconds.first)
  }

  /// The variant of a row.
  func variant(named name: String) -> ComparedVariant? { variants.first { $0.name == name } }

  /// Seconds that a plan takes by the fit, corrected by how far that was off for the call before of the same heads, page size
  /// and variant that was simulated. `simulated` is for later calls.
  private mutating func prediction(
    of plan: AttentionPlan, _ shape: DecodeCall.Shape, _ variant: ComparedVariant, simulated: Double?
  ) throws -> Double {
    let fitted = try fit(variant, shape).prediction(plan) * 1e-9
    let series = SeriesKey(
      variant: variant.name, pageSize: shape.pageSize, rows: shape.heads * shape.queries)
    defer { if let simulated { corrections[series] = simulated - fitted } }
    return fitted + (corrections[series] ?? 0)
  }

  private mutating func fit(_ variant: ComparedVariant, _ shape: DecodeCall.Shape) throws -> CostFit {
    let key = FitKey(variant: variant.name, sharing: variant.sharing(shape), pageSize: shape.pageSize)
    if let fit = fits[key] { return fit }
    let fit = try CostFit(
      timer, key.sharing, variant.options, pageSize: key.pageSize,
      points: CostFit.points + [CostFit.longPoint])
    fits[key] = fit
    return fit
  }

  private func row(
    _ shape: DecodeCall.Shape, _ batch: Batch, _ variant: ComparedVariant, predicted: Double?, timed: Double?
  ) throws -> Row {
    let geometry = try shape.geometry()
    let work = CallWork(batch, geometry: geometry, elementType: shape.elementType)
    let rowBytes = (geometry.keyWidth + geometry.latentWidth) * shape.elementType.byteCount
    let seconds = timed ?? predicted ?? .nan
    var row = Row(
      variant: variant.name, heads: shape.heads, batch: shape.batch, kv: shape.keys, pageSize: shape.pageSize,
      source: timed == nil ? .predicted : timer.isSimulated ? .simulated : .measured,
      bytes: work.keyBytes + Double(shape.batch * shape.queries * shape.heads * rowBytes))
    row.microseconds = seconds * 1e6
    row.teraflops = work.flops / seconds * 1e-12
    row.kvGBps = work.keyBytes / seconds * 1e-9
    row.tensorShare = work.flops / seconds / timer.description.tensorFlopsPerSecond
    row.dramShare = work.keyBytes / seconds / timer.description.dramBytesPerSecond
    row.predictionError = predicted.flatMap { predicted in timed.map { predicted / $0 - 1 } }
    return row
  }
}

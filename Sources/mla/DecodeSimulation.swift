import GPUDevice
import HopperEngine
import HopperSimulator
import LatentAttention

/// One decode call on a simulated device, with numbers of no meaning: what it costs is asked for, not what it computes.
struct DecodeSimulation {
  /// The shape of the call.
  struct Shape: Sendable, Hashable {
    var heads = 128
    var batch = 128
    var keys = 4096
    var queries = 1
    var pageSize = 64
    var elementType = ElementType.bfloat16

    func geometry() throws -> AttentionGeometry { try AttentionGeometry.deepSeek(headCount: heads) }

    /// More pages would fill this machine with lists of them.
    private static let mostPages = 1 << 26

    /// Requests of equally many keys; every page of the pool belongs to one.
    func requests() throws -> Batch {
      let pages = (keys + pageSize - 1) / pageSize
      guard try pages.multiplied(by: batch, field: "pages") <= Self.mostPages, batch <= Self.mostPages else {
        throw ProblemError(
          .outOfRange, "pages", value: "\(batch) × \(pages)",
          requirement: "must be at most \(Self.mostPages) in a simulated call")
      }
      // Neighbours in a request lie far apart, as in a cache that has been in use.
      let lists = (0..<batch).map { request in
        (0..<pages).map { Int32(truncatingIfNeeded: $0 * batch + request) }
      }
      return try Batch(
        queryCounts: Array(repeating: queries, count: batch), pageLists: lists,
        keyLengths: Array(repeating: keys, count: batch), pageSize: pageSize,
        poolPageCount: pages * batch, isCausal: true)
    }
  }

  let batch: Batch
  let geometry: AttentionGeometry
  private let shape: Shape
  private let engine: HopperEngine
  private let queries, cache, output, lse: DeviceMemory

  /// Makes tensors on the device.
  init(_ shape: Shape, engine: HopperEngine) throws {
    self.shape = shape
    self.engine = engine
    geometry = try shape.geometry()
    batch = try shape.requests()
    let rows = try batch.queryTokenCount.multiplied(by: shape.heads, field: "queries")
    let width = geometry.keyWidth * shape.elementType.byteCount
    queries = try Self.fill(engine.device, rows.multiplied(by: width, field: "queries"), shape.elementType)
    cache = try Self.fill(
      engine.device, (batch.poolPageCount * shape.pageSize).multiplied(by: width, field: "cache"),
      shape.elementType)
    output = try engine.device.allocate(byteCount: rows * geometry.latentWidth * shape.elementType.byteCount)
    lse = try engine.device.allocate(byteCount: rows * MemoryLayout<Float>.size)
  }

  /// The engine's plan.
  func plan(_ policy: any PlanningPolicy) throws -> AttentionPlan {
    try engine.plan(batch, geometry: geometry, policy: policy)
  }

  /// Runs a plan once.
  func run(_ plan: AttentionPlan) throws {
    let rows = (batch.queryTokenCount, shape.heads)
    let queryView = try view(queries, shape.elementType, rows.0, rows.1, geometry.keyWidth)
    let cacheView = try view(
      cache, shape.elementType, batch.poolPageCount, batch.pageSize, geometry.keyWidth)
    try engine.run(
      plan, queries: QueryView(combined: queryView, geometry: geometry),
      cache: CacheView(combined: cacheView, geometry: geometry),
      output: OutputView(
        output: mutableView(output, shape.elementType, rows.0, rows.1, geometry.latentWidth),
        lse: mutableView(lse, .float32, rows.0, rows.1, 1)))
    try engine.device.synchronize()
  }

  private func view(
    _ memory: DeviceMemory, _ type: ElementType, _ outer: Int, _ inner: Int, _ width: Int
  ) throws -> TensorView {
    unsafe try TensorView(
      UnsafeRawBufferPointer(Self.bytes(of: memory)), type, shape: (outer, inner, width))
  }

  private func mutableView(
    _ memory: DeviceMemory, _ type: ElementType, _ outer: Int, _ inner: Int, _ width: Int
  ) throws -> MutableTensorView {
    unsafe try MutableTensorView(Self.bytes(of: memory), type, shape: (outer, inner, width))
  }

  /// Device memory as a view's: an address that nobody here follows.
  private static func bytes(of memory: DeviceMemory) -> UnsafeMutableRawBufferPointer {
    unsafe UnsafeMutableRawBufferPointer(
      start: UnsafeMutableRawPointer(bitPattern: UInt(memory.address.rawValue)), count: memory.byteCount)
  }

  /// Memory full of numbers between −1/8 and 1/8, the same every 64 KB.
  private static func fill(
    _ device: any GPUDevice, _ byteCount: Int, _ type: ElementType
  ) throws -> DeviceMemory {
    let memory = try device.allocate(byteCount: byteCount)
    var generator = SplitMix64(seed: 1)
    let numbers = (0..<32_768).map { _ -> UInt16 in
      let value = Float.random(in: -0.125...0.125, using: &generator)
      return type == .bfloat16 ? UInt16(value.bitPattern >> 16) : Float16(value).bitPattern
    }
    for start in stride(from: 0, to: byteCount, by: numbers.count * 2) {
      let count = min(numbers.count, (byteCount - start) / 2)
      try device.defaultStream.copy(
        Array(numbers[..<count]), to: memory.address(at: start, byteCount: count * 2))
    }
    return memory
  }
}

extension [SimulatedLaunch] {
  /// From the first block's start to the last one's end.
  var seconds: Double {
    let start = map(\.start).min() ?? .zero
    return ((map(\.end).max() ?? .zero) - start).inSeconds
  }

  /// The share of `seconds` in which a unit was used.
  func utilisation(_ unit: UnitReport.Name) -> Double {
    reduce(0) { $0 + ($1.report.unit(unit)?.utilisation ?? 0) * $1.report.seconds } / seconds
  }
}

import GPUDevice
import HopperEngine
import LatentAttention

/// One decode call on a device, with numbers of no meaning: what it costs is asked for, not what it computes.
struct DecodeCall {
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
          requirement: "must be at most \(Self.mostPages) in a call")
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
  private let queries, cache, output, lse: DeviceMemory

  /// Makes tensors on a device.
  ///
  /// - Parameter batch: the shape's requests, for callers that have them.
  init(_ shape: Shape, _ batch: Batch? = nil, on device: any GPUDevice) throws {
    self.shape = shape
    geometry = try shape.geometry()
    self.batch = try batch ?? shape.requests()
    let batch = self.batch
    let rows = try batch.queryTokenCount.multiplied(by: shape.heads, field: "queries")
    let width = geometry.keyWidth * shape.elementType.byteCount
    queries = try Self.fill(device, rows.multiplied(by: width, field: "queries"), shape.elementType)
    cache = try Self.fill(
      device, (batch.poolPageCount * shape.pageSize).multiplied(by: width, field: "cache"),
      shape.elementType)
    output = try device.allocate(byteCount: rows * geometry.latentWidth * shape.elementType.byteCount)
    lse = try device.allocate(byteCount: rows * MemoryLayout<Float>.size)
  }

  /// Puts a run of an engine's plan into the default stream of the device, which is the engine's.
  func enqueue(_ plan: AttentionPlan, on engine: HopperEngine) throws {
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
  }

  /// Runs an engine's plan once.
  func run(_ plan: AttentionPlan, on engine: HopperEngine) throws {
    try enqueue(plan, on: engine)
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
    let stream = device.defaultStream
    var filled = min(numbers.count * 2, byteCount)
    try stream.copy(Array(numbers[..<(filled / 2)]), to: memory.address(at: 0, byteCount: filled))
    while filled < byteCount {
      let count = min(filled, byteCount - filled)
      try stream.copy(
        from: memory.address, to: memory.address(at: filled, byteCount: count), byteCount: count)
      filled += count
    }
    return memory
  }
}

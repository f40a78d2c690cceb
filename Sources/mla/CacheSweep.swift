import GPUDevice
import PTX

/// Empties a GPU's L2 by reading more memory than it holds.
///
/// A fill would do so too, but leave L2 full of bytes that must be written back to DRAM, which costs whatever runs next up
/// to 20 µs.
struct CacheSweep {
  private let memory: DeviceMemory
  private let kernel: any GPUKernel
  private let launch: LaunchConfiguration
  private let vectorCount: UInt32

  private static let leastByteCount = 256 << 20
  private static let threadCount = 256

  init(_ device: any GPUDevice) throws {
    let byteCount = max(Self.leastByteCount, 4 * device.properties.l2ByteCount) / 16 * 16
    memory = try device.allocate(byteCount: byteCount)
    try device.defaultStream.fill(memory.address, byteCount: byteCount, with: 0)
    vectorCount = UInt32(clamping: byteCount / 16)
    let recorded = try Self.recorded()
    kernel = try device.load(ptx: recorded.module.description).kernel(recorded.function.name)
    launch = LaunchConfiguration(
      grid: Extent(8 * device.properties.multiprocessorCount), block: Extent(Self.threadCount))
  }

  func enqueue(on stream: any GPUStream) throws {
    try stream.launch(kernel, launch, arguments: [.memory(memory), .value(vectorCount)])
  }

  private static func recorded() throws -> Kernel {
    try Kernel("cache_sweep", .threads(threadCount)) { k in
      let words = k.parameter("words", pointerTo: B32.self)
      let count = k.parameter("count", U32.self)
      let seen = k.variable("seen", U32.self, 0)
      let start = k.let("start", k.blockIndex() * threadCount + k.threadIndex())
      k.for("vector", from: start, to: count, step: k.gridSize() * threadCount) { vector in
        for word in k.load(words + vector * 4, count: 4) { seen ^= word.bits(as: U32.self) }
      }
      // Nothing is stored, as all is 0; but without a use nothing would be read.
      k.when(seen.value == 1) { k.store(seen.value.bits(as: B32.self), to: words) }
    }
  }
}

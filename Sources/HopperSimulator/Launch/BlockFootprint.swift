import GPUDevice

/// What blocks take of a multiprocessor.
struct BlockFootprint {
  var blocks = 0
  /// Of whole warps.
  var threads = 0
  /// Of 32 bits.
  var registers = 0
  /// Bytes, the system's included.
  var shared = 0

  static let blocksPerProcessor = 32
  static let threadsPerProcessor = 2048

  /// Takes nothing.
  init() {}

  /// What one block takes.
  init(_ configuration: LaunchConfiguration, registersPerThread: Int, sharedByteCount: Int) {
    blocks = 1
    threads = (configuration.block.count + 31) / 32 * 32
    registers = registersPerThread * threads
    shared = sharedByteCount
  }

  /// How often a multiprocessor has it.
  func count(in device: DeviceProperties) -> Int {
    min(
      Self.blocksPerProcessor / blocks, Self.threadsPerProcessor / threads,
      device.multiprocessorRegisterCount / registers, device.multiprocessorSharedByteCount / shared)
  }

  /// Whether a multiprocessor has it beside what it already gives.
  func fits(beside other: BlockFootprint, in device: DeviceProperties) -> Bool {
    (self + other).count(in: device) > 0
  }

  static func + (left: BlockFootprint, right: BlockFootprint) -> BlockFootprint {
    var sum = left
    sum.blocks += right.blocks
    sum.threads += right.threads
    sum.registers += right.registers
    sum.shared += right.shared
    return sum
  }
}

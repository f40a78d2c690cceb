import GPUDevice
import PTX

/// What is the same for all blocks of a launch.
@safe final class LaunchContext: @unchecked Sendable {
  let program: Program
  /// Device functions by name.
  let functions: [String: Program]
  let configuration: LaunchConfiguration
  let memory: GlobalMemory
  /// The parameter block; never written.
  let parameters: UnsafeMutableRawPointer
  let parameterByteCount: Int
  /// Shared memory of a block, reserved bytes included.
  let sharedByteCount: Int
  let registersPerThread: Int
  let clusterGrid: Extent
  let processorCount: Int
  let gridID: UInt64

  init(
    program: Program, functions: [String: Program], configuration: LaunchConfiguration, memory: GlobalMemory,
    parameters bytes: [UInt8], registersPerThread: Int, processorCount: Int, gridID: UInt64
  ) {
    self.program = program
    self.functions = functions
    self.configuration = configuration
    self.memory = memory
    parameterByteCount = bytes.count
    unsafe parameters = .allocate(byteCount: max(16, bytes.count), alignment: 64)
    for (index, byte) in bytes.enumerated() {
      unsafe parameters.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
    }
    sharedByteCount = program.layout.sharedEnd + configuration.dynamicSharedByteCount
    self.registersPerThread = registersPerThread
    let (grid, cluster) = (configuration.grid, configuration.cluster)
    clusterGrid = Extent(grid.x / cluster.x, grid.y / cluster.y, grid.z / cluster.z)
    self.processorCount = processorCount
    self.gridID = gridID
  }

  deinit { unsafe parameters.deallocate() }
}

import GPUDevice
import PTX

/// What is the same for all blocks of a launch.
@safe final class LaunchContext: @unchecked Sendable {
  let program: Program
  /// Device functions by name, and their names by address.
  let functions: [String: Program]
  let functionNames: [UInt64: String]
  let configuration: LaunchConfiguration
  let memory: GlobalMemory
  /// The parameter block; never written.
  let parameters: UnsafeMutableRawPointer
  let parameterByteCount: Int
  /// Shared memory of a block, reserved bytes included.
  let sharedByteCount: Int
  let registersPerThread: Int
  /// What a block takes of its multiprocessor.
  let footprint: BlockFootprint
  let clusterGrid: Extent
  let device: DeviceDescription
  let gridID: UInt64
  /// Memory for the barrier of a cooperative grid, zero at first; 0 when there is none.
  let workspace: UInt64
  /// Whether grids before it still run, for which `griddepcontrol.wait` waits. Changed only between windows.
  var mustWaitForGrids = false
  /// What is to be written down.
  let trace: TraceRequest?
  /// The hazards of global memory, of all grids that may run at the same time; nil when none are looked for.
  let global: GlobalHazards?
  /// Index among these grids, and how many clusters those before it have.
  let gridIndex: Int
  let firstCluster: Int

  init(
    program: Program, functions: [String: Program], configuration: LaunchConfiguration, memory: GlobalMemory,
    parameters bytes: [UInt8], registersPerThread: Int, device: DeviceDescription, gridID: UInt64,
    workspace: UInt64, trace: TraceRequest?, global: GlobalHazards?, after grids: [GridRun]
  ) {
    self.program = program
    self.functions = functions
    functionNames = program.layout.places.reduce(into: [:]) { names, place in
      if case .function(let address) = place.value { names[address] = place.key }
    }
    self.configuration = configuration
    self.memory = memory
    parameterByteCount = bytes.count
    unsafe parameters = .allocate(byteCount: max(16, bytes.count), alignment: 64)
    for (index, byte) in bytes.enumerated() {
      unsafe parameters.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
    }
    sharedByteCount = program.layout.sharedEnd + configuration.dynamicSharedByteCount
    self.registersPerThread = registersPerThread
    footprint = BlockFootprint(
      configuration, registersPerThread: registersPerThread, sharedByteCount: sharedByteCount)
    let (grid, cluster) = (configuration.grid, configuration.cluster)
    clusterGrid = Extent(grid.x / cluster.x, grid.y / cluster.y, grid.z / cluster.z)
    self.device = device
    self.gridID = gridID
    self.workspace = workspace
    self.trace = trace
    self.global = global
    gridIndex = grids.count
    firstCluster = grids.reduce(0) { $0 + $1.launch.clusterGrid.count }
  }

  /// Multiprocessors.
  var processorCount: Int { Int(device.processorCount.value) }

  /// Where a warp of a block is, or was, that executes the instruction of a number.
  func place(site: Int, block: Int, warp: Int) -> ExecutionPlace {
    let owner = functions.values.first {
      site >= $0.firstSite && site <= $0.firstSite + $0.instructions.count
    }
    let program = owner ?? program
    return ExecutionPlace(program, site - program.firstSite, block: block, warp: warp)
  }

  deinit { unsafe parameters.deallocate() }
}

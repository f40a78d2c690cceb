import GPUDevice
import PTX

/// What a kernel needs of a multiprocessor, and how many of its blocks that leaves room for.
struct LaunchCheck {
  private let program: Program
  private let configuration: LaunchConfiguration
  private let device: DeviceDescription

  init(_ program: Program, _ configuration: LaunchConfiguration, device: DeviceDescription) {
    self.program = program
    self.configuration = configuration
    self.device = device
  }

  /// Registers of a thread, and clusters that are resident at once. Throws what the device and the kernel do not allow.
  func limits() throws(SimulationError) -> (registersPerThread: Int, residentClusters: Int) {
    do {
      try configuration.validate(
        kernel: program.function.name, attributes: program.attributes, properties: device.properties)
    } catch .invalid(_, let field, let value, let requirement) {
      throw bad(field, value, requirement)
    } catch {
      throw bad("launch", "\(configuration)", "valid: \(error)")
    }
    if let required = program.function.directives.requiredBlock, required != configuration.block {
      throw bad("block", "\(configuration.block)", "\(required), as the kernel demands")
    }
    return try occupancy()
  }

  private func bad(_ field: String, _ value: String, _ requirement: String) -> SimulationError {
    SimulationError(reason: .badLaunch(field: field, value: value, requirement: requirement))
  }

  private func occupancy() throws(SimulationError) -> (registersPerThread: Int, residentClusters: Int) {
    let properties = device.properties
    let cluster = configuration.effectiveCluster(program.attributes)
    let threads = (configuration.block.count + 31) / 32 * 32
    let registers = program.registerCount(blockThreads: threads)
    let footprint = BlockFootprint(
      configuration, registersPerThread: registers,
      sharedByteCount: program.layout.sharedEnd + configuration.dynamicSharedByteCount)
    let blocks = max(1, footprint.count(in: properties)) * properties.multiprocessorCount
    let clusters = blocks / cluster.count
    guard clusters > 0 else {
      throw bad(
        "cluster", "\(cluster)", "of no more blocks than the \(blocks) that are resident at once")
    }
    let total = configuration.grid.count / cluster.count
    if configuration.isCooperative, clusters < total {
      throw bad(
        "grid", "\(configuration.grid)",
        "resident all at once, as the launch is cooperative: \(clusters) of its \(total) clusters are")
    }
    return (registers, clusters)
  }
}

extension Program {
  /// What the kernel needs. Registers are those of the largest block that it declares, else as many as are live.
  var attributes: KernelAttributes {
    let directives = function.directives
    let declared = directives.requiredBlock?.count ?? directives.maximumThreads.map { Extent($0).count }
    return KernelAttributes(
      registerCount: registerCount(blockThreads: ((declared ?? 32) + 31) / 32 * 32),
      staticSharedByteCount: layout.sharedEnd - AddressWindow.reservedShared,
      localByteCount: layout.frameByteCount, maximumBlockThreadCount: declared ?? 1024,
      requiredCluster: directives.requiredCluster.map { Extent($0) })
  }

  /// Registers of a thread in blocks of so many, which is a multiple of 32: what `.maxnreg` or `.minnctapersm` say,
  /// else as many as are live at once and some for the compiler, if the block can have them.
  func registerCount(blockThreads threads: Int) -> Int {
    let directives = function.directives
    if let maximum = directives.maximumRegisters { return max(24, min(255, maximum)) }
    if let blocks = directives.minimumBlocksPerProcessor {
      return max(24, min(255, 65536 / (max(1, blocks) * threads) / 8 * 8))
    }
    let largest = min(255, 65536 / threads / 8 * 8)
    return max(24, min(largest, (liveRegisterCount + 7) / 8 * 8 + 8))
  }
}

extension PerformanceDirectives {
  /// The block that the kernel demands, if it does.
  fileprivate var requiredBlock: Extent? { requiredThreads.map { Extent($0) } }
}

extension Extent {
  /// Sizes as a directive lists them: those that it leaves out are 1.
  fileprivate init(_ sizes: [Int]) {
    self.init(sizes.first ?? 1, sizes.count > 1 ? sizes[1] : 1, sizes.count > 2 ? sizes[2] : 1)
  }
}

extension DeviceDescription {
  /// The device as a host sees it.
  public var properties: DeviceProperties {
    DeviceProperties(
      hopper: "\(fullName), simulated", multiprocessorCount: Int(processorCount.value),
      memoryByteCount: Int(memoryByteCount.value), l2ByteCount: Int(l2ByteCount.value),
      clockFrequency: clock.value * 1e9)
  }
}

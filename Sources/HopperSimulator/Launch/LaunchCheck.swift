import GPUDevice
import PTX

/// Checks a launch against the device and the kernel (CUDA C++ programming guide, compute capability 9.0), and finds
/// how many of its blocks fit at once.
struct LaunchCheck {
  private let program: Program
  private let configuration: LaunchConfiguration
  private let processorCount: Int

  static let maximumThreads = 1024
  static let maximumSharedPerBlock = 227 << 10
  static let sharedPerProcessor = 228 << 10
  static let registersPerProcessor = 65536
  static let threadsPerProcessor = 2048
  static let blocksPerProcessor = 32
  static let maximumCluster = 16

  init(_ program: Program, _ configuration: LaunchConfiguration, processorCount: Int) {
    self.program = program
    self.configuration = configuration
    self.processorCount = processorCount
  }

  /// Registers of a thread, and clusters that are resident at once.
  func limits() throws(SimulationError) -> (registersPerThread: Int, residentClusters: Int) {
    let (grid, block, cluster) = (configuration.grid, configuration.block, configuration.cluster)
    try check("grid", grid, [Int(Int32.max), 65535, 65535])
    try check("block", block, [1024, 1024, 64])
    try check("cluster", cluster, [Self.maximumCluster, Self.maximumCluster, Self.maximumCluster])
    if block.count > Self.maximumThreads {
      throw bad("block", "\(block)", "more than \(Self.maximumThreads) threads")
    }
    if cluster.count > Self.maximumCluster {
      throw bad("cluster", "\(cluster)", "more than \(Self.maximumCluster) blocks")
    }
    if grid.x % cluster.x != 0 || grid.y % cluster.y != 0 || grid.z % cluster.z != 0 {
      throw bad("cluster", "\(cluster)", "does not divide the grid \(grid)")
    }
    try checkDirectives()
    return try occupancy()
  }

  private func check(_ field: String, _ extent: Extent, _ limits: [Int]) throws(SimulationError) {
    for (size, limit) in zip([extent.x, extent.y, extent.z], limits) where !(1...limit).contains(size) {
      throw bad(field, "\(extent)", "a dimension is not from 1 to \(limit)")
    }
  }

  private func bad(_ field: String, _ value: String, _ why: String) -> SimulationError {
    SimulationError(reason: .badLaunch(field: field, value: value, why: why))
  }

  private func checkDirectives() throws(SimulationError) {
    let directives = program.function.directives
    let block = configuration.block
    func padded(_ sizes: [Int]) -> Extent {
      Extent(sizes.first ?? 1, sizes.count > 1 ? sizes[1] : 1, sizes.count > 2 ? sizes[2] : 1)
    }
    if let required = directives.requiredThreads, padded(required) != block {
      throw bad("block", "\(block)", "the kernel requires \(padded(required))")
    }
    if let maximum = directives.maximumThreads, padded(maximum).count < block.count {
      throw bad("block", "\(block)", "the kernel allows \(padded(maximum).count) threads")
    }
    if let required = directives.requiredCluster, padded(required) != configuration.cluster {
      throw bad("cluster", "\(configuration.cluster)", "the kernel requires \(padded(required))")
    }
  }

  private func occupancy() throws(SimulationError) -> (registersPerThread: Int, residentClusters: Int) {
    let threads = (configuration.block.count + 31) / 32 * 32
    let shared =
      program.layout.sharedEnd - AddressWindow.reservedShared + configuration.dynamicSharedByteCount
    if configuration.dynamicSharedByteCount < 0 || shared > Self.maximumSharedPerBlock {
      throw bad(
        "dynamicSharedByteCount", "\(configuration.dynamicSharedByteCount)",
        "with the static \(shared - configuration.dynamicSharedByteCount) bytes, more than \(Self.maximumSharedPerBlock)"
      )
    }
    let registers = registersPerThread(threads)
    let perProcessor =
      [
        Self.blocksPerProcessor, Self.threadsPerProcessor / threads,
        Self.registersPerProcessor / (registers * threads),
        Self.sharedPerProcessor / (shared + AddressWindow.reservedShared),
      ].min() ?? 1
    let blocks = max(1, perProcessor) * processorCount
    let clusters = blocks / configuration.cluster.count
    guard clusters > 0 else {
      throw bad("cluster", "\(configuration.cluster)", "the device holds \(blocks) blocks at once")
    }
    let total = configuration.grid.count / configuration.cluster.count
    if configuration.isCooperative, clusters < total {
      throw bad(
        "grid", "\(configuration.grid)",
        "of a cooperative launch, only \(clusters) of \(total) clusters fit at once")
    }
    return (registers, clusters)
  }

  /// What the compiler would give: all that the demanded blocks leave, or as many as are live at once.
  private func registersPerThread(_ threads: Int) -> Int {
    let directives = program.function.directives
    if let maximum = directives.maximumRegisters { return max(24, min(255, maximum)) }
    if let blocks = directives.minimumBlocksPerProcessor {
      return max(24, min(255, Self.registersPerProcessor / (max(1, blocks) * threads) / 8 * 8))
    }
    let largest = min(255, Self.registersPerProcessor / threads / 8 * 8)
    return max(24, min(largest, (program.liveRegisterCount + 7) / 8 * 8 + 8))
  }
}

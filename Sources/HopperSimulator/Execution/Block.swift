import GPUDevice

/// A named barrier of a block (PTX ISA 9.7.13.1).
struct NamedBarrier {
  /// Threads that have arrived, a whole warp counting 32.
  var arrived = 0
  /// Threads that must arrive; 0 before the first.
  var expected = 0
  /// Result of a reduction so far.
  var count: UInt32 = 0
  var all = true
  var any = false
}

/// A block that is resident on a multiprocessor.
@safe final class Block {
  /// Index in the grid, x fastest, and its three parts.
  let index: Int
  let position: Extent
  /// Index of its multiprocessor.
  let processor: Int
  let clock: ProcessorClock
  unowned let cluster: Cluster
  /// Rank in its cluster.
  let rank: Int
  private(set) var warps: [Warp] = []
  var barriers = [NamedBarrier](repeating: NamedBarrier(), count: 16)
  /// What the last phase of each barrier has reduced to.
  var reductions = [NamedBarrier](repeating: NamedBarrier(), count: 16)
  /// Registers that `setmaxnreg.dec` has given back, for all threads of the block.
  var freeRegisters = 0
  /// Shared memory, the reserved bytes included.
  let shared: UnsafeMutableRawPointer
  let sharedByteCount: Int
  /// Warps that have not finished.
  var liveWarpCount: Int
  /// Whether one of its threads has executed `griddepcontrol.launch_dependents`.
  var letsDependentsStart = false
  /// Of every four warps, the last perhaps not full.
  private var warpgroups: [Warpgroup] = []
  /// What the hazard checks know; nil when they are off.
  var hazards: BlockHazards?

  @unsafe init(
    _ launch: LaunchContext, index: Int, position: Extent, processor: Int, cluster: Cluster, rank: Int,
    clock: ProcessorClock, slots: UnsafeMutablePointer<UInt64>
  ) {
    self.index = index
    self.position = position
    self.processor = processor
    self.clock = clock
    self.cluster = cluster
    self.rank = rank
    sharedByteCount = launch.sharedByteCount
    unsafe shared = .allocate(byteCount: sharedByteCount, alignment: 1024)
    // Shared memory is not cleared on the device: a recognisable pattern makes its use show. It is no `BarrierObject`.
    unsafe shared.initializeMemory(as: UInt8.self, repeating: 0x5D, count: sharedByteCount)
    let threadCount = launch.configuration.block.count
    liveWarpCount = (threadCount + 31) / 32
    warps = (0..<liveWarpCount).map { warp in
      let threads = min(32, threadCount - warp * 32)
      return unsafe Warp(
        self, index: warp, threads: threads == 32 ? .max : 1 << UInt32(threads) - 1, program: launch.program,
        clock: clock, slot: slots + warp)
    }
    for warp in warps { warp.registersPerThread = launch.registersPerThread }
    warpgroups = stride(from: 0, to: warps.count, by: 4).map {
      Warpgroup(warps[$0..<min($0 + 4, warps.count)])
    }
  }

  deinit { unsafe shared.deallocate() }

  var isFinished: Bool { liveWarpCount == 0 }

  /// Shared memory but for the system's bytes, by the cluster's addresses.
  var sharedRegion: MemoryRegion {
    let reserved = AddressWindow.reservedShared
    return unsafe MemoryRegion(
      start: UInt64(rank) << AddressWindow.sharedBits + UInt64(reserved),
      byteCount: sharedByteCount - reserved, base: shared + reserved)
  }

  /// The warpgroup that a warp is in.
  func warpgroup(of warp: Warp) -> Warpgroup { warpgroups[warp.index / 4] }
}

/// Blocks that run together: a cluster of one or more.
final class Cluster {
  private(set) var blocks: [Block] = []
  /// Index in the grid of clusters, and its three parts.
  let index: Int
  let position: Extent
  /// Warps that have arrived at the cluster's barrier in this phase.
  var arrivedWarpCount = 0
  /// When the last phase of the barrier has ended.
  var phaseTime: UInt64 = 0

  /// Warps of a block of the launch.
  static func warpCount(_ launch: LaunchContext) -> Int { (launch.configuration.block.count + 31) / 32 }

  /// A cluster on multiprocessors, one for each block; `slots` are where the interpreter looks up its warps.
  @unsafe init(
    _ launch: LaunchContext, index: Int, processors: [Int], clocks: [ProcessorClock],
    slots: UnsafeMutablePointer<UInt64>
  ) {
    self.index = index
    let shape = launch.configuration.cluster
    let clusters = launch.clusterGrid
    position = Extent(index % clusters.x, index / clusters.x % clusters.y, index / (clusters.x * clusters.y))
    blocks = (0..<shape.count).map { rank in
      let place = Extent(rank % shape.x, rank / shape.x % shape.y, rank / (shape.x * shape.y))
      let block = Extent(
        position.x * shape.x + place.x, position.y * shape.y + place.y, position.z * shape.z + place.z)
      let grid = launch.configuration.grid
      return unsafe Block(
        launch, index: block.x + grid.x * (block.y + grid.y * block.z), position: block,
        processor: processors[rank], cluster: self, rank: rank, clock: clocks[rank],
        slots: slots + rank * Self.warpCount(launch))
    }
    warps = blocks.flatMap(\.warps)
    if let global = launch.global { hazards = ClusterHazards(launch, self, global) }
  }

  /// Of all blocks, in the order of rank.
  private(set) var warps: [Warp] = []
  /// What the hazard checks know; nil when they are off.
  private(set) var hazards: ClusterHazards?
  var isFinished: Bool { blocks.allSatisfy(\.isFinished) }
  var liveWarpCount: Int { blocks.reduce(0) { $0 + $1.liveWarpCount } }
}

/// A call's registers, predicates and local variables. The kernel has one frame for each warp; a call of a device
/// function makes another.
@safe final class Frame {
  let program: Program
  let tables: ProgramTables
  let caller: Frame?
  /// The call that made it; nil of the kernel's.
  let site: CallSite?
  /// Calls around it.
  let depth: Int
  /// Where the caller goes on.
  let returnIndex: Int
  let registers: UnsafeMutableRawPointer
  let predicates: UnsafeMutablePointer<UInt32>
  /// When each register's value is there, and where it comes from (`ReasonedTime`): rows, then predicates.
  let ready: UnsafeMutablePointer<UInt64>
  /// What the hazard checks know of its registers; nil when they follow none.
  @safe @exclusivity(unchecked) private(set) var registerState: RegisterState?
  /// Where the frame's variables begin in each thread's local memory.
  let localBase: Int

  /// The variables of a called function come behind its caller's.
  init(_ program: Program, caller: Frame? = nil, site: CallSite? = nil, returnIndex: Int = 0) {
    self.program = program
    tables = ProgramTables(program)
    self.caller = caller
    self.site = site
    self.returnIndex = returnIndex
    depth = caller.map { $0.depth + 1 } ?? 0
    localBase = caller.map { ($0.localBase + $0.program.layout.frameByteCount + 15) & ~15 } ?? 0
    let rowBytes = max(1, program.rowCount) * 128
    unsafe registers = .allocate(byteCount: rowBytes, alignment: 64)
    unsafe registers.initializeMemory(as: UInt8.self, repeating: 0, count: rowBytes)
    unsafe predicates = .allocate(capacity: max(1, program.predicateCount))
    unsafe predicates.initialize(repeating: 0, count: max(1, program.predicateCount))
    unsafe ready = .allocate(capacity: program.rowCount + program.predicateCount)
    unsafe ready.initialize(repeating: 0, count: program.rowCount + program.predicateCount)
  }

  deinit {
    unsafe registers.deallocate()
    unsafe predicates.deallocate()
    unsafe ready.deallocate()
  }

  /// Has the hazard checks follow its registers.
  func follow(_ hazards: WarpHazards) {
    registerState = program.watch.map { RegisterState($0, hazards.productOrder) }
  }

  /// When registers have their values.
  var scoreboard: Scoreboard { Scoreboard(self) }

  /// Calls inside each other. Recursion that does not end stops here; a device's stack, 1 KB of a thread unless the host
  /// asks for more, has room for less.
  static let depthLimit = 1024

  /// In place of a time, that a value is on its way from memory.
  static let isComing: UInt64 = 1 << 58
}

/// What lanes of a warp wait for.
enum Wait: Equatable {
  case nothing
  /// A named barrier of the block.
  case barrier(Int)
  /// The end of the phase with this parity of the mbarrier at a shared address.
  case object(address: UInt64, parity: UInt32)
  /// All blocks of the cluster.
  case cluster
  /// The other lanes of this mask.
  case lanes(UInt32)
  /// Its turn in the order of time among all blocks.
  case turn
  /// Registers of the block's pool.
  case registers
  /// Data from memory.
  case memory
  /// The grid before this one.
  case grid
  /// Products of its warpgroup.
  case products
}

/// Lanes of a warp that are at the same instruction.
struct Fragment {
  var index: Int
  var mask: UInt32
  var frame: Frame
  var wait = Wait.nothing
  /// What a blocked instruction has to write when it goes on, and whether it may.
  var isGranted = false

  /// Whether it waits for nothing.
  var isFree: Bool { if case .nothing = wait { true } else { false } }
}

/// A warp of a block.
@safe final class Warp {
  unowned let block: Block
  let index: Int
  /// Lanes that have a thread.
  let threads: UInt32
  /// Lanes that have not exited.
  var live: UInt32
  @safe @exclusivity(unchecked) var fragments: [Fragment]
  /// When it may issue its next instruction, in cycles.
  var time: UInt64 = 0
  /// When it has started.
  private(set) var startTime: UInt64 = 0
  /// When the instructions of its basic block so far will all have started, and why not earlier (`ReasonedTime`).
  var blockTime: UInt64 = 0
  /// When the last instructions have started, see `InstructionClock`.
  let issueWindow: UnsafeMutablePointer<UInt64>
  var windowPlace = 0
  /// Where its time has gone.
  let profile: WarpProfile
  /// Its block's shared memory but for the system's bytes, and where that begins in the cluster's.
  let shared: MemoryRegion
  let sharedBase: UInt64
  /// The multiprocessor that it is on, and which of its schedulers.
  let clock: ProcessorClock
  let scheduler: Int
  /// Where the interpreter looks up when the warp goes on.
  private let slot: UnsafeMutablePointer<UInt64>
  /// Local memory, lane after lane; made when it is first used.
  private var local: UnsafeMutableRawPointer?
  private var localByteCount = 0
  /// Registers of each thread, as `setmaxnreg` counts.
  var registersPerThread = 0
  /// Threads that have arrived at the cluster's barrier, and whether all have.
  var clusterArrivals: UInt32 = 0
  var hasArrivedAtCluster = false
  /// Whether the phase that it has arrived at has ended, and the threads that have seen that.
  var isClusterPhaseDone = false
  var clusterWaits: UInt32 = 0
  /// Whether lanes that wait for each other have all come.
  var mustMerge = false
  /// Whether its lanes have executed an instruction apart that needs all of them; that is not waited for again.
  var isDivergent = false
  /// Instructions since the lanes at the lowest address had to let others go first.
  var turns = 0
  /// Asynchronous work of its threads.
  var asynchronous = AsynchronousState()
  /// Products of its warpgroup.
  @safe @exclusivity(unchecked) var products = ProductGroups()
  /// What the hazard checks know; nil when they are off.
  var hazards: WarpHazards?

  @unsafe init(
    _ block: Block, index: Int, threads: UInt32, program: Program, clock: ProcessorClock,
    slot: UnsafeMutablePointer<UInt64>
  ) {
    self.block = block
    shared = block.sharedRegion
    sharedBase = UInt64(block.rank) << AddressWindow.sharedBits
    self.clock = clock
    scheduler = index % ProcessorClock.schedulerCount
    unsafe self.slot = slot
    unsafe issueWindow = .allocate(capacity: clock.schedulingWindow)
    unsafe issueWindow.initialize(repeating: 0, count: clock.schedulingWindow)
    profile = WarpProfile(regionCount: program.regions.regions.count)
    self.index = index
    self.threads = threads
    live = threads
    fragments = [Fragment(index: 0, mask: threads, frame: Frame(program))]
    unsafe local = nil
  }

  deinit {
    unsafe local?.deallocate()
    unsafe issueWindow.deallocate()
  }

  /// Lets time pass in which the warp waits.
  func wait(until other: UInt64, _ reason: StallReason) {
    guard other > time else { return }
    profile.stall(from: time, to: other, reason)
    time = other
  }

  /// Takes time of shared memory for the instruction that is being executed: it starts when its first wavefront does,
  /// which is returned, and not before `time`, when it has its operands.
  func takeShared(at time: UInt64, slot: UInt64, wavefronts: UInt64, conflicts: UInt64 = 0) -> UInt64 {
    let start = clock.takeShared(at: time, slot: slot, wavefronts: wavefronts, conflicts: conflicts)
    startLater(start, than: time)
    return start
  }

  /// As above, of the load/store unit for lines of global memory.
  func takeGlobal(at time: UInt64, slot: UInt64, lines: UInt64) -> UInt64 {
    let start = clock.takeGlobal(at: time, slot: slot, lines: lines)
    startLater(start, than: time)
    return start
  }

  /// The instruction that is being executed starts when its unit is free.
  private func startLater(_ start: UInt64, than time: UInt64) {
    guard start > time else { return }
    let bits = ReasonedTime.bits(start, .unitBusy)
    blockTime = max(blockTime, bits)
    unsafe issueWindow[(windowPlace - 1) & (clock.schedulingWindow - 1)] = bits
  }

  /// Lets it start.
  func start(at time: UInt64) {
    startTime = time
    self.time = time
    publish()
  }

  /// Whether some of its lanes wait for their turn.
  var waitsForTurn: Bool { fragments.contains { if case .turn = $0.wait { true } else { false } } }

  /// Tells the interpreter when the warp goes on: after every change of its time and of what it waits for.
  func publish() {
    unsafe slot.pointee = live != 0 && canGoOn ? time : .max
  }

  /// Whether some of its lanes wait for nothing.
  private var canGoOn: Bool {
    for place in fragments.indices where fragments[place].isFree { return true }
    return false
  }

  /// Lets lanes go on that wait for something, at a time or later.
  func release(at time: UInt64, where condition: (Wait) -> Bool) {
    var reason: StallReason?
    for place in fragments.indices where !fragments[place].isFree && condition(fragments[place].wait) {
      reason = StallReason(fragments[place].wait)
      fragments[place].wait = .nothing
    }
    guard let reason else { return }
    wait(until: time, reason)
    publish()
  }

  /// Bytes of local memory of each thread.
  static let localCapacity = 512 << 10

  /// The byte of a lane's local memory; nil when the access is out of bounds.
  @unsafe func localPointer(_ lane: Int, _ offset: UInt64, _ byteCount: Int) -> UnsafeMutableRawPointer? {
    guard offset <= UInt64(Self.localCapacity), Int(offset) + byteCount <= Self.localCapacity else {
      return nil
    }
    let needed = Int(offset) + byteCount
    if needed > localByteCount { growLocal(needed) }
    return unsafe local.map { unsafe $0 + (lane * localByteCount + Int(offset)) }
  }

  private func growLocal(_ needed: Int) {
    let grown = max(1024, needed.nextPowerOfTwo)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 32 * grown, alignment: 64)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: 32 * grown)
    if let old = unsafe local {
      for lane in 0..<32 {
        unsafe (memory + lane * grown).copyMemory(
          from: old + lane * localByteCount, byteCount: localByteCount)
      }
      unsafe old.deallocate()
    }
    unsafe local = memory
    localByteCount = grown
  }

  /// Of the lanes that can go on, those in the innermost call and there at the lowest address: later instructions are
  /// where paths meet again.
  ///
  /// Lanes that have had many turns while others wait let these go first, so that lanes that spin do not keep from
  /// running those that they wait for.
  func nextFragment() -> Int? {
    if fragments.count == 1 { return fragments[0].isFree ? 0 : nil }
    var best: Int?
    for (place, fragment) in fragments.enumerated() where fragment.wait == .nothing {
      guard let chosen = best else {
        best = place
        continue
      }
      let (depth, other) = (fragment.frame.depth, fragments[chosen].frame.depth)
      let isLower = depth != other ? depth > other : fragment.index < fragments[chosen].index
      if turns < Self.turnLimit ? isLower : !isLower { best = place }
    }
    return best
  }

  /// Instructions after which lanes at the lowest address let others go first.
  static let turnLimit = 4096
}

extension Int {
  fileprivate var nextPowerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}

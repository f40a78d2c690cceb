import PTX
import SimulatorKernels

/// What becomes of lanes after an instruction.
enum Outcome {
  /// They go on with the next.
  case next
  /// They stay at it until what they wait for has come, and do it again then.
  case blocked(Wait)
  /// They have been dealt with: moved, split or ended.
  case placed
}

/// Executes the warps of the clusters that are resident on some multiprocessors: as many as a cluster has blocks.
///
/// One interpreter is used by one thread at a time. Interpreters meet only in global memory, and where order matters
/// they wait for their turn, see `LaunchRunner`.
///
/// State that changes with every instruction, here and of warps, is not checked for overlapping changes
/// (`@exclusivity(unchecked)`): what changes it calls nothing that could change it too, and looking each time takes long.
@safe final class Interpreter: @unchecked Sendable {
  let launch: LaunchContext
  /// Of the blocks of its clusters, by rank.
  let processors: [Int]
  let clocks: [ProcessorClock]
  /// Resident clusters, each at its place, which another takes when it has ended.
  @safe @exclusivity(unchecked) private(set) var clusters: [Cluster?]
  /// Whether no other interpreter has work: then nothing has to wait for its turn.
  var isAlone = false
  private(set) var instructionCount: UInt64 = 0
  /// Data that is on its way, in the order of its arrival.
  @safe @exclusivity(unchecked) var events: [PendingEvent] = []
  var eventCount = 0
  /// Accesses to global memory in this window that the hazard checks have not looked at, and the allocation that was
  /// written last.
  @safe @exclusivity(unchecked) var accesses = GlobalAccessLog()
  var lastWritten: UInt64 = 0
  /// The allocation that was checked last, and whether accesses to it have been looked at; nil while that is not known.
  var lastChecked: GlobalMemory.Allocation?
  var isLastKnown: Bool?
  /// What has been asked of global memory in this window.
  @safe @exclusivity(unchecked) var requests = RequestQueue()
  /// Whether lanes may wait for their turn, or for data from memory: then `LaunchRunner` looks for them.
  var hasWaitingForTurn = false
  private var hasWaitingForMemory = false
  /// When the instruction that is being executed has its operands.
  var issueTime: UInt64 = 0
  /// When that instruction was issued.
  var slotTime: UInt64 = 0
  /// Where products of matrices are prepared.
  let products = ProductMemory()
  /// Where the time of warps has gone that have ended.
  private(set) var account = WarpAccount()
  /// Of each multiprocessor: blocks that have ended, and their instructions.
  private(set) var blockCounts: [Int]
  private(set) var issueCounts: [UInt64]
  /// Hazards of clusters that have ended, by copies that went on.
  let lateFindings = LateFindings()
  /// Cycles with a block.
  private(set) var busyCycles: UInt64 = 0
  private var busySince: UInt64 = 0
  /// What the last warp or the last data has come to.
  private(set) var endTime: UInt64 = 0
  /// Warps that are written down and have ended.
  private(set) var tracedWarps: [TracedWarp] = []
  /// What has stopped it, if that is one of the things that are checked.
  private(set) var fault: HazardFinding?
  /// The allocation that was used last, and its memory.
  private(set) var lastAllocation: GlobalMemory.Allocation?
  private(set) var lastRegion: MemoryRegion
  /// Two rows for results that only some lanes keep.
  private let scratch: UnsafeMutableRawPointer
  /// Addresses of the access that is being made, of each lane.
  let addresses: UnsafeMutablePointer<UInt64>
  /// Four matrices of 8 × 8 that are being loaded.
  let matrixWords: UnsafeMutablePointer<UInt32>
  /// When each warp can go on; the largest number for one that cannot, and for none.
  private let slots: UnsafeMutablePointer<UInt64>
  private let slotCount: Int
  /// The warp of each, and how many there are of a cluster.
  @safe @exclusivity(unchecked) private var slotWarps: [Warp?]
  private let warpCount: Int

  /// Interprets on so many multiprocessors, which hold so many clusters at once.
  init(_ launch: LaunchContext, processors: [Int], residentClusters: Int, device: DeviceDescription) {
    self.launch = launch
    self.processors = processors
    clocks = processors.map { _ in ProcessorClock(device, firstSite: launch.program.firstSite) }
    clusters = Array(repeating: nil, count: residentClusters)
    blockCounts = Array(repeating: 0, count: processors.count)
    issueCounts = Array(repeating: 0, count: processors.count)
    unsafe scratch = .allocate(byteCount: 256, alignment: 64)
    unsafe addresses = .allocate(capacity: 32)
    unsafe addresses.initialize(repeating: 0, count: 32)
    unsafe matrixWords = .allocate(capacity: 128)
    lastRegion = unsafe MemoryRegion(start: 0, byteCount: 0, base: launch.parameters)
    warpCount = Cluster.warpCount(launch) * processors.count
    // A multiple of eight, which are compared at once.
    slotCount = (residentClusters * warpCount + 7) & ~7
    slotWarps = Array(repeating: nil, count: slotCount)
    unsafe slots = .allocate(capacity: slotCount)
    unsafe slots.initialize(repeating: .max, count: slotCount)
  }

  deinit {
    unsafe scratch.deallocate()
    unsafe addresses.deallocate()
    unsafe matrixWords.deallocate()
    unsafe slots.deallocate()
  }

  /// The memory of an allocation, which the next access is probably to.
  func use(_ allocation: GlobalMemory.Allocation) -> MemoryRegion {
    lastAllocation = allocation
    lastRegion = unsafe MemoryRegion(
      start: allocation.address, byteCount: allocation.byteCount, base: allocation.base)
    return lastRegion
  }

  // MARK: Clusters

  var residentCount: Int { clusters.count { $0 != nil } }
  var hasRoom: Bool { residentCount < clusters.count }
  var isIdle: Bool { residentCount == 0 && events.isEmpty && requests.isEmpty }

  /// Starts a cluster of the grid at a time. There must be room.
  func start(_ index: Int, at time: UInt64) {
    guard let place = clusters.firstIndex(where: { $0 == nil }) else { return }
    let cluster = unsafe Cluster(
      launch, index: index, processors: processors, clocks: clocks, slots: slots + place * warpCount)
    for (index, warp) in cluster.warps.enumerated() {
      slotWarps[place * warpCount + index] = warp
      warp.start(at: time)
    }
    if residentCount == 0 { busySince = time }
    clusters[place] = cluster
    if let trace = launch.trace { self.trace(cluster, trace, at: time) }
  }

  /// Forgets clusters that have ended, but not what they have found; true when one has.
  func retire(_ log: inout FindingLog) -> Bool {
    var hasRetired = false
    for place in clusters.indices {
      guard let cluster = clusters[place], cluster.isFinished else { continue }
      close(cluster)
      if let hazards = cluster.hazards { log.merge(hazards.close(lateFindings)) }
      clusters[place] = nil
      for slot in place * warpCount..<(place + 1) * warpCount { slotWarps[slot] = nil }
      hasRetired = true
    }
    if hasRetired, residentCount == 0 { busyCycles += endTime - busySince }
    return hasRetired
  }

  /// Begins to write down warps of a cluster, and their multiprocessors.
  private func trace(_ cluster: Cluster, _ request: TraceRequest, at time: UInt64) {
    for block in cluster.blocks where request.blocks.contains(block.index) {
      if block.clock.trace == nil { block.clock.trace = ProcessorTrace(block.clock, at: time) }
      for warp in block.warps {
        warp.profile.trace = WarpTrace(
          launch.program.regions, shortestStall: request.shortestStall)
      }
    }
  }

  private func close(_ cluster: Cluster) {
    for block in cluster.blocks {
      blockCounts[block.rank] += 1
      for warp in block.warps {
        let role = account.add(warp, launch.program.regions)
        if let trace = warp.profile.trace {
          trace.finish(at: warp.time)
          tracedWarps.append(
            TracedWarp(
              processor: block.processor, block: block.index, index: warp.index, role: role, trace: trace))
        }
        issueCounts[block.rank] += warp.profile.issuedCount
        endTime = max(endTime, warp.time)
      }
    }
  }

  // MARK: Warps

  /// Of all resident clusters.
  var warps: [Warp] { clusters.flatMap { $0?.warps ?? [] } }

  /// When the first warp can go on; the largest number when none can.
  var warpTime: UInt64 { unsafe sim_next_turn(slots, Int32(slotCount)).time }

  /// Cycles that a warp may be ahead of the others, so that not each instruction needs a choice.
  private static let slack: UInt64 = 8

  /// Runs all warps, and lets data arrive, up to a time. Returns whether anything happened.
  func run(until end: UInt64) throws(SimulationError) -> Bool {
    isLastKnown = nil
    return try noting { () throws(SimulationError) in try runWarps(until: end) }
  }

  /// Notes the error that something ends with.
  private func noting<Result>(_ body: () throws(SimulationError) -> Result) throws(SimulationError) -> Result
  {
    do throws(SimulationError) {
      return try body()
    } catch {
      if launch.global != nil { fault = HazardFinding(error, kernel: launch.program.function.name) }
      throw error
    }
  }

  private func runWarps(until end: UInt64) throws(SimulationError) -> Bool {
    var hasRun = false
    while true {
      let arrival = events.isEmpty ? .max : events[0].time
      let next = unsafe sim_next_turn(slots, Int32(slotCount))
      if next.time < min(end, arrival), let warp = slotWarps[Int(next.slot)] {
        let second = min(next.second, .max - Self.slack)
        let before = (warp.time, instructionCount)
        try run(warp, until: max(next.time + 1, min(end, arrival, second + Self.slack)))
        hasRun = hasRun || before != (warp.time, instructionCount)
      } else if arrival < end {
        hasRun = true
        endTime = max(endTime, arrival)
        try events.removeFirst().action(self)
      } else {
        return hasRun
      }
    }
  }

  /// Runs a warp until it can not go on, or has reached a time.
  private func run(_ warp: Warp, until end: UInt64) throws(SimulationError) {
    while warp.time < end, let place = warp.nextFragment() {
      try run(warp, place, until: end)
    }
    warp.publish()
  }

  /// Executes one instruction of a fragment that has its turn.
  func takeTurn(_ warp: Warp, _ place: Int) throws(SimulationError) {
    warp.fragments[place].wait = .nothing
    warp.fragments[place].isGranted = true
    try noting { () throws(SimulationError) in try run(warp, place, until: warp.time + 1) }
    warp.publish()
  }

  /// The warps with lanes that wait for their turn.
  func warpsWaitingForTurn() -> [Warp] {
    guard hasWaitingForTurn else { return [] }
    hasWaitingForTurn = false
    return warps.filter(\.waitsForTurn)
  }

  /// Lets warps go on that wait for data from memory: when that comes is known now.
  func releaseWaitingForMemory() {
    guard hasWaitingForMemory else { return }
    hasWaitingForMemory = false
    for slot in slotWarps.indices {
      slotWarps[slot]?.release(at: 0) { if case .memory = $0 { true } else { false } }
    }
  }

  // MARK: Instructions

  /// Runs the lanes of one fragment, until they block, part, meet others or reach a time.
  private func run(_ warp: Warp, _ place: Int, until end: UInt64) throws(SimulationError) {
    let (frame, mask) = (warp.fragments[place].frame, warp.fragments[place].mask)
    let code = unsafe frame.tables.code
    var lanes = unsafe LaneContext(frame, warp, scratch: scratch)
    var timing = unsafe InstructionClock(
      warp, frame, until: end, mustIssue: warp.fragments[place].isGranted)
    let hazards = warp.hazards
    let uses = unsafe frame.registerState == nil ? nil : frame.tables.watchedUses
    let isWhole = warp.fragments.count == 1
    let others = otherIndex(warp, place)
    var index = warp.fragments[place].index
    var executed: UInt64 = 0
    defer { instructionCount += executed }
    while timing.time < end {
      let instruction = unsafe UnsafePointer(code + index)
      let predicate = unsafe instruction.pointee.predicate
      lanes.active = predicate == .always ? mask : mask & lanes.predicate(predicate.index)
      guard timing.issue(index) else {
        leave(warp, place, index, timing, executed)
        // An operand is on its way from memory: when it is there, this instruction comes again.
        if timing.time < end { block(warp, place, .memory) }
        return
      }
      executed += 1
      if let uses = unsafe uses, unsafe uses[index] >= 0, let hazards {
        checkRegisters(
          unsafe uses[index], unsafe lanes.site(instruction.pointee), active: lanes.active, mask: mask,
          frame, warp, hazards)
      }
      lanes.index = index
      if unsafe lanes.executeArithmetic(instruction) {
        timing.finish(index)
        index += 1
      } else if unsafe instruction.pointee.isPlainAccess {
        if lanes.active != 0 {
          try unsafe access(instruction, lanes, warp, place, hazards, &timing)
        }
        index += 1
      } else if unsafe instruction.pointee.opcode == .warpgroupMultiply && lanes.active == .max {
        // With all lanes it waits for nothing.
        issueTime = timing.start
        try unsafe multiplyWarpgroup(instruction.pointee, lanes, warp, place)
        timing.finish(index)
        index += 1
      } else if unsafe isWhole && instruction.pointee.opcode == .branch
        && (lanes.active == 0 || lanes.active == mask)
      {
        index = unsafe lanes.active == 0 ? index + 1 : Int(instruction.pointee.immediate)
      } else {
        leave(warp, place, index, timing, executed)
        issueTime = timing.start
        slotTime = timing.slot
        let isGranted = warp.fragments[place].isGranted
        let outcome = try unsafe execute(instruction.pointee, lanes, warp, place)
        switch outcome {
        case .next:
          if isGranted { warp.fragments[place].isGranted = false }
          timing.time = max(timing.time, warp.time)
          timing.blockTime = max(timing.blockTime, warp.blockTime)
          unsafe finish(instruction.pointee.opcode, &timing, index)
          index += 1
        case .blocked(let wait):
          warp.fragments[place].isGranted = false
          block(warp, place, warp.mustMerge ? .nothing : wait)
          if warp.mustMerge { mergeFragments(warp) }
          warp.mustMerge = false
          return
        case .placed: return
        }
      }
      if index >= others {
        leave(warp, place, index, timing, executed)
        mergeFragments(warp)
        return
      }
    }
    leave(warp, place, index, timing, executed)
  }

  /// A load or store that does not wait for its turn.
  @inline(__always)
  @unsafe private func access(
    _ instruction: UnsafePointer<DecodedInstruction>, _ lanes: LaneContext, _ warp: Warp, _ place: Int,
    _ hazards: WarpHazards?, _ timing: inout InstructionClock
  ) throws(SimulationError) {
    warp.blockTime = timing.blockTime
    warp.windowPlace = timing.windowPlace
    issueTime = timing.start
    slotTime = timing.slot
    if unsafe instruction.pointee.opcode == .load {
      try unsafe load(instruction.pointee, lanes, warp, place, hazards)
    } else {
      try unsafe store(instruction.pointee, lanes, warp, place, hazards)
    }
    timing.blockTime = warp.blockTime
  }

  /// Lets lanes wait.
  private func block(_ warp: Warp, _ place: Int, _ wait: Wait) {
    warp.fragments[place].wait = wait
    switch wait {
    case .turn: hasWaitingForTurn = true
    case .memory: hasWaitingForMemory = true
    default: break
    }
  }

  /// Puts back what a run has changed of a warp.
  private func leave(_ warp: Warp, _ place: Int, _ index: Int, _ timing: InstructionClock, _ executed: UInt64)
  {
    warp.time = timing.time
    warp.blockTime = timing.blockTime
    warp.windowPlace = timing.windowPlace
    warp.fragments[place].index = index
    warp.turns = warp.fragments.count == 1 ? 0 : warp.turns + Int(executed)
  }

  /// Results that come from memory have their own times; those of everything else come after the unit's latency.
  @inline(__always)
  private func finish(_ opcode: Opcode, _ timing: inout InstructionClock, _ index: Int) {
    switch opcode {
    case .load, .atomic, .atomicVector, .atomicWide, .matrixLoad: break
    default: timing.finish(index)
    }
  }
}

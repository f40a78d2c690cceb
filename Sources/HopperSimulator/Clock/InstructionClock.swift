/// Issue of the instructions of one warp, while it runs.
///
/// A compiler lists the instructions of a basic block such that latencies overlap: it moves what is ready before what
/// has to wait. So here each instruction takes an issue slot in the order of the program, but starts when its operands
/// and its unit are there, and does not keep later ones of its block from starting before it. How far the compiler can
/// look ahead is bounded: an instruction is not issued before the one that is `schedulingWindow` places ahead of it has
/// started. At the block's end, all have started.
@safe struct InstructionClock {
  /// Of the warp, which outlives this.
  private unowned(unsafe) let clock: ProcessorClock
  private unowned(unsafe) let profile: WarpProfile
  private let instructions: UnsafeMutablePointer<InstructionCache>
  private let scheduler: Int
  private let ready: UnsafeMutablePointer<UInt64>
  private let timing: UnsafeMutablePointer<TimedInstruction>
  private let registers: UnsafeMutablePointer<Int32>
  /// When the last instructions have started, in a ring: times with their reasons, as in `ready` and `blockTime`.
  private let window: UnsafeMutablePointer<UInt64>
  private let windowMask: Int
  /// Of the function's first instruction, counted from the kernel's.
  private let firstSite: Int
  /// Of the instruction before; −1 for none.
  private var line = -1
  /// Counters of the region.
  private var counters: UnsafeMutablePointer<UInt64>
  private var region: UInt16
  /// Place in the ring of the oldest.
  var windowPlace: Int
  /// When the warp may issue again.
  var time: UInt64
  /// Cycles that a warp may wait ahead of the time up to which it runs, and still issue. Warps of one scheduler issue in
  /// the order in which they come here: one that has long to wait comes again, and the others go first.
  private static let lead: UInt64 = 32
  /// The last time at which it may issue.
  private let lastSlot: UInt64
  /// When all instructions of the basic block have started.
  var blockTime: UInt64
  /// When the last instruction has started.
  private(set) var start: UInt64 = 0
  /// When it was issued.
  private(set) var slot: UInt64 = 0

  /// Of a warp that runs up to a time; `mustIssue` says that the first instruction has to be issued, however late.
  @unsafe init(_ warp: Warp, _ frame: Frame, until end: UInt64, mustIssue: Bool) {
    lastSlot = mustIssue ? .max : end &+ Self.lead
    unsafe clock = warp.clock
    unsafe profile = warp.profile
    unsafe instructions = warp.clock.instructions
    scheduler = warp.scheduler
    unsafe ready = frame.ready
    unsafe timing = frame.tables.timing
    unsafe registers = frame.tables.timedRegisters
    unsafe window = warp.issueWindow
    windowMask = warp.clock.schedulingWindow - 1
    firstSite = Int(frame.tables.firstSite) - warp.clock.firstSite
    windowPlace = warp.windowPlace
    time = warp.time
    blockTime = warp.blockTime
    region = warp.profile.region
    unsafe counters = warp.profile.counters + Int(warp.profile.region) * WarpProfile.stride
  }

  /// Gives an instruction its slot and its start. False when an operand is on its way from memory, or when the warp has
  /// waited too far ahead: then only its time has changed.
  @inline(__always)
  mutating func issue(_ index: Int) -> Bool {
    let timed = unsafe timing[index]
    guard timed.isIssued else {
      (start, slot) = (time, time)
      return true
    }
    var operands: UInt64 = 0
    let first = Int(timed.first)
    for place in first..<first + Int(timed.readCount) {
      operands = unsafe max(operands, ready[Int(registers[place])])
    }
    if operands >= Frame.isComing << 4 { return false }
    if timed.region != region, timed.region != RegionTable.inherited { enter(timed.region) }
    var earliest = unsafe window[windowPlace & windowMask]
    if timed.isOrdered { earliest = max(earliest, blockTime, operands) }
    wait(until: ReasonedTime.time(earliest), ReasonedTime.reasonIndex(earliest))
    // While a warp waits for code it has no slot, and others of its scheduler go on with theirs.
    if fetch(firstSite + index), time + Self.lead > lastSlot { return false }
    if time > lastSlot { return false }
    wait(until: unsafe clock.nextIssue[scheduler], Int(StallReason.issueSlot.rawValue))
    slot = time
    unsafe clock.nextIssue[scheduler] = slot + 1
    time = slot + 1
    unsafe counters[WarpProfile.issuedPlace] += 1
    take(Int(timed.unit), operands)
    return true
  }

  /// Takes the pipe's time, which is counted in sixteenths.
  @inline(__always)
  private mutating func take(_ unit: Int, _ operands: UInt64) {
    let pipe = unsafe clock.pipes[unit]
    let place = scheduler * ProcessorClock.pipeCount + pipe
    let free = unsafe max(clock.pipeFree[place], slot << 4)
    let interval = unsafe clock.intervals[unit]
    unsafe clock.pipeFree[place] = free + interval
    unsafe clock.pipeBusy[pipe] += interval
    let begin = max(operands, ReasonedTime.bits(free >> 4, .unitBusy))
    unsafe window[windowPlace & windowMask] = begin
    windowPlace &+= 1
    blockTime = max(blockTime, begin)
    start = ReasonedTime.time(begin)
  }

  @inline(__always)
  private mutating func wait(until other: UInt64, _ reason: Int) {
    guard other > time else { return }
    unsafe counters[reason] += other - time
    if let trace = unsafe profile.trace { trace.stall(from: time, to: other, reasonIndex: reason) }
    time = other
  }

  /// Waits until the instruction is there. Whether it was not.
  @inline(__always)
  private mutating func fetch(_ site: Int) -> Bool {
    let next = site / InstructionCache.lineInstructions
    guard next != line else { return false }
    line = next
    let arrival = unsafe instructions.pointee.ready(line: line, at: time)
    guard arrival > time else { return false }
    wait(until: arrival, Int(StallReason.instructionFetch.rawValue))
    return true
  }

  private mutating func enter(_ region: UInt16) {
    unsafe profile.enter(region, at: time)
    self.region = region
    unsafe counters = profile.counters + Int(region) * WarpProfile.stride
  }

  /// Says when the results of the last instruction are there.
  @inline(__always)
  func finish(_ index: Int) {
    let timed = unsafe timing[index]
    let done = unsafe ReasonedTime.bits(start + clock.latencies[Int(timed.unit)], .dependency)
    let first = Int(timed.first) + Int(timed.readCount)
    for place in first..<first + Int(timed.writeCount) { unsafe ready[Int(registers[place])] = done }
  }
}

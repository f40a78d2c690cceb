/// Issue of the instructions of one warp, while it runs.
///
/// A compiler lists the instructions of a basic block such that latencies overlap. So here each instruction takes an
/// issue slot in the order of the program, but starts when its operands are there, and does not keep later ones of its
/// block from starting before it; at the block's end, all have started. Uncalibrated: a compiler runs out of registers,
/// and does not know all latencies.
@safe struct InstructionClock {
  private let clock: ProcessorClock
  private let scheduler: Int
  private let ready: UnsafeMutablePointer<UInt64>
  private let timing: UnsafeMutablePointer<TimedInstruction>
  private let registers: UnsafeMutablePointer<Int32>
  /// When the warp may issue again.
  var time: UInt64
  /// When all instructions of the basic block have started.
  var blockTime: UInt64
  /// When the last instruction has started.
  private(set) var start: UInt64 = 0
  /// When it was issued.
  private(set) var slot: UInt64 = 0

  @unsafe init(_ warp: Warp, _ frame: Frame) {
    clock = warp.clock
    scheduler = warp.scheduler
    unsafe ready = frame.ready
    unsafe timing = frame.program.code.timing
    unsafe registers = frame.program.code.timedRegisters
    time = warp.time
    blockTime = warp.blockTime
  }

  /// Gives an instruction its slot and its start. False when an operand is on its way from memory: then nothing has
  /// changed.
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
    if operands >= Frame.isComing { return false }
    if timed.isOrdered { time = max(time, blockTime, operands) }
    slot = unsafe max(time, clock.nextIssue[scheduler])
    unsafe clock.nextIssue[scheduler] = slot + 1
    time = slot + 1
    // The unit's time is counted in sixteenths.
    let unit = Int(timed.unit)
    let place = scheduler * ProcessorClock.unitCount + unit
    let free = unsafe max(clock.unitFree[place], slot << 4)
    let interval = unsafe clock.intervals[unit]
    unsafe clock.unitFree[place] = free + interval
    unsafe clock.unitBusy[unit] += interval
    start = max(operands, free >> 4)
    blockTime = max(blockTime, start)
    return true
  }

  /// Says when the results of the last instruction are there.
  @inline(__always)
  func finish(_ index: Int) {
    let timed = unsafe timing[index]
    let done = unsafe start + clock.latencies[Int(timed.unit)]
    let first = Int(timed.first) + Int(timed.readCount)
    for place in first..<first + Int(timed.writeCount) { unsafe ready[Int(registers[place])] = done }
  }
}

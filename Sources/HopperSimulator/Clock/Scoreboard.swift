/// When the registers of a frame have their values. It lives as long as the frame.
@safe struct Scoreboard {
  private let ready: UnsafeMutablePointer<UInt64>
  private let timing: UnsafeMutablePointer<TimedInstruction>
  private let registers: UnsafeMutablePointer<Int32>

  init(_ frame: Frame) {
    unsafe ready = frame.ready
    unsafe timing = frame.tables.timing
    unsafe registers = frame.tables.timedRegisters
  }

  /// Says when what an instruction writes is there, and where it comes from.
  func setReady(_ index: Int, at time: UInt64, _ reason: StallReason = .dependency) {
    let timed = unsafe timing[index]
    let first = Int(timed.first) + Int(timed.readCount)
    for place in first..<first + Int(timed.writeCount) {
      unsafe ready[Int(registers[place])] = ReasonedTime.bits(time, reason)
    }
  }

  /// Data from memory is there for what an instruction writes, unless something else has been written in the meantime.
  func arrive(_ index: Int, at time: UInt64) {
    let timed = unsafe timing[index]
    let first = Int(timed.first) + Int(timed.readCount)
    for place in first..<first + Int(timed.writeCount) {
      let register = unsafe Int(registers[place])
      if unsafe ready[register] >= Frame.isComing << 4 {
        unsafe ready[register] = ReasonedTime.bits(time, .globalMemory)
      }
    }
  }
}

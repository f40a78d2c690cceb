/// Which instructions a multiprocessor has, and when those come that it does not have yet.
///
/// A launch finds none. A warp that comes to a line that is not there has it and the next ones fetched, one after the other;
/// what has come stays. Uncalibrated: an instruction of PTX takes the 16 bytes of one of the machine, lines are in the order
/// of the text, and no code is too long.
@safe struct InstructionCache {
  /// Instructions of 16 bytes in a line of 128.
  static let lineInstructions = 8
  /// Lines that are fetched together.
  private static let aheadCount = 4
  private static let lineCount = 1 << 12

  /// Of each place, the line that is there, and when it came or comes.
  private let lines: UnsafeMutablePointer<Int32>
  private let arrivals: UnsafeMutablePointer<UInt64>
  private let interval: UInt64
  /// When the next line can be fetched.
  private var free: UInt64 = 0

  init(_ device: DeviceDescription) {
    unsafe lines = .allocate(capacity: Self.lineCount)
    unsafe lines.initialize(repeating: -1, count: Self.lineCount)
    unsafe arrivals = .allocate(capacity: Self.lineCount)
    unsafe arrivals.initialize(repeating: 0, count: Self.lineCount)
    interval = UInt64(device.instructionLineInterval.value)
  }

  func deallocate() {
    unsafe lines.deallocate()
    unsafe arrivals.deallocate()
  }

  /// When a line is there that is wanted at a time.
  @inline(__always)
  mutating func ready(line: Int, at time: UInt64) -> UInt64 {
    let place = line & (Self.lineCount - 1)
    if unsafe lines[place] != Int32(truncatingIfNeeded: line) { fetch(line, at: time) }
    return unsafe arrivals[place]
  }

  private mutating func fetch(_ first: Int, at time: UInt64) {
    free = max(free, time)
    for line in first..<first + Self.aheadCount {
      let place = line & (Self.lineCount - 1)
      if unsafe lines[place] == Int32(truncatingIfNeeded: line) { continue }
      free += interval
      unsafe lines[place] = Int32(truncatingIfNeeded: line)
      unsafe arrivals[place] = free
    }
  }
}

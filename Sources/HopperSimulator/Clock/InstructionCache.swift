/// Which instructions a multiprocessor has, and when those come that it does not have.
///
/// There are two levels, and L2 behind them. What warps execute is in the first. A launch finds nothing there, and the
/// kernel's beginning in the second. A line that comes to the first level is followed by the next one, and that is by the
/// one after it as soon as it is used: straight code is a stream, whose lines come one after the other. Lines of several
/// streams take turns.
///
/// An instruction of PTX takes the 16 bytes of one of the machine: `ptxas` makes 1.13 times as many of the attention
/// kernels', so that these outgrow a level a little later here. Lines are in the order of the text. L2 has what the second
/// level does not have: the first launch after a module is loaded waits longer on the device.
@safe struct InstructionCache {
  /// Instructions of 16 bytes in a line of 128.
  static let lineInstructions = 8
  /// Lines of which the place in the first level is kept: 512 KB of code. Lines so far apart share it.
  private static let placeCount = 1 << 12

  private var first, second: InstructionLines
  /// When each line of the first level came or comes.
  private let arrivals: UnsafeMutablePointer<UInt64>
  /// Where in the first level a line was last used; an empty place behind all for one that has not been used since it was
  /// fetched.
  private let places: UnsafeMutablePointer<UInt16>
  private let interval, streamInterval, distantInterval: UInt64
  /// When the second level, and L2, can give the next line.
  private var free: UInt64 = 0
  private var distantFree: UInt64 = 0

  init(_ device: DeviceDescription) {
    first = InstructionLines(count: Int(device.instructionLineCount.value))
    second = InstructionLines(count: Int(device.instructionLineCountOfLevelTwo.value))
    for line in 0..<Int(device.launchedLineCount.value) { _ = second.replace(by: line, at: 0) }
    unsafe arrivals = .allocate(capacity: first.count)
    unsafe arrivals.initialize(repeating: 0, count: first.count)
    unsafe places = .allocate(capacity: Self.placeCount)
    unsafe places.initialize(repeating: UInt16(first.count), count: Self.placeCount)
    interval = UInt64(device.instructionLineInterval.value)
    streamInterval = UInt64(device.distantStreamInterval.value)
    distantInterval = UInt64(device.distantLineInterval.value)
  }

  func deallocate() {
    first.deallocate()
    second.deallocate()
    unsafe arrivals.deallocate()
    unsafe places.deallocate()
  }

  /// When a line is there that is wanted at a time. Lines are counted from the kernel's first instruction.
  @inline(__always)
  mutating func ready(line: Int, at time: UInt64) -> UInt64 {
    let place = unsafe Int(places[line & (Self.placeCount - 1)])
    guard first.has(line, at: place) else { return find(line, at: time) }
    first.use(place, at: time)
    return unsafe arrivals[place]
  }

  /// The same for a line that is not known to have been used since it was fetched.
  @inline(never)
  private mutating func find(_ line: Int, at time: UInt64) -> UInt64 {
    let place = first.place(of: line) ?? fetch(line, at: time, after: time)
    first.use(place, at: time)
    unsafe places[line & (Self.placeCount - 1)] = UInt16(place)
    let arrival = unsafe arrivals[place]
    if first.place(of: line + 1) == nil {
      _ = fetch(line + 1, at: time, after: max(arrival, time))
      unsafe places[(line + 1) & (Self.placeCount - 1)] = UInt16(first.count)
    }
    return arrival
  }

  /// Asks at a time for a line that the first level does not have, and whose stream comes to it then or later. Returns its
  /// place.
  private mutating func fetch(_ line: Int, at time: UInt64, after earlier: UInt64) -> Int {
    let arrival: UInt64
    if let place = second.place(of: line) {
      second.use(place, at: time)
      free = max(free, time) + interval
      arrival = max(free, earlier + interval)
    } else {
      _ = second.replace(by: line, at: time)
      distantFree = max(distantFree, time) + distantInterval
      arrival = max(distantFree, earlier + streamInterval)
    }
    let place = first.replace(by: line, at: time)
    unsafe arrivals[place] = arrival
    return place
  }
}

/// The lines that a level holds: each in one of eight places, where it takes that of the line that has not been used for the
/// longest time.
@safe struct InstructionLines {
  private static let wayCount = 8

  let count: Int
  /// −1 where there is none, and in the place behind the last.
  private let lines: UnsafeMutablePointer<Int32>
  private let uses: UnsafeMutablePointer<UInt64>

  /// Room for so many lines, a multiple of eight.
  init(count: Int) {
    self.count = count
    unsafe lines = .allocate(capacity: count + 1)
    unsafe lines.initialize(repeating: -1, count: count + 1)
    unsafe uses = .allocate(capacity: count)
    unsafe uses.initialize(repeating: 0, count: count)
  }

  func deallocate() {
    unsafe lines.deallocate()
    unsafe uses.deallocate()
  }

  @inline(__always)
  func has(_ line: Int, at place: Int) -> Bool { unsafe lines[place] == Int32(truncatingIfNeeded: line) }

  @inline(__always)
  func use(_ place: Int, at time: UInt64) { unsafe uses[place] = time }

  func place(of line: Int) -> Int? { places(of: line).first { has(line, at: $0) } }

  /// Puts a line in the place of another, and returns that.
  func replace(by line: Int, at time: UInt64) -> Int {
    var oldest = places(of: line).lowerBound
    for place in places(of: line) {
      if unsafe lines[place] < 0 {
        oldest = place
        break
      }
      if unsafe uses[place] < uses[oldest] { oldest = place }
    }
    unsafe lines[oldest] = Int32(truncatingIfNeeded: line)
    unsafe uses[oldest] = time
    return oldest
  }

  private func places(of line: Int) -> Range<Int> {
    let start = line % (count / Self.wayCount) * Self.wayCount
    return start..<start + Self.wayCount
  }
}

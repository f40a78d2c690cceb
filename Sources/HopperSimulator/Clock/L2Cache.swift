/// Which lines are in L2: 128 bytes each, in sectors of 32 that come and go by themselves, in sets of 16 ways of which
/// the one used longest ago leaves first.
///
/// A device has one, and launches find what earlier ones have left. Uncalibrated: one partition, addresses not hashed,
/// no eviction hints.
@safe final class L2Cache {
  static let lineBytes: UInt64 = 128
  static let sectorBytes: UInt64 = 32
  private static let ways = 16
  /// In place of a line.
  private static let none = UInt32.max

  private let setCount: UInt64
  /// Line in each way of each set, that used last first.
  private let lines: UnsafeMutablePointer<UInt32>
  /// Of each line, in the low half which sectors are there, and in the high half which have been written.
  private let sectors: UnsafeMutablePointer<UInt8>
  /// Of each line, the cycle in which it comes, or came, from DRAM in this run of launches.
  private let arrivals: UnsafeMutablePointer<UInt32>

  init(byteCount: Int) {
    setCount = UInt64(max(1, byteCount / Int(Self.lineBytes) / Self.ways))
    let count = Int(setCount) * Self.ways
    unsafe lines = .allocate(capacity: count)
    unsafe sectors = .allocate(capacity: count)
    unsafe arrivals = .allocate(capacity: count)
    unsafe lines.initialize(repeating: Self.none, count: count)
    unsafe sectors.initialize(repeating: 0, count: count)
    unsafe arrivals.initialize(repeating: 0, count: count)
  }

  deinit {
    unsafe lines.deallocate()
    unsafe sectors.deallocate()
    unsafe arrivals.deallocate()
  }

  /// Forgets everything.
  func clear() {
    let count = Int(setCount) * Self.ways
    unsafe lines.update(repeating: Self.none, count: count)
    unsafe sectors.update(repeating: 0, count: count)
    settle()
  }

  /// All lines have come: time begins anew.
  func settle() {
    unsafe arrivals.update(repeating: 0, count: Int(setCount) * Self.ways)
  }

  /// Reads or writes sectors of a line. Returns how many of those that are read were not there, how many written ones another
  /// line had to give back to DRAM, and the cycle in which what was there has come.
  @inline(__always)
  func touch(
    line number: UInt64, sectors wanted: UInt8, isRead: Bool, isWrite: Bool
  ) -> (missing: Int, evicted: Int, arrival: UInt32) {
    let line = UInt32(truncatingIfNeeded: number)
    let first = Int(number % setCount) * Self.ways
    let lines = unsafe lines + first
    let sectors = unsafe sectors + first
    let arrivals = unsafe arrivals + first
    var way = 0
    while way < Self.ways - 1, unsafe lines[way] != line { way += 1 }
    let isPresent = unsafe lines[way] == line
    let old = unsafe sectors[way]
    let arrival = unsafe isPresent ? arrivals[way] : 0
    var evicted = 0
    if !isPresent { evicted = (old >> 4).nonzeroBitCount }
    while way > 0 {
      unsafe lines[way] = lines[way - 1]
      unsafe sectors[way] = sectors[way - 1]
      unsafe arrivals[way] = arrivals[way - 1]
      way -= 1
    }
    let present = isPresent ? old : 0
    unsafe lines[0] = line
    unsafe sectors[0] = present | wanted | (isWrite ? wanted << 4 : 0)
    unsafe arrivals[0] = arrival
    return (isRead ? (wanted & ~present).nonzeroBitCount : 0, evicted, arrival)
  }

  /// Notes when the line that was touched last comes.
  @inline(__always)
  func expect(line number: UInt64, at time: Double) {
    unsafe arrivals[Int(number % setCount) * Self.ways] = UInt32(clamping: UInt64(time.rounded(.up)))
  }
}

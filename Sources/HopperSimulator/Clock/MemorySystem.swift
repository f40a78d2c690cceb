/// L2 and DRAM, which all multiprocessors share, and the way to each of them.
///
/// Requests are resolved in the order of time, multiprocessor and issue, whatever the order in which threads of the
/// simulator made them. Each resource is a server that works requests off one after the other at its rate; latency comes
/// on top. L2 has lines of 128 bytes and 16 ways, and forgets the line that was used longest ago. Writes go to L2 and
/// count against DRAM when their line leaves it. Uncalibrated: one L2 partition, no hashing of addresses.
struct MemorySystem {
  /// What a warp or a copy wants of global memory.
  struct Request {
    var time: UInt64
    var processor: Int
    var sequence: Int
    var isWrite: Bool
    /// Runs of bytes, by address.
    var runs: [Run]
    /// Cycles on top of the latency of memory.
    var extraLatency: UInt64
    var completion: Completion
  }

  struct Run {
    var address: UInt64
    var byteCount: Int
  }

  /// Who is told when the data is there.
  enum Completion {
    case nobody
    /// Registers, by their number in the scoreboard of a frame.
    case registers(Frame, [Int32])
    /// Whatever happens then, in the interpreter that made the request.
    case action((UInt64) -> Void)
  }

  private let ways = 16
  private let setCount: Int
  /// Line in each way of each set, most recently used first; and whether it has been written.
  private var lines: [UInt64]
  private var isDirty: [Bool]
  private var processorFree: [UInt64]
  /// In sixteenths of cycles.
  private var l2Free: UInt64 = 0
  private var dramFree: UInt64 = 0
  private let l2CyclesPerByte: Double
  private let dramCyclesPerByte: Double
  private let processorBandwidth: UInt64
  private let l2Latency: UInt64
  private let dramLatency: UInt64

  private(set) var hits: UInt64 = 0
  private(set) var misses: UInt64 = 0
  private(set) var l2ByteCount: UInt64 = 0
  private(set) var dramByteCount: UInt64 = 0

  private static let lineBytes: UInt64 = 128
  private static let none = UInt64.max

  init(_ device: DeviceDescription) {
    setCount = max(1, Int(device.l2ByteCount.value) / Int(Self.lineBytes) / ways)
    lines = Array(repeating: Self.none, count: setCount * ways)
    isDirty = Array(repeating: false, count: setCount * ways)
    processorFree = Array(repeating: 0, count: Int(device.processorCount.value))
    l2CyclesPerByte = 1 / device.l2Bandwidth.value
    let dramBytesPerCycle = device.dramBandwidth.value * device.dramEfficiency.value / device.clock.value
    dramCyclesPerByte = 1 / dramBytesPerCycle
    processorBandwidth = UInt64(device.processorBandwidth.value)
    l2Latency = UInt64(device.l2Latency.value)
    dramLatency = UInt64(device.dramLatency.value)
  }

  /// When a request is done. Requests must come in the order of time.
  mutating func resolve(_ request: Request) -> UInt64 {
    var byteCount: UInt64 = 0
    var missedBytes: UInt64 = 0
    for run in request.runs where run.byteCount > 0 {
      // Memory moves in sectors of 32 bytes.
      let first = run.address & ~31
      let end = (run.address + UInt64(run.byteCount) + 31) & ~31
      var address = first
      while address < end {
        let lineEnd = (address & ~(Self.lineBytes - 1)) + Self.lineBytes
        let bytes = min(end, lineEnd) - address
        byteCount += bytes
        if !touch(address / Self.lineBytes, isWrite: request.isWrite), !request.isWrite {
          missedBytes += bytes
        }
        address += bytes
      }
    }
    l2ByteCount += byteCount
    dramByteCount += missedBytes
    let processor = request.processor % processorFree.count
    let port = max(processorFree[processor], request.time)
    processorFree[processor] = port + (byteCount + processorBandwidth - 1) / processorBandwidth
    l2Free = max(l2Free, request.time * 16) + UInt64(Double(byteCount) * l2CyclesPerByte * 16)
    var done = max(processorFree[processor], l2Free / 16) + l2Latency
    if missedBytes > 0 {
      dramFree = max(dramFree, request.time * 16) + UInt64(Double(missedBytes) * dramCyclesPerByte * 16)
      done = max(done, dramFree / 16 + dramLatency)
    }
    return done + request.extraLatency
  }

  /// Finds a line, or brings it in its set to the front; true when it was there.
  private mutating func touch(_ line: UInt64, isWrite: Bool) -> Bool {
    let first = Int(line % UInt64(setCount)) * ways
    var place = first
    while place < first + ways - 1, lines[place] != line { place += 1 }
    let isHit = lines[place] == line
    if !isHit, lines[place] != Self.none, isDirty[place] { writeBack() }
    let wasDirty = isHit && isDirty[place]
    while place > first {
      lines[place] = lines[place - 1]
      isDirty[place] = isDirty[place - 1]
      place -= 1
    }
    lines[first] = line
    isDirty[first] = wasDirty || isWrite
    if isHit { hits += 1 } else { misses += 1 }
    return isHit
  }

  private mutating func writeBack() {
    dramByteCount += Self.lineBytes
    dramFree += UInt64(Double(Self.lineBytes) * dramCyclesPerByte * 16)
  }
}

/// Where the time of a warp has gone: for each region, cycles waited by reason and instructions issued.
///
/// From the warp's start to its exit, each cycle is one of an issue or of one stall.
@safe final class WarpProfile {
  /// Counters of a region: one for each reason, and the last for instructions.
  static let stride = StallReason.allCases.count + 1
  static let issuedPlace = stride - 1

  let regionCount: Int
  /// `stride` for each region.
  let counters: UnsafeMutablePointer<UInt64>
  /// The region of the instruction that was issued last.
  private(set) var region: UInt16 = 0
  /// What is written down of the warp, if it is traced.
  var trace: WarpTrace?

  init(regionCount: Int) {
    self.regionCount = regionCount
    unsafe counters = .allocate(capacity: regionCount * Self.stride)
    unsafe counters.initialize(repeating: 0, count: regionCount * Self.stride)
  }

  deinit { unsafe counters.deallocate() }

  /// Goes over to another region.
  func enter(_ region: UInt16, at time: UInt64) {
    self.region = region
    trace?.enter(Int(region), at: time)
  }

  /// Counts cycles that the warp has waited.
  func stall(from start: UInt64, to end: UInt64, _ reason: StallReason) {
    unsafe counters[Int(region) * Self.stride + Int(reason.rawValue)] += end - start
    trace?.stall(from: start, to: end, reason)
  }

  /// Instructions of all regions.
  var issuedCount: UInt64 {
    (0..<regionCount).reduce(0) { unsafe $0 + counters[$1 * Self.stride + Self.issuedPlace] }
  }

  /// Counters of a region.
  func counts(_ region: Int) -> StallCounts {
    var counts = StallCounts()
    let base = unsafe counters + region * Self.stride
    for reason in StallReason.allCases {
      counts.cycles[Int(reason.rawValue)] = unsafe base[Int(reason.rawValue)]
    }
    counts.issued = unsafe base[Self.issuedPlace]
    return counts
  }
}

/// Instructions issued and cycles waited, of a warp or of several.
struct StallCounts {
  /// By reason.
  var cycles = [UInt64](repeating: 0, count: StallReason.allCases.count)
  var issued: UInt64 = 0

  /// Of both together.
  var total: UInt64 { cycles.reduce(issued, +) }

  mutating func add(_ other: StallCounts) {
    for place in cycles.indices { cycles[place] += other.cycles[place] }
    issued += other.issued
  }
}

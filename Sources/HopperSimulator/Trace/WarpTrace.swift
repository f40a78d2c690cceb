/// What is written down of one warp.
final class WarpTrace {
  struct Stall {
    var start: UInt64
    var end: UInt64
    var reason: StallReason
  }

  struct Region {
    var number: Int
    var start: UInt64
    var end: UInt64
  }

  private(set) var stalls: [Stall] = []
  private(set) var regions: [Region] = []
  private let shortestStall: UInt64
  private let table: RegionTable
  /// Regions that have begun, outermost first.
  private var open: [Region] = []

  init(_ table: RegionTable, shortestStall: UInt64) {
    self.table = table
    self.shortestStall = shortestStall
  }

  func stall(from start: UInt64, to end: UInt64, _ reason: StallReason) {
    if end - start >= shortestStall { stalls.append(Stall(start: start, end: end, reason: reason)) }
  }

  func stall(from start: UInt64, to end: UInt64, reasonIndex: Int) {
    stall(from: start, to: end, StallReason.allCases[reasonIndex])
  }

  /// The warp has come into a region: ends those that it has left, and begins those that it has entered.
  func enter(_ number: Int, at time: UInt64) {
    let path = table.ancestry(number)
    let shared = zip(open, path).prefix { $0.number == $1 }.count
    end(downTo: shared, at: time)
    for number in path.dropFirst(shared) { open.append(Region(number: number, start: time, end: time)) }
  }

  /// Ends all regions.
  func finish(at time: UInt64) { end(downTo: 0, at: time) }

  private func end(downTo count: Int, at time: UInt64) {
    while open.count > count {
      var region = open.removeLast()
      region.end = time
      regions.append(region)
    }
  }
}

/// A warp that has ended, and what has been written down of it.
struct TracedWarp {
  var processor: Int
  var block: Int
  var index: Int
  var role: String
  var trace: WarpTrace
}

extension Int {
  /// `⌈self / divisor⌉` for `self ≥ 0` and `divisor ≥ 1`; cannot overflow.
  package func dividedRoundingUp(by divisor: Int) -> Int {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder == 0 ? quotient : quotient + 1
  }
}

/// Positions of `costs`, dearest first, equal ones in order. O(n log n).
///
/// Costs must not be negative; they are compared in single precision, which sorts in one machine word
/// per item: the bits of a float that is not negative grow with its value.
package func indicesByDescendingCost(_ costs: [Double]) -> [Int] {
  var keys = costs.indices.map { UInt64(~Float(costs[$0]).bitPattern) << 32 | UInt64($0) }
  keys.sort()
  return keys.map { Int($0 & 0xffff_ffff) }
}

/// Workers by load: a binary heap with the least-loaded worker on top, of equal ones the first.
package struct LeastLoadedQueue {
  private var heap: [(load: Double, worker: Int)]
  /// The largest load so far.
  package private(set) var makespan = 0.0

  /// All workers without load.
  package init(workerCount: Int) {
    heap = (0..<workerCount).map { (0, $0) }
  }

  /// Adds `cost` to the least-loaded worker and returns that worker. O(log workers).
  package mutating func addToLeastLoaded(_ cost: Double) -> Int {
    let worker = heap[0].worker
    let entry = (load: heap[0].load + cost, worker: worker)
    makespan = max(makespan, entry.load)
    var position = 0
    while true {
      var child = 2 * position + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < entry else { break }
      heap[position] = heap[child]
      position = child
    }
    heap[position] = entry
    return worker
  }
}

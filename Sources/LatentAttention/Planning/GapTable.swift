/// Workers by the capacity they have left, to find the smallest gap that takes an item, and the largest,
/// in a few instructions.
///
/// Gaps are sorted into `bucketCount` buckets of equal width, each a linked list of workers; a bit per
/// bucket says whether it holds any. Within one bucket the choice is arbitrary, which costs less than one
/// bucket's width.
struct GapTable {
  private static let bucketCount = 1024
  /// Workers looked at in the item's own bucket before the next bucket is taken.
  private static let probeCount = 4

  private var occupied = InlineArray<16, UInt64>(repeating: 0)
  private var first: [Int32]
  private var next: [Int32]
  private var gaps: [Double]
  private var bucketsPerCost = 0.0

  init(workerCount: Int) {
    first = Array(repeating: -1, count: Self.bucketCount)
    next = Array(repeating: -1, count: workerCount)
    gaps = Array(repeating: 0, count: workerCount)
  }

  /// Empties the table, then gives each of `workers` a gap of `capacity`.
  mutating func reset(capacity: Double, workers: Range<Int>) {
    for word in 0..<16 where occupied[word] != 0 {
      occupied[word] = 0
      for bucket in (word * 64)..<(word * 64 + 64) { first[bucket] = -1 }
    }
    bucketsPerCost = capacity > 0 ? Double(Self.bucketCount - 1) / capacity : 0
    for worker in workers.reversed() {
      gaps[worker] = capacity
      insert(worker)
    }
  }

  /// The worker with the largest gap, to a bucket's width.
  var largest: (worker: Int, gap: Double)? {
    for word in (0..<16).reversed() where occupied[word] != 0 {
      let worker = Int(first[word * 64 + 63 - occupied[word].leadingZeroBitCount])
      return (worker, gaps[worker])
    }
    return nil
  }

  /// Takes `cost` from the gap of `largest`, which must be at least that.
  mutating func takeLargest(_ cost: Double) {
    guard let (worker, gap) = largest else { return }
    remove(worker, after: -1, in: bucket(gap))
    gaps[worker] = max(0, gap - cost)
    insert(worker)
  }

  /// Takes `cost` from the smallest gap that is at least that, and returns its worker; nil if none is.
  mutating func takeSmallest(atLeast cost: Double) -> Int? {
    let position = cost * bucketsPerCost
    guard position < Double(Self.bucketCount) else { return nil }
    var candidate = Int(position)
    var previous: Int32 = -1
    var worker = first[candidate]
    var probes = 0
    while worker >= 0, gaps[Int(worker)] < cost {
      probes += 1
      previous = worker
      worker = probes < Self.probeCount ? next[Int(worker)] : -1
    }
    if worker < 0 {
      guard let bucket = firstOccupied(from: candidate + 1) else { return nil }
      candidate = bucket
      previous = -1
      worker = first[bucket]
    }
    remove(Int(worker), after: Int(previous), in: candidate)
    gaps[Int(worker)] -= cost
    insert(Int(worker))
    return Int(worker)
  }

  private func firstOccupied(from bucket: Int) -> Int? {
    guard bucket < Self.bucketCount else { return nil }
    var word = bucket / 64
    var bits = occupied[word] & (~0 << UInt64(bucket % 64))
    while bits == 0 {
      word += 1
      guard word < 16 else { return nil }
      bits = occupied[word]
    }
    return word * 64 + bits.trailingZeroBitCount
  }

  private func bucket(_ gap: Double) -> Int { min(Self.bucketCount - 1, Int(gap * bucketsPerCost)) }

  private mutating func insert(_ worker: Int) {
    let bucket = bucket(gaps[worker])
    next[worker] = first[bucket]
    first[bucket] = Int32(truncatingIfNeeded: worker)
    occupied[bucket / 64] |= 1 << UInt64(bucket % 64)
  }

  private mutating func remove(_ worker: Int, after previous: Int, in bucket: Int) {
    if previous >= 0 {
      next[previous] = next[worker]
    } else {
      first[bucket] = next[worker]
      if next[worker] < 0 { occupied[bucket / 64] &= ~(1 << UInt64(bucket % 64)) }
    }
  }
}

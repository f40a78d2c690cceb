/// Workers by the capacity that they have left: finds the smallest gap that takes an item, and the largest
/// of all, in a few instructions.
///
/// Gaps are sorted into `bucketCount` buckets of equal width, each a linked list of workers. One bit per
/// bucket says whether it holds any, and one bit per word of those whether it has any set.
/// Among the workers of one bucket the choice is arbitrary, so a gap found is the best to a bucket's width.
struct GapTable {
  private static let wordCount = 16
  private static let bucketCount = 64 * wordCount
  /// Workers looked at in the item's own bucket before a gap of the next buckets is taken.
  private static let probeCount = 4
  /// End of a list.
  private static let none = -1

  /// Bit `b` of word `w`: bucket `64 · w + b` holds workers.
  private var occupied: [UInt64]
  /// Bit `w`: word `w` of `occupied` is not 0.
  private var occupiedWords: UInt64 = 0
  /// First worker of each bucket.
  private var first: [Int]
  /// The worker after each worker, in its bucket.
  private var next: [Int]
  private var gaps: [Double]
  private var bucketsPerCost = 0.0

  /// A table without gaps.
  init(workerCount: Int) {
    occupied = Array(repeating: 0, count: Self.wordCount)
    first = Array(repeating: Self.none, count: Self.bucketCount)
    next = Array(repeating: Self.none, count: workerCount)
    gaps = Array(repeating: 0, count: workerCount)
  }

  /// Empties the table, and makes it ready for gaps up to `capacity`.
  mutating func reset(capacity: Double) {
    while let bucket = largestBucket {
      first[bucket] = Self.none
      clearBit(bucket)
    }
    bucketsPerCost = capacity > 0 ? Double(Self.bucketCount - 1) / capacity : 0
  }

  /// Adds a worker that is not in the table.
  mutating func add(_ worker: Int, gap: Double) {
    // Rounding must not make a gap negative.
    gaps[worker] = max(0, gap)
    insert(worker)
  }

  /// The largest gap, to a bucket's width; nil without workers.
  var largest: Double? { largestBucket.map { gaps[first[$0]] } }

  /// The smallest gap of all workers, each of which must be in the table. O(workers).
  var smallest: Double { gaps.min() ?? 0 }

  /// Takes `cost` from the gap that `largest` says, and returns its worker. There must be one.
  mutating func takeLargest(_ cost: Double) -> Int {
    guard let bucket = largestBucket else { preconditionFailure("no worker has a gap") }
    let worker = first[bucket]
    take(cost, from: worker, after: Self.none, in: bucket)
    return worker
  }

  /// Takes `cost` from the smallest gap that is at least that, and returns its worker; nil if none is.
  mutating func takeSmallest(atLeast cost: Double) -> Int? {
    let position = cost * bucketsPerCost
    guard position < Double(Self.bucketCount) else { return nil }
    var bucket = Int(position)
    var previous = Self.none
    var worker = first[bucket]
    var probes = 1
    while worker != Self.none, gaps[worker] < cost {
      previous = worker
      worker = probes < Self.probeCount ? next[worker] : Self.none
      probes += 1
    }
    if worker == Self.none {
      guard let larger = firstOccupied(from: bucket + 1) else { return nil }
      bucket = larger
      previous = Self.none
      worker = first[bucket]
    }
    take(cost, from: worker, after: previous, in: bucket)
    return worker
  }

  private var largestBucket: Int? {
    guard occupiedWords != 0 else { return nil }
    let word = 63 - occupiedWords.leadingZeroBitCount
    return word * 64 + 63 - occupied[word].leadingZeroBitCount
  }

  private func firstOccupied(from bucket: Int) -> Int? {
    guard bucket < Self.bucketCount else { return nil }
    var word = bucket >> 6
    var bits = occupied[word] & (~0 &<< UInt64(bucket & 63))
    if bits == 0 {
      let words = occupiedWords & (~1 &<< UInt64(word))
      guard words != 0 else { return nil }
      word = words.trailingZeroBitCount
      bits = occupied[word]
    }
    return word * 64 + bits.trailingZeroBitCount
  }

  private mutating func setBit(_ bucket: Int) {
    occupied[bucket >> 6] |= 1 &<< UInt64(bucket & 63)
    occupiedWords |= 1 &<< UInt64(bucket >> 6)
  }

  private mutating func clearBit(_ bucket: Int) {
    let word = bucket >> 6
    occupied[word] &= ~(1 &<< UInt64(bucket & 63))
    if occupied[word] == 0 { occupiedWords &= ~(1 &<< UInt64(word)) }
  }

  private mutating func insert(_ worker: Int) {
    let bucket = min(Self.bucketCount - 1, Int(gaps[worker] * bucketsPerCost))
    next[worker] = first[bucket]
    first[bucket] = worker
    setBit(bucket)
  }

  /// Makes a worker's gap smaller and moves it to its new bucket. `previous` stands before it in `bucket`.
  private mutating func take(_ cost: Double, from worker: Int, after previous: Int, in bucket: Int) {
    if previous != Self.none {
      next[previous] = next[worker]
    } else {
      first[bucket] = next[worker]
      if next[worker] == Self.none { clearBit(bucket) }
    }
    add(worker, gap: gaps[worker] - cost)
  }
}

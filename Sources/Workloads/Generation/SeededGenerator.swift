import LatentAttention

/// Random numbers of several distributions that follow from a seed, the same on every machine.
///
/// The bits are `SplitMix64`'s. Everything derived from them here uses only operations that IEEE 754 rounds exactly;
/// the logarithm and the exponential are this module's own, since mathematical libraries differ in
/// their last bits.
public struct SeededGenerator: RandomNumberGenerator, Hashable, Sendable {
  private var bits: SplitMix64

  /// A generator; nearby seeds give unrelated numbers.
  public init(seed: UInt64) {
    bits = SplitMix64(seed: seed)
  }

  /// 64 uniform bits.
  public mutating func next() -> UInt64 { bits.next() }

  /// Uniform in 0 ..< 1, a multiple of 2⁻⁵³.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Uniform over the integers of a range, without bias.
  public mutating func integer(in range: ClosedRange<Int>) -> Int {
    let span = UInt(bitPattern: range.upperBound &- range.lowerBound)
    guard span < .max else { return Int(bitPattern: UInt(next())) }
    // The high half of a 128-bit product is uniform over 0 ... span once the few low halves are
    // refused that would make some results likelier (Lemire, arXiv 1805.10941).
    let count = UInt64(span) + 1
    let refused = (0 &- count) % count
    while true {
      let product = count.multipliedFullWidth(by: next())
      if product.low >= refused { return range.lowerBound &+ Int(truncatingIfNeeded: product.high) }
    }
  }

  /// Exponentially distributed with mean 1.
  public mutating func exponential() -> Double { -PortableMath.logarithm(1 - uniform()) }

  /// Normally distributed with mean 0 and deviation 1, by Marsaglia's polar method.
  public mutating func normal() -> Double {
    while true {
      let x = 2 * uniform() - 1
      let y = 2 * uniform() - 1
      let square = x * x + y * y
      if square > 0, square < 1 {
        return x * (-2 * PortableMath.logarithm(square) / square).squareRoot()
      }
    }
  }

  /// How many trials it takes to succeed, where one in `mean` does on average: 1, 2, … with that mean.
  ///
  /// - Parameter mean: counts as 1 below that, and as 2⁴⁰ above.
  public mutating func geometric(mean: Double) -> Int {
    guard mean > 1 else { return 1 }
    let failure = 1 - 1 / min(mean, 0x1p40)
    return 1 + Int(exponential() / -PortableMath.logarithm(failure))
  }

  /// Log-normally distributed: the logarithm is normal with mean ln `median` and deviation `sigma`.
  public mutating func logNormal(median: Double, sigma: Double) -> Double {
    median * PortableMath.exponential(sigma * normal())
  }

  /// Sizes of `partCount` parts of `total`, at least 1 each; every ordered way is equally likely.
  ///
  /// It draws the cuts, distinct ones of the `total − 1` places between units, by Floyd's method
  /// (Bentley and Floyd, CACM 30:9, 1987). Needs 1 ≤ `partCount` ≤ `total`.
  mutating func composition(of total: Int, partCount: Int) -> [Int] {
    var cuts: Set<Int> = []
    for last in (total - partCount + 1)..<total {
      if !cuts.insert(integer(in: 1...last)).inserted { cuts.insert(last) }
    }
    var previous = 0
    return (cuts.sorted() + [total]).map { cut in
      defer { previous = cut }
      return cut - previous
    }
  }
}

/// The middle and the tail of a sample.
///
/// Between two samples a percentile is interpolated linearly: for the sorted samples `x[0 ..< n]`, the
/// percentile `p` (0 to 1) lies at the fractional position `p · (n − 1)`. This is definition 7 of Hyndman
/// and Fan, "Sample Quantiles in Statistical Packages" (1996), which numpy and R use by default.
public struct Percentiles: Hashable, Sendable {
  /// Samples that were counted.
  public let count: Int
  /// Median.
  public let p50: Double
  /// Nine of ten samples are at most this.
  public let p90: Double
  /// 99 of 100 samples are at most this.
  public let p99: Double
  /// Largest sample.
  public let maximum: Double

  /// Percentiles of the finite ones among `samples`, in their unit; nil where there is none.
  ///
  /// - Complexity: O(n log n).
  public init?(_ samples: some Sequence<Double>) {
    let sorted = samples.filter(\.isFinite).sorted()
    guard let maximum = sorted.last else { return nil }
    self.count = sorted.count
    self.p50 = Self.value(at: 0.5, sorted: sorted)
    self.p90 = Self.value(at: 0.9, sorted: sorted)
    self.p99 = Self.value(at: 0.99, sorted: sorted)
    self.maximum = maximum
  }

  /// Percentile `fraction` (0 to 1) of sorted samples, of which there is at least one.
  static func value(at fraction: Double, sorted: [Double]) -> Double {
    let position = fraction * Double(sorted.count - 1)
    let lower = min(Int(position), sorted.count - 1)
    let upper = min(lower + 1, sorted.count - 1)
    let weight = position - Double(lower)
    return sorted[lower] * (1 - weight) + sorted[upper] * weight
  }
}

/// Smallest, middle and largest of repeated measurements.
public struct Spread: Hashable, Sendable {
  /// Smallest measurement.
  public let minimum: Double
  /// Median, as `Percentiles` defines it.
  public let median: Double
  /// Largest measurement.
  public let maximum: Double

  /// The spread of the finite ones among `samples`, in their unit; nil where there is none.
  public init?(_ samples: some Sequence<Double>) {
    let sorted = samples.filter(\.isFinite).sorted()
    guard let minimum = sorted.first, let maximum = sorted.last else { return nil }
    self.minimum = minimum
    self.median = Percentiles.value(at: 0.5, sorted: sorted)
    self.maximum = maximum
  }

  /// Median and, in parentheses, the range: `12.1 (11.8–13.0)`.
  public func text(digits: Int = 3) -> String {
    func number(_ value: Double) -> String { NumberFormat.significant(value, digits: digits) }
    return "\(number(median)) (\(number(minimum))–\(number(maximum)))"
  }
}

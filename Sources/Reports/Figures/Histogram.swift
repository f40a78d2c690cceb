import Foundation

/// How many samples fall where.
public struct Histogram: Hashable, Sendable {
  /// How the range of the samples is cut into bins.
  public enum Binning: Hashable, Sendable {
    /// Bins of one width, a round number (1, 2 or 5 times a power of ten), so that there are at most about
    /// `count`, which counts as 3…1000.
    case linear(count: Int)
    /// Bins of one ratio, `perDecade` to a factor of ten, which counts as 1…100. Only positive samples have
    /// a bin.
    case logarithmic(perDecade: Int)
  }

  /// How the bins were cut.
  public let binning: Binning
  /// Bin `i` holds the samples in `edges[i] ..< edges[i + 1]`, the last one its upper edge too.
  public let edges: [Double]
  /// Samples in each bin.
  public let counts: [Int]
  /// Samples without a bin: not finite, beyond ±1e300, or not positive with logarithmic bins.
  public let ignoredCount: Int

  /// Counts samples.
  ///
  /// - Complexity: O(n · log bins).
  public init(_ samples: [Double], binning: Binning) {
    let usable: [Double]
    let edges: [Double]
    switch binning {
    case .linear(let count):
      usable = samples.filter(Domain.isDrawable)
      edges = Self.linearEdges(Domain.linear(usable, includesZero: false), count: min(max(count, 3), 1000))
    case .logarithmic(let perDecade):
      usable = samples.filter(Domain.isDrawableOnLogarithmicAxis)
      edges = Self.logarithmicEdges(usable, perDecade: min(max(perDecade, 1), 100))
    }
    var counts = Array(repeating: 0, count: edges.count - 1)
    for sample in usable { counts[Self.bin(of: sample, edges: edges)] += 1 }
    self.binning = binning
    self.edges = edges
    self.counts = counts
    self.ignoredCount = samples.count - usable.count
  }

  /// The histogram as a chart of bars over `x`, whose scale follows the bins.
  public func chart(title: String, x: Chart.Axis, samplesLabel: String = "samples") -> Chart {
    var x = x
    if case .logarithmic = binning { x.scale = .logarithmic } else { x.scale = .linear }
    let points = zip(edges, counts.map(Double.init) + [0]).map { Chart.Point(x: $0, y: $1) }
    return Chart(
      title: title, x: x, y: Chart.Axis(samplesLabel, includesZero: true),
      series: [Chart.Series(samplesLabel, mark: .bars, points: points)])
  }

  private static func linearEdges(_ range: ClosedRange<Double>, count: Int) -> [Double] {
    let step = Ticks.step(range, count: count)
    let widened = Ticks.widened(range, count: count)
    let first = Int((widened.lowerBound / step.value).rounded())
    let last = Int((widened.upperBound / step.value).rounded())
    return (first...last).map { step.times($0) }
  }

  private static func logarithmicEdges(_ samples: [Double], perDecade: Int) -> [Double] {
    guard let smallest = samples.min(), let largest = samples.max() else { return [1, 10] }
    func edge(_ index: Int) -> Double { pow(10, Double(index) / Double(perDecade)) }
    var first = RoundNumber(index: RoundNumber.index(atMost: smallest)).exponent * perDecade
    while edge(first + 1) <= smallest { first += 1 }
    var last = first + 1
    while edge(last) < largest { last += 1 }
    return (first...last).map(edge)
  }

  /// The bin of a sample between the outermost edges, by bisection.
  private static func bin(of sample: Double, edges: [Double]) -> Int {
    var lower = 0
    var upper = edges.count - 1
    while upper - lower > 1 {
      let middle = (lower + upper) / 2
      if edges[middle] <= sample { lower = middle } else { upper = middle }
    }
    return lower
  }
}

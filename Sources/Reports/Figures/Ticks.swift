import Foundation

/// The round numbers 1, 2 and 5 times a power of ten, in order: number 0 is 1, number 3 is 10, number −1 is ½.
package struct RoundNumber: Hashable {
  var mantissa: Int
  var exponent: Int

  /// Round number `index`.
  package init(index: Int) {
    let decade = Int((Double(index) / 3).rounded(.down))
    self.mantissa = [1, 2, 5][index - 3 * decade]
    self.exponent = decade
  }

  /// `count` times this number. Reading decimals rounds correctly where multiplying would not: 3 · 0.1 is 0.3.
  package func times(_ count: Int) -> Double { Double("\(count * mantissa)e\(exponent)") ?? .nan }

  package var value: Double { times(1) }

  /// The index of the largest round number that is at most `value`, which must be positive and finite.
  package static func index(atMost value: Double) -> Int {
    let decade = Int(log10(value).rounded(.down))
    // The logarithm may be off by one step at a power of ten, hence a search from one decade below.
    return (3 * decade - 3...3 * decade + 3).last { RoundNumber(index: $0).value <= value } ?? 3 * decade
  }

  /// The index of the smallest round number that is at least `value`.
  package static func index(atLeast value: Double) -> Int {
    let below = index(atMost: value)
    return RoundNumber(index: below).value >= value ? below : below + 1
  }
}

/// The values that an axis spans. Never empty, always finite, and wide enough to compute with.
package enum Domain {
  /// Numbers past this cannot be drawn: the difference of two might not be finite.
  static let largest = 1e300

  /// Whether a linear axis can show `value`.
  static func isDrawable(_ value: Double) -> Bool { abs(value) <= largest }

  /// What a linear axis for `values` spans: exactly them, or something around them where they are (almost)
  /// equal; 0 to 1 where there are none.
  package static func linear(_ values: some Sequence<Double>, includesZero: Bool) -> ClosedRange<Double> {
    var lower = includesZero ? 0 : Double.infinity
    var upper = includesZero ? 0 : -Double.infinity
    for value in values where isDrawable(value) {
      lower = min(lower, value)
      upper = max(upper, value)
    }
    let magnitude = max(abs(lower), abs(upper))
    guard lower <= upper, magnitude > 1e-290 else { return 0...1 }
    guard upper - lower > 1e-9 * magnitude else { return lower - magnitude / 2...upper + magnitude / 2 }
    return lower...upper
  }

  /// What a logarithmic axis for `values` spans: from a round number to a round number.
  package static func logarithmic(_ values: some Sequence<Double>) -> ClosedRange<Double> {
    var lower = Double.infinity
    var upper = 0.0
    for value in values where isDrawableOnLogarithmicAxis(value) {
      lower = min(lower, value)
      upper = max(upper, value)
    }
    guard lower <= upper else { return 1...10 }
    let first = RoundNumber.index(atMost: lower)
    let last = max(RoundNumber.index(atLeast: upper), first + 1)
    return RoundNumber(index: first).value...RoundNumber(index: last).value
  }

  /// Whether a logarithmic axis can show `value`.
  static func isDrawableOnLogarithmicAxis(_ value: Double) -> Bool {
    value >= 1 / largest && value <= largest
  }
}

/// Where an axis is labelled.
package struct Tick: Hashable {
  package var value: Double
  package var label: String
}

package enum Ticks {
  /// Multiples of a round number within `domain`, at most `count` steps of it, all with one SI prefix.
  package static func linear(_ domain: ClosedRange<Double>, count: Int, unit: String) -> [Tick] {
    let step = step(domain, count: count)
    let first = Int((domain.lowerBound / step.value - 1e-6).rounded(.up))
    let last = Int((domain.upperBound / step.value + 1e-6).rounded(.down))
    let values = (first...max(first, last)).map { step.times($0) }
    let largest = values.map(abs).max() ?? 0
    let prefix = SIPrefix.fitting(exponent: largest > 0 ? Int(log10(largest).rounded(.down)) : 0, unit: unit)
    return values.map { value in
      let number = label(value / prefix.factor, stepExponent: step.exponent - prefix.exponent)
      return Tick(value: value, label: value == 0 ? "0" : number + prefix.suffix(unit: unit))
    }
  }

  /// The round number to step by so that `domain` takes at most `count` steps, which counts as 3 or more: with
  /// fewer, a domain might hold no multiple of it.
  package static func step(_ domain: ClosedRange<Double>, count: Int) -> RoundNumber {
    let smallest = (domain.upperBound - domain.lowerBound) / Double(max(3, count))
    return RoundNumber(index: RoundNumber.index(atLeast: smallest))
  }

  /// `domain` widened to whole steps.
  package static func widened(_ domain: ClosedRange<Double>, count: Int) -> ClosedRange<Double> {
    let step = step(domain, count: count)
    let first = Int((domain.lowerBound / step.value + 1e-6).rounded(.down))
    let last = Int((domain.upperBound / step.value - 1e-6).rounded(.up))
    return step.times(first)...step.times(max(last, first + 1))
  }

  /// Round numbers within `domain` where it spans up to three decades, else powers of ten, of which every
  /// n-th where there are more than `count`.
  package static func logarithmic(_ domain: ClosedRange<Double>, count: Int, unit: String) -> [Tick] {
    let first = RoundNumber.index(atLeast: domain.lowerBound)
    let last = RoundNumber.index(atMost: domain.upperBound)
    let decades = Double(last - first) / 3
    let stride = decades <= 3 ? 1 : 3 * max(1, Int((decades / Double(max(1, count))).rounded(.up)))
    return (first...max(first, last)).filter { $0.isMultiple(of: stride) }.map { index in
      let value = RoundNumber(index: index).value
      return Tick(value: value, label: NumberFormat.si(value, unit: unit, digits: 1))
    }
  }

  /// A number of an axis with steps of about 10^`stepExponent`.
  private static func label(_ value: Double, stepExponent: Int) -> String {
    abs(value) < 1e6 && stepExponent >= -6
      ? NumberFormat.fixed(value, decimals: -stepExponent) : NumberFormat.significant(value, digits: 6)
  }
}

import Foundation

/// Numbers as people read them: significant digits, SI prefixes, shares. The same in every locale.
public enum NumberFormat {
  /// What stands for a number that is not one.
  public static let missing = "–"

  /// `value` rounded to `digits` significant digits (1 to 17), integer digits always complete:
  /// 0.01234 → `0.0123`, 9.996 → `10.0`, 123456 → `123456`.
  ///
  /// Below 10⁻⁵ and from 10¹⁵ on it is written with an exponent, `1.23e-9`. NaN is `–`, infinity `∞`.
  public static func significant(_ value: Double, digits: Int = 3) -> String {
    guard value.isFinite else { return nonFinite(value) }
    guard value != 0 else { return "0" }
    let digits = min(max(digits, 1), 17)
    let exponent = roundedExponent(value, digits: digits)
    guard (-5..<15).contains(exponent) else {
      let mantissa = value / power(of10: exponent)
      return "\(fixed(mantissa, decimals: digits - 1))e\(exponent)"
    }
    return fixed(value, decimals: max(0, digits - 1 - exponent))
  }

  /// `value` with an SI prefix and a unit: `si(4.63e11, unit: "FLOP/s")` → `463 GFLOP/s`.
  ///
  /// Without a unit the prefix follows directly (`12.5k`), and there are no prefixes below one: "5m" could
  /// be anything.
  public static func si(_ value: Double, unit: String = "", digits: Int = 3) -> String {
    guard value.isFinite else { return nonFinite(value) }
    let exponent = value == 0 ? 0 : roundedExponent(value, digits: digits)
    let prefix = SIPrefix.fitting(exponent: exponent, unit: unit)
    return significant(value / prefix.factor, digits: digits) + prefix.suffix(unit: unit)
  }

  /// A share as per cent: 0.8731 → `87.3 %`.
  public static func percent(_ share: Double) -> String {
    guard share.isFinite else { return nonFinite(share) }
    return fixed(share * 100, decimals: 1) + " %"
  }

  /// An integer with commas between groups of three digits.
  public static func grouped(_ value: Int) -> String {
    let digits = Array(value.magnitude.description)
    var result = value < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { result += "," }
      result.append(digit)
    }
    return result
  }

  /// `value` with exactly `decimals` digits after the point. Never `-0`.
  static func fixed(_ value: Double, decimals: Int) -> String {
    let text = String(format: "%.\(max(0, decimals))f", value)
    let isNegativeZero = text.hasPrefix("-") && !text.contains { ("1"..."9").contains($0) }
    return isNegativeZero ? String(text.dropFirst()) : text
  }

  /// 10 to the power `exponent`, correctly rounded.
  static func power(of10 exponent: Int) -> Double { Double("1e\(exponent)") ?? .nan }

  /// The decimal exponent of `value` once it is rounded to `digits` digits: 2 for 99.96 with three.
  private static func roundedExponent(_ value: Double, digits: Int) -> Int {
    let scientific = String(format: "%.\(min(max(digits, 1), 17) - 1)e", value)
    return scientific.split(separator: "e").last.flatMap { Int($0) } ?? 0
  }

  private static func nonFinite(_ value: Double) -> String {
    value.isNaN ? missing : value < 0 ? "-∞" : "∞"
  }
}

/// A power of a thousand with its symbol.
struct SIPrefix: Hashable {
  var exponent: Int
  var symbol: String

  /// What a number is divided by before this prefix is written behind it.
  var factor: Double { NumberFormat.power(of10: exponent) }

  /// What follows the number.
  func suffix(unit: String) -> String { unit.isEmpty ? symbol : " " + symbol + unit }

  private static let symbols = ["f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"]

  /// The prefix for numbers of about 10^`exponent`. Percentages take none, unitless numbers none below 1.
  static func fitting(exponent: Int, unit: String) -> SIPrefix {
    guard unit != "%" else { return SIPrefix(exponent: 0, symbol: "") }
    let thousands = Int((Double(exponent) / 3).rounded(.down))
    let clamped = min(max(thousands, unit.isEmpty ? 0 : -5), 6)
    return SIPrefix(exponent: 3 * clamped, symbol: symbols[clamped + 5])
  }
}

/// The logarithm and the exponential by plain series, the same bits on every machine.
///
/// Good to a few units in the last place, which is more than drawing random numbers asks for.
enum PortableMath {
  private static let logarithmOfTwo = 0.693_147_180_559_945_309_4

  /// ln `x` of a positive, finite, normal number.
  ///
  /// With `x = 2ᵉ·m`, m between √½ and √2, and `t = (m − 1) / (m + 1)`:
  /// ln m = 2·(t + t³/3 + t⁵/5 + …). As |t| < 0.172, the term in t²³ is below 2⁻⁶².
  static func logarithm(_ x: Double) -> Double {
    var exponent = Double(x.exponent)
    var significand = x.significand
    if significand > 2.0.squareRoot() {
      significand /= 2
      exponent += 1
    }
    let t = (significand - 1) / (significand + 1)
    var series = 0.0
    for divisor in stride(from: 21.0, through: 1, by: -2) { series = series * (t * t) + 1 / divisor }
    return 2 * t * series + exponent * logarithmOfTwo
  }

  /// eˣ; 0 and infinity where that is too small or too large for a `Double`.
  ///
  /// With `x = k·ln 2 + r`, |r| < 0.347: 2ᵏ times the Taylor series of eʳ, whose term in r¹⁵ is
  /// below 2⁻⁶².
  static func exponential(_ x: Double) -> Double {
    guard abs(x) < 750 else { return x < 0 ? 0 : .infinity }
    let exponent = (x / logarithmOfTwo).rounded()
    let remainder = x - exponent * logarithmOfTwo
    var series = 1.0
    for divisor in stride(from: 14.0, through: 1, by: -1) { series = 1 + series * remainder / divisor }
    return series * Double(sign: .plus, exponent: Int(exponent), significand: 1)
  }
}

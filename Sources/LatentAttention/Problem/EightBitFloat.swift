/// Conversions between 32-bit floats and the codes of e4m3: one sign, four exponent and three significand bits, bias 7.
///
/// There are subnormals, no infinities, and one NaN of each sign. Source: "OCP 8-bit Floating Point Specification (OFP8)",
/// revision 1.0, section 5, where the format is called E4M3.
public enum E4M3Bits {
  /// The largest value.
  public static let greatest: Float = 448

  /// The exact value of a code.
  public static func value(_ code: UInt8) -> Float {
    let magnitude = code & 0x7F
    if magnitude == 0x7F { return .nan }
    let (exponent, significand) = (Int(magnitude >> 3), Float(magnitude & 7))
    let value =
      exponent == 0
      ? significand / 8 * 0x1p-6
      : (1 + significand / 8) * Float(sign: .plus, exponent: exponent - 7, significand: 1)
    return code & 0x80 == 0 ? value : -value
  }

  /// The code nearest to `value`, ties to even; NaN for what would round past the largest value.
  public static func rounding(_ value: Float) -> UInt8 {
    let sign: UInt8 = value.sign == .minus ? 0x80 : 0
    let magnitude = value.magnitude
    guard magnitude < 464 else { return sign | (magnitude == 464 ? 0x7E : 0x7F) }
    // Steps of the binade that the value lies in; the smallest has the subnormals too.
    let exponent = max(magnitude == 0 ? -6 : Int(magnitude.exponent), -6)
    let steps = (magnitude / Float(sign: .plus, exponent: exponent - 3, significand: 1))
      .rounded(.toNearestOrEven)
    // A carry into the next binade gives its first code.
    return sign | UInt8((exponent + 6) * 8 + Int(steps))
  }
}

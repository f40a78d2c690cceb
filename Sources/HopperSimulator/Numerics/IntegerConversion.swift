/// Conversions between integers and floating-point numbers (PTX ISA 9.7.9.21, `cvt`).
package enum IntegerConversion {
  /// A floating-point number as an integer of `bitCount` bits, rounded; what is out of range becomes the nearest
  /// end of the range. NaN gives 0, and the sign bit alone for
  /// 64-bit types, as the hardware does.
  package static func integer(
    _ value: Double, bitCount: Int, isSigned: Bool, _ rounding: Rounding
  ) -> UInt64 {
    let mask: UInt64 = bitCount == 64 ? .max : 1 << UInt64(bitCount) - 1
    if value.isNaN { return bitCount == 64 ? 1 << 63 : 0 }
    let rounded = integral(value, rounding)
    let highest: UInt64 = isSigned ? mask >> 1 : mask
    // 2^(bits) is exact: everything below it, rounded to an integer, fits.
    if rounded >= Double(sign: .plus, exponent: isSigned ? bitCount - 1 : bitCount, significand: 1) {
      return highest
    }
    guard rounded < 0 else { return UInt64(rounded) }
    guard isSigned else { return 0 }
    let lowest = -Double(sign: .plus, exponent: bitCount - 1, significand: 1)
    return UInt64(bitPattern: Int64(max(rounded, lowest))) & mask
  }

  /// A floating-point number rounded to an integral one, which keeps the sign of a zero.
  package static func integral(_ value: Double, _ rounding: Rounding) -> Double {
    guard value.magnitude < 0x1p52 else { return value }
    let truncated = Double(Int64(value))
    let remainder = (value - truncated).magnitude
    let isOdd = Int64(truncated) & 1 != 0
    let isNegative = value.sign == .minus
    let raises =
      switch rounding {
      case .nearestEven: remainder > 0.5 || (remainder == 0.5 && isOdd)
      case .nearestAway: remainder >= 0.5
      case .zero: false
      case .down: isNegative && remainder > 0
      case .up: !isNegative && remainder > 0
      }
    let magnitude = truncated.magnitude + (raises ? 1 : 0)
    return isNegative ? -magnitude : magnitude
  }

  /// An integer as a floating-point number of 24 or 53 bits, rounded once.
  package static func double(_ value: UInt64, isSigned: Bool, precision: Int, _ rounding: Rounding) -> Double
  {
    let isNegative = isSigned && Int64(bitPattern: value) < 0
    let magnitude = isNegative ? 0 &- value : value
    let excess = 64 - magnitude.leadingZeroBitCount - precision
    guard excess > 0 else { return isNegative ? -Double(magnitude) : Double(magnitude) }
    var kept = magnitude >> UInt64(excess)
    let remainder = magnitude & (1 << UInt64(excess) - 1)
    if rounding.raises(
      remainder, half: 1 << UInt64(excess - 1), isOdd: kept & 1 == 1, isNegative: isNegative)
    {
      kept += 1
    }
    return Double(sign: isNegative ? .minus : .plus, exponent: excess, significand: Double(kept))
  }
}

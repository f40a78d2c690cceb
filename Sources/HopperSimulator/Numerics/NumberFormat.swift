/// A binary floating-point format of at most 32 bits: encodes doubles with every rounding, decodes exactly.
///
/// The general way, for whatever is not hot; the usual conversions have short cuts in `PackedFormats.swift`.
package struct NumberFormat: Sendable, Hashable {
  /// Bits of the stored fraction.
  package let fractionBits: Int
  /// Bits of the stored exponent.
  package let exponentBits: Int
  /// Encoding of the largest finite magnitude.
  package let largest: UInt32
  /// Encoding of infinity; nil for a format without.
  package let infinity: UInt32?
  /// The NaN that instructions give, padding included. An overflow in a format without infinity gives it too.
  package let canonicalNaN: UInt32
  /// Zero bits below the fraction: tf32 stands in the upper bits of 32.
  package let padding: Int

  /// IEEE 754 binary16.
  package static let f16 = NumberFormat(
    fractionBits: 10, exponentBits: 5, largest: 0x7BFF, infinity: 0x7C00, canonicalNaN: 0x7FFF, padding: 0)
  /// The upper half of binary32.
  package static let bf16 = NumberFormat(
    fractionBits: 7, exponentBits: 8, largest: 0x7F7F, infinity: 0x7F80, canonicalNaN: 0x7FFF, padding: 0)
  /// binary32 with 10 bits of fraction.
  package static let tf32 = NumberFormat(
    fractionBits: 10, exponentBits: 8, largest: 0x3FBFF, infinity: 0x3FC00, canonicalNaN: 0x7FFF_FFFF,
    padding: 13
  )
  /// 4 bits of exponent, 3 of fraction, no infinity (OCP 8-bit floating point; PTX ISA 5.2.3).
  package static let e4m3 = NumberFormat(
    fractionBits: 3, exponentBits: 4, largest: 0x7E, infinity: nil, canonicalNaN: 0x7F, padding: 0)
  /// 5 bits of exponent, 2 of fraction.
  package static let e5m2 = NumberFormat(
    fractionBits: 2, exponentBits: 5, largest: 0x7B, infinity: 0x7C, canonicalNaN: 0x7F, padding: 0)
  /// IEEE 754 binary32.
  package static let f32 = NumberFormat(
    fractionBits: 23, exponentBits: 8, largest: 0x7F7F_FFFF, infinity: 0x7F80_0000, canonicalNaN: 0x7FFF_FFFF,
    padding: 0)

  private var bias: Int { (1 << (exponentBits - 1)) - 1 }
  private var signBit: UInt32 { 1 << UInt32(fractionBits + exponentBits) }

  /// The encoding of a number, rounded.
  ///
  /// With `saturates`, what is too large becomes the largest finite number (`.satfinite`).
  package func encode(_ value: Double, _ rounding: Rounding, saturates: Bool = false) -> UInt32 {
    if value.isNaN { return canonicalNaN }
    let sign = value.sign == .minus ? signBit : 0
    return (magnitude(value, rounding, saturates: saturates) | sign) << UInt32(padding)
  }

  private func magnitude(_ value: Double, _ rounding: Rounding, saturates: Bool) -> UInt32 {
    let isNegative = value.sign == .minus
    if value.isInfinite { return saturates ? largest : infinity ?? canonicalNaN }
    if value == 0 { return 0 }
    let bits = value.magnitude.bitPattern
    // A subnormal double is far below every format's subnormals: its exponent only has to be small.
    let exponent = max(Int(bits >> 52) - 1023, -1022)
    let significand = bits & (1 << 52 - 1) | (bits >> 52 == 0 ? 0 : 1 << 52)
    let smallest = 1 - bias
    // The significand counts units of 2^(exponent − 52); the format's last place is 2^(place − fractionBits).
    let place = max(exponent, smallest)
    let shift = min(52 - fractionBits + place - exponent, 63)
    var kept = significand >> UInt64(shift)
    let remainder = significand & (1 << UInt64(shift) - 1)
    if rounding.raises(remainder, half: 1 << UInt64(shift - 1), isOdd: kept & 1 == 1, isNegative: isNegative)
    {
      kept += 1
    }
    // Adding the exponent's field to the fraction carries into the next exponent by itself.
    let field = exponent < smallest ? 0 : UInt64(place + bias - 1) << UInt64(fractionBits)
    let encoded = field + kept
    guard encoded > UInt64(largest) else { return UInt32(encoded) }
    let towardsZero =
      rounding == .zero || (rounding == .down && !isNegative) || (rounding == .up && isNegative)
    return saturates || towardsZero ? largest : infinity ?? canonicalNaN
  }

  /// The number that an encoding stands for. Bits above the format are ignored.
  package func decode(_ encoding: UInt32) -> Double {
    let bits = encoding >> UInt32(padding)
    let magnitude = bits & (signBit - 1)
    let sign: FloatingPointSign = bits & signBit == 0 ? .plus : .minus
    if magnitude > largest {
      return magnitude == infinity ? (sign == .plus ? .infinity : -.infinity) : .nan
    }
    let field = Int(magnitude >> UInt32(fractionBits))
    let fraction = magnitude & (1 << UInt32(fractionBits) - 1)
    let significand = Double(fraction + (field == 0 ? 0 : 1 << UInt32(fractionBits)))
    return Double(sign: sign, exponent: max(field, 1) - bias - fractionBits, significand: significand)
  }
}

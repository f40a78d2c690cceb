/// 16-bit floating-point numbers as their bits: PTX has no immediates for them.
enum HalfFormat {
  /// fp16: 5 bits of exponent, 10 of fraction.
  case half
  /// bfloat16: the upper half of fp32.
  case brain

  /// The number's bits, rounded to nearest, ties to even.
  func bits(_ number: Double) -> UInt16 {
    switch self {
    case .brain:
      let bits = Float(number).bitPattern
      if number.isNaN { return UInt16(bits >> 16 | 0x40) }
      return UInt16((bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    case .half:
      let sign: UInt16 = number.sign == .minus ? 0x8000 : 0
      if number.isNaN { return sign | 0x7E00 }
      let magnitude = number.magnitude
      if magnitude >= 65520 { return sign | 0x7C00 }
      // In steps of the last bit: 2^-24 for subnormals, else 2^(exponent - 10).
      let exponent = max(magnitude == 0 ? -14 : Int(magnitude.exponent), -14)
      let steps = (magnitude * Double(sign: .plus, exponent: 10 - exponent, significand: 1))
        .rounded(.toNearestOrEven)
      return sign | UInt16(Int(steps) + (exponent + 14) << 10)
    }
  }

  /// The number of these bits.
  func number(_ bits: UInt16) -> Double {
    switch self {
    case .brain: return Double(Float(bitPattern: UInt32(bits) << 16))
    case .half:
      let sign: Double = bits & 0x8000 == 0 ? 1 : -1
      let exponent = Int(bits >> 10 & 0x1F)
      let fraction = Double(bits & 0x3FF)
      if exponent == 0x1F { return fraction == 0 ? sign * .infinity : .nan }
      let steps = exponent == 0 ? fraction : fraction + 1024
      return sign * steps * Double(sign: .plus, exponent: max(exponent, 1) - 25, significand: 1)
    }
  }
}

extension ScalarType {
  /// The format of one number, and how many the type has; nil for all other types.
  var halves: (format: HalfFormat, count: Int)? {
    switch self {
    case .f16: (.half, 1)
    case .f16x2: (.half, 2)
    case .bf16: (.brain, 1)
    case .bf16x2: (.brain, 2)
    default: nil
    }
  }
}

import LatentAttention

/// A binary floating-point format of the tests, written without a look at the simulator's.
struct ReferenceFormat: Equatable {
  var exponentBits: Int
  var fractionBits: Int
  /// Zero bits below the fraction.
  var padding = 0
  /// Whether the largest exponent is one of numbers, and only all ones is NaN.
  var hasNoInfinity = false

  static let f16 = ReferenceFormat(exponentBits: 5, fractionBits: 10)
  static let bf16 = ReferenceFormat(exponentBits: 8, fractionBits: 7)
  static let tf32 = ReferenceFormat(exponentBits: 8, fractionBits: 10, padding: 13)
  static let f32 = ReferenceFormat(exponentBits: 8, fractionBits: 23)
  static let f64 = ReferenceFormat(exponentBits: 11, fractionBits: 52)
  static let e4m3 = ReferenceFormat(exponentBits: 4, fractionBits: 3, hasNoInfinity: true)
  static let e5m2 = ReferenceFormat(exponentBits: 5, fractionBits: 2)

  var bitCount: Int { 1 + exponentBits + fractionBits + padding }
  var kind: RegisterKind { bitCount == 64 ? .double : bitCount == 32 ? .word : .half }
  var bias: Int { 1 << (exponentBits - 1) - 1 }
  /// Exponent of the last place of subnormal numbers.
  var lowestExponent: Int { 1 - bias - fractionBits }

  private var highestField: UInt64 { 1 << UInt64(exponentBits) - 1 }
  private var fractionMask: UInt64 { 1 << UInt64(fractionBits) - 1 }
  var signBit: UInt64 { 1 << UInt64(bitCount - 1) }
  var infinity: UInt64 { highestField << UInt64(fractionBits + padding) }
  /// The largest number.
  var largest: UInt64 {
    hasNoInfinity ? 1 << UInt64(fractionBits + exponentBits) - 2 : infinity - 1 << UInt64(padding)
  }
  /// What instructions give for NaN (PTX ISA 9.7.3 to 9.7.5, 5.2.3).
  var canonicalNaN: UInt64 { self == .f64 ? 0x7FF8_0000_0000_0000 : signBit - 1 }
  var one: UInt64 { UInt64(bias) << UInt64(fractionBits + padding) }

  /// Sign, significand and exponent of its last place; nil for infinities and NaN.
  func parts(_ bits: UInt64) -> (isNegative: Bool, significand: UInt64, exponent: Int)? {
    let field = bits >> UInt64(padding + fractionBits) & highestField
    let fraction = bits >> UInt64(padding) & fractionMask
    if hasNoInfinity ? bits & (signBit - 1) == signBit - 1 : field == highestField { return nil }
    return (
      isNegative(bits), fraction + (field == 0 ? 0 : 1 << UInt64(fractionBits)),
      lowestExponent + max(Int(field), 1) - 1
    )
  }

  func isNegative(_ bits: UInt64) -> Bool { bits & signBit != 0 }
  func isNaN(_ bits: UInt64) -> Bool { parts(bits) == nil && !isInfinite(bits) }
  func isInfinite(_ bits: UInt64) -> Bool { !hasNoInfinity && bits & (signBit - 1) == infinity }
  func isZero(_ bits: UInt64) -> Bool { bits & (signBit - 1) == 0 }
  func isSubnormal(_ bits: UInt64) -> Bool {
    bits & infinity == 0 && bits & (signBit - 1) != 0
  }

  /// A zero of its sign for a subnormal number (`.ftz`).
  func flushed(_ bits: UInt64) -> UInt64 { isSubnormal(bits) ? bits & signBit : bits }

  /// The number as a double: exact.
  func value(_ bits: UInt64) -> Double {
    guard let (isNegative, significand, exponent) = parts(bits) else {
      return isInfinite(bits) ? (isNegative(bits) ? -.infinity : .infinity) : .nan
    }
    // In two steps, as a power of two below the subnormal numbers would be zero.
    let magnitude =
      Double(significand) * Double(sign: .plus, exponent: exponent / 2, significand: 1)
      * Double(sign: .plus, exponent: exponent - exponent / 2, significand: 1)
    return isNegative ? -magnitude : magnitude
  }

  /// What tests should try.
  var special: [UInt64] {
    let step: UInt64 = 1 << UInt64(padding)
    let smallestNormal: UInt64 = 1 << UInt64(fractionBits + padding)
    let positive: [UInt64] = [
      0, step, smallestNormal - step, smallestNormal, one - step, one, one + step, one + smallestNormal,
      one + smallestNormal / 2, largest, infinity,
    ]
    let finite = hasNoInfinity ? positive.filter { $0 <= largest } : positive
    return finite.flatMap { [$0, $0 | signBit] } + [canonicalNaN]
  }

  /// A number of this format out of random bits; half of them near 1, so that sums and products round.
  func random(_ bits: UInt64) -> UInt64 {
    let raw = ((bits & (signBit | (signBit - 1))) >> UInt64(padding)) << UInt64(padding)
    guard bits >> 63 == 1 || bitCount == 64 && bits & 1 == 1 else { return raw }
    let field = UInt64(bias - 3) + (bits >> 32 & 7)
    let fraction = bits & fractionMask
    return (field << UInt64(fractionBits) | fraction) << UInt64(padding) | (raw & signBit)
  }
}

/// How a result that a format does not have becomes one that it has.
enum ReferenceRounding: String, CaseIterable {
  case nearest = "rn"
  case zero = "rz"
  case down = "rm"
  case up = "rp"
  case nearestAway = "rna"
}

/// The number format of a tensor's elements.
///
/// Scores, running sums and partial results are always kept in 32-bit floats; the element type says
/// only how queries, cache and outputs are stored.
public enum ElementType: String, Sendable, Hashable, Codable, CaseIterable {
  /// bfloat16: 8 exponent bits, 8 significand bits (one implied).
  case bfloat16 = "bf16"
  /// IEEE 754 binary16: 5 exponent bits, 11 significand bits (one implied).
  case float16 = "fp16"
  /// IEEE 754 binary32.
  case float32 = "fp32"
  /// e4m3, 8 bits: see `E4M3Bits`. For caches only, with scales.
  case float8 = "fp8"

  /// The types that queries, caches and outputs may all have.
  public static let allCases: [ElementType] = [.bfloat16, .float16, .float32]

  /// Bytes that one element occupies.
  public var byteCount: Int {
    switch self {
    case .bfloat16, .float16: 2
    case .float32: 4
    case .float8: 1
    }
  }

  /// The largest relative error of rounding a number in the normal range to this type (half an ulp of 1).
  public var roundingError: Double {
    switch self {
    case .bfloat16: 0x1p-8
    case .float16: 0x1p-11
    case .float32: 0x1p-24
    case .float8: 0x1p-4
    }
  }
}

/// Conversions between 32-bit floats and the bit patterns of bfloat16.
public enum BFloat16Bits {
  /// The bfloat16 nearest to `value`, ties to even; NaN stays NaN.
  public static func rounding(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x0040 }
    let roundedUp = bits &+ 0x7FFF &+ ((bits >> 16) & 1)
    return UInt16(truncatingIfNeeded: roundedUp >> 16)
  }

  /// The exact value of a bfloat16 bit pattern.
  public static func value(_ bits: UInt16) -> Float {
    Float(bitPattern: UInt32(bits) << 16)
  }
}

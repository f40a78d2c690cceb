/// Short cuts for the conversions that attention kernels do all the time: single numbers and vectors of lanes, with
/// the results of `NumberFormat`.
package enum PackedFormats {
  /// bf16 to fp32, exactly.
  @inline(__always)
  package static func float(bf16 bits: UInt16) -> Float {
    Float(bitPattern: UInt32(bits) << 16)
  }

  /// fp16 to fp32, exactly; a NaN stays one.
  @inline(__always)
  package static func float(f16 bits: UInt16) -> Float {
    // Shifted into place, the exponent's bias is corrected by a multiplication, which also normalises subnormal
    // numbers; infinity and NaN have the largest exponent in both formats.
    let shifted = UInt32(bits & 0x7FFF) << 13
    let scaled = Float(bitPattern: shifted) * 0x1p112
    let magnitude = shifted >= 0x0F80_0000 ? shifted | 0x7F80_0000 : scaled.bitPattern
    return Float(bitPattern: magnitude | UInt32(bits & 0x8000) << 16)
  }

  /// fp32 to bf16, to the nearest, ties to even.
  @inline(__always)
  package static func bf16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value != value { return 0x7FFF }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
  }

  /// fp32 to fp16, to the nearest, ties to even.
  @inline(__always)
  package static func f16(_ value: Float) -> UInt16 {
    if value != value { return 0x7FFF }
    let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000
    let magnitude = value.magnitude
    if magnitude >= 65520 { return sign | 0x7C00 }
    // Below the smallest normal number the last place is 2⁻²⁴: adding 1/2 lets the hardware round there.
    if magnitude < 0x1p-14 {
      return sign | UInt16(truncatingIfNeeded: (magnitude + 0.5).bitPattern &- Float(0.5).bitPattern)
    }
    let bits = magnitude.bitPattern &- UInt32(112) << 23
    return sign | UInt16(truncatingIfNeeded: (bits &+ 0xFFF &+ (bits >> 13 & 1)) >> 13)
  }
}

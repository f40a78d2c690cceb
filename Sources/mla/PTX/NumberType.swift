import LatentAttention

/// Why a text that the command takes apart is not one.
struct ItemError: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) {
    self.description = description
  }
}

/// A type of numbers in buffers and arguments, as PTX spells it.
enum NumberType: String, CaseIterable {
  case u8, u16, u32, u64, s8, s16, s32, s64, b8, b16, b32, b64, f16, bf16, f32, f64

  /// The type of a name, or an error with all of them.
  init(named name: Substring) throws(ItemError) {
    guard let type = NumberType(rawValue: String(name)) else {
      let all = NumberType.allCases.map(\.rawValue).joined(separator: ", ")
      throw ItemError("'\(name)' is no type; types are \(all)")
    }
    self = type
  }

  var byteCount: Int {
    switch self {
    case .u8, .s8, .b8: 1
    case .u16, .s16, .b16, .f16, .bf16: 2
    case .u32, .s32, .b32, .f32: 4
    case .u64, .s64, .b64, .f64: 8
    }
  }

  var isFloatingPoint: Bool {
    switch self {
    case .f16, .bf16, .f32, .f64: true
    default: false
    }
  }

  /// The bits of the value nearest to a number; a type of integers keeps the low bits of the number's whole part.
  func bits(of value: Double) -> UInt64 {
    switch self {
    case .f16: UInt64(Float16(value).bitPattern)
    case .bf16: UInt64(BFloat16Bits.rounding(Float(value)))
    case .f32: UInt64(Float(value).bitPattern)
    case .f64: value.bitPattern
    default: UInt64(bitPattern: Int64(min(max(value, -0x1p62), 0x1p62))) & mask
    }
  }

  private var mask: UInt64 { byteCount == 8 ? .max : 1 << UInt64(8 * byteCount) - 1 }

  /// The bits of a number as it is written: decimal, or hexadecimal after `0x`.
  func bits(parsing text: Substring) throws(ItemError) -> UInt64 {
    if isFloatingPoint {
      guard let value = Double(text) else { throw ItemError("'\(text)' is no number") }
      return bits(of: value)
    }
    let isNegative = text.first == "-"
    let digits = isNegative ? text.dropFirst() : text
    let isHexadecimal = digits.hasPrefix("0x")
    guard digits.first != "+",
      let magnitude = UInt64(isHexadecimal ? digits.dropFirst(2) : digits, radix: isHexadecimal ? 16 : 10)
    else { throw ItemError("'\(text)' is no integer") }
    let isSigned = rawValue.hasPrefix("s")
    // Types of bits take what fits them as signed or as unsigned.
    let largest = isSigned ? mask >> 1 : mask
    let least = rawValue.hasPrefix("u") ? 0 : (mask >> 1) + 1
    guard magnitude <= (isNegative ? least : largest) else {
      throw ItemError("\(text) is out of the range of \(rawValue)")
    }
    return (isNegative ? 0 &- magnitude : magnitude) & mask
  }

  /// The bytes of these bits in memory.
  func bytes(_ bits: UInt64) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) }
  }

  /// The number that these bytes hold, as it is written.
  func text(_ bytes: some Collection<UInt8>) -> String {
    let bits = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    switch self {
    case .f16: return "\(Float16(bitPattern: UInt16(bits)))"
    case .bf16: return "\(BFloat16Bits.value(UInt16(bits)))"
    case .f32: return "\(Float(bitPattern: UInt32(bits)))"
    case .f64: return "\(Double(bitPattern: bits))"
    case .s8, .s16, .s32, .s64:
      let unused = UInt64(64 - 8 * byteCount)
      return "\(Int64(bitPattern: bits << unused) >> Int64(unused))"
    case .b8, .b16, .b32, .b64: return "0x" + String(bits, radix: 16)
    case .u8, .u16, .u32, .u64: return "\(bits)"
    }
  }
}

/// The integer that a text is, from `least` up; `what` says what it should be.
func integer(_ text: Substring, _ what: String, least: Int = 0) throws(ItemError) -> Int {
  guard let value = Int(text), value >= least else {
    throw ItemError("\(what) '\(text)' is no integer from \(least) up")
  }
  return value
}

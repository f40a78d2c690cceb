import LatentAttention

/// A type of a matrix operand: random bits, and what they mean, from the definitions of the formats.
enum MatrixValues: String, CaseIterable {
  case f16, bf16, tf32, e4m3, e5m2, s8, u8

  var byteCount: Int {
    switch self {
    case .tf32: 4
    case .f16, .bf16: 2
    default: 1
    }
  }

  var isInteger: Bool { self == .s8 || self == .u8 }

  /// Bits of a finite number, not so large that sums of fp16 could overflow.
  func randomBits(_ generator: inout SplitMix64) -> UInt32 {
    let bits = UInt32(truncatingIfNeeded: generator.next() >> 17)
    switch self {
    // Exponents below 16: magnitudes below 2, subnormal ones among them.
    case .f16: return bits & 0xBFFF
    case .bf16: return (bits & 0x8000) | ((120 + bits >> 8 % 9) << 7) | (bits & 0x7F)
    // Of the lower 13 bits nothing may be seen.
    case .tf32: return (bits & 0x8000_0000) | ((120 + bits >> 24 % 9) << 23) | (bits & 0x7F_FFFF)
    case .e4m3: return bits & 0xBF
    case .e5m2: return bits & 0xBF
    case .s8, .u8: return bits & 0xFF
    }
  }

  func value(_ bits: UInt32) -> Double {
    switch self {
    case .f16: Self.float(bits, exponentBits: 5, mantissaBits: 10)
    case .bf16: Self.float(bits, exponentBits: 8, mantissaBits: 7)
    case .tf32: Self.float(bits >> 13, exponentBits: 8, mantissaBits: 10)
    case .e4m3: Self.float(bits, exponentBits: 4, mantissaBits: 3)
    case .e5m2: Self.float(bits, exponentBits: 5, mantissaBits: 2)
    case .s8: Double(Int8(truncatingIfNeeded: bits))
    case .u8: Double(bits)
    }
  }

  private static func float(_ bits: UInt32, exponentBits: UInt32, mantissaBits: UInt32) -> Double {
    let bias = 1 << (Int(exponentBits) - 1) - 1
    let mantissa = Double(bits & (1 << mantissaBits - 1)) / Double(1 << Int(mantissaBits))
    let exponent = Int(bits >> mantissaBits & (1 << exponentBits - 1))
    let magnitude = exponent == 0 ? mantissa * power(1 - bias) : (1 + mantissa) * power(exponent - bias)
    return bits >> (exponentBits + mantissaBits) & 1 == 1 ? -magnitude : magnitude
  }

  private static func power(_ exponent: Int) -> Double {
    Double(sign: .plus, exponent: exponent, significand: 1)
  }
}

/// A matrix of bits of a type: rows and columns.
struct BitMatrix {
  let type: MatrixValues
  let rows: Int
  let columns: Int
  private var bits: [UInt32]

  init(_ type: MatrixValues, _ rows: Int, _ columns: Int, seed: UInt64) {
    (self.type, self.rows, self.columns) = (type, rows, columns)
    var generator = SplitMix64(seed: seed)
    bits = (0..<rows * columns).map { _ in type.randomBits(&generator) }
  }

  func bits(_ row: Int, _ column: Int) -> UInt32 { bits[row * columns + column] }

  func value(_ row: Int, _ column: Int) -> Double { type.value(bits(row, column)) }

  /// Elements that follow each other in a row, as a word of a register: the first in the lowest bits.
  func word(_ row: Int, _ column: Int) -> UInt32 {
    (0..<4 / type.byteCount).reduce(0) { word, index in
      word | bits(row, column + index) << UInt32(8 * type.byteCount * index)
    }
  }
}

/// D = ±A·Bᵀ + C in double precision, and how far sums that are rounded 24 bits after each product may be from it.
struct ExactProduct {
  let value: Double
  let bound: Double

  init(_ a: BitMatrix, _ row: Int, _ b: BitMatrix, _ column: Int, plus c: Double, isNegated: Bool = false) {
    var (sum, magnitudes) = (c, c.magnitude)
    for k in 0..<a.columns {
      let product = a.value(row, k) * b.value(column, k)
      sum += isNegated ? -product : product
      magnitudes += product.magnitude
    }
    value = sum
    bound = a.type.isInteger ? 0 : magnitudes * Double(a.columns + 1) * 0x1p-24
  }
}

/// The bits of a number as fp16, towards zero.
func halfBits(_ value: Float) -> UInt32 {
  let exponent = Int(value.exponent)
  if value.magnitude < 0x1p-14 { return 0 }
  let mantissa = UInt32((value.magnitude / Float(sign: .plus, exponent: exponent, significand: 1) - 1) * 1024)
  return (value < 0 ? 0x8000 : 0) | UInt32(exponent + 15) << 10 | mantissa
}

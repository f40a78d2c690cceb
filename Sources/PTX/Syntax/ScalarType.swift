/// A PTX fundamental or packed type (PTX ISA 5.2), as it stands after the dot.
public enum ScalarType: String, Sendable, Hashable, CaseIterable {
  case pred
  case b8, b16, b32, b64, b128
  case u8, u16, u32, u64
  case s8, s16, s32, s64
  case f16, f16x2, bf16, bf16x2, tf32, f32, f64
  case e4m3, e5m2, e4m3x2, e5m2x2
  case u16x2, s16x2

  /// The type that PTX spells `.spelling`; nil when it has none of that name.
  public init?(spelling: Substring) {
    self.init(rawValue: String(spelling))
  }

  /// Bits of one value in memory; a predicate, which has no memory form, counts 1.
  public var bitCount: Int {
    switch self {
    case .pred: 1
    case .b8, .u8, .s8, .e4m3, .e5m2: 8
    case .b16, .u16, .s16, .f16, .bf16, .e4m3x2, .e5m2x2: 16
    case .b32, .u32, .s32, .f16x2, .bf16x2, .tf32, .f32, .u16x2, .s16x2: 32
    case .b64, .u64, .s64, .f64: 64
    case .b128: 128
    }
  }

  /// Bytes of one value in memory.
  public var byteCount: Int { (bitCount + 7) / 8 }

  /// Whether it is a two's complement type.
  public var isSigned: Bool {
    switch self {
    case .s8, .s16, .s32, .s64, .s16x2: true
    default: false
    }
  }

  /// Whether its values are floating-point numbers.
  public var isFloatingPoint: Bool {
    switch self {
    case .f16, .f16x2, .bf16, .bf16x2, .tf32, .f32, .f64, .e4m3, .e5m2, .e4m3x2, .e5m2x2: true
    default: false
    }
  }
}

/// A PTX state space (PTX ISA 5.1) in which a variable lives or an address points.
public enum StateSpace: String, Sendable, Hashable, CaseIterable {
  /// Registers, declared with `.reg`.
  case register = "reg"
  case constant = "const"
  case global
  case local
  case parameter = "param"
  case shared
}

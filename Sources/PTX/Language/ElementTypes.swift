/// What a register of the kernel language can hold. Types without cases: they only name a PTX type.
public protocol RegisterElement: Sendable {
  /// The PTX type of the value, as instructions spell it.
  static var scalarType: ScalarType { get }
  /// The type under which its register is declared, moved and selected: an untyped one where PTX has no
  /// registers of the type itself.
  static var registerType: ScalarType { get }
}

extension RegisterElement {
  /// The type itself.
  public static var registerType: ScalarType { scalarType }
}

/// What lies in memory and can be loaded and stored.
public protocol MemoryElement: RegisterElement {
  /// The type that loads and stores spell.
  static var memoryType: ScalarType { get }
}

extension MemoryElement {
  /// That of its registers.
  public static var memoryType: ScalarType { registerType }
  /// Bytes of one element.
  public static var byteCount: Int { scalarType.byteCount }
}

/// What `==` compares.
public protocol EquatableElement: RegisterElement {}
/// What `<` orders.
public protocol OrderedElement: EquatableElement {}
/// What has bitwise logic and shifts.
public protocol BitsElement: MemoryElement, EquatableElement {}
/// What has `+`, `-` and `*`.
public protocol NumberElement: MemoryElement {}
/// Integers of 16, 32 and 64 bits.
public protocol IntegerElement: NumberElement, BitsElement, OrderedElement {}
/// Integers of 32 bits: an index.
public protocol IndexElement: IntegerElement {}
/// Floating point.
public protocol RealElement: NumberElement {}
/// Single and double precision.
public protocol FloatElement: RealElement, OrderedElement {}
/// 16-bit floating point, single and in pairs.
public protocol HalfElement: RealElement {}
/// A pair of 16-bit numbers in 32 bits; the first lies in the lower half.
public protocol PackedElement: HalfElement {
  /// One of the two.
  associatedtype Half: HalfElement
}

/// A predicate: what a comparison yields and a branch asks.
public enum Pred: RegisterElement {
  /// `.pred`.
  public static var scalarType: ScalarType { .pred }
}

/// `.u8`, in a 16-bit register.
public enum U8: MemoryElement {
  /// `.u8`.
  public static var scalarType: ScalarType { .u8 }
  /// PTX has no registers of 8 bits.
  public static var registerType: ScalarType { .u16 }
  /// `.u8`.
  public static var memoryType: ScalarType { .u8 }
}

/// `.s8`, in a 16-bit register.
public enum S8: MemoryElement {
  /// `.s8`.
  public static var scalarType: ScalarType { .s8 }
  /// PTX has no registers of 8 bits.
  public static var registerType: ScalarType { .s16 }
  /// `.s8`.
  public static var memoryType: ScalarType { .s8 }
}

/// `.u16`.
public enum U16: IntegerElement {
  /// `.u16`.
  public static var scalarType: ScalarType { .u16 }
}

/// `.s16`.
public enum S16: IntegerElement {
  /// `.s16`.
  public static var scalarType: ScalarType { .s16 }
}

/// `.u32`.
public enum U32: IndexElement {
  /// `.u32`.
  public static var scalarType: ScalarType { .u32 }
}

/// `.s32`.
public enum S32: IndexElement {
  /// `.s32`.
  public static var scalarType: ScalarType { .s32 }
}

/// `.u64`.
public enum U64: IntegerElement {
  /// `.u64`.
  public static var scalarType: ScalarType { .u64 }
}

/// `.s64`.
public enum S64: IntegerElement {
  /// `.s64`.
  public static var scalarType: ScalarType { .s64 }
}

/// `.b16`: bits without a meaning.
public enum B16: BitsElement {
  /// `.b16`.
  public static var scalarType: ScalarType { .b16 }
}

/// `.b32`: bits without a meaning.
public enum B32: BitsElement {
  /// `.b32`.
  public static var scalarType: ScalarType { .b32 }
}

/// `.b64`: bits without a meaning.
public enum B64: BitsElement {
  /// `.b64`.
  public static var scalarType: ScalarType { .b64 }
}

/// Single precision.
public enum F32: FloatElement {
  /// `.f32`.
  public static var scalarType: ScalarType { .f32 }
}

/// Double precision.
public enum F64: FloatElement {
  /// `.f64`.
  public static var scalarType: ScalarType { .f64 }
}

/// Half precision.
public enum F16: HalfElement, OrderedElement {
  /// `.f16`.
  public static var scalarType: ScalarType { .f16 }
  /// PTX has no registers of the type itself.
  public static var registerType: ScalarType { .b16 }
}

/// bfloat16.
public enum BF16: HalfElement, OrderedElement {
  /// `.bf16`.
  public static var scalarType: ScalarType { .bf16 }
  /// PTX has no registers of the type itself.
  public static var registerType: ScalarType { .b16 }
}

/// Two half-precision numbers.
public enum F16x2: PackedElement {
  /// `.f16x2`.
  public static var scalarType: ScalarType { .f16x2 }
  /// PTX has no registers of the type itself.
  public static var registerType: ScalarType { .b32 }
  /// A number of the pair.
  public typealias Half = F16
}

/// Two bfloat16 numbers.
public enum BF16x2: PackedElement {
  /// `.bf16x2`.
  public static var scalarType: ScalarType { .bf16x2 }
  /// PTX has no registers of the type itself.
  public static var registerType: ScalarType { .b32 }
  /// A number of the pair.
  public typealias Half = BF16
}

/// An fp32 number of which matrix instructions read the upper 19 bits.
public enum TF32: MemoryElement {
  /// `.tf32`.
  public static var scalarType: ScalarType { .tf32 }
  /// PTX has no registers of the type itself.
  public static var registerType: ScalarType { .b32 }
}

/// fp8 with 4 bits of exponent, in a 16-bit register.
public enum E4M3: MemoryElement {
  /// `.e4m3`.
  public static var scalarType: ScalarType { .e4m3 }
  /// PTX has no registers of the type itself.
  public static var registerType: ScalarType { .b16 }
  /// Bits.
  public static var memoryType: ScalarType { .b8 }
}

/// fp8 with 5 bits of exponent, in a 16-bit register.
public enum E5M2: MemoryElement {
  /// `.e5m2`.
  public static var scalarType: ScalarType { .e5m2 }
  /// PTX has no registers of the type itself.
  public static var registerType: ScalarType { .b16 }
  /// Bits.
  public static var memoryType: ScalarType { .b8 }
}

/// Two fp8 numbers with 4 bits of exponent.
public enum E4M3x2: MemoryElement {
  /// `.e4m3x2`.
  public static var scalarType: ScalarType { .e4m3x2 }
  /// PTX has no registers of the type itself.
  public static var registerType: ScalarType { .b16 }
}

/// Two fp8 numbers with 5 bits of exponent.
public enum E5M2x2: MemoryElement {
  /// `.e5m2x2`.
  public static var scalarType: ScalarType { .e5m2x2 }
  /// PTX has no registers of the type itself.
  public static var registerType: ScalarType { .b16 }
}

import PTX
import SimulatorKernels

/// A number type of `cvt`, in the `operation` (source) and `type` (destination) of `.convert`.
enum ConversionType: UInt8 {
  case u8, s8, u16, s16, u32, s32, u64, s64, f16, bf16, f32, f64, tf32

  init?(_ type: ScalarType) {
    switch type {
    case .u8: self = .u8
    case .s8: self = .s8
    case .u16: self = .u16
    case .s16: self = .s16
    case .u32: self = .u32
    case .s32: self = .s32
    case .u64: self = .u64
    case .s64: self = .s64
    case .f16: self = .f16
    case .bf16: self = .bf16
    case .f32: self = .f32
    case .f64: self = .f64
    case .tf32: self = .tf32
    default: return nil
    }
  }

  var isFloatingPoint: Bool { rawValue >= ConversionType.f16.rawValue }
  var isSigned: Bool { !isFloatingPoint && rawValue % 2 == 1 }
  var bitCount: Int {
    switch self {
    case .u8, .s8: 8
    case .u16, .s16, .f16, .bf16: 16
    case .u32, .s32, .f32, .tf32: 32
    case .u64, .s64, .f64: 64
    }
  }

  /// Of a floating-point type below fp64.
  var format: NumberFormat? {
    switch self {
    case .f16: .f16
    case .bf16: .bf16
    case .tf32: .tf32
    case .f32: .f32
    default: nil
    }
  }
}

/// Bits of the `modifiers` of `.convert` and `.convertPair`; the rounding is in the low byte of `immediate`.
enum ConversionModifier {
  static let flushes: UInt8 = 1
  static let saturates: UInt8 = 2
  static let relu: UInt8 = 4
  /// Numbers to integral numbers of the same kind, or of integers.
  static let roundsToInteger: UInt8 = 8
  /// What is too large becomes the largest number.
  static let staysFinite: UInt8 = 16
}

extension Decoder {
  mutating func decodeConversion() -> Bool {
    if form.has("pack") { return decodePackConversion() }
    guard let to = form.type("to"), let from = form.type("from"), let d = destination(0) else { return false }
    if operands.count == 3 || to.isPackedFloat || from.isPackedFloat {
      return decodePairConversion(to, from, d)
    }
    guard let target = ConversionType(to), let origin = ConversionType(from) else { return false }
    guard let a = source(1, from) else { return false }
    let isWideSource = isWide(operands[1]) || (operands[1].registers.isEmpty && from.bitCount == 64)
    let destinationIsWide = isWide(operands[0])
    if !target.isFloatingPoint, !origin.isFloatingPoint {
      emit(.convertInteger) { [self] in
        $0.operation = UInt8(origin.rawValue)
        $0.type = UInt8(target.rawValue)
        // A signed number of 16 bits fills a wider register by its sign.
        let fills = target == .s16 && operands[0].registers.contains { type(of: $0).bitCount == 32 }
        $0.modifiers = (form.has("sat") ? 1 : 0) | (fills ? 2 : 0)
        // A register may be wider than the type that is taken from it or put into it.
        $0.elementCount = isWideSource ? 2 : 1
        $0.isWide = destinationIsWide
        ($0.d, $0.a) = (d, a)
      }
      return true
    }
    emit(.convert) { [self] in
      $0.operation = origin.rawValue
      $0.type = target.rawValue
      $0.modifiers = modifiers
      $0.immediate = Int64((form["round"].flatMap { Rounding(modifier: $0) } ?? .nearestEven).rawValue)
      $0.elementCount = isWideSource ? 2 : 1
      $0.isWide = destinationIsWide
      ($0.d, $0.a) = (d, a)
    }
    return true
  }

  private var modifiers: UInt8 {
    var modifiers: UInt8 = 0
    if form.has("ftz") { modifiers |= ConversionModifier.flushes }
    if form.has("sat") { modifiers |= ConversionModifier.saturates }
    if form.has("satfinite") { modifiers |= ConversionModifier.staysFinite }
    if form.has("relu") { modifiers |= ConversionModifier.relu }
    if form["round"]?.last == "i" { modifiers |= ConversionModifier.roundsToInteger }
    return modifiers
  }

  /// Two numbers into one register, or the reverse: `type` and `operation` are those of a `PairFormat`.
  private mutating func decodePairConversion(_ to: ScalarType, _ from: ScalarType, _ d: Int32) -> Bool {
    guard let target = PairFormat(to), let a = source(1, from) else { return false }
    if operands.count == 3 {
      guard from == .f32, let b = source(2, from) else { return false }
      emit(.convertPair) { [self] in
        $0.type = target.rawValue
        $0.modifiers = modifiers
        $0.immediate = Int64((form["round"].flatMap { Rounding(modifier: $0) } ?? .nearestEven).rawValue)
        ($0.d, $0.a, $0.b) = (d, a, b)
      }
      return true
    }
    guard let origin = PairFormat(from) else { return false }
    emit(.unpackPair) { [self] in
      $0.operation = origin.rawValue
      $0.type = target.rawValue
      $0.modifiers = modifiers
      ($0.d, $0.a) = (d, a)
    }
    return true
  }
}

/// A format of two numbers in one register.
enum PairFormat: UInt8 {
  case f16x2, bf16x2, e4m3x2, e5m2x2

  init?(_ type: ScalarType) {
    switch type {
    case .f16x2: self = .f16x2
    case .bf16x2: self = .bf16x2
    case .e4m3x2: self = .e4m3x2
    case .e5m2x2: self = .e5m2x2
    default: return nil
    }
  }

  var format: NumberFormat {
    switch self {
    case .f16x2: .f16
    case .bf16x2: .bf16
    case .e4m3x2: .e4m3
    case .e5m2x2: .e5m2
    }
  }

  /// Bits of one of the two.
  var bitCount: UInt32 { self == .f16x2 || self == .bf16x2 ? 16 : 8 }
}

extension ScalarType {
  fileprivate var isPackedFloat: Bool {
    switch self {
    case .f16x2, .bf16x2, .e4m3x2, .e5m2x2: true
    default: false
    }
  }
}

/// Instructions that are executed lane by lane, in the `operation` of `.laneByLane`: those that no kernel spends its
/// time in. `type` and `modifiers` are said at each.
enum LaneOperation: UInt8 {
  /// `mad.hi.sat.s32`.
  case multiplyAddHighSaturated
  /// `mul24` and `mad24`: `modifiers` of `Product24`.
  case product24
  /// `mad.cc` and `madc`: `type` of SimulatorKernels, `modifiers` of `CarryProduct`; `e` is the carry.
  case productCarry
  /// `min` and `max` with `.relu`, and of two numbers of 16 bits; `add` of such: `modifiers` of `PackedInteger`.
  case minimum, maximum, sumPairs
  /// `dp2a`: `modifiers` of `DotProduct`.
  case dotPairs
  case findSetBit
  /// `lop3` with a predicate: `immediate` is the table, `type` 1 for `.or`, `e` the predicate that is joined.
  case logicPredicate
  /// `szext` and `bmsk`: `modifiers` 1 for `.clamp`; 2 for a signed type.
  case signExtend, bitMask
  /// `testp`: `type` of `NumberTest`.
  case testNumber
  /// `min` and `max` with `.xorsign.abs`: `type` is 0 for fp32, 1 for fp16, 2 for bf16, `modifiers` of `SignedExtremum`.
  case minimumSigned, maximumSigned
  /// `cvt.pack`: `type` of `ConversionType`; `modifiers` 1 with what lies above.
  case packIntegers
}

/// Bits of the `modifiers` of `product24`.
enum Product24 {
  static let high: UInt8 = 1
  static let signed: UInt8 = 2
  static let adds: UInt8 = 4
  static let saturates: UInt8 = 8
}

/// Bits of the `modifiers` of `productCarry`.
enum CarryProduct {
  static let takesCarry: UInt8 = 1
  static let givesCarry: UInt8 = 2
  static let high: UInt8 = 4
}

/// Bits of the `modifiers` of `minimum`, `maximum` and `sumPairs`.
enum PackedInteger {
  static let relu: UInt8 = 1
  static let signed: UInt8 = 2
  static let pairs: UInt8 = 4
}

/// Bits of the `modifiers` of `dotPairs`.
enum DotProduct {
  static let high: UInt8 = 1
  static let signedA: UInt8 = 2
  static let signedB: UInt8 = 4
}

/// Bits of the `modifiers` of `minimumSigned` and `maximumSigned`.
enum SignedExtremum {
  static let flushes: UInt8 = 1
  static let propagatesNaN: UInt8 = 2
  static let pairs: UInt8 = 4
}

/// What `testp` asks, in `type`.
enum NumberTest: UInt8, CaseIterable {
  case finite, infinite, number, notanumber, normal, subnormal
}

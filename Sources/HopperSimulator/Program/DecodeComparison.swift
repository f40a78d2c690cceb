import PTX
import SimulatorKernels

/// How `setp` joins its result with a predicate, in the `modifiers` of a comparison.
enum Combination: UInt8 {
  case none, and, or, xor
}

/// Bits of the `type` of a comparison of numbers: true when an operand is NaN; only that; only that neither is.
enum NaNComparison: UInt8 {
  case ordered, unordered, isNaN, isNumber
}

/// Decoding of predicates, comparisons and selections (PTX ISA 9.7.6, 9.7.8).
extension Decoder {
  mutating func decodePredicateLogic(_ mnemonic: String) -> Bool {
    let operations = ["and": Combination.and, "or": .or, "xor": .xor]
    guard let d = operands.first.flatMap(predicateDestination), operands.count > 1,
      let a = predicate(operands[1])
    else { return false }
    let b = operands.count > 2 ? predicate(operands[2]) : .always
    guard let b, mnemonic == "not" || operations[mnemonic] != nil else { return false }
    emit(.predicateLogic) {
      $0.operation = (operations[mnemonic] ?? .xor).rawValue
      ($0.d, $0.a, $0.b) = (d, a.index, b.index)
    }
    return true
  }

  private static let comparisons: [String: (sim_comparison, NaNComparison)] = [
    "eq": (SIM_EQ, .ordered), "ne": (SIM_NE, .ordered), "lt": (SIM_LT, .ordered), "le": (SIM_LE, .ordered),
    "gt": (SIM_GT, .ordered), "ge": (SIM_GE, .ordered), "lo": (SIM_LT, .ordered), "ls": (SIM_LE, .ordered),
    "hi": (SIM_GT, .ordered), "hs": (SIM_GE, .ordered), "equ": (SIM_EQ, .unordered),
    "neu": (SIM_NE, .unordered),
    "ltu": (SIM_LT, .unordered), "leu": (SIM_LE, .unordered), "gtu": (SIM_GT, .unordered),
    "geu": (SIM_GE, .unordered), "num": (SIM_EQ, .isNumber), "nan": (SIM_EQ, .isNaN),
  ]

  mutating func decodeSetPredicate() -> Bool {
    var destinations = [operands[0]]
    if case .pair(let first, let second) = operands[0] { destinations = [first, second] }
    let words = destinations.compactMap(predicateDestination)
    guard words.count == destinations.count else { return false }
    return decodeComparison(words, isPacked: form.type()?.isPackedHalf ?? false)
  }

  /// A comparison into predicates: of the result and, if there is a second, its complement; of packed numbers, the
  /// results of the lower and the upper half.
  mutating func decodeComparison(_ words: [Int32], isPacked: Bool) -> Bool {
    guard let type = form.type(), let (comparison, nan) = form["compare"].flatMap({ Self.comparisons[$0] }),
      let a = source(1, type), let b = source(2, type)
    else { return false }
    let combination: Combination =
      switch form["combine"] {
      case "and": .and
      case "or": .or
      case "xor": .xor
      default: .none
      }
    let third = operands.count > 3 ? predicate(operands[3]) : .always
    guard let third else { return false }
    let opcode: Opcode
    var typeCode = nan.rawValue
    switch type {
    case .f32: opcode = .compareFloat
    case .f64: opcode = .compareDouble
    case .f16, .bf16, .f16x2, .bf16x2:
      opcode = .compareHalf
      typeCode |= type == .bf16 || type == .bf16x2 ? 4 : 0
    default:
      guard let integerType = type.integerType else { return false }
      opcode = .compareInteger
      typeCode = UInt8(integerType.rawValue)
    }
    let sink = scratch.predicateSink
    for half in 0..<(isPacked ? words.count : 1) {
      emit(opcode) { [self] in
        $0.operation = UInt8(comparison.rawValue)
        $0.type = typeCode | (half == 1 ? 8 : 0)
        $0.modifiers = combination.rawValue
        $0.isWide = form.has("ftz")
        let complement = words.count > 1 && !isPacked ? words[1] : sink
        ($0.d, $0.a, $0.b, $0.c, $0.e) = (words[half], a, b, third.index, complement)
      }
    }
    return true
  }

  mutating func decodeSelection() -> Bool {
    guard let type = form.type(), let d = destination(0), let a = source(1, type), let b = source(2, type),
      let c = predicate(operands[3])
    else { return false }
    emit(type.bitCount == 64 ? .select64 : .select32) {
      $0.isWide = type.bitCount == 64
      ($0.d, $0.a, $0.b, $0.c) = (d, a, b, c.index)
    }
    return true
  }

  /// `set`: a comparison, and then one number or another for its results; both halves for packed numbers.
  mutating func decodeSet() -> Bool {
    guard let to = form.type("to"), let d = destination(0) else { return false }
    let truth: UInt64 =
      switch to {
      case .f32: 0x3F80_0000
      case .f16: 0x3C00
      case .bf16: 0x3F80
      case .f16x2: 0x3C00_3C00
      case .bf16x2: 0x3F80_3F80
      case .u16, .s16: 0xFFFF
      default: 0xFFFF_FFFF
      }
    guard
      decodeComparison(
        [scratch.selection, scratch.otherSelection], isPacked: form.type()?.isPackedHalf ?? false)
    else { return false }
    let (selection, otherSelection) = (scratch.selection, scratch.otherSelection)
    let one = constants.slot(truth, isWide: false)
    let zero = constants.slot(0, isWide: false)
    guard form.type()?.isPackedHalf == true else {
      emit(.select32) { ($0.d, $0.a, $0.b, $0.c) = (d, one, zero, selection) }
      return true
    }
    // The lower half by the first result, the upper by the second.
    let (low, high) = (
      constants.slot(truth & 0xFFFF, isWide: false), constants.slot(truth & 0xFFFF_0000, isWide: false)
    )
    let row = operandRow()
    emit(.select32) { ($0.d, $0.a, $0.b, $0.c) = (row, low, zero, selection) }
    emit(.select32) { ($0.d, $0.a, $0.b, $0.c) = (d, high, zero, otherSelection) }
    emit(.integer) {
      $0.operation = UInt8(SIM_OR.rawValue)
      $0.type = UInt8(SIM_U32.rawValue)
      ($0.d, $0.a, $0.b, $0.c) = (d, d, row, d)
    }
    return true
  }
}

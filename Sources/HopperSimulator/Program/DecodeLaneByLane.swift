import PTX
import SimulatorKernels

/// Decoding of what is executed lane by lane, and of what becomes other instructions.
extension Decoder {
  /// Nil when the instruction is of another kind; else whether the interpreter has it.
  mutating func decodeLaneByLane(_ mnemonic: String, _ type: ScalarType) -> Bool? {
    switch mnemonic {
    case "mad" where form.has("sat") && type == .s32:
      return emitLaneOperation(.multiplyAddHighSaturated, [.s32, .s32, .s32])
    case "mul24", "mad24": return decodeProduct24(mnemonic, type)
    case "mad" where form.has("cc"), "madc": return decodeProductCarry(type)
    case "min" where form.has("relu") || type.isPackedInteger: return decodePacked(.minimum, type)
    case "max" where form.has("relu") || type.isPackedInteger: return decodePacked(.maximum, type)
    case "add" where type.isPackedInteger: return decodePacked(.sumPairs, type)
    case "dp2a":
      let modifiers =
        (form["part"] == "hi" ? DotProduct.high : 0) | (form["atype"] == "s32" ? DotProduct.signedA : 0)
        | (form["btype"] == "s32" ? DotProduct.signedB : 0)
      return emitLaneOperation(.dotPairs, [.b32, .b32, .b32], modifiers: modifiers)
    case "fns": return emitLaneOperation(.findSetBit, [.b32, .b32, .s32])
    case "lop3" where form.has("combine"): return decodeLogicPredicate()
    case "szext", "bmsk":
      let modifiers: UInt8 = (form["mode"] == "clamp" ? 1 : 0) | (type.isSigned ? 2 : 0)
      return emitLaneOperation(
        mnemonic == "szext" ? .signExtend : .bitMask, [.b32, .b32], modifiers: modifiers)
    case "slct": return decodeSelectionBySign(type)
    default: return nil
    }
  }

  /// Emits an operation of a destination of 32 bits and of sources of types.
  private mutating func emitLaneOperation(
    _ operation: LaneOperation, _ types: [ScalarType], type: UInt8 = 0, modifiers: UInt8 = 0,
    isWide: Bool = false
  ) -> Bool {
    guard let d = destination(0) else { return false }
    var rows: [Int32] = []
    for (index, type) in types.enumerated() {
      guard let row = source(index + 1, type) else { return false }
      rows.append(row)
    }
    while rows.count < 3 { rows.append(rows[0]) }
    emit(.laneByLane) {
      $0.operation = operation.rawValue
      $0.type = type
      $0.modifiers = modifiers
      $0.isWide = isWide
      ($0.d, $0.a, $0.b, $0.c) = (d, rows[0], rows[1], rows[2])
    }
    return true
  }

  private mutating func decodeProduct24(_ mnemonic: String, _ type: ScalarType) -> Bool {
    let adds = mnemonic == "mad24"
    let modifiers =
      (form["part"] == "hi" ? Product24.high : 0) | (type.isSigned ? Product24.signed : 0)
      | (adds ? Product24.adds : 0) | (form.has("sat") ? Product24.saturates : 0)
    return emitLaneOperation(.product24, adds ? [type, type, type] : [type, type], modifiers: modifiers)
  }

  private mutating func decodeProductCarry(_ type: ScalarType) -> Bool {
    guard let integerType = type.integerType else { return false }
    let modifiers =
      (form.form.mnemonic == "madc" ? CarryProduct.takesCarry : 0)
      | (form.has("cc") ? CarryProduct.givesCarry : 0)
      | (form["part"] == "hi" ? CarryProduct.high : 0)
    guard
      emitLaneOperation(
        .productCarry, [type, type, type], type: UInt8(integerType.rawValue), modifiers: modifiers,
        isWide: type.bitCount == 64)
    else { return false }
    setCarry()
    return true
  }

  private mutating func decodePacked(_ operation: LaneOperation, _ type: ScalarType) -> Bool {
    guard type == .s32 || type.isPackedInteger else { return false }
    let modifiers =
      (form.has("relu") ? PackedInteger.relu : 0) | (type.isSigned ? PackedInteger.signed : 0)
      | (type.isPackedInteger ? PackedInteger.pairs : 0)
    return emitLaneOperation(operation, [type, type], modifiers: modifiers)
  }

  /// `lop3.or.b32 d|p, a, b, c, table, q`.
  private mutating func decodeLogicPredicate() -> Bool {
    guard case .pair(let first, let second) = operands[0], let d = destination(first),
      let p = predicateDestination(second), let a = source(1, .b32), let b = source(2, .b32),
      let c = source(3, .b32), case .immediate(.integer(let table)) = operands[4],
      let q = predicate(operands[5])
    else { return false }
    let isOr = form["combine"] == "or"
    let (list, count) = append([p])
    emit(.laneByLane) {
      $0.operation = LaneOperation.logicPredicate.rawValue
      $0.type = isOr ? 1 : 0
      $0.immediate = table
      ($0.d, $0.a, $0.b, $0.c, $0.e) = (d, a, b, c, q.index)
      ($0.extra, $0.extraCount) = (list, count)
    }
    return true
  }

  // MARK: Floating point

  mutating func decodeNumberTest(_ type: ScalarType) -> Bool {
    guard let test = NumberTest.allCases.first(where: { "\($0)" == form["test"] }),
      let d = operands.first.flatMap(predicateDestination), let a = source(1, type)
    else { return false }
    emit(.laneByLane) {
      $0.operation = LaneOperation.testNumber.rawValue
      $0.type = test.rawValue
      $0.isWide = type == .f64
      ($0.d, $0.a) = (d, a)
    }
    return true
  }

  /// `min.xorsign.abs` and `max.xorsign.abs`.
  mutating func decodeSignedExtremum(_ mnemonic: String, _ type: ScalarType) -> Bool {
    let format: UInt8 = type == .f32 ? 0 : type == .f16 || type == .f16x2 ? 1 : 2
    let modifiers =
      (form.has("ftz") ? SignedExtremum.flushes : 0) | (form.has("nan") ? SignedExtremum.propagatesNaN : 0)
      | (type == .f16x2 || type == .bf16x2 ? SignedExtremum.pairs : 0)
    return emitLaneOperation(
      mnemonic == "min" ? .minimumSigned : .maximumSigned, [type, type], type: format, modifiers: modifiers)
  }

  // MARK: In terms of others

  /// `slct d, a, b, c`: a where c is not negative.
  private mutating func decodeSelectionBySign(_ type: ScalarType) -> Bool {
    guard let d = destination(0), let a = source(1, type), let b = source(2, type), let by = form.type("by"),
      let c = source(3, by)
    else { return false }
    let (sink, zero, flushes) = (
      scratch.predicateSink, constants.slot(0, isWide: false), form.has("ftz")
    )
    let selection = scratch.selection
    emit(by == .f32 ? .compareFloat : .compareInteger) {
      $0.operation = UInt8(SIM_GE.rawValue)
      $0.type = by == .f32 ? NaNComparison.ordered.rawValue : UInt8(SIM_S32.rawValue)
      $0.isWide = flushes
      ($0.d, $0.a, $0.b, $0.c, $0.e) = (selection, c, zero, PredicateSlot.always.index, sink)
    }
    emit(type.bitCount == 64 ? .select64 : .select32) {
      $0.isWide = type.bitCount == 64
      ($0.d, $0.a, $0.b, $0.c) = (d, a, b, selection)
    }
    return true
  }

  /// `cvt.pack`: two integers into one register, above them what a third operand has.
  mutating func decodePackConversion() -> Bool {
    guard let to = form.type("to").flatMap({ ConversionType($0) }) else { return false }
    return emitLaneOperation(
      .packIntegers, operands.count > 3 ? [.s32, .s32, .b32] : [.s32, .s32], type: to.rawValue,
      modifiers: operands.count > 3 ? 1 : 0)
  }
}

extension ScalarType {
  /// Two integers of 16 bits.
  var isPackedInteger: Bool { self == .u16x2 || self == .s16x2 }

  /// Two numbers of 16 bits.
  var isPackedHalf: Bool { self == .f16x2 || self == .bf16x2 }
}

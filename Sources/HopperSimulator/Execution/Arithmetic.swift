import SimulatorKernels

/// Instructions that compute in registers alone.
extension LaneContext {
  /// Executes one; false when the opcode is not of this kind.
  @inline(__always)
  func executeArithmetic(_ instruction: UnsafePointer<DecodedInstruction>) -> Bool {
    let i = unsafe instruction.pointee
    switch i.opcode {
    case .integer: executeInteger(i)
    case .float: executeFloat(i)
    case .copy32:
      unsafe write(i.d, isWide: false) { unsafe $0.copyMemory(from: row(i.a), byteCount: 128) }
    case .copy64:
      unsafe write(i.d, isWide: true) { unsafe $0.copyMemory(from: row(i.a), byteCount: 256) }
    case .compareInteger, .compareFloat, .compareDouble, .compareHalf: executeComparison(i)
    case .select32:
      let mask = predicate(i.c)
      unsafe write(i.d, isWide: false) {
        unsafe sim_select32($0.assumingMemoryBound(to: UInt32.self), words(i.a), words(i.b), mask)
      }
    case .select64:
      let mask = predicate(i.c)
      unsafe write(i.d, isWide: true) {
        unsafe sim_select64($0.assumingMemoryBound(to: UInt64.self), doubleWords(i.a), doubleWords(i.b), mask)
      }
    case .multiplyWide:
      unsafe write(i.d, isWide: i.isWide) {
        unsafe sim_multiply_wide(
          sim_integer_type(UInt32(i.type)), $0, row(i.a), row(i.b), i.modifiers == 0 ? nil : row(i.c))
      }
    case .bits32:
      unsafe write(i.d, isWide: false) {
        unsafe sim_bits32(
          sim_bit_operation(UInt32(i.operation)), $0.assumingMemoryBound(to: UInt32.self), words(i.a),
          words(i.b),
          words(i.c), Int32(truncatingIfNeeded: i.immediate))
      }
    case .bits64:
      unsafe write(i.d, isWide: i.isWide) {
        unsafe sim_bits64(
          sim_bit_operation(UInt32(i.operation)), $0, doubleWords(i.a), words(i.b), words(i.c))
      }
    case .insert32:
      unsafe write(i.d, isWide: false) {
        unsafe sim_bfi32(
          $0.assumingMemoryBound(to: UInt32.self), words(i.a), words(i.b), words(i.c), words(i.e))
      }
    case .insert64:
      unsafe write(i.d, isWide: true) {
        unsafe sim_bfi64(
          $0.assumingMemoryBound(to: UInt64.self), doubleWords(i.a), doubleWords(i.b), words(i.c), words(i.e))
      }
    case .half:
      unsafe write(i.d, isWide: false) {
        unsafe sim_half(
          sim_half_operation(UInt32(i.operation)), sim_half_format(UInt32(i.type)), Int32(i.immediate),
          Int32(i.modifiers), $0.assumingMemoryBound(to: UInt32.self), words(i.a), words(i.b), words(i.c))
      }
    case .double: executeDouble(i)
    case .addCarry, .subtractCarry: executeCarry(i)
    case .predicateLogic: executePredicateLogic(i)
    case .copyPredicate: setPredicate(i.d, predicate(i.a))
    case .convertInteger, .convert, .convertPair, .unpackPair: executeConversion(i)
    case .packVector: executePacking(i)
    case .unpackVector: executeUnpacking(i)
    case .laneByLane: executeLaneByLane(i)
    default: return false
    }
    return true
  }

  @inline(__always)
  private func executeInteger(_ i: DecodedInstruction) {
    unsafe write(i.d, isWide: i.isWide) {
      unsafe sim_integer(
        sim_integer_operation(UInt32(i.operation)), sim_integer_type(UInt32(i.type)), $0, row(i.a), row(i.b),
        row(i.c))
    }
  }

  // MARK: Floating point

  private func executeFloat(_ i: DecodedInstruction) {
    guard i.type == Rounding.nearestEven.rawValue || i.operation >= FloatOperation.sine.rawValue else {
      return executeDirectedFloat(i)
    }
    let modifiers = Int32(i.modifiers)
    unsafe write(i.d, isWide: false) { result in
      let d = unsafe result.assumingMemoryBound(to: Float.self)
      let (a, b) = unsafe (floats(i.a), floats(i.b))
      switch FloatOperation(rawValue: i.operation) {
      case .add: unsafe sim_add_f32(d, a, b, modifiers)
      case .subtract: unsafe sim_sub_f32(d, a, b, modifiers)
      case .multiply: unsafe sim_mul_f32(d, a, b, modifiers)
      case .fuse: unsafe sim_fma_f32(d, a, b, floats(i.c), modifiers)
      case .minimum: unsafe sim_min_f32(d, a, b, modifiers, Int32(i.immediate))
      case .maximum: unsafe sim_max_f32(d, a, b, modifiers, Int32(i.immediate))
      case .divide: unsafe sim_div_f32(d, a, b, modifiers)
      case .reciprocal: unsafe sim_rcp_f32(d, a, modifiers)
      case .squareRoot: unsafe sim_sqrt_f32(d, a, modifiers)
      case .reciprocalSquareRoot: unsafe sim_rsqrt_f32(d, a, modifiers)
      case .sine: unsafe sim_sin_f32(d, a, modifiers)
      case .cosine: unsafe sim_cos_f32(d, a, modifiers)
      case .logarithm: unsafe sim_lg2_f32(d, a, modifiers)
      case .power: unsafe sim_ex2_f32(d, a, modifiers)
      case .hyperbolicTangent: unsafe sim_tanh_f32(d, a)
      case .absolute, .negate, .copySign, nil: unsafe executeSign(i, result)
      }
    }
  }

  /// Operations on the sign of fp32 numbers.
  @unsafe private func executeSign(_ i: DecodedInstruction, _ result: UnsafeMutableRawPointer) {
    let d = unsafe result.assumingMemoryBound(to: UInt32.self)
    let (a, b) = unsafe (words(i.a), words(i.b))
    let flushes = i.modifiers & UInt8(SIM_FTZ) != 0
    for lane in 0..<32 {
      let bits = unsafe a[lane]
      let flushed = flushes && bits & 0x7F80_0000 == 0 ? bits & 0x8000_0000 : bits
      switch FloatOperation(rawValue: i.operation) {
      case .absolute: unsafe d[lane] = flushed & 0x7FFF_FFFF
      case .negate: unsafe d[lane] = flushed ^ 0x8000_0000
      // copysign d, a, b: the sign of a, the magnitude of b.
      default: unsafe d[lane] = (bits & 0x8000_0000) | (b[lane] & 0x7FFF_FFFF)
      }
    }
  }

  /// fp32 with a rounding other than to the nearest: exact enough in double precision, then rounded once.
  private func executeDirectedFloat(_ i: DecodedInstruction) {
    let rounding = Rounding(rawValue: i.type) ?? .nearestEven
    let flushes = i.modifiers & UInt8(SIM_FTZ) != 0
    let saturates = i.modifiers & UInt8(SIM_SATURATE) != 0
    func operand(_ slot: Int32, _ lane: Int) -> Double {
      let bits = word(slot, lane)
      return Double(Float(bitPattern: flushes && bits & 0x7F80_0000 == 0 ? bits & 0x8000_0000 : bits))
    }
    setWords(i.d) { lane in
      let (a, b, c) = (operand(i.a, lane), operand(i.b, lane), operand(i.c, lane))
      let exact =
        switch FloatOperation(rawValue: i.operation) {
        case .add: DirectedArithmetic.sumRoundedToOdd(a, b)
        case .subtract: DirectedArithmetic.sumRoundedToOdd(a, -b)
        case .multiply: a * b
        case .fuse: DirectedArithmetic.fusedRoundedToOdd(a, b, c)
        case .divide: DirectedArithmetic.quotientRoundedToOdd(a, b)
        case .reciprocal: DirectedArithmetic.quotientRoundedToOdd(1, a)
        default: DirectedArithmetic.rootRoundedToOdd(a)
        }
      let terms: (Double, Double)? =
        switch FloatOperation(rawValue: i.operation) {
        case .add: (a, b)
        case .subtract: (a, -b)
        case .fuse: (a * b, c)
        default: nil
        }
      let sum = exact == 0 ? terms.map { DirectedArithmetic.zeroSum($0, $1, rounding) } ?? exact : exact
      var bits = NumberFormat.f32.encode(sum, rounding)
      if flushes, bits & 0x7F80_0000 == 0 { bits &= 0x8000_0000 }
      guard saturates else { return bits }
      let value = Float(bitPattern: bits)
      return (value > 0 ? min(value, 1) : 0).bitPattern
    }
  }

  private func executeDouble(_ i: DecodedInstruction) {
    let rounding = Rounding(rawValue: i.type) ?? .nearestEven
    setDoubleWords(i.d) { lane in
      let (a, b, c) = unsafe (doubles(i.a)[lane], doubles(i.b)[lane], doubles(i.c)[lane])
      let result =
        switch FloatOperation(rawValue: i.operation) {
        case .add: DirectedArithmetic.sum(a, b, rounding)
        case .subtract: DirectedArithmetic.sum(a, -b, rounding)
        case .multiply: DirectedArithmetic.product(a, b, rounding)
        case .fuse: DirectedArithmetic.fused(a, b, c, rounding)
        case .divide: DirectedArithmetic.quotient(a, b, rounding)
        case .reciprocal: DirectedArithmetic.quotient(1, a, rounding)
        case .squareRoot: DirectedArithmetic.root(a, rounding)
        case .minimum: a.isNaN ? b : b.isNaN ? a : a < b || (a == b && a.sign == .minus) ? a : b
        case .maximum: a.isNaN ? b : b.isNaN ? a : a > b || (a == b && a.sign == .plus) ? a : b
        case .absolute: a.magnitude
        case .negate: -a
        default: Double(signOf: a, magnitudeOf: b)
        }
      return result.bitPattern
    }
  }

  // MARK: Comparisons and predicates

  private func executeComparison(_ i: DecodedInstruction) {
    let comparison = sim_comparison(UInt32(i.operation))
    var result: UInt32
    switch i.opcode {
    case .compareInteger:
      result = unsafe sim_compare_integer(comparison, sim_integer_type(UInt32(i.type)), row(i.a), row(i.b))
    case .compareFloat:
      result = unsafe joined(i.type, sim_compare_f32(comparison, floats(i.a), floats(i.b), i.isWide ? 1 : 0))
    case .compareDouble:
      result = unsafe joined(i.type, sim_compare_f64(comparison, doubles(i.a), doubles(i.b)))
    default:
      result = compareHalves(i, comparison)
    }
    let third = predicate(i.c)
    setPredicate(i.e, combined(i.modifiers, ~result, third))
    setPredicate(i.d, combined(i.modifiers, result, third))
  }

  /// Halves compare as the fp32 numbers that they are; of two in a register, the lower ones or, with bit 3 of `type`,
  /// the upper.
  private func compareHalves(_ i: DecodedInstruction, _ comparison: sim_comparison) -> UInt32 {
    let format = i.type & 4 == 0 ? SIM_F16 : SIM_BF16
    let upper: Int32 = i.type & 8 == 0 ? 0 : 1
    return unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 64) { numbers in
      guard let a = numbers.baseAddress else { return 0 }
      unsafe sim_unpack_half(a, words(i.a), format, upper)
      unsafe sim_unpack_half(a + 32, words(i.b), format, upper)
      // Only fp16 has `.ftz`; its subnormal numbers are normal ones of fp32.
      if i.isWide {
        for place in 0..<64 where unsafe a[place].magnitude < 0x1p-14 { unsafe a[place] = 0 }
      }
      return unsafe joined(i.type & 3, sim_compare_f32(comparison, a, a + 32, 0))
    }
  }

  private func joined(_ nan: UInt8, _ comparison: sim_float_comparison) -> UInt32 {
    switch NaNComparison(rawValue: nan) {
    case .unordered: comparison.ordered | comparison.unordered
    case .isNaN: comparison.unordered
    case .isNumber: ~comparison.unordered
    case .ordered, nil: comparison.ordered
    }
  }

  private func combined(_ combination: UInt8, _ a: UInt32, _ b: UInt32) -> UInt32 {
    switch Combination(rawValue: combination) {
    case .and: a & b
    case .or: a | b
    case .xor: a ^ b
    case .some(.none), nil: a
    }
  }

  private func executePredicateLogic(_ i: DecodedInstruction) {
    setPredicate(i.d, combined(i.operation, predicate(i.a), predicate(i.b)))
  }

  private func executeCarry(_ i: DecodedInstruction) {
    let carryIn = i.operation & 1 == 0 ? 0 : predicate(i.c)
    var carryOut: UInt32 = 0
    let isAddition = i.opcode == .addCarry
    func step<T: FixedWidthInteger & UnsignedInteger>(_ a: T, _ b: T, _ lane: Int) -> T {
      let carry = T(carryIn >> UInt32(lane) & 1)
      let first = isAddition ? a.addingReportingOverflow(b) : a.subtractingReportingOverflow(b)
      let second =
        isAddition
        ? first.partialValue.addingReportingOverflow(carry)
        : first.partialValue.subtractingReportingOverflow(carry)
      if first.overflow || second.overflow { carryOut |= 1 << UInt32(lane) }
      return second.partialValue
    }
    if i.isWide {
      setDoubleWords(i.d) { step(doubleWord(i.a, $0), doubleWord(i.b, $0), $0) }
    } else {
      setWords(i.d) { step(word(i.a, $0), word(i.b, $0), $0) }
    }
    if i.operation & 2 != 0 { setPredicate(i.c, carryOut) }
  }

  // MARK: Vectors in registers

  private func executePacking(_ i: DecodedInstruction) {
    let bits = UInt64(i.elementBytes) * 8
    let mask: UInt64 = 1 << bits - 1
    func packed(_ lane: Int) -> UInt64 {
      var value: UInt64 = 0
      for part in 0..<Int(i.extraCount) {
        let slot = unsafe vectors[Int(i.extra) + part]
        value |= (UInt64(word(slot, lane)) & mask) << (bits * UInt64(part))
      }
      return value
    }
    if i.isWide {
      setDoubleWords(i.d) { packed($0) }
    } else {
      setWords(i.d) { UInt32(truncatingIfNeeded: packed($0)) }
    }
  }

  private func executeUnpacking(_ i: DecodedInstruction) {
    let bits = UInt64(i.elementBytes) * 8
    let mask: UInt64 = 1 << bits - 1
    forEachActiveLane { lane in
      // A part may be the source's own register: the source is read before any is written.
      let value = i.isWide ? doubleWord(i.a, lane) : UInt64(word(i.a, lane))
      for part in 0..<Int(i.extraCount) {
        let slot = unsafe vectors[Int(i.extra) + part]
        unsafe words(slot)[lane] = UInt32(truncatingIfNeeded: value >> (bits * UInt64(part)) & mask)
      }
    }
  }
}

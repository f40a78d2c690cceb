import SimulatorKernels

/// Instructions of `LaneOperation`.
extension LaneContext {
  func executeLaneByLane(_ i: DecodedInstruction) {
    guard let operation = LaneOperation(rawValue: i.operation) else { return }
    switch operation {
    case .multiplyAddHighSaturated:
      setWords(i.d) { lane in
        let product = Int64(signed(i.a, lane)) * Int64(signed(i.b, lane))
        return UInt32(bitPattern: Int32(clamping: (product >> 32) + Int64(signed(i.c, lane))))
      }
    case .product24: setWords(i.d) { product24(i, $0) }
    case .productCarry: executeProductCarry(i)
    case .minimum: setWords(i.d) { packed(i, $0) { min($0, $1) } }
    case .maximum: setWords(i.d) { packed(i, $0) { max($0, $1) } }
    case .sumPairs: setWords(i.d) { packed(i, $0) { $0 &+ $1 } }
    case .dotPairs: setWords(i.d) { dotPairs(i, $0) }
    case .findSetBit: setWords(i.d) { setBit(word(i.a, $0), from: word(i.b, $0), signed(i.c, $0)) }
    case .logicPredicate: unsafe executeLogicPredicate(i, vectors[Int(i.extra)])
    case .signExtend: setWords(i.d) { signExtended(i, word(i.a, $0), word(i.b, $0)) }
    case .bitMask: setWords(i.d) { bitMask(word(i.a, $0), word(i.b, $0), clamps: i.modifiers & 1 != 0) }
    case .testNumber: executeNumberTest(i)
    case .minimumSigned, .maximumSigned: setWords(i.d) { signedExtremum(i, $0, operation == .minimumSigned) }
    case .packIntegers: setWords(i.d) { packedIntegers(i, $0) }
    }
  }

  @inline(__always)
  private func signed(_ slot: Int32, _ lane: Int) -> Int32 { Int32(bitPattern: word(slot, lane)) }

  // MARK: Integers

  private func product24(_ i: DecodedInstruction, _ lane: Int) -> UInt32 {
    func number(_ slot: Int32) -> Int64 {
      i.modifiers & Product24.signed != 0
        ? Int64((signed(slot, lane) << 8) >> 8) : Int64(word(slot, lane) & 0xFF_FFFF)
    }
    let product = number(i.a) * number(i.b)
    let part = i.modifiers & Product24.high != 0 ? product >> 16 : product
    guard i.modifiers & Product24.adds != 0 else { return UInt32(truncatingIfNeeded: part) }
    if i.modifiers & Product24.saturates != 0 {
      return UInt32(bitPattern: Int32(clamping: part + Int64(signed(i.c, lane))))
    }
    return UInt32(truncatingIfNeeded: part &+ Int64(word(i.c, lane)))
  }

  private func executeProductCarry(_ i: DecodedInstruction) {
    let carryIn = i.modifiers & CarryProduct.takesCarry == 0 ? 0 : predicate(i.e)
    var carryOut: UInt32 = 0
    func sum<T: FixedWidthInteger>(_ part: T, _ addend: T, _ lane: Int) -> T {
      let (one, carriesOne) = part.addingReportingOverflow(addend)
      let (two, carriesTwo) = one.addingReportingOverflow(T(carryIn >> UInt32(lane) & 1))
      if carriesOne || carriesTwo { carryOut |= 1 << UInt32(lane) }
      return two
    }
    let takesHigh = i.modifiers & CarryProduct.high != 0
    let type = sim_integer_type(UInt32(i.type))
    if i.isWide {
      setDoubleWords(i.d) { lane in
        let (a, b) = (doubleWord(i.a, lane), doubleWord(i.b, lane))
        let high =
          type == SIM_S64
          ? UInt64(bitPattern: Int64(bitPattern: a).multipliedFullWidth(by: Int64(bitPattern: b)).high)
          : a.multipliedFullWidth(by: b).high
        return sum(takesHigh ? high : a &* b, doubleWord(i.c, lane), lane)
      }
    } else {
      setWords(i.d) { lane in
        let (a, b) = (word(i.a, lane), word(i.b, lane))
        let high =
          type == SIM_S32
          ? UInt32(bitPattern: signed(i.a, lane).multipliedFullWidth(by: signed(i.b, lane)).high)
          : a.multipliedFullWidth(by: b).high
        return sum(takesHigh ? high : a &* b, word(i.c, lane), lane)
      }
    }
    if i.modifiers & CarryProduct.givesCarry != 0 { setPredicate(i.e, carryOut) }
  }

  /// Of one s32, or of two numbers of 16 bits.
  private func packed(_ i: DecodedInstruction, _ lane: Int, _ compute: (Int32, Int32) -> Int32) -> UInt32 {
    let (a, b) = (word(i.a, lane), word(i.b, lane))
    let clamps = i.modifiers & PackedInteger.relu != 0
    func one(_ x: Int32, _ y: Int32) -> Int32 { clamps ? max(0, compute(x, y)) : compute(x, y) }
    guard i.modifiers & PackedInteger.pairs != 0 else {
      return UInt32(bitPattern: one(Int32(bitPattern: a), Int32(bitPattern: b)))
    }
    func half(_ bits: UInt32) -> Int32 {
      i.modifiers & PackedInteger.signed != 0
        ? Int32(Int16(truncatingIfNeeded: bits)) : Int32(UInt16(truncatingIfNeeded: bits))
    }
    let low = UInt32(truncatingIfNeeded: one(half(a), half(b))) & 0xFFFF
    return low | UInt32(truncatingIfNeeded: one(half(a >> 16), half(b >> 16))) << 16
  }

  private func dotPairs(_ i: DecodedInstruction, _ lane: Int) -> UInt32 {
    let (a, b) = (word(i.a, lane), word(i.b, lane))
    var sum = word(i.c, lane)
    for place in 0..<2 as Range<UInt32> {
      let half = a >> (16 * place)
      let byte = b >> ((i.modifiers & DotProduct.high != 0 ? 16 : 0) + 8 * place)
      let x =
        i.modifiers & DotProduct.signedA != 0 ? Int32(Int16(truncatingIfNeeded: half)) : Int32(half & 0xFFFF)
      let y =
        i.modifiers & DotProduct.signedB != 0 ? Int32(Int8(truncatingIfNeeded: byte)) : Int32(byte & 0xFF)
      sum &+= UInt32(bitPattern: x &* y)
    }
    return sum
  }

  /// `fns`: the position of a set bit, counted from a base upwards or downwards; all ones without one.
  private func setBit(_ mask: UInt32, from base: UInt32, _ offset: Int32) -> UInt32 {
    guard base < 32 else { return .max }
    if offset == 0 { return mask >> base & 1 == 1 ? base : .max }
    let positions = offset > 0 ? Array(Int(base)..<32) : Array((0...Int(base)).reversed())
    let set = positions.filter { mask >> UInt32($0) & 1 == 1 }
    let number = Int(offset.magnitude) - 1
    return number < set.count ? UInt32(set[number]) : .max
  }

  private func executeLogicPredicate(_ i: DecodedInstruction, _ destination: Int32) {
    var isSet: UInt32 = 0
    let joined = predicate(i.e)
    setWords(i.d) { lane in
      var result: UInt32 = 0
      let (a, b, c) = (word(i.a, lane), word(i.b, lane), word(i.c, lane))
      for term in 0..<8 as Range<UInt32> where i.immediate >> Int64(term) & 1 == 1 {
        result |= (term & 4 != 0 ? a : ~a) & (term & 2 != 0 ? b : ~b) & (term & 1 != 0 ? c : ~c)
      }
      if result != 0 { isSet |= 1 << UInt32(lane) }
      return result
    }
    setPredicate(destination, i.type == 1 ? isSet | joined : isSet & joined)
  }

  /// `szext`: a's lowest b bits, with their sign or without.
  private func signExtended(_ i: DecodedInstruction, _ a: UInt32, _ b: UInt32) -> UInt32 {
    let count = i.modifiers & 1 != 0 ? min(b, 32) : b & 31
    if count == 0 { return 0 }
    let spare = 32 - count
    return i.modifiers & 2 != 0
      ? UInt32(bitPattern: Int32(bitPattern: a << spare) >> Int32(spare)) : (a << spare) >> spare
  }

  /// `bmsk`: b ones from position a on.
  private func bitMask(_ a: UInt32, _ b: UInt32, clamps: Bool) -> UInt32 {
    let (position, count) = clamps ? (min(a, 32), min(b, 32)) : (a & 31, b & 31)
    return UInt32(truncatingIfNeeded: (UInt64(1) << UInt64(count) - 1) << UInt64(position))
  }

  private func packedIntegers(_ i: DecodedInstruction, _ lane: Int) -> UInt32 {
    guard let type = ConversionType(rawValue: i.type) else { return 0 }
    let bits = UInt32(type.bitCount)
    func clamped(_ value: Int32) -> UInt32 {
      let limits: (Int32, Int32) =
        type.isSigned ? (-(1 << Int32(bits - 1)), 1 << Int32(bits - 1) - 1) : (0, 1 << Int32(bits) - 1)
      return UInt32(bitPattern: min(max(value, limits.0), limits.1)) & (1 << bits - 1)
    }
    let pair = clamped(signed(i.a, lane)) << bits | clamped(signed(i.b, lane))
    return i.modifiers & 1 != 0 ? pair | word(i.c, lane) << (2 * bits) : pair
  }

  // MARK: Floating point

  private func executeNumberTest(_ i: DecodedInstruction) {
    guard let test = NumberTest(rawValue: i.type) else { return }
    var result: UInt32 = 0
    forEachActiveLane { lane in
      // fp32 numbers that are subnormal are ordinary doubles: each is asked as what it is.
      let single = Float(bitPattern: word(i.a, lane))
      let holds =
        i.isWide ? Self.holds(test, Double(bitPattern: doubleWord(i.a, lane))) : Self.holds(test, single)
      if holds { result |= 1 << UInt32(lane) }
    }
    setPredicate(i.d, result)
  }

  private static func holds<T: FloatingPoint>(_ test: NumberTest, _ value: T) -> Bool {
    switch test {
    case .finite: value.isFinite
    case .infinite: value.isInfinite
    case .number: !value.isNaN
    case .notanumber: value.isNaN
    // A zero counts as normal (PTX ISA 9.7.3.1).
    case .normal: value.isNormal || value.isZero
    case .subnormal: value.isSubnormal
    }
  }

  private func signedExtremum(_ i: DecodedInstruction, _ lane: Int, _ isMinimum: Bool) -> UInt32 {
    let (a, b) = (word(i.a, lane), word(i.b, lane))
    let format: NumberFormat = i.type == 0 ? .f32 : i.type == 1 ? .f16 : .bf16
    func one(_ a: UInt32, _ b: UInt32) -> UInt32 {
      let sign: UInt32 = i.type == 0 ? 0x8000_0000 : 0x8000
      func magnitude(_ bits: UInt32) -> UInt32 {
        let bits = bits & (sign - 1)
        // The smallest normal number: the lowest bit of the exponent.
        return i.modifiers & SignedExtremum.flushes != 0 && bits < 1 << UInt32(format.fractionBits) ? 0 : bits
      }
      let (x, y) = (magnitude(a), magnitude(b))
      let (isNaNX, isNaNY) = (format.decode(x).isNaN, format.decode(y).isNaN)
      if isNaNX && isNaNY || i.modifiers & SignedExtremum.propagatesNaN != 0 && (isNaNX || isNaNY) {
        return format.canonicalNaN
      }
      let chosen = isNaNX ? y : isNaNY ? x : isMinimum ? min(x, y) : max(x, y)
      return chosen | (a ^ b) & sign
    }
    guard i.type != 0 else { return one(a, b) }
    let low = one(a & 0xFFFF, b & 0xFFFF)
    return i.modifiers & SignedExtremum.pairs != 0 ? low | one(a >> 16, b >> 16) << 16 : low
  }
}

import SimulatorKernels

/// `cvt` (PTX ISA 9.7.9.21): the usual conversions on whole rows, the others lane by lane.
extension LaneContext {
  func executeConversion(_ i: DecodedInstruction) {
    switch i.opcode {
    case .convertInteger: convertInteger(i)
    case .convertPair: convertPair(i)
    case .unpackPair: unpackPair(i)
    default:
      if !convertRow(i) { convertLanes(i) }
    }
  }

  private func convertInteger(_ i: DecodedInstruction) {
    guard let origin = ConversionType(rawValue: i.operation), let target = ConversionType(rawValue: i.type)
    else {
      return
    }
    // What is wider than its type is cut to it first; what goes into a wider register fills it by its sign.
    let fromBits = origin.bitCount
    let isWideSource = i.elementCount == 2
    if isWideSource, fromBits < 64 || i.isWide && target.bitCount < 64 {
      return convertIntegerLanes(i, origin, target)
    }
    if i.isWide && target.bitCount < 64 || i.modifiers & 2 != 0 {
      return convertIntegerLanes(i, origin, target)
    }
    unsafe write(i.d, isWide: i.isWide) {
      unsafe sim_convert_integer(
        $0, Int32(target.bitCount), target.isSigned ? 1 : 0, row(i.a), Int32(fromBits),
        origin.isSigned ? 1 : 0,
        Int32(i.modifiers & 1))
    }
  }

  private func convertIntegerLanes(
    _ i: DecodedInstruction, _ origin: ConversionType, _ target: ConversionType
  ) {
    func converted(_ lane: Int) -> UInt64 {
      let bits = i.elementCount == 2 ? doubleWord(i.a, lane) : UInt64(word(i.a, lane))
      let value = Self.extended(bits, origin.bitCount, isSigned: origin.isSigned)
      let spare = UInt64(64 - target.bitCount)
      guard i.modifiers & 1 != 0 else {
        return Self.extended(value, target.bitCount, isSigned: target.isSigned)
      }
      let high: UInt64 = target.isSigned ? .max >> (spare + 1) : .max >> spare
      let isNegative = origin.isSigned && Int64(bitPattern: value) < 0
      guard isNegative else { return min(value, high) }
      return target.isSigned ? UInt64(bitPattern: max(Int64(bitPattern: value), -Int64(high) - 1)) : 0
    }
    if i.isWide {
      setDoubleWords(i.d) { converted($0) }
    } else {
      setWords(i.d) { UInt32(truncatingIfNeeded: converted($0)) }
    }
  }

  /// The low bits of a number, with its sign or without.
  private static func extended(_ bits: UInt64, _ count: Int, isSigned: Bool) -> UInt64 {
    let spare = UInt64(64 - count)
    return isSigned
      ? UInt64(bitPattern: Int64(bitPattern: bits << spare) >> Int64(spare)) : (bits << spare) >> spare
  }

  // MARK: Whole rows

  /// The conversions that have a loop of their own; false for others.
  private func convertRow(_ i: DecodedInstruction) -> Bool {
    guard i.modifiers & ~ConversionModifier.roundsToInteger == 0, !i.isWide, i.elementCount == 1,
      let origin = ConversionType(rawValue: i.operation), let target = ConversionType(rawValue: i.type),
      let rounding = Rounding(rawValue: UInt8(truncatingIfNeeded: i.immediate))
    else { return false }
    let isNearest = rounding == .nearestEven
    switch (origin, target) {
    case (.f16, .f32), (.bf16, .f32):
      unsafe write(i.d, isWide: false) {
        unsafe sim_unpack_half(
          $0.assumingMemoryBound(to: Float.self), words(i.a), origin == .f16 ? SIM_F16 : SIM_BF16, 0)
      }
    case (.s32, .f32) where isNearest:
      unsafe write(i.d, isWide: false) {
        unsafe sim_f32_of_s32(
          $0.assumingMemoryBound(to: Float.self), row(i.a).assumingMemoryBound(to: Int32.self))
      }
    case (.u32, .f32) where isNearest:
      unsafe write(i.d, isWide: false) {
        unsafe sim_f32_of_u32($0.assumingMemoryBound(to: Float.self), words(i.a))
      }
    case (.f32, .s32) where rounding == .zero:
      unsafe write(i.d, isWide: false) {
        unsafe sim_s32_of_f32($0.assumingMemoryBound(to: Int32.self), floats(i.a))
      }
    case (.f32, .u32) where rounding == .zero:
      unsafe write(i.d, isWide: false) {
        unsafe sim_u32_of_f32($0.assumingMemoryBound(to: UInt32.self), floats(i.a))
      }
    default: return false
    }
    return true
  }

  // MARK: Lane by lane

  private func convertLanes(_ i: DecodedInstruction) {
    guard let origin = ConversionType(rawValue: i.operation), let target = ConversionType(rawValue: i.type),
      let rounding = Rounding(rawValue: UInt8(truncatingIfNeeded: i.immediate))
    else { return }
    func bits(_ lane: Int) -> UInt64 {
      i.elementCount == 2 || origin.bitCount == 64 ? doubleWord(i.a, lane) : UInt64(word(i.a, lane))
    }
    let convert = { (lane: Int) -> UInt64 in
      Self.converted(bits(lane), origin, target, rounding, i.modifiers)
    }
    if i.isWide || target.bitCount == 64 {
      setDoubleWords(i.d, convert)
    } else {
      setWords(i.d) { UInt32(truncatingIfNeeded: convert($0)) }
    }
  }

  private static func converted(
    _ bits: UInt64, _ origin: ConversionType, _ target: ConversionType, _ rounding: Rounding,
    _ modifiers: UInt8
  ) -> UInt64 {
    let saturates = modifiers & ConversionModifier.saturates != 0
    guard origin.isFloatingPoint else {
      return number(ofInteger: bits, origin, target, rounding, saturates: saturates)
    }
    var value =
      origin == .f64 ? Double(bitPattern: bits) : origin.format?.decode(UInt32(truncatingIfNeeded: bits)) ?? 0
    let flushes = modifiers & ConversionModifier.flushes != 0
    if flushes, origin == .f32, value.magnitude < 0x1p-126 { value = Double(signOf: value, magnitudeOf: 0) }
    guard target.isFloatingPoint else {
      let integer = IntegerConversion.integer(
        value, bitCount: target.bitCount, isSigned: target.isSigned, rounding)
      return extended(integer, target.bitCount, isSigned: target.isSigned)
    }
    var rounding = rounding
    if modifiers & ConversionModifier.roundsToInteger != 0 {
      value = IntegerConversion.integral(value, rounding)
      rounding = .nearestEven
    }
    if modifiers & ConversionModifier.relu != 0, value.sign == .minus, !value.isNaN { value = 0 }
    if saturates { value = value > 0 ? min(value, 1) : 0 }
    guard let format = target.format else { return value.bitPattern }
    var encoding = format.encode(
      value, rounding, saturates: modifiers & ConversionModifier.staysFinite != 0)
    if flushes, target == .f32, encoding & 0x7F80_0000 == 0 { encoding &= 0x8000_0000 }
    return UInt64(encoding)
  }

  private static func number(
    ofInteger bits: UInt64, _ origin: ConversionType, _ target: ConversionType, _ rounding: Rounding,
    saturates: Bool
  ) -> UInt64 {
    var value = extended(bits, origin.bitCount, isSigned: origin.isSigned)
    if saturates { value = origin.isSigned && Int64(bitPattern: value) < 0 ? 0 : min(value, 1) }
    guard let format = target.format else {
      return IntegerConversion.double(value, isSigned: origin.isSigned, precision: 53, rounding).bitPattern
    }
    // Rounded once: 64-bit integers have more bits than a double.
    let exact = IntegerConversion.double(
      value, isSigned: origin.isSigned, precision: format.fractionBits + 1, rounding)
    return UInt64(format.encode(exact, rounding))
  }

  // MARK: Pairs

  private func convertPair(_ i: DecodedInstruction) {
    guard let pair = PairFormat(rawValue: i.type),
      let rounding = Rounding(rawValue: UInt8(truncatingIfNeeded: i.immediate))
    else { return }
    if rounding == .nearestEven, i.modifiers == 0, pair.bitCount == 16 {
      unsafe write(i.d, isWide: false) {
        let d = unsafe $0.assumingMemoryBound(to: UInt32.self)
        if pair == .bf16x2 {
          unsafe sim_pack_bf16x2(d, floats(i.a), floats(i.b))
        } else {
          unsafe sim_pack_f16x2(d, floats(i.a), floats(i.b))
        }
      }
      return
    }
    setWords(i.d) { lane in
      let (high, low) = unsafe (floats(i.a)[lane], floats(i.b)[lane])
      return Self.encoded(Double(high), pair, rounding, i.modifiers) << pair.bitCount
        | Self.encoded(Double(low), pair, rounding, i.modifiers)
    }
  }

  private static func encoded(_ value: Double, _ pair: PairFormat, _ rounding: Rounding, _ modifiers: UInt8)
    -> UInt32
  {
    let isClamped = modifiers & ConversionModifier.relu != 0 && value.sign == .minus && !value.isNaN
    return pair.format.encode(
      isClamped ? 0 : value, rounding, saturates: modifiers & ConversionModifier.staysFinite != 0)
  }

  private func unpackPair(_ i: DecodedInstruction) {
    guard let origin = PairFormat(rawValue: i.operation), let target = PairFormat(rawValue: i.type) else {
      return
    }
    let mask: UInt32 = 1 << origin.bitCount - 1
    setWords(i.d) { lane in
      let bits = word(i.a, lane)
      let parts = [bits & mask, bits >> origin.bitCount & mask].map {
        Self.encoded(origin.format.decode($0), target, .nearestEven, i.modifiers)
      }
      return parts[1] << target.bitCount | parts[0]
    }
  }
}

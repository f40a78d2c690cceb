/// A sum of products of floating-point numbers, exact: an integer of 5,000 bits in units of 2^−2400.
///
/// Plain and slow, so that it is easily seen to be right: the reference of every rounding.
struct ExactNumber {
  private static let unit = -2400
  private static let wordCount = 80
  /// Two's complement, lowest word first.
  private var words = [UInt64](repeating: 0, count: wordCount)
  /// Whether some bits below the last have been cut off (towards zero, of a quotient or a root).
  private var isCut = false

  /// Adds ± significand · 2^exponent.
  mutating func add(_ significand: UInt128, exponent: Int, isNegative: Bool) {
    let place = exponent - Self.unit
    let (first, shift) = (place / 64, place % 64)
    let low = UInt64(truncatingIfNeeded: significand)
    let high = UInt64(truncatingIfNeeded: significand >> 64)
    var parts = [low << UInt64(shift), high << UInt64(shift), 0]
    if shift > 0 {
      parts[1] |= low >> UInt64(64 - shift)
      parts[2] = high >> UInt64(64 - shift)
    }
    var carry = false
    for index in first..<Self.wordCount {
      let part = index - first < 3 ? parts[index - first] : 0
      let word = words[index]
      if isNegative {
        let (one, borrowsOne) = word.subtractingReportingOverflow(part)
        let (two, borrowsTwo) = one.subtractingReportingOverflow(carry ? 1 : 0)
        (words[index], carry) = (two, borrowsOne || borrowsTwo)
      } else {
        let (one, carriesOne) = word.addingReportingOverflow(part)
        let (two, carriesTwo) = one.addingReportingOverflow(carry ? 1 : 0)
        (words[index], carry) = (two, carriesOne || carriesTwo)
      }
    }
  }

  /// The exact value of a finite number.
  init(_ bits: UInt64, _ format: ReferenceFormat) {
    guard let (isNegative, significand, exponent) = format.parts(bits) else { return }
    add(UInt128(significand), exponent: exponent, isNegative: isNegative)
  }

  init(_ integer: Int128) {
    add(integer.magnitude, exponent: 0, isNegative: integer < 0)
  }

  /// a · b.
  static func product(_ a: UInt64, _ b: UInt64, _ format: ReferenceFormat) -> ExactNumber {
    var result = ExactNumber(0)
    guard let x = format.parts(a), let y = format.parts(b) else { return result }
    result.add(
      UInt128(x.significand) * UInt128(y.significand), exponent: x.exponent + y.exponent,
      isNegative: x.isNegative != y.isNegative)
    return result
  }

  /// a / b, cut off after at least 60 bits more than a double has. b is not zero.
  static func quotient(_ a: UInt64, _ b: UInt64, _ format: ReferenceFormat) -> ExactNumber {
    var result = ExactNumber(0)
    guard let x = format.parts(a), let y = format.parts(b), y.significand != 0 else { return result }
    // The divisor as small as can be, the dividend as large.
    let zeros = y.significand.trailingZeroBitCount
    let divisor = UInt128(y.significand >> UInt64(zeros))
    let shift = UInt128(x.significand).leadingZeroBitCount
    let (quotient, remainder) = (x.significand == 0 ? 0 : UInt128(x.significand) << shift)
      .quotientAndRemainder(
        dividingBy: divisor)
    result.add(
      quotient, exponent: x.exponent - shift - y.exponent - zeros, isNegative: x.isNegative != y.isNegative)
    result.isCut = remainder != 0
    return result
  }

  /// √a, cut off after more bits than a double has. a is not negative.
  static func root(_ a: UInt64, _ format: ReferenceFormat) -> ExactNumber {
    var result = ExactNumber(0)
    guard let (_, significand, exponent) = format.parts(a), significand != 0 else { return result }
    var shift = UInt128(significand).leadingZeroBitCount - 2
    if (exponent - shift) % 2 != 0 { shift -= 1 }
    let radicand = UInt128(significand) << shift
    // Digit by digit.
    var root: UInt128 = 0
    for bit in stride(from: 63, through: 0, by: -1) {
      let trial = root | 1 << UInt128(bit)
      if trial * trial <= radicand { root = trial }
    }
    result.add(root, exponent: (exponent - shift) / 2, isNegative: false)
    result.isCut = root * root != radicand
    return result
  }

  static func + (a: ExactNumber, b: ExactNumber) -> ExactNumber {
    var result = a
    var carry = false
    for index in 0..<wordCount {
      let (one, carriesOne) = a.words[index].addingReportingOverflow(b.words[index])
      let (two, carriesTwo) = one.addingReportingOverflow(carry ? 1 : 0)
      (result.words[index], carry) = (two, carriesOne || carriesTwo)
    }
    return result
  }

  var isNegative: Bool { words[Self.wordCount - 1] >> 63 == 1 }
  var isZero: Bool { words.allSatisfy { $0 == 0 } && !isCut }

  /// Its magnitude's words.
  private var magnitude: [UInt64] {
    guard isNegative else { return words }
    var carry = true
    return words.map { word in
      let (sum, carries) = (~word).addingReportingOverflow(carry ? 1 : 0)
      carry = carries
      return sum
    }
  }

  /// Rounded to a format. An exact zero gets the sign that is given.
  func rounded(
    _ format: ReferenceFormat, _ rounding: ReferenceRounding, zeroIsNegative: Bool = false,
    saturates: Bool = false
  ) -> UInt64 {
    let magnitude = magnitude
    let sign = isZero ? (zeroIsNegative ? format.signBit : 0) : isNegative ? format.signBit : 0
    guard let top = magnitude.lastIndex(where: { $0 != 0 }) else { return sign }
    let highest = top * 64 + 63 - magnitude[top].leadingZeroBitCount + Self.unit
    let place = max(highest - format.fractionBits, format.lowestExponent)
    let (kept, half, rest) = split(magnitude, at: place - Self.unit)
    let isInexact = half || rest || isCut
    let raises =
      switch rounding {
      case .nearest: half && (rest || isCut || kept & 1 == 1)
      case .nearestAway: half
      case .zero: false
      case .down: isNegative && isInexact
      case .up: !isNegative && isInexact
      }
    // The exponent's field counts from the lowest place; a significand with its leading bit adds one to it.
    let field = UInt64(place - format.lowestExponent) << UInt64(format.fractionBits)
    let encoding = (field + kept + (raises ? 1 : 0)) << UInt64(format.padding)
    guard encoding > format.largest || highest > format.bias + 1 else { return sign | encoding }
    let stays =
      saturates || rounding == .zero || (rounding == .down && !isNegative) || (rounding == .up && isNegative)
    return sign | (stays ? format.largest : format.hasNoInfinity ? format.canonicalNaN : format.infinity)
  }

  /// Bits from a place on, the one below, and whether there are others.
  private func split(_ magnitude: [UInt64], at place: Int) -> (kept: UInt64, half: Bool, rest: Bool) {
    func bit(_ index: Int) -> Bool { magnitude[index / 64] >> UInt64(index % 64) & 1 == 1 }
    var kept = magnitude[place / 64] >> UInt64(place % 64)
    if place % 64 > 0, place / 64 + 1 < Self.wordCount {
      kept |= magnitude[place / 64 + 1] << UInt64(64 - place % 64)
    }
    var rest = false
    for index in 0..<(place - 1) / 64 where magnitude[index] != 0 { rest = true }
    for index in (place - 1) / 64 * 64..<place - 1 where bit(index) { rest = true }
    return (kept, bit(place - 1), rest)
  }

  /// Rounded to an integer; the fraction's sign decides which way.
  func integer(_ rounding: ReferenceRounding) -> Int128 {
    let magnitude = magnitude
    let place = -Self.unit
    let high = UInt128(magnitude[place / 64 + 1]) << 64 | UInt128(magnitude[place / 64])
    let above = place % 64 == 0 ? high : high >> UInt128(place % 64)
    // Beyond 2^100 it is only its sign that matters.
    let isHuge = magnitude[(place / 64 + 2)...].contains { $0 != 0 } || above >> 100 != 0
    let kept = isHuge ? UInt128(1) << 100 : above
    let (_, half, rest) = split(magnitude, at: place)
    let raises =
      switch rounding {
      case .nearest: half && (rest || kept & 1 == 1)
      case .nearestAway: half
      case .zero: false
      case .down: isNegative && (half || rest)
      case .up: !isNegative && (half || rest)
      }
    let value = Int128(kept + (raises ? 1 : 0))
    return isNegative ? -value : value
  }
}

import Testing

/// fp32 and fp64 arithmetic with every rounding (PTX ISA 9.7.3): exact numbers, rounded once.
@Suite("Forms: fp32 and fp64")
struct FloatForms {
  @Test("Every form of rounded arithmetic of fp32 and fp64")
  func conformance() { Self.cases.expectConformance() }

  static var cases: [FormCase] {
    singles + doubles + quotients + extrema + signs + tests
  }

  /// What the modifiers of an instruction do to its operands and its result.
  struct Modifiers {
    var flushes = false
    var saturates = false
    var text: String { (flushes ? ".ftz" : "") + (saturates ? ".sat" : "") }

    func operand(_ bits: UInt64, _ format: ReferenceFormat) -> UInt64 {
      flushes ? format.flushed(bits) : bits
    }

    /// Of a number or NaN.
    func result(_ bits: UInt64, _ format: ReferenceFormat) -> Expected {
      if saturates {
        if format.isNaN(bits) || format.isNegative(bits) { return .bits(0) }
        return .bits(min(flushes ? format.flushed(bits) : bits, format.one))
      }
      // Single and half precision give the canonical NaN; of fp64's nothing is promised.
      if format.isNaN(bits) { return format == .f64 ? .notANumber(format) : .bits(format.canonicalNaN) }
      return .bits(flushes ? format.flushed(bits) : bits)
    }
  }

  /// a · b + c with the rules of IEEE 754 for infinities and zeros; a sum when a is 1, a product when there is no c.
  static func fused(
    _ a: UInt64, _ b: UInt64, _ c: UInt64?, _ format: ReferenceFormat, _ rounding: ReferenceRounding
  ) -> UInt64 {
    if [a, b, c ?? 0].contains(where: format.isNaN) { return format.canonicalNaN }
    let isNegative = format.isNegative(a) != format.isNegative(b)
    let sign = isNegative ? format.signBit : 0
    let productIsInfinite = format.isInfinite(a) || format.isInfinite(b)
    if productIsInfinite {
      if format.isZero(a) || format.isZero(b) { return format.canonicalNaN }
      if let c, format.isInfinite(c), format.isNegative(c) != isNegative { return format.canonicalNaN }
      return format.infinity | sign
    }
    guard let c else {
      return ExactNumber.product(a, b, format).rounded(format, rounding, zeroIsNegative: isNegative)
    }
    if format.isInfinite(c) { return c }
    // Zeros of both signs make +0, but −0 when rounding down; a sum that vanishes likewise.
    let areAlike = isNegative == format.isNegative(c)
    let areZeros = (format.isZero(a) || format.isZero(b)) && format.isZero(c)
    let zeroIsNegative = areZeros && areAlike ? isNegative : rounding == .down
    return (ExactNumber.product(a, b, format) + ExactNumber(c, format)).rounded(
      format, rounding, zeroIsNegative: zeroIsNegative)
  }

  private static let roundings: [ReferenceRounding] = [.nearest, .zero, .down, .up]

  private static func negated(_ bits: UInt64, _ format: ReferenceFormat) -> UInt64 { bits ^ format.signBit }

  /// add, sub, mul and fma with a rounding and modifiers.
  private static func arithmetic(
    _ format: ReferenceFormat, _ name: String, _ rounding: ReferenceRounding, _ modifiers: Modifiers,
    isExplicit: Bool = true
  ) -> [FormCase] {
    let (kind, operand) = (format.kind, FormOperand.number(format))
    let suffix = (isExplicit ? ".\(rounding.rawValue)" : "") + modifiers.text + ".\(name)"
    func form(_ mnemonic: String, _ count: Int, _ compute: @escaping ([UInt64]) -> UInt64) -> FormCase {
      FormCase(mnemonic + suffix, kind, Array(repeating: operand, count: count)) { inputs in
        modifiers.result(compute(inputs.bits.map { modifiers.operand($0, format) }), format)
      }
    }
    let sums = [
      form("add", 2) { fused($0[0], format.one, $0[1], format, rounding) },
      form("sub", 2) { fused($0[0], format.one, negated($0[1], format), format, rounding) },
      form("mul", 2) { fused($0[0], $0[1], nil, format, rounding) },
    ]
    guard isExplicit else { return sums }
    let fusion = ["fma"] + (format == .f32 ? ["mad"] : [])
    return sums + fusion.map { form($0, 3) { fused($0[0], $0[1], $0[2], format, rounding) } }
  }

  private static var singles: [FormCase] {
    let combinations = [false, true].flatMap { flushes in
      [false, true].map { Modifiers(flushes: flushes, saturates: $0) }
    }
    return combinations.flatMap { modifiers in
      roundings.flatMap { arithmetic(.f32, "f32", $0, modifiers) }
        + arithmetic(.f32, "f32", .nearest, modifiers, isExplicit: false)
    }
  }

  private static var doubles: [FormCase] {
    roundings.flatMap { arithmetic(.f64, "f64", $0, Modifiers()) }
      + arithmetic(.f64, "f64", .nearest, Modifiers(), isExplicit: false)
  }

  private static func quotient(
    _ a: UInt64, _ b: UInt64, _ format: ReferenceFormat, _ rounding: ReferenceRounding
  ) -> UInt64 {
    if format.isNaN(a) || format.isNaN(b) { return format.canonicalNaN }
    let isNegative = format.isNegative(a) != format.isNegative(b)
    let sign = isNegative ? format.signBit : 0
    if format.isInfinite(a) { return format.isInfinite(b) ? format.canonicalNaN : format.infinity | sign }
    if format.isInfinite(b) { return sign }
    if format.isZero(b) { return format.isZero(a) ? format.canonicalNaN : format.infinity | sign }
    return ExactNumber.quotient(a, b, format).rounded(format, rounding, zeroIsNegative: isNegative)
  }

  private static func root(_ a: UInt64, _ format: ReferenceFormat, _ rounding: ReferenceRounding) -> UInt64 {
    if format.isZero(a) { return a }
    if format.isNaN(a) || format.isNegative(a) { return format.canonicalNaN }
    return format.isInfinite(a) ? a : ExactNumber.root(a, format).rounded(format, rounding)
  }

  private static var quotients: [FormCase] {
    let types: [(ReferenceFormat, String, [Modifiers])] = [
      (.f32, "f32", [Modifiers(), Modifiers(flushes: true)]), (.f64, "f64", [Modifiers()]),
    ]
    return types.flatMap { format, name, all in
      all.flatMap { modifiers in
        roundings.flatMap { rounding -> [FormCase] in
          let suffix = ".\(rounding.rawValue)\(modifiers.text).\(name)"
          let operand = FormOperand.number(format)
          func form(_ mnemonic: String, _ count: Int, _ compute: @escaping ([UInt64]) -> UInt64) -> FormCase {
            FormCase(mnemonic + suffix, format.kind, Array(repeating: operand, count: count)) { inputs in
              modifiers.result(compute(inputs.bits.map { modifiers.operand($0, format) }), format)
            }
          }
          return [
            form("div", 2) { quotient($0[0], $0[1], format, rounding) },
            form("rcp", 1) { quotient(format.one, $0[0], format, rounding) },
            form("sqrt", 1) { root($0[0], format, rounding) },
          ]
        }
      }
    }
  }

  /// The lesser or the greater, −0 below +0; a number beside NaN unless `.NaN`.
  static func extremum(
    _ a: UInt64, _ b: UInt64, isMinimum: Bool, propagatesNaN: Bool, _ format: ReferenceFormat
  ) -> UInt64 {
    if format.isNaN(a) || format.isNaN(b) {
      if propagatesNaN || format.isNaN(a) && format.isNaN(b) { return format.canonicalNaN }
      return format.isNaN(a) ? b : a
    }
    let (x, y) = (format.value(a), format.value(b))
    let aIsLess = x < y || (x == y && format.isNegative(a))
    return aIsLess == isMinimum ? a : b
  }

  /// The extremum of the magnitudes, with the sign of the product.
  static func signedExtremum(
    _ a: UInt64, _ b: UInt64, isMinimum: Bool, propagatesNaN: Bool, _ format: ReferenceFormat
  ) -> UInt64 {
    let magnitude = extremum(
      a & (format.signBit - 1), b & (format.signBit - 1), isMinimum: isMinimum, propagatesNaN: propagatesNaN,
      format)
    return format.isNaN(magnitude) ? magnitude : magnitude | ((a ^ b) & format.signBit)
  }

  private static var extrema: [FormCase] {
    let singles = ["min", "max"].flatMap { name in
      [false, true].flatMap { flushes in
        [false, true].flatMap { propagates in
          [false, true].map { isSigned in
            let modifiers = Modifiers(flushes: flushes)
            let suffix = modifiers.text + (propagates ? ".NaN" : "") + (isSigned ? ".xorsign.abs" : "")
            return FormCase("\(name)\(suffix).f32", .word, [.number(.f32), .number(.f32)]) { inputs in
              let pair = inputs.bits.map { modifiers.operand($0, .f32) }
              let compute = isSigned ? signedExtremum : extremum
              return .bits(compute(pair[0], pair[1], name == "min", propagates, .f32))
            }
          }
        }
      }
    }
    let doubles = ["min", "max"].map { name in
      FormCase("\(name).f64", .double, [.number(.f64), .number(.f64)]) {
        Modifiers().result(
          extremum($0[0], $0[1], isMinimum: name == "min", propagatesNaN: false, .f64), .f64)
      }
    }
    return singles + doubles
  }

  private static var signs: [FormCase] {
    [("f32", ReferenceFormat.f32), ("f64", .f64)].flatMap { name, format in
      let (kind, operand) = (format.kind, FormOperand.number(format))
      let flushes = name == "f32" ? ["", ".ftz"] : [""]
      // What becomes of a NaN is not said.
      func result(_ bits: UInt64) -> Expected { format.isNaN(bits) ? .notANumber(format) : .bits(bits) }
      return flushes.flatMap { ftz in
        func given(_ bits: UInt64) -> UInt64 { ftz.isEmpty ? bits : format.flushed(bits) }
        return [
          FormCase("abs\(ftz).\(name)", kind, [operand]) { result(given($0[0]) & (format.signBit - 1)) },
          FormCase("neg\(ftz).\(name)", kind, [operand]) { result(given($0[0]) ^ format.signBit) },
        ]
      } + [
        FormCase("copysign.\(name)", kind, [operand, operand]) {
          result(($0[0] & format.signBit) | ($0[1] & (format.signBit - 1)))
        }
      ]
    }
  }

  private static var tests: [FormCase] {
    [("f32", ReferenceFormat.f32), ("f64", .f64)].flatMap { name, format in
      let tests: [(String, (UInt64) -> Bool)] = [
        ("finite", { format.parts($0) != nil }), ("infinite", format.isInfinite),
        ("number", { !format.isNaN($0) }),
        ("notanumber", format.isNaN), ("subnormal", format.isSubnormal),
        ("normal", { format.parts($0) != nil && !format.isSubnormal($0) }),
      ]
      return tests.map { test, holds in
        FormCase("testp.\(test).\(name)", .predicate, [.number(format)]) { .bits(holds($0[0]) ? 1 : 0) }
      }
    }
  }
}

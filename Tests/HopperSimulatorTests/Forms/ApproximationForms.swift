import Foundation
import Testing

/// Approximations (PTX ISA 9.7.3 and 9.7.4): within the errors that the ISA states, over many numbers, and right for
/// special ones.
@Suite("Forms: approximations")
struct ApproximationForms {
  @Test("Every approximation is within its stated error")
  func conformance() { Self.cases.expectConformance() }

  static var cases: [FormCase] { singles + quotients + halves }

  private static let f32 = ReferenceFormat.f32

  /// A function, with what the ISA says of its error at a value.
  private struct Approximation {
    var name: String
    /// Whether it comes with and without `.ftz`.
    var flushes = true
    var exact: (Double) -> Double
    /// Absolute, of the argument and the result.
    var error: (Double, Double) -> Double
    /// Where numbers lie for which the error matters, besides the special and random ones.
    var ranges: [ClosedRange<Double>]
  }

  /// One unit in the last place of a number as fp32.
  private static func unit(_ value: Double) -> Double {
    value.magnitude < 0x1p-126 ? 0x1p-149 : value.magnitude.ulp * 0x1p29
  }

  private static var approximations: [Approximation] {
    [
      // 2 ulp.
      Approximation(
        name: "ex2", exact: { exp2($0) }, error: { 2 * unit($1) }, ranges: [-10...10, -140...(-120), 0...1]),
      // 2⁻²² absolute in (1/2, 2), else relative.
      Approximation(
        name: "lg2", exact: { log2($0) },
        error: { (0.5...2).contains($0) ? 0x1p-22 : $1.magnitude * 0x1p-22 },
        ranges: [0.5...2, 0...1000, 0.99...1.01]),
      // 1 ulp.
      Approximation(
        name: "rcp", exact: { 1 / $0 }, error: { unit($1) }, ranges: [1...2, -3...(-1), 1e-20...1e-19]),
      Approximation(
        name: "sqrt", exact: { $0.squareRoot() }, error: { $1 * 0x1p-23 }, ranges: [1...4, 0...1e-30]),
      Approximation(
        name: "rsqrt", exact: { 1 / $0.squareRoot() }, error: { $1.magnitude * exp2(-22.4) },
        ranges: [1...4, 0...1e-30]),
      // 2⁻²⁰·⁵ absolute in [−2π, 2π]; beyond, only that it is a sine.
      Approximation(
        name: "sin", exact: { sin($0) }, error: { value, _ in value.magnitude <= 2 * .pi ? exp2(-20.5) : 2 },
        ranges: [-6.28...6.28, -0.1...0.1]),
      Approximation(
        name: "cos", exact: { cos($0) }, error: { value, _ in value.magnitude <= 2 * .pi ? exp2(-20.5) : 2 },
        ranges: [-6.28...6.28, 1.5...1.6]),
      Approximation(
        name: "tanh", flushes: false, exact: { tanh($0) }, error: { max($1.magnitude * 0x1p-11, 0x1p-149) },
        ranges: [-4...4, -0.01...0.01]),
    ]
  }

  private static func expected(
    _ bits: UInt64, _ approximation: Approximation, flushes: Bool, _ format: ReferenceFormat = .f32
  ) -> Expected {
    let given = flushes ? format.flushed(bits) : bits
    if format.isNaN(given) { return .bits(format.canonicalNaN) }
    let value = format.value(given)
    let exact = approximation.exact(value)
    if exact.isNaN { return .bits(format.canonicalNaN) }
    let sign = exact.sign == .minus ? format.signBit : 0
    if exact.isInfinite { return .bits(format.infinity | sign) }
    // An exact zero keeps its sign; so do arguments so small that the function is the identity.
    if exact == 0 { return .bits(sign) }
    let error = approximation.error(value, exact)
    // A result that may be subnormal may have been flushed.
    if flushes, exact.magnitude - error < format.value(format.flushed(1 << UInt64(format.fractionBits))) {
      return .near(0, format, error: exact.magnitude + error)
    }
    return .near(exact, format, error: error)
  }

  /// fp32 numbers at even distances, as many as there are threads.
  private static func dense(_ range: ClosedRange<Double>) -> FormOperand {
    FormOperand(
      kind: .word,
      values: .listed(
        (0..<FormCase.threadCount).map { place in
          let part = Double(place) / Double(FormCase.threadCount - 1)
          return UInt64(Float(range.lowerBound + (range.upperBound - range.lowerBound) * part).bitPattern)
        }))
  }

  private static var singles: [FormCase] {
    approximations.flatMap { approximation in
      (approximation.flushes ? [false, true] : [false]).flatMap { flushes in
        ([.number(.f32)] + approximation.ranges.map(dense)).map { operand in
          FormCase("\(approximation.name).approx\(flushes ? ".ftz" : "").f32", .word, [operand]) {
            expected($0[0], approximation, flushes: flushes)
          }
        }
      }
    }
  }

  /// Quotients are within 2 ulp; `div.approx` only for divisors from 2⁻¹²⁶ to 2¹²⁶: beyond, it may be 0, or NaN for an
  /// infinite dividend.
  private static var quotients: [FormCase] {
    ["approx", "full"].flatMap { kind in
      [false, true].map { flushes in
        FormCase("div.\(kind)\(flushes ? ".ftz" : "").f32", .word, [.number(.f32), .number(.f32)]) { inputs in
          let pair = inputs.bits.map { flushes ? f32.flushed($0) : $0 }
          let (a, b) = (f32.value(pair[0]), f32.value(pair[1]))
          if kind == "approx", b.magnitude > 0x1p126, b.isFinite { return .unspecified }
          if kind == "approx", b.magnitude < 0x1p-126, b != 0 { return .unspecified }
          let quotient = Approximation(
            name: "div", exact: { $0 / b }, error: { 2 * unit($1) }, ranges: [])
          if a.isNaN || b.isNaN { return .bits(f32.canonicalNaN) }
          return expected(pair[0], quotient, flushes: flushes)
        }
      }
    }
  }

  private static var halves: [FormCase] {
    let functions: [(String, (Double) -> Double, ReferenceFormat, (Double) -> Double)] = [
      ("ex2", { exp2($0) }, .f16, { $0 * exp2(-9.9) }), ("ex2", { exp2($0) }, .bf16, { $0 * 0x1p-7 }),
      ("tanh", { tanh($0) }, .f16, { _ in exp2(-10.987) }), ("tanh", { tanh($0) }, .bf16, { _ in 0x1p-8 }),
    ]
    return functions.flatMap { name, exact, format, error in
      // Subnormal results have their last place as least error.
      let least = format.value(1)
      let approximation = Approximation(
        name: name, exact: exact, error: { max(error($1.magnitude), least) }, ranges: [])
      let ftz = name == "ex2" ? (format == .f16 ? ["", ".ftz"] : [".ftz"]) : [""]
      let type = format == .f16 ? "f16" : "bf16"
      return ftz.flatMap { ftz in
        [
          FormCase("\(name).approx\(ftz).\(type)", .half, [.number(format)]) {
            expected($0[0], approximation, flushes: !ftz.isEmpty, format)
          },
          // Both halves: the second result is that of the upper.
          FormCase(
            text: "\(name).approx\(ftz).\(type)x2 $t, $0; mov.b32 {$d, $q}, $t", [.half, .half],
            [.pair(format)]
          ) { inputs in
            [UInt64(0), 16].map {
              expected(inputs[0] >> $0 & 0xFFFF, approximation, flushes: !ftz.isEmpty, format)
            }
          },
        ]
      }
    }
  }

}

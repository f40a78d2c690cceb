import Testing

/// Integer arithmetic (PTX ISA 9.7.1): the reference computes in 128 bits, and cuts.
@Suite("Forms: integers")
struct IntegerForms {
  @Test("Every form of integer arithmetic")
  func conformance() { Self.cases.expectConformance() }

  static var cases: [FormCase] {
    IntegerType.all.flatMap(arithmetic) + sums + wide + products24 + carries + packed + dotProducts
  }

  /// An integer type of PTX.
  struct IntegerType {
    var name: String
    var width: Int
    var isSigned: Bool

    static let all = [16, 32, 64].flatMap { width in
      [
        IntegerType(name: "u\(width)", width: width, isSigned: false),
        IntegerType(name: "s\(width)", width: width, isSigned: true),
      ]
    }

    var kind: RegisterKind { width == 64 ? .double : width == 32 ? .word : .half }
    var operand: FormOperand { FormOperand(kind: kind, values: .bits(width)) }
    var highest: Int128 { isSigned ? 1 << Int128(width - 1) - 1 : 1 << Int128(width) - 1 }
    var lowest: Int128 { isSigned ? -(1 << Int128(width - 1)) : 0 }

    func value(_ inputs: FormInputs, _ operand: Int) -> Int128 {
      isSigned ? inputs.signed(operand, width) : inputs.unsigned(operand, width)
    }

    /// The lowest bits.
    func bits(_ value: Int128) -> Expected {
      .bits(UInt64(truncatingIfNeeded: value) & (.max >> UInt64(64 - width)))
    }

    func clamped(_ value: Int128) -> Int128 { min(max(value, lowest), highest) }
  }

  private static func arithmetic(_ type: IntegerType) -> [FormCase] {
    let operand = type.operand
    func binary(_ name: String, _ compute: @escaping (Int128, Int128) -> Int128) -> FormCase {
      FormCase("\(name).\(type.name)", type.kind, [operand, operand]) {
        type.bits(compute(type.value($0, 0), type.value($0, 1)))
      }
    }
    func ternary(_ name: String, _ compute: @escaping (Int128, Int128, Int128) -> Int128) -> FormCase {
      FormCase("\(name).\(type.name)", type.kind, [operand, operand, operand]) {
        type.bits(compute(type.value($0, 0), type.value($0, 1), type.value($0, 2)))
      }
    }
    let width = Int128(type.width)
    var cases = [
      binary("add") { $0 + $1 }, binary("sub") { $0 - $1 },
      binary("min") { min($0, $1) }, binary("max") { max($0, $1) },
      // Products of 64 bits without sign have 128: wrapping arithmetic keeps the bits that count.
      binary("mul.lo") { $0 &* $1 },
      binary("mul.hi") { type.width == 64 ? highHalf($0, $1) : ($0 * $1) >> width },
      ternary("mad.lo") { ($0 &* $1) &+ $2 },
      ternary("mad.hi") { (type.width == 64 ? highHalf($0, $1) : ($0 * $1) >> width) + $2 },
      ternary("sad") { $2 + ($0 < $1 ? $1 - $0 : $0 - $1) },
      // Division by zero gives all ones, its remainder the dividend: what the hardware's sequence does.
      binary("div") { $1 == 0 ? -1 : $0 / $1 }, binary("rem") { $1 == 0 ? $0 : $0 % $1 },
    ]
    if type.isSigned {
      cases.append(
        FormCase("abs.\(type.name)", type.kind, [operand]) { type.bits(Int128(type.value($0, 0).magnitude)) })
      cases.append(FormCase("neg.\(type.name)", type.kind, [operand]) { type.bits(-type.value($0, 0)) })
    }
    return cases
  }

  /// The upper 64 bits of the product of 64-bit numbers.
  private static func highHalf(_ a: Int128, _ b: Int128) -> Int128 {
    if a < 0 || b < 0 { return (a * b) >> 64 }
    return Int128(truncatingIfNeeded: (UInt128(a) * UInt128(b)) >> 64)
  }

  private static func type(_ name: String) -> IntegerType {
    IntegerType.all.first { $0.name == name } ?? IntegerType.all[0]
  }

  /// Sums that stop at the ends of the range (`.sat`), and clamps to positive numbers (`.relu`).
  private static var sums: [FormCase] {
    let s32 = type("s32")
    func saturating(_ name: String, _ count: Int, _ compute: @escaping ([Int128]) -> Int128) -> FormCase {
      FormCase(name, .word, Array(repeating: .word, count: count)) { inputs in
        s32.bits(s32.clamped(compute((0..<count).map { s32.value(inputs, $0) })))
      }
    }
    return [
      saturating("add.sat.s32", 2) { $0[0] + $0[1] }, saturating("sub.sat.s32", 2) { $0[0] - $0[1] },
      saturating("mad.hi.sat.s32", 3) { (($0[0] * $0[1]) >> 32) + $0[2] },
      FormCase("min.relu.s32", .word, [.word, .word]) {
        s32.bits(max(0, min(s32.value($0, 0), s32.value($0, 1))))
      },
      FormCase("max.relu.s32", .word, [.word, .word]) {
        s32.bits(max(0, max(s32.value($0, 0), s32.value($0, 1))))
      },
    ]
  }

  /// Products of twice the width.
  private static var wide: [FormCase] {
    ["u16", "s16", "u32", "s32"].flatMap { name in
      let from = type(name)
      let to = type((from.isSigned ? "s" : "u") + "\(from.width * 2)")
      return [
        FormCase("mul.wide.\(name)", to.kind, [from.operand, from.operand]) {
          to.bits(from.value($0, 0) * from.value($0, 1))
        },
        FormCase("mad.wide.\(name)", to.kind, [from.operand, from.operand, to.operand]) {
          to.bits(from.value($0, 0) * from.value($0, 1) + to.value($0, 2))
        },
      ]
    }
  }

  /// Products of 24 bits: `.lo` the lower 32 of their 48, `.hi` the upper.
  private static var products24: [FormCase] {
    ["u32", "s32"].flatMap { name in
      let type = type(name)
      func product(_ inputs: FormInputs) -> Int128 {
        type.isSigned
          ? inputs.signed(0, 24) * inputs.signed(1, 24) : inputs.unsigned(0, 24) * inputs.unsigned(1, 24)
      }
      let pair: [FormOperand] = [.word, .word]
      let cases = [
        FormCase("mul24.lo.\(name)", .word, pair) { type.bits(product($0)) },
        FormCase("mul24.hi.\(name)", .word, pair) { type.bits(product($0) >> 16) },
        FormCase("mad24.lo.\(name)", .word, pair + [.word]) { type.bits(product($0) + type.value($0, 2)) },
        FormCase("mad24.hi.\(name)", .word, pair + [.word]) {
          type.bits((product($0) >> 16) + type.value($0, 2))
        },
      ]
      let saturating = FormCase("mad24.hi.sat.s32", .word, pair + [.word]) {
        type.bits(type.clamped((product($0) >> 16) + type.value($0, 2)))
      }
      return cases + (type.isSigned ? [saturating] : [])
    }
  }

  /// Sums, differences and products whose carry goes on: two words of a wider number.
  private static var carries: [FormCase] {
    ["u32", "s32", "u64", "s64"].flatMap { name in
      let type = type(name)
      let four = Array(repeating: type.operand, count: 4)
      let (kind, width) = (type.kind, type.width)
      func number(_ inputs: FormInputs, _ high: Int, _ low: Int) -> UInt128 {
        UInt128(inputs.unsigned(high, width)) << UInt128(width) | UInt128(inputs.unsigned(low, width))
      }
      func both(_ value: UInt128) -> [Expected] {
        [
          .bits(kind.truncated(UInt64(truncatingIfNeeded: value))),
          .bits(kind.truncated(UInt64(truncatingIfNeeded: value >> UInt128(width)))),
        ]
      }
      func low(_ value: UInt128) -> UInt128 { value & (1 << UInt128(width) - 1) }
      func product(_ inputs: FormInputs) -> UInt128 {
        UInt128(inputs.unsigned(0, width)) * UInt128(inputs.unsigned(1, width))
      }
      func highProduct(_ inputs: FormInputs) -> UInt128 {
        let (a, b) = (type.value(inputs, 0), type.value(inputs, 1))
        return low(UInt128(truncatingIfNeeded: width == 64 ? highHalf(a, b) : (a * b) >> Int128(width)))
      }
      // The carry in front, made by an addition whose sum is not looked at.
      let carry = "add.cc.\(name) $d, $0, $1;"
      func carried(_ inputs: FormInputs) -> UInt128 {
        (UInt128(inputs.unsigned(0, width)) + UInt128(inputs.unsigned(1, width))) >> UInt128(width)
      }
      return [
        FormCase(text: "add.cc.\(name) $d, $0, $2; addc.\(name) $q, $1, $3", [kind, kind], four) {
          both(number($0, 1, 0) &+ number($0, 3, 2))
        },
        FormCase(text: "sub.cc.\(name) $d, $0, $2; subc.\(name) $q, $1, $3", [kind, kind], four) {
          both(number($0, 1, 0) &- number($0, 3, 2))
        },
        FormCase(text: "\(carry) addc.cc.\(name) $d, $0, $2; addc.\(name) $q, $3, 0", [kind, kind], four) {
          inputs in
          let sum = UInt128(inputs.unsigned(0, width)) + UInt128(inputs.unsigned(2, width)) + carried(inputs)
          return both(
            low(sum) | ((sum >> UInt128(width)) + UInt128(inputs.unsigned(3, width))) << UInt128(width))
        },
        FormCase(
          text: "sub.cc.\(name) $d, $0, $1; subc.cc.\(name) $d, $2, $3; subc.\(name) $q, 0, 0", [kind, kind],
          four
        ) {
          inputs in
          let borrow: Int128 = inputs.unsigned(0, width) < inputs.unsigned(1, width) ? 1 : 0
          return both(
            UInt128(truncatingIfNeeded: inputs.unsigned(2, width) - inputs.unsigned(3, width) - borrow)
          )
          .enumerated().map { index, expected in
            index == 0
              ? expected
              : .bits(
                inputs.unsigned(2, width) - inputs.unsigned(3, width) - borrow < 0 ? kind.truncated(.max) : 0)
          }
        },
        FormCase(
          text: "mad.lo.cc.\(name) $d, $0, $1, $2; madc.hi.\(name) $q, $0, $1, $3", [kind, kind], four
        ) {
          inputs in
          let sum = low(product(inputs)) + UInt128(inputs.unsigned(2, width))
          let high = highProduct(inputs) + UInt128(inputs.unsigned(3, width)) + sum >> UInt128(width)
          return both(low(sum) | low(high) << UInt128(width))
        },
        FormCase(
          text: "\(carry) madc.lo.cc.\(name) $d, $0, $1, $2; addc.\(name) $q, $3, 0", [kind, kind], four
        ) { inputs in
          let sum = low(product(inputs)) + UInt128(inputs.unsigned(2, width)) + carried(inputs)
          return both(
            low(sum) | low(UInt128(inputs.unsigned(3, width)) + sum >> UInt128(width)) << UInt128(width))
        },
        FormCase(text: "mad.hi.cc.\(name) $d, $0, $1, $2; addc.\(name) $q, $3, 0", [kind, kind], four) {
          inputs in
          let sum = highProduct(inputs) + UInt128(inputs.unsigned(2, width))
          return both(
            low(sum) | low(UInt128(inputs.unsigned(3, width)) + sum >> UInt128(width)) << UInt128(width))
        },
      ]
    }
  }

  /// Two numbers of 16 bits in a word.
  private static var packed: [FormCase] {
    ["u16x2", "s16x2"].flatMap { name in
      let half = type(String(name.dropLast(2)))
      func both(_ compute: @escaping (Int128, Int128) -> Int128) -> (FormInputs) -> Expected {
        { inputs in
          let parts = [UInt64(0), 16].map { shift -> UInt64 in
            let part = FormInputs(bits: [inputs[0] >> shift, inputs[1] >> shift])
            return UInt64(truncatingIfNeeded: compute(half.value(part, 0), half.value(part, 1))) & 0xFFFF
          }
          return .bits(parts[1] << 16 | parts[0])
        }
      }
      let pair: [FormOperand] = [.word, .word]
      let cases = [
        FormCase("add.\(name)", .word, pair, both { $0 + $1 }),
        FormCase("min.\(name)", .word, pair, both { min($0, $1) }),
        FormCase("max.\(name)", .word, pair, both { max($0, $1) }),
      ]
      guard half.isSigned else { return cases }
      return cases + [
        FormCase("min.relu.s16x2", .word, pair, both { max(0, min($0, $1)) }),
        FormCase("max.relu.s16x2", .word, pair, both { max(0, max($0, $1)) }),
      ]
    }
  }

  private static var dotProducts: [FormCase] {
    ["u32", "s32"].flatMap { a in
      ["u32", "s32"].flatMap { b in
        func number(_ bits: UInt64, _ place: UInt64, _ width: Int, _ type: String) -> Int128 {
          let part = FormInputs(bits: [bits >> place])
          return type == "s32" ? part.signed(0, width) : part.unsigned(0, width)
        }
        let three: [FormOperand] = [.word, .word, .word]
        func pairs(_ inputs: FormInputs, first: UInt64) -> Expected {
          let sum = [UInt64(0), 1].reduce(inputs.signed(2, 32)) {
            $0 + number(inputs[0], 16 * $1, 16, a) * number(inputs[1], first + 8 * $1, 8, b)
          }
          return type("u32").bits(sum)
        }
        return [
          FormCase("dp4a.\(a).\(b)", .word, three) { inputs in
            type("u32").bits(
              (0..<4 as Range<UInt64>).reduce(inputs.signed(2, 32)) {
                $0 + number(inputs[0], 8 * $1, 8, a) * number(inputs[1], 8 * $1, 8, b)
              })
          },
          FormCase("dp2a.lo.\(a).\(b)", .word, three) { pairs($0, first: 0) },
          FormCase("dp2a.hi.\(a).\(b)", .word, three) { pairs($0, first: 16) },
        ]
      }
    }
  }
}

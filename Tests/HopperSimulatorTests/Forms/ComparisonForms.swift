import Testing

/// `setp` and `set` (PTX ISA 9.7.6): all comparisons of all types, joined with a predicate or not.
@Suite("Forms: comparisons")
struct ComparisonForms {
  @Test("Every comparison of every type")
  func conformance() { Self.cases.expectConformance() }

  static var cases: [FormCase] { integers + numbers + packed + sets }

  /// A comparison by the order of two values: nil when they have none.
  private static func holds(_ comparison: String, _ order: Int?) -> Bool {
    switch comparison {
    case "eq": order == 0
    case "ne": order.map { $0 != 0 } ?? false
    case "lt", "lo": order.map { $0 < 0 } ?? false
    case "le", "ls": order.map { $0 <= 0 } ?? false
    case "gt", "hi": order.map { $0 > 0 } ?? false
    case "ge", "hs": order.map { $0 >= 0 } ?? false
    case "num": order != nil
    case "nan": order == nil
    // `equ`, `ltu` and so on: true without an order.
    default: order == nil || holds(String(comparison.dropLast()), order)
    }
  }

  private static func joined(_ combination: String, _ result: Bool, _ other: UInt64) -> UInt64 {
    let bit: UInt64 = result ? 1 : 0
    return switch combination {
    case "and": bit & other
    case "or": bit | other
    default: bit ^ other
    }
  }

  /// A type of PTX with what it compares.
  private struct Comparand {
    var name: String
    var operand: FormOperand
    var comparisons: [String]
    var order: (UInt64, UInt64) -> Int?
  }

  private static var integerTypes: [Comparand] {
    [16, 32, 64].flatMap { width in
      ["b", "u", "s"].map { sign in
        let kind: RegisterKind = width == 64 ? .double : width == 32 ? .word : .half
        let comparisons =
          sign == "b"
          ? ["eq", "ne"]
          : ["eq", "ne", "lt", "le", "gt", "ge"] + (sign == "u" ? ["lo", "ls", "hi", "hs"] : [])
        return Comparand(
          name: "\(sign)\(width)", operand: FormOperand(kind: kind, values: .bits(width)),
          comparisons: comparisons
        ) { a, b in
          let inputs = FormInputs(bits: [a, b])
          let difference =
            sign == "s"
            ? inputs.signed(0, width) - inputs.signed(1, width)
            : inputs.unsigned(0, width) - inputs.unsigned(1, width)
          return difference < 0 ? -1 : difference > 0 ? 1 : 0
        }
      }
    }
  }

  private static func order(_ a: UInt64, _ b: UInt64, _ format: ReferenceFormat, flushes: Bool = false)
    -> Int?
  {
    let (x, y) =
      flushes
      ? (format.value(format.flushed(a)), format.value(format.flushed(b)))
      : (format.value(a), format.value(b))
    return x.isNaN || y.isNaN ? nil : x < y ? -1 : x > y ? 1 : 0
  }

  private static let numberComparisons =
    ["eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"]

  private static func numberType(_ name: String, _ format: ReferenceFormat) -> Comparand {
    Comparand(name: name, operand: .number(format), comparisons: numberComparisons) { order($0, $1, format) }
  }

  private static func flushing(_ name: String, _ format: ReferenceFormat) -> Comparand {
    Comparand(name: name, operand: .number(format), comparisons: numberComparisons) {
      order($0, $1, format, flushes: true)
    }
  }

  private static func setPredicate(_ type: Comparand, _ comparison: String) -> FormCase {
    FormCase("setp.\(comparison).\(type.name)", .predicate, [type.operand, type.operand]) {
      .bits(holds(comparison, type.order($0[0], $0[1])) ? 1 : 0)
    }
  }

  /// With a second destination, which gets the complement; and with a predicate that is joined with both.
  private static func joinedPredicates(_ type: Comparand, ftz: String = "") -> [FormCase] {
    let comparison = type.comparisons[0]
    let both = FormCase(
      text: "setp.\(comparison)\(ftz).\(type.name) $d|$q, $0, $1", [.predicate, .predicate],
      [type.operand, type.operand]
    ) {
      let holds = holds(comparison, type.order($0[0], $0[1]))
      return [.bits(holds ? 1 : 0), .bits(holds ? 0 : 1)]
    }
    let joins = type.comparisons.enumerated().map { place, comparison in
      let combination = ["and", "or", "xor"][place % 3]
      let sign = place % 2 == 1 ? "!" : ""
      return FormCase(
        text: "setp.\(comparison).\(combination)\(ftz).\(type.name) $d|$q, $0, $1, \(sign)$2",
        [.predicate, .predicate], [type.operand, type.operand, .predicate]
      ) { inputs in
        let holds = holds(comparison, type.order(inputs[0], inputs[1]))
        let other = sign.isEmpty ? inputs[2] : 1 - inputs[2]
        return [.bits(joined(combination, holds, other)), .bits(joined(combination, !holds, other))]
      }
    }
    return [both] + joins
  }

  private static var integers: [FormCase] {
    integerTypes.flatMap { type in
      type.comparisons.map { setPredicate(type, $0) } + joinedPredicates(type)
    }
  }

  private static let formats: [(String, ReferenceFormat)] = [
    ("f16", .f16), ("bf16", .bf16), ("f32", .f32), ("f64", .f64),
  ]

  private static var numbers: [FormCase] {
    formats.flatMap { name, format in
      let type = numberType(name, format)
      return numberComparisons.map { setPredicate(type, $0) } + joinedPredicates(type)
    }
      + [("f32", ReferenceFormat.f32), ("f16", .f16)].flatMap { name, format in
        numberComparisons.map { comparison in
          FormCase("setp.\(comparison).ftz.\(name)", .predicate, [.number(format), .number(format)]) {
            .bits(holds(comparison, order($0[0], $0[1], format, flushes: true)) ? 1 : 0)
          }
        } + joinedPredicates(flushing(name, format), ftz: ".ftz")
      }
  }

  /// Two comparisons: the lower halves' goes into the first destination, the upper halves' into the second.
  private static var packed: [FormCase] {
    [("f16x2", ReferenceFormat.f16), ("bf16x2", .bf16)].flatMap { name, format in
      func halves(_ comparison: String, _ inputs: FormInputs) -> [Bool] {
        [UInt64(0), 16].map {
          holds(comparison, order(inputs[0] >> $0 & 0xFFFF, inputs[1] >> $0 & 0xFFFF, format))
        }
      }
      let pair: [FormOperand] = [.pair(format), .pair(format)]
      let plain = ["eq", "ltu", "nan"].map { comparison in
        FormCase(text: "setp.\(comparison).\(name) $d|$q, $0, $1", [.predicate, .predicate], pair) {
          halves(comparison, $0).map { .bits($0 ? 1 : 0) }
        }
      }
      let joins = FormCase(
        text: "setp.ge.and.\(name) $d|$q, $0, $1, $2", [.predicate, .predicate], pair + [.predicate]
      ) { inputs in halves("ge", inputs).map { .bits(joined("and", $0, inputs[2])) } }
      let set = FormCase("set.lt.\(name).\(name)", .word, pair) { inputs in
        let results = halves("lt", inputs)
        return .bits((results[0] ? format.one : 0) | (results[1] ? format.one << 16 : 0))
      }
      return plain + [joins, set]
    }
  }

  /// Results in registers: all ones, or 1 as a number.
  private static var sets: [FormCase] {
    let targets: [(String, RegisterKind, UInt64)] = [
      ("u32", .word, 0xFFFF_FFFF), ("s32", .word, 0xFFFF_FFFF), ("f32", .word, 0x3F80_0000),
    ]
    let types =
      integerTypes + [
        numberType("f16", .f16), numberType("bf16", .bf16), numberType("f32", .f32), numberType("f64", .f64),
      ]
    let plain = types.flatMap { type in
      targets.flatMap { target, kind, truth in
        [
          FormCase("set.\(type.comparisons[1]).\(target).\(type.name)", kind, [type.operand, type.operand]) {
            .bits(holds(type.comparisons[1], type.order($0[0], $0[1])) ? truth : 0)
          }
        ]
      }
    }
    let word = integerTypes[4]
    let all = word.comparisons.map { comparison in
      FormCase("set.\(comparison).u32.u32", .word, [.word, .word]) {
        .bits(holds(comparison, word.order($0[0], $0[1])) ? 0xFFFF_FFFF : 0)
      }
    }
    let single = numberComparisons.map { comparison in
      FormCase("set.\(comparison).ftz.f32.f32", .word, [.number(.f32), .number(.f32)]) {
        .bits(holds(comparison, order($0[0], $0[1], .f32, flushes: true)) ? 0x3F80_0000 : 0)
      }
    }
    let halves: [FormCase] = [("u16", UInt64(0xFFFF)), ("s16", 0xFFFF), ("f16", 0x3C00)].map {
      target, truth in
      FormCase("set.geu.\(target).f16", .half, [.number(.f16), .number(.f16)]) {
        .bits(holds("geu", order($0[0], $0[1], .f16)) ? truth : 0)
      }
    }
    let brain = FormCase("set.gt.bf16.bf16", .half, [.number(.bf16), .number(.bf16)]) {
      .bits(holds("gt", order($0[0], $0[1], .bf16)) ? 0x3F80 : 0)
    }
    // Every comparison, every combination, every type; not each with each.
    let joins = types.flatMap { type in
      type.comparisons.enumerated().map { place, comparison in
        let combination = ["and", "or", "xor"][place % 3]
        let (target, kind, truth) = targets[place % targets.count]
        let ftz = type.name == "f32" && place % 2 == 0 ? ".ftz" : ""
        return FormCase(
          "set.\(comparison).\(combination)\(ftz).\(target).\(type.name)", kind,
          [type.operand, type.operand, .predicate]
        ) { inputs in
          let order =
            ftz.isEmpty ? type.order(inputs[0], inputs[1]) : order(inputs[0], inputs[1], .f32, flushes: true)
          return .bits(joined(combination, holds(comparison, order), inputs[2]) == 1 ? truth : 0)
        }
      }
    }
    let halfJoins: [FormCase] = [
      ("u16", ReferenceFormat.f16, "f16", UInt64(0xFFFF)), ("s16", .f16, "f16", 0xFFFF),
      ("f16", .f16, "f16", 0x3C00),
      ("bf16", .bf16, "bf16", 0x3F80),
    ].map { target, format, type, truth in
      FormCase("set.ne.or.\(target).\(type)", .half, [.number(format), .number(format), .predicate]) {
        inputs in
        let holds = holds("ne", order(inputs[0], inputs[1], format))
        return .bits(joined("or", holds, inputs[2]) == 1 ? truth : 0)
      }
    }
    let packedJoins = [("f16x2", ReferenceFormat.f16), ("bf16x2", .bf16)].map { name, format in
      FormCase("set.ge.xor.\(name).\(name)", .word, [.pair(format), .pair(format), .predicate]) { inputs in
        .bits(
          [UInt64(0), 16].reduce(0) { result, shift in
            let holds = holds("ge", order(inputs[0] >> shift & 0xFFFF, inputs[1] >> shift & 0xFFFF, format))
            return result | (joined("xor", holds, inputs[2]) == 1 ? format.one << shift : 0)
          })
      }
    }
    return plain + all + single + halves + [brain] + joins + halfJoins + packedJoins
  }
}

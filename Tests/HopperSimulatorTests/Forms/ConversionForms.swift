import Testing

/// `cvt` (PTX ISA 9.7.9.21): every pair of types that it takes, with every rounding.
@Suite("Forms: conversions")
struct ConversionForms {
  @Test("Every conversion")
  func conformance() { Self.cases.expectConformance() }

  static var cases: [FormCase] {
    integers + toNumbers + toIntegers + betweenNumbers + integral + narrow + pairs + eights + packs
  }

  private typealias IntegerType = IntegerForms.IntegerType

  private static let integerTypes = [8, 16, 32, 64].flatMap { width in
    ["u", "s"].map { IntegerType(name: "\($0)\(width)", width: width, isSigned: $0 == "s") }
  }

  private static let numberTypes: [(name: String, format: ReferenceFormat)] = [
    ("f16", .f16), ("bf16", .bf16), ("f32", .f32), ("f64", .f64),
  ]

  private static func kind(_ width: Int) -> RegisterKind {
    width == 64 ? .double : width == 32 ? .word : .half
  }

  /// Integers of 8 bits come and go in registers of 16, filled by their sign.
  private static func register(_ value: Int128, _ type: IntegerType) -> Expected {
    let kind = kind(type.width)
    let low = UInt64(truncatingIfNeeded: value) & (.max >> UInt64(64 - type.width))
    let signed = FormInputs(bits: [low]).signed(0, type.width)
    return .bits(kind.truncated(type.isSigned ? UInt64(truncatingIfNeeded: signed) : low))
  }

  private static func operand(_ type: IntegerType) -> FormOperand {
    FormOperand(kind: kind(type.width), values: .bits(kind(type.width).bitCount))
  }

  private static var integers: [FormCase] {
    integerTypes.flatMap { from in
      integerTypes.flatMap { to in
        [
          FormCase("cvt.\(to.name).\(from.name)", kind(to.width), [operand(from)]) {
            register(from.value($0, 0), to)
          },
          FormCase("cvt.sat.\(to.name).\(from.name)", kind(to.width), [operand(from)]) {
            register(to.clamped(from.value($0, 0)), to)
          },
        ]
      }
    }
      // Registers may be wider than what is taken from them and put into them.
      + [
        FormCase("cvt.s32.s8", .word, [.word]) { register($0.signed(0, 8), integerTypes[5]) },
        FormCase("cvt.u32.u8", .word, [.word]) { .bits($0[0] & 0xFF) },
        FormCase("cvt.s16.s8", .word, [.word]) {
          .bits(RegisterKind.word.truncated(UInt64(truncatingIfNeeded: $0.signed(0, 8))))
        },
        FormCase("cvt.u8.u32", .word, [.word]) { .bits($0[0] & 0xFF) },
        FormCase("cvt.u64.u8", .double, [.word]) { .bits($0[0] & 0xFF) },
        FormCase("cvt.s64.s16", .double, [.word]) { .bits(UInt64(truncatingIfNeeded: $0.signed(0, 16))) },
      ]
  }

  private static let roundings: [ReferenceRounding] = [.nearest, .zero, .down, .up]

  private static var toNumbers: [FormCase] {
    integerTypes.flatMap { from in
      numberTypes.flatMap { name, format in
        roundings.map { rounding in
          FormCase("cvt.\(rounding.rawValue).\(name).\(from.name)", format.kind, [operand(from)]) {
            .bits(ExactNumber(from.value($0, 0)).rounded(format, rounding))
          }
        }
      }
    } + [
      FormCase("cvt.rn.sat.f32.s32", .word, [.word]) {
        .bits($0.signed(0, 32) > 0 ? ReferenceFormat.f32.one : 0)
      }
    ]
  }

  /// A number as an integer: what is out of range becomes its end, NaN 0, or for 64 bits the sign bit alone.
  private static func integer(
    _ bits: UInt64, _ format: ReferenceFormat, _ to: IntegerType, _ rounding: ReferenceRounding
  ) -> Expected {
    if format.isNaN(bits) { return to.width == 64 ? .bits(1 << 63) : .bits(0) }
    if format.isInfinite(bits) { return register(format.isNegative(bits) ? to.lowest : to.highest, to) }
    return register(to.clamped(ExactNumber(bits, format).integer(rounding)), to)
  }

  private static var toIntegers: [FormCase] {
    integerTypes.flatMap { to in
      numberTypes.flatMap { name, format -> [FormCase] in
        let plain = roundings.map { rounding in
          FormCase("cvt.\(rounding.rawValue)i.\(to.name).\(name)", kind(to.width), [.number(format)]) {
            integer($0[0], format, to, rounding)
          }
        }
        guard name == "f32" else { return plain }
        return plain + [
          FormCase("cvt.rpi.ftz.\(to.name).f32", kind(to.width), [.number(format)]) {
            integer(format.flushed($0[0]), format, to, .up)
          },
          FormCase("cvt.rzi.sat.\(to.name).f32", kind(to.width), [.number(format)]) {
            integer($0[0], format, to, .zero)
          },
        ]
      }
    }
  }

  /// A number in another format.
  private static func converted(
    _ bits: UInt64, _ from: ReferenceFormat, _ to: ReferenceFormat, _ rounding: ReferenceRounding,
    saturates: Bool = false
  ) -> UInt64 {
    if from.isNaN(bits) { return to.canonicalNaN }
    let sign = from.isNegative(bits) ? to.signBit : 0
    if from.isInfinite(bits) {
      return sign | (saturates ? to.largest : to.hasNoInfinity ? to.canonicalNaN : to.infinity)
    }
    return ExactNumber(bits, from).rounded(to, rounding, zeroIsNegative: sign != 0, saturates: saturates)
  }

  private static func number(_ bits: UInt64, _ format: ReferenceFormat) -> Expected {
    format.isNaN(bits) ? .notANumber(format) : .bits(bits)
  }

  /// `.relu`: negative numbers become +0.
  private static func clamped(_ bits: UInt64, _ format: ReferenceFormat) -> UInt64 {
    !format.isNaN(bits) && format.isNegative(bits) ? 0 : bits
  }

  /// `.sat`: to [0, 1], NaN to 0.
  private static func unit(_ bits: UInt64, _ format: ReferenceFormat) -> UInt64 {
    format.isNaN(bits) || format.isNegative(bits) ? 0 : min(bits, format.one)
  }

  private static var betweenNumbers: [FormCase] {
    let widening: [(String, ReferenceFormat, String, ReferenceFormat)] = [
      ("f16", .f16, "f32", .f32), ("bf16", .bf16, "f32", .f32), ("f16", .f16, "f64", .f64),
      ("f32", .f32, "f64", .f64),
      ("bf16", .bf16, "f64", .f64),
    ]
    let exact = widening.map { fromName, from, toName, to in
      FormCase("cvt.\(toName).\(fromName)", to.kind, [.number(from)]) {
        number(converted($0[0], from, to, .nearest), to)
      }
    }
    let narrowing: [(String, ReferenceFormat, String, ReferenceFormat)] = [
      ("f32", .f32, "f16", .f16), ("f32", .f32, "bf16", .bf16), ("f64", .f64, "f32", .f32),
      ("f64", .f64, "f16", .f16),
      ("f64", .f64, "bf16", .bf16), ("f16", .f16, "bf16", .bf16), ("bf16", .bf16, "f16", .f16),
    ]
    let rounded = narrowing.flatMap { fromName, from, toName, to in
      roundings.map { rounding in
        FormCase("cvt.\(rounding.rawValue).\(toName).\(fromName)", to.kind, [.number(from)]) {
          number(converted($0[0], from, to, rounding), to)
        }
      }
    }
    let flushing = [
      FormCase("cvt.rn.ftz.f32.f64", .word, [.number(.f64)]) {
        .bits(ReferenceFormat.f32.flushed(converted($0[0], .f64, .f32, .nearest)))
      },
      FormCase("cvt.ftz.f64.f32", .double, [.number(.f32)]) {
        number(converted(ReferenceFormat.f32.flushed($0[0]), .f32, .f64, .nearest), .f64)
      },
      FormCase("cvt.rn.ftz.f16.f32", .half, [.number(.f32)]) {
        .bits(converted(ReferenceFormat.f32.flushed($0[0]), .f32, .f16, .nearest))
      },
      FormCase("cvt.ftz.f32.f16", .word, [.number(.f16)]) {
        number(converted($0[0], .f16, .f32, .nearest), .f32)
      },
      FormCase("cvt.sat.f32.f32", .word, [.number(.f32)]) { .bits(unit($0[0], .f32)) },
      FormCase("cvt.ftz.sat.f32.f16", .word, [.number(.f16)]) {
        .bits(unit(converted($0[0], .f16, .f32, .nearest), .f32))
      },
      FormCase("cvt.rn.sat.f16.f32", .half, [.number(.f32)]) {
        .bits(unit(converted($0[0], .f32, .f16, .nearest), .f16))
      },
    ]
    return exact + rounded + flushing
  }

  /// A number rounded to an integer, as a number.
  private static func integral(_ bits: UInt64, _ format: ReferenceFormat, _ rounding: ReferenceRounding)
    -> UInt64
  {
    if format.isNaN(bits) { return format.canonicalNaN }
    // Beyond 2^60 every number is one.
    if format.isInfinite(bits) || format.value(bits).magnitude >= 0x1p60 { return bits }
    return ExactNumber(ExactNumber(bits, format).integer(rounding)).rounded(
      format, .nearest, zeroIsNegative: format.isNegative(bits))
  }

  private static var integral: [FormCase] {
    numberTypes.flatMap { name, format in
      roundings.map { rounding in
        FormCase("cvt.\(rounding.rawValue)i.\(name).\(name)", format.kind, [.number(format)]) {
          number(integral($0[0], format, rounding), format)
        }
      }
    } + [
      FormCase("cvt.rmi.ftz.f32.f32", .word, [.number(.f32)]) {
        .bits(integral(ReferenceFormat.f32.flushed($0[0]), .f32, .down))
      }
    ]
  }

  /// fp32 to formats of 16 and 19 bits, with `.relu` and `.satfinite`.
  private static var narrow: [FormCase] {
    let halves: [FormCase] = [("f16", ReferenceFormat.f16), ("bf16", .bf16)].flatMap { name, format in
      [ReferenceRounding.nearest, .zero].flatMap { rounding -> [FormCase] in
        let prefix = "cvt.\(rounding.rawValue)"
        return [
          FormCase("\(prefix).relu.\(name).f32", .half, [.number(.f32)]) {
            .bits(clamped(converted($0[0], .f32, format, rounding), format))
          },
          FormCase("\(prefix).satfinite.\(name).f32", .half, [.number(.f32)]) {
            .bits(converted($0[0], .f32, format, rounding, saturates: true))
          },
          FormCase("\(prefix).relu.satfinite.\(name).f32", .half, [.number(.f32)]) {
            .bits(clamped(converted($0[0], .f32, format, rounding, saturates: true), format))
          },
        ]
      }
    }
    let tensor: [(String, ReferenceRounding, Bool, Bool)] = [
      ("rna", .nearestAway, false, false), ("rna.satfinite", .nearestAway, false, true),
      ("rn", .nearest, false, false),
      ("rn.relu", .nearest, true, false), ("rz", .zero, false, false), ("rz.relu", .zero, true, false),
      ("rn.satfinite", .nearest, false, true), ("rz.satfinite.relu", .zero, true, true),
    ]
    return halves
      + tensor.map { suffix, rounding, clamps, saturates in
        FormCase("cvt.\(suffix).tf32.f32", .word, [.number(.f32)]) {
          let result = converted($0[0], .f32, .tf32, rounding, saturates: saturates)
          return .bits(clamps ? clamped(result, .tf32) : result)
        }
      }
  }

  /// Two fp32 numbers into one register: the first goes into its upper half.
  private static var pairs: [FormCase] {
    [("f16x2", ReferenceFormat.f16), ("bf16x2", .bf16)].flatMap { name, format in
      [ReferenceRounding.nearest, .zero].flatMap { rounding in
        [
          ("", false, false), (".relu", true, false), (".satfinite", false, true),
          (".relu.satfinite", true, true),
        ].map {
          suffix, clamps, saturates in
          FormCase("cvt.\(rounding.rawValue)\(suffix).\(name).f32", .word, [.number(.f32), .number(.f32)]) {
            inputs in
            let halves = inputs.bits.map {
              let result = converted($0, .f32, format, rounding, saturates: saturates)
              return clamps ? clamped(result, format) : result
            }
            return .bits(halves[0] << 16 | halves[1])
          }
        }
      }
    }
  }

  /// Numbers of 8 bits: always two.
  private static var eights: [FormCase] {
    [("e4m3x2", ReferenceFormat.e4m3), ("e5m2x2", .e5m2)].flatMap { name, format in
      [false, true].flatMap { clamps -> [FormCase] in
        func eight(_ bits: UInt64, _ from: ReferenceFormat) -> UInt64 {
          let result = converted(bits, from, format, .nearest, saturates: true)
          return clamps ? clamped(result, format) : result
        }
        let relu = clamps ? ".relu" : ""
        return [
          FormCase("cvt.rn.satfinite\(relu).\(name).f32", .half, [.number(.f32), .number(.f32)]) {
            .bits(eight($0[0], .f32) << 8 | eight($0[1], .f32))
          },
          FormCase("cvt.rn.satfinite\(relu).\(name).f16x2", .half, [.pair(.f16)]) {
            .bits(eight($0[0] >> 16, .f16) << 8 | eight($0[0] & 0xFFFF, .f16))
          },
          FormCase("cvt.rn\(relu).f16x2.\(name)", .word, [FormOperand(kind: .half, values: .bits(16))]) {
            inputs in
            let halves = [inputs[0] & 0xFF, inputs[0] >> 8].map {
              let result = converted($0, format, .f16, .nearest)
              return clamps ? clamped(result, .f16) : result
            }
            return .bits(halves[1] << 16 | halves[0])
          },
        ]
      }
    }
  }

  private static var packs: [FormCase] {
    ["u16", "s16", "u8", "s8"].flatMap { name -> [FormCase] in
      guard let type = integerTypes.first(where: { $0.name == name }) else { return [] }
      func part(_ inputs: FormInputs, _ operand: Int) -> UInt64 {
        UInt64(truncatingIfNeeded: type.clamped(inputs.signed(operand, 32)))
          & (.max >> UInt64(64 - type.width))
      }
      let width = UInt64(type.width)
      let two = FormCase("cvt.pack.sat.\(name).s32", .word, [.word, .word]) {
        .bits(part($0, 0) << width | part($0, 1))
      }
      guard type.width == 8 else { return [two] }
      let three = FormCase("cvt.pack.sat.\(name).s32.b32", .word, [.word, .word, .word]) {
        .bits(RegisterKind.word.truncated($0[2] << 16) | part($0, 0) << 8 | part($0, 1))
      }
      return [three]
    }
  }
}

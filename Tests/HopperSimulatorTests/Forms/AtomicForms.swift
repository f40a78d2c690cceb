import Testing

/// `atom` and `red` (PTX ISA 9.7.13.5, 9.7.13.6): every operation of every type that has it, in every space.
@Suite("Forms: atomics")
struct AtomicForms {
  @Test("Every atomic operation")
  func conformance() { Self.cases.expectConformance() }

  static var cases: [FormCase] {
    operations.flatMap { plain($0) } + swaps + sums + orders + vectors + wide
  }

  /// An operation of a type: the old value and the operand give the new one.
  private struct Operation {
    var name: String
    var kind: RegisterKind
    var operand: FormOperand
    /// Whether `red` has it.
    var isReduction = true
    var new: (FormInputs) -> UInt64
  }

  private static func integer(
    _ name: String, _ type: String, isReduction: Bool = true, _ new: @escaping (FormInputs, Int) -> Int128
  ) -> Operation {
    let width = type.hasSuffix("64") ? 64 : 32
    let kind: RegisterKind = width == 64 ? .double : .word
    return Operation(
      name: "\(name).\(type)", kind: kind, operand: FormOperand(kind: kind, values: .bits(width)),
      isReduction: isReduction
    ) { kind.truncated(UInt64(truncatingIfNeeded: new($0, width))) }
  }

  private static var operations: [Operation] {
    let bits = ["b32", "b64"].flatMap { type in
      [
        integer("and", type) { $0.unsigned(0, $1) & $0.unsigned(1, $1) },
        integer("or", type) { $0.unsigned(0, $1) | $0.unsigned(1, $1) },
        integer("xor", type) { $0.unsigned(0, $1) ^ $0.unsigned(1, $1) },
        integer("exch", type, isReduction: false) { $0.unsigned(1, $1) },
      ]
    }
    let numbers = ["u32", "s32", "u64", "s64"].flatMap { type in
      func value(_ inputs: FormInputs, _ operand: Int, _ width: Int) -> Int128 {
        type.hasPrefix("s") ? inputs.signed(operand, width) : inputs.unsigned(operand, width)
      }
      return [
        integer("min", type) { min(value($0, 0, $1), value($0, 1, $1)) },
        integer("max", type) { max(value($0, 0, $1), value($0, 1, $1)) },
      ] + (type == "s64" ? [] : [integer("add", type) { $0.unsigned(0, $1) + $0.unsigned(1, $1) }])
    }
    let wrapping = [
      integer("inc", "u32") { $0.unsigned(0, $1) >= $0.unsigned(1, $1) ? 0 : $0.unsigned(0, $1) + 1 },
      integer("dec", "u32") {
        $0.unsigned(0, $1) == 0 || $0.unsigned(0, $1) > $0.unsigned(1, $1)
          ? $0.unsigned(1, $1) : $0.unsigned(0, $1) - 1
      },
    ]
    return bits + numbers + wrapping
  }

  /// The place in each space, how it is first written, and how it is looked at.
  private static let places = [
    ("global", "%in", "global"), ("shared", "%shared", "shared"), ("shared::cta", "%shared", "shared"),
    ("shared::cluster", "%shared", "shared"), ("", "%in", "global"),
  ]

  private static func plain(_ operation: Operation) -> [FormCase] {
    places.flatMap { space, place, bytes -> [FormCase] in
      let bits = operation.kind.rawValue
      let modifier = space.isEmpty ? "" : ".\(space)"
      let clear = "st.\(bytes).\(bits) [\(place)], $0;"
      let look = "ld.\(bytes).\(bits) $q, [\(place)]"
      let atomic = FormCase(
        text: "\(clear) atom\(modifier).\(operation.name) $d, [\(place)], $1; \(look)",
        [operation.kind, operation.kind], [operation.operand, operation.operand]
      ) { [.bits($0[0]), .bits(operation.new($0))] }
      guard operation.isReduction else { return [atomic] }
      let reduction = FormCase(
        text: "\(clear) red\(modifier).\(operation.name) [\(place)], $1; \(look.replacing("$q", with: "$d"))",
        [operation.kind], [operation.operand, operation.operand]
      ) { [.bits(operation.new($0))] }
      return [atomic, reduction]
    }
  }

  /// `cas` puts the third number in the place of one that equals the second.
  private static var swaps: [FormCase] {
    [
      ("b16", RegisterKind.half), ("b32", .word), ("b64", .double), ("u32", .word), ("s32", .word),
      ("u64", .double), ("s64", .double),
    ]
    .flatMap { type, kind in
      places.map { space, place, bytes in
        let modifier = space.isEmpty ? "" : ".\(space)"
        let few = FormOperand(
          kind: kind, values: .listed([0, 1, kind.truncated(.max), 0, 0, 1, 5, 5, kind.truncated(.max)]))
        let more = FormOperand(kind: kind, values: .listed([0, kind.truncated(.max), 1, 0, 5, 5, 0]))
        return FormCase(
          text:
            "st.\(bytes).\(kind.rawValue) [\(place)], $0; atom\(modifier).cas.\(type) $d, [\(place)], $1, $2; "
            + "ld.\(bytes).\(kind.rawValue) $q, [\(place)]",
          [kind, kind], [few, more, FormOperand(kind: kind, values: .bits(kind.bitCount))]
        ) { [.bits($0[0]), .bits($0[0] == $0[1] ? $0[2] : $0[0])] }
      }
    }
  }

  /// Sums of floating-point numbers are rounded to the nearest; of fp32 in global memory, subnormal operands and results
  /// are zeros (PTX ISA 9.7.13.5).
  private static var sums: [FormCase] {
    let single: [FormCase] = [("global", true, "%in"), ("shared", false, "%shared")].flatMap {
      space, flushes, place in
      [("f32", ReferenceFormat.f32), ("f64", .f64)].flatMap { type, format in
        let isFlushed = flushes && type == "f32"
        func sum(_ inputs: FormInputs) -> Expected {
          let pair = inputs.bits.map { isFlushed ? format.flushed($0) : $0 }
          let result = FloatForms.fused(pair[0], format.one, pair[1], format, .nearest)
          if format.isNaN(result) { return .notANumber(format) }
          return .bits(isFlushed ? format.flushed(result) : result)
        }
        let (kind, operand) = (format.kind, FormOperand.number(format))
        let clear = "st.\(space).\(kind.rawValue) [\(place)], $0;"
        return [
          FormCase(
            text:
              "\(clear) atom.\(space).add.\(type) $d, [\(place)], $1; ld.\(space).\(kind.rawValue) $q, [\(place)]",
            [kind, kind], [operand, operand]
          ) { [.bits($0[0]), sum($0)] },
          FormCase(
            text:
              "\(clear) red.\(space).add.\(type) [\(place)], $1; ld.\(space).\(kind.rawValue) $d, [\(place)]",
            [kind], [operand, operand]
          ) { [sum($0)] },
        ]
      }
    }
    let halves: [FormCase] = ["global", "shared"].flatMap { space in
      let place = space == "global" ? "%in" : "%shared"
      return [("f16", ReferenceFormat.f16), ("bf16", .bf16)].flatMap { name, format in
        [false, true].flatMap { isPacked -> [FormCase] in
          let kind: RegisterKind = isPacked ? .word : .half
          let operand: FormOperand = isPacked ? .pair(format) : .number(format)
          let type = isPacked ? "\(name)x2" : name
          func sum(_ inputs: FormInputs) -> UInt64 {
            [UInt64(0), isPacked ? 16 : 0].reduce(0) { result, shift in
              let (a, b) = (inputs[0] >> shift & 0xFFFF, inputs[1] >> shift & 0xFFFF)
              return result | FloatForms.fused(a, format.one, b, format, .nearest) << shift
            }
          }
          let clear = "st.\(space).\(kind.rawValue) [\(place)], $0;"
          return [
            FormCase(
              text:
                "\(clear) atom.\(space).add.noftz.\(type) $d, [\(place)], $1; ld.\(space).\(kind.rawValue) $q, [\(place)]",
              [kind, kind], [operand, operand]
            ) { [.bits($0[0]), .bits(sum($0))] },
            FormCase(
              text:
                "\(clear) red.\(space).add.noftz.\(type) [\(place)], $1; ld.\(space).\(kind.rawValue) $d, [\(place)]",
              [kind], [operand, operand]
            ) { [.bits(sum($0))] },
          ]
        }
      }
    }
    return single + halves
  }

  /// Orders and scopes, and a cache policy.
  private static var orders: [FormCase] {
    let scopes = ["cta", "cluster", "gpu", "sys"]
    let atomic = ["relaxed", "acquire", "release", "acq_rel"].flatMap { order in scopes.map { (order, $0) } }
      .map { order, scope in
        FormCase(
          text:
            "st.global.u32 [%in], $0; atom.add.\(order).\(scope).u32 $d, [%in], $1; ld.global.u32 $q, [%in]",
          [.word, .word], [.word, .word]
        ) { [.bits($0[0]), .bits(RegisterKind.word.truncated($0[0] &+ $0[1]))] }
      }
    let reductions = ["relaxed", "release"].flatMap { order in scopes.map { (order, $0) } }.map {
      order, scope in
      FormCase(
        text:
          "st.global.u32 [%in], $0; red.\(order).\(scope).global.add.u32 [%in], $1; ld.global.u32 $d, [%in]",
        [.word],
        [.word, .word]
      ) { [.bits(RegisterKind.word.truncated($0[0] &+ $0[1]))] }
    }
    let policy = "createpolicy.fractional.L2::evict_first.b64 %place, 1.0; st.global.u32 [%in], $0; "
    let hints = [
      FormCase(
        text: "\(policy) atom.global.or.L2::cache_hint.b32 $d, [%in], $1, %place; ld.global.u32 $q, [%in]",
        [.word, .word],
        [.word, .word]
      ) { [.bits($0[0]), .bits($0[0] | $0[1])] },
      FormCase(
        text:
          "\(policy) atom.global.cas.L2::cache_hint.b32 $d, [%in], $0, $1, %place; ld.global.u32 $q, [%in]",
        [.word, .word], [.word, .word]
      ) { [.bits($0[0]), .bits($0[1])] },
      FormCase(
        text: "\(policy) red.global.xor.L2::cache_hint.b32 [%in], $1, %place; ld.global.u32 $d, [%in]",
        [.word],
        [.word, .word]
      ) { [.bits($0[0] ^ $0[1])] },
    ]
    let swaps = ["relaxed", "acquire", "release", "acq_rel"].flatMap { order in scopes.map { (order, $0) } }
      .map { order, scope in
        FormCase(
          text:
            "st.global.u32 [%in], $0; atom.\(order).\(scope).global.cas.b32 $d, [%in], $0, $1; ld.global.u32 $q, [%in]",
          [.word, .word], [.word, .word]
        ) { [.bits($0[0]), .bits($0[1])] }
      }
    return atomic + reductions + hints + swaps
  }

  /// Vectors of 16 bytes and less, each element by itself.
  private static var vectors: [FormCase] {
    let types: [(String, ReferenceFormat, Int)] = [
      ("f32", .f32, 2), ("f16x2", .f16, 2), ("bf16x2", .bf16, 2),
    ]
    let sums: [FormCase] = types.flatMap { type, format, count -> [FormCase] in
      let operations = format == .f32 ? ["add"] : ["add", "min", "max"]
      return operations.flatMap { operation -> [FormCase] in
        let isPacked = format != .f32
        let operand: FormOperand = isPacked ? .pair(format) : .number(format)
        func one(_ a: UInt64, _ b: UInt64) -> UInt64 {
          switch operation {
          case "add": FloatForms.fused(a, format.one, b, format, .nearest)
          default: FloatForms.extremum(a, b, isMinimum: operation == "min", propagatesNaN: false, format)
          }
        }
        func word(_ a: UInt64, _ b: UInt64) -> Expected {
          if isPacked { return .bits(one(a & 0xFFFF, b & 0xFFFF) | one(a >> 16, b >> 16) << 16) }
          // In global memory, subnormal numbers are zeros.
          let result = format.flushed(one(format.flushed(a), format.flushed(b)))
          return format.isNaN(result) ? .notANumber(format) : .bits(result)
        }
        let noftz = isPacked ? ".noftz" : ""
        let clear = "st.global.b32 [%in], $0; st.global.b32 [%in+4], $1;"
        let look = "ld.global.b32 $u, [%in]; ld.global.b32 $v, [%in+4]"
        return [
          FormCase(
            text: "\(clear) atom.global.v2.\(type).\(operation)\(noftz) {$d, $q}, [%in], {$2, $3}; \(look)",
            [.word, .word, .word, .word], [operand, operand, operand, operand]
          ) { [.bits($0[0]), .bits($0[1]), word($0[0], $0[2]), word($0[1], $0[3])] },
          FormCase(
            text: "\(clear) red.global.v2.\(type).\(operation)\(noftz) [%in], {$2, $3}; "
              + "ld.global.b32 $d, [%in]; ld.global.b32 $q, [%in+4]",
            [.word, .word], [operand, operand, operand, operand]
          ) { [word($0[0], $0[2]), word($0[1], $0[3])] },
        ]
      }
    }
    return sums + halfVectors
  }

  private static let scopes = ["relaxed.cta", "acquire.cluster", "release.gpu", "acq_rel.sys"]

  /// Four and eight numbers of 16 bits: the old ones come apart and are put together again.
  private static var halfVectors: [FormCase] {
    func sum(_ a: UInt64, _ b: UInt64, _ format: ReferenceFormat) -> UInt64 {
      [UInt64(0), 16, 32, 48].reduce(0) { result, shift in
        result
          | FloatForms.fused(a >> shift & 0xFFFF, format.one, b >> shift & 0xFFFF, format, .nearest) << shift
      }
    }
    return [("f16", ReferenceFormat.f16), ("bf16", .bf16)].flatMap { type, format in
      scopes.flatMap { order -> [FormCase] in
        let reduction = order.replacing("acquire", with: "relaxed").replacing("acq_rel", with: "release")
        let hint = order.hasSuffix("gpu") ? ".L2::cache_hint" : ""
        let policy = hint.isEmpty ? "" : ", %place"
        let clear =
          "createpolicy.fractional.L2::evict_first.b64 %place, 1.0; st.global.v2.b64 [%in], {$0, $1};"
        let split = "mov.b64 {%h0, %h1, %h2, %h3}, $2; mov.b64 {%h4, %h5, %h6, %h7}, $3;"
        let (low, high) = ("%h0, %h1, %h2, %h3", "%h4, %h5, %h6, %h7")
        let (oldLow, oldHigh) = ("%g0, %g1, %g2, %g3", "%g4, %g5, %g6, %g7")
        // Five sources make rows that are aligned to 16 bytes.
        let sources = Array(repeating: FormOperand.double, count: 5)
        return [
          FormCase(
            text:
              "\(clear) \(split) atom.\(order).global.v8.\(type).add.noftz\(hint) {\(oldLow), \(oldHigh)}, [%in], "
              + "{\(low), \(high)}\(policy); mov.b64 $d, {\(oldLow)}; mov.b64 $q, {\(oldHigh)}; "
              + "ld.global.v2.b64 {$u, $v}, [%in]",
            [.double, .double, .double, .double], sources
          ) {
            [.bits($0[0]), .bits($0[1]), .bits(sum($0[0], $0[2], format)), .bits(sum($0[1], $0[3], format))]
          },
          FormCase(
            text: "\(clear) \(split) atom.global.v4.\(type).add.noftz {\(oldLow)}, [%in], {\(low)}; "
              + "mov.b64 $d, {\(oldLow)}; ld.global.v2.b64 {$u, $v}, [%in]; mov.b64 $q, $3",
            [.double, .double, .double, .double], sources
          ) { [.bits($0[0]), .bits($0[3]), .bits(sum($0[0], $0[2], format)), .bits($0[1])] },
          FormCase(
            text:
              "\(clear) \(split) red.\(reduction).global.v8.\(type).add.noftz\(hint) [%in], {\(low), \(high)}\(policy); "
              + "ld.global.v2.b64 {$d, $q}, [%in]",
            [.double, .double], sources
          ) { [.bits(sum($0[0], $0[2], format)), .bits(sum($0[1], $0[3], format))] },
          FormCase(
            text:
              "\(clear) \(split) red.global.v4.\(type).add.noftz [%in], {\(low)}; ld.global.v2.b64 {$d, $q}, [%in]",
            [.double, .double], sources
          ) { [.bits(sum($0[0], $0[2], format)), .bits($0[1])] },
        ]
      }
    }
  }

  /// 128 bits.
  private static var wide: [FormCase] {
    let store = "st.shared.v2.b64 [%shared], {$0, $1};"
    // Three sources make rows that are aligned to 16 bytes.
    let exchanges = zip(scopes, ["shared::cta", "shared::cluster", "global", "global"]).map { order, space in
      let (bytes, place) = space == "global" ? ("global", "%in") : ("shared", "%shared")
      let hint = order.hasSuffix("sys") ? ".L2::cache_hint" : ""
      return FormCase(
        text:
          "createpolicy.fractional.L2::evict_first.b64 %place, 1.0; st.\(bytes).v2.b64 [\(place)], {$0, $1}; "
          + "mov.b128 %wide, {$1, $0}; atom.\(order).\(space).exch\(hint).b128 %wider, [\(place)], "
          + "%wide\(hint.isEmpty ? "" : ", %place"); mov.b128 {$d, $q}, %wider; ld.\(bytes).v2.b64 {$u, $v}, [\(place)]",
        [.double, .double, .double, .double], [.double, .double, .double]
      ) { [.bits($0[0]), .bits($0[1]), .bits($0[1]), .bits($0[0])] }
    }
    return exchanges + [
      FormCase(
        text: "\(store) mov.b128 %wide, {$1, $0}; atom.shared.exch.b128 %wider, [%shared], %wide; "
          + "mov.b128 {$d, $q}, %wider; ld.shared.v2.b64 {$u, $v}, [%shared]",
        [.double, .double, .double, .double], [.double, .double]
      ) { [.bits($0[0]), .bits($0[1]), .bits($0[1]), .bits($0[0])] },
      FormCase(
        text: "\(store) mov.b128 %wide, {$0, $2}; mov.b128 %widest, {$1, $0}; "
          + "atom.shared.cas.b128 %wider, [%shared], %wide, %widest; "
          + "mov.b128 {$d, $q}, %wider; ld.shared.v2.b64 {$u, $v}, [%shared]",
        [.double, .double, .double, .double],
        [
          .double, FormOperand(kind: .double, values: .listed([0, 1, 2])),
          FormOperand(kind: .double, values: .listed([0, 3, 2, 1])),
        ]
      ) { inputs in
        let isEqual = inputs[1] == inputs[2]
        return [
          .bits(inputs[0]), .bits(inputs[1]), .bits(isEqual ? inputs[1] : inputs[0]),
          .bits(isEqual ? inputs[0] : inputs[1]),
        ]
      },
    ]
  }
}

import Testing

/// Logic, shifts, bit fields, permutations, selections and moves (PTX ISA 9.7.1, 9.7.7 to 9.7.9).
@Suite("Forms: bits")
struct BitForms {
  @Test("Every form of logic, shifts, bit fields and selections")
  func conformance() { Self.cases.expectConformance() }

  static var cases: [FormCase] {
    logic + predicates + tables + shifts + funnelShifts + counts + fields + permutations + selections + moves
  }

  private static let kinds: [RegisterKind] = [.half, .word, .double]

  private static func operand(_ kind: RegisterKind) -> FormOperand {
    FormOperand(kind: kind, values: .bits(kind.bitCount))
  }

  private static func bits(_ kind: RegisterKind, _ value: UInt64) -> Expected { .bits(kind.truncated(value)) }

  private static var logic: [FormCase] {
    kinds.flatMap { kind in
      let (operand, name) = (operand(kind), kind.rawValue)
      return [
        FormCase("and.\(name)", kind, [operand, operand]) { bits(kind, $0[0] & $0[1]) },
        FormCase("or.\(name)", kind, [operand, operand]) { bits(kind, $0[0] | $0[1]) },
        FormCase("xor.\(name)", kind, [operand, operand]) { bits(kind, $0[0] ^ $0[1]) },
        FormCase("not.\(name)", kind, [operand]) { bits(kind, ~$0[0]) },
        FormCase("cnot.\(name)", kind, [operand]) { bits(kind, $0[0] == 0 ? 1 : 0) },
      ]
    }
  }

  private static var predicates: [FormCase] {
    let pair: [FormOperand] = [.predicate, .predicate]
    return [
      FormCase("and.pred", .predicate, pair) { .bits($0[0] & $0[1]) },
      FormCase("or.pred", .predicate, pair) { .bits($0[0] | $0[1]) },
      FormCase("xor.pred", .predicate, pair) { .bits($0[0] ^ $0[1]) },
      FormCase("not.pred", .predicate, [.predicate]) { .bits(1 - $0[0]) },
      FormCase("mov.pred", .predicate, [.predicate]) { .bits($0[0]) },
      FormCase(text: "mov.pred $d, 1", [.predicate], []) { _ in [.bits(1)] },
      FormCase(text: "and.pred $d, !$0, $1", [.predicate], pair) { [.bits((1 - $0[0]) & $0[1])] },
    ]
  }

  /// A bit of the result is the table's bit for those of a, b and c.
  private static func table(_ table: UInt64, _ inputs: FormInputs) -> UInt64 {
    (0..<32 as Range<UInt64>).reduce(0) { result, place in
      let index = (inputs[0] >> place & 1) << 2 | (inputs[1] >> place & 1) << 1 | inputs[2] >> place & 1
      return result | (table >> index & 1) << place
    }
  }

  private static var tables: [FormCase] {
    let three: [FormOperand] = [.word, .word, .word]
    let plain = [0, 0x01, 0x80, 0xC0, 0xF8, 0x96, 0xE8, 0x1B, 0xFF].map { (number: UInt64) in
      FormCase(text: "lop3.b32 $d, $0, $1, $2, \(number)", [.word], three) { [.bits(table(number, $0))] }
    }
    let joined = [("or", 0xC0), ("and", 0x96), ("or", 0)].map { (name: String, number: UInt64) in
      FormCase(
        text: "lop3.\(name).b32 $d|$q, $0, $1, $2, \(number), $3", [.word, .predicate], three + [.predicate]
      ) { inputs in
        let result = table(number, inputs)
        let isSet: UInt64 = result != 0 ? 1 : 0
        return [.bits(result), .bits(name == "or" ? isSet | inputs[3] : isSet & inputs[3])]
      }
    }
    return plain + joined
  }

  private static var shifts: [FormCase] {
    kinds.flatMap { kind in
      let width = UInt64(kind.bitCount)
      let operands = [operand(kind), .amount]
      return [
        FormCase("shl.b\(width)", kind, operands) { bits(kind, $0[1] < width ? $0[0] << $0[1] : 0) },
        FormCase("shr.b\(width)", kind, operands) { .bits($0[1] < width ? $0[0] >> $0[1] : 0) },
        FormCase("shr.u\(width)", kind, operands) { .bits($0[1] < width ? $0[0] >> $0[1] : 0) },
        FormCase("shr.s\(width)", kind, operands) {
          bits(kind, UInt64(truncatingIfNeeded: $0.signed(0, Int(width)) >> Int128(min($0[1], width))))
        },
      ]
    }
  }

  /// Words of {b, a} that a shift brings into the upper or the lower half.
  private static var funnelShifts: [FormCase] {
    ["clamp", "wrap"].flatMap { mode in
      func amount(_ inputs: FormInputs) -> UInt64 { mode == "clamp" ? min(inputs[2], 32) : inputs[2] & 31 }
      let operands: [FormOperand] = [.word, .word, .amount]
      return [
        FormCase("shf.l.\(mode).b32", .word, operands) { .bits((($0[1] << 32 | $0[0]) << amount($0)) >> 32) },
        FormCase("shf.r.\(mode).b32", .word, operands) { bits(.word, ($0[1] << 32 | $0[0]) >> amount($0)) },
      ]
    }
  }

  private static func digits(_ value: UInt64, _ width: Int) -> [UInt64] {
    (0..<UInt64(width)).map { value >> $0 & 1 }
  }

  private static var counts: [FormCase] {
    [RegisterKind.word, .double].flatMap { kind in
      let (operand, width) = (operand(kind), kind.bitCount)
      let find = ["u", "s"].flatMap { sign in
        // The highest digit that is not the sign's.
        func place(_ inputs: FormInputs) -> Int? {
          let all = digits(inputs[0], width)
          let sign: UInt64 = sign == "s" ? all[width - 1] : 0
          return all.lastIndex { $0 != sign }
        }
        return [
          FormCase("bfind.\(sign)\(width)", .word, [operand]) {
            .bits(place($0).map { UInt64($0) } ?? 0xFFFF_FFFF)
          },
          FormCase("bfind.shiftamt.\(sign)\(width)", .word, [operand]) {
            .bits(place($0).map { UInt64(width - 1 - $0) } ?? 0xFFFF_FFFF)
          },
        ]
      }
      return find + [
        FormCase("popc.b\(width)", .word, [operand]) { .bits(digits($0[0], width).reduce(0, +)) },
        FormCase("clz.b\(width)", .word, [operand]) {
          .bits(UInt64(digits($0[0], width).reversed().prefix { $0 == 0 }.count))
        },
        FormCase("brev.b\(width)", kind, [operand]) {
          .bits(digits($0[0], width).reduce(0) { $0 << 1 | $1 })
        },
      ]
    } + [
      FormCase(
        "fns.b32", .word,
        [
          .word, FormOperand(kind: .word, values: .listed([0, 1, 7, 16, 31])),
          FormOperand(kind: .word, values: .listed([0, 1, 2, 5, 0xFFFF_FFFF, 0xFFFF_FFFE, 40])),
        ]
      ) { findSet($0) }
    ]
  }

  /// `fns`, after the pseudocode of PTX ISA 9.7.1.16.
  private static func findSet(_ inputs: FormInputs) -> Expected {
    let (mask, base, offset) = (digits(inputs[0], 32), Int(inputs[1]), Int(inputs.signed(2, 32)))
    if offset == 0 { return .bits(mask[base] == 1 ? inputs[1] : 0xFFFF_FFFF) }
    var (place, count) = (base, 0)
    while place >= 0, place < 32 {
      if mask[place] == 1 {
        count += 1
        if count == abs(offset) { return .bits(UInt64(place)) }
      }
      place += offset > 0 ? 1 : -1
    }
    return .bits(0xFFFF_FFFF)
  }

  /// Bit fields, digit by digit; position and length count 8 bits.
  private static var fields: [FormCase] {
    let extraction = ["u32", "s32", "u64", "s64"].map { name in
      let kind: RegisterKind = name.hasSuffix("32") ? .word : .double
      let width = kind.bitCount
      return FormCase("bfe.\(name)", kind, [operand(kind), .amount, .amount]) { inputs in
        let all = digits(inputs[0], width)
        let (position, length) = (Int(inputs[1] & 0xFF), Int(inputs[2] & 0xFF))
        let sign = name.hasPrefix("u") || length == 0 ? 0 : all[min(position + length - 1, width - 1)]
        return .bits(
          (0..<width).reduce(0) { result, place in
            let digit = place < length && position + place < width ? all[position + place] : sign
            return result | digit << UInt64(place)
          })
      }
    }
    let insertion = [RegisterKind.word, .double].map { kind in
      FormCase("bfi.\(kind.rawValue)", kind, [operand(kind), operand(kind), .amount, .amount]) { inputs in
        var all = digits(inputs[1], kind.bitCount)
        let (position, length) = (Int(inputs[2] & 0xFF), Int(inputs[3] & 0xFF))
        for (place, digit) in digits(inputs[0], kind.bitCount).enumerated()
        where place < length && position + place < all.count {
          all[position + place] = digit
        }
        return .bits(all.reversed().reduce(0) { $0 << 1 | $1 })
      }
    }
    let masks = ["clamp", "wrap"].flatMap { mode in
      func amount(_ value: UInt64) -> Int { mode == "clamp" ? Int(min(value, 32)) : Int(value & 31) }
      let extensions = ["u32", "s32"].map { name in
        FormCase("szext.\(mode).\(name)", .word, [.word, .amount]) { inputs in
          let count = amount(inputs[1])
          if count == 0 { return .bits(0) }
          return bits(
            .word,
            UInt64(truncatingIfNeeded: name == "s32" ? inputs.signed(0, count) : inputs.unsigned(0, count)))
        }
      }
      let mask = FormCase("bmsk.\(mode).b32", .word, [.amount, .amount]) { inputs in
        let (position, count) = (amount(inputs[0]), amount(inputs[1]))
        return .bits(
          (0..<32).reduce(0) { $0 | ((position..<position + count).contains($1) ? 1 << UInt64($1) : 0) })
      }
      return extensions + [mask]
    }
    return extraction + insertion + masks
  }

  /// `prmt`: the bytes that each mode takes, from the highest, are the table of PTX ISA 9.7.9.7.
  private static var permutations: [FormCase] {
    let modes: [(String, [[Int]])] = [
      ("f4e", [[3, 2, 1, 0], [4, 3, 2, 1], [5, 4, 3, 2], [6, 5, 4, 3]]),
      ("b4e", [[5, 6, 7, 0], [6, 7, 0, 1], [7, 0, 1, 2], [0, 1, 2, 3]]),
      ("rc8", [[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]]),
      ("ecl", [[3, 2, 1, 0], [3, 2, 1, 1], [3, 2, 2, 2], [3, 3, 3, 3]]),
      ("ecr", [[0, 0, 0, 0], [1, 1, 1, 0], [2, 2, 1, 0], [3, 2, 1, 0]]),
      ("rc16", [[1, 0, 1, 0], [3, 2, 3, 2], [1, 0, 1, 0], [3, 2, 3, 2]]),
    ]
    let three: [FormOperand] = [.word, .word, .word]
    func byte(_ inputs: FormInputs, _ place: Int) -> UInt64 {
      (place < 4 ? inputs[0] : inputs[1]) >> UInt64(8 * (place % 4)) & 0xFF
    }
    let plain = FormCase("prmt.b32", .word, three) { inputs in
      .bits(
        (0..<4).reduce(0) { result, place in
          let selector = Int(inputs[2] >> UInt64(4 * place) & 15)
          let byte = byte(inputs, selector & 7)
          return result | (selector & 8 == 0 ? byte : (byte >> 7) * 0xFF) << UInt64(8 * place)
        })
    }
    return [plain]
      + modes.map { mode, table in
        FormCase("prmt.b32.\(mode)", .word, three) { inputs in
          .bits(table[Int(inputs[2] & 3)].reduce(0) { $0 << 8 | byte(inputs, $1) })
        }
      }
  }

  private static let anyTypes = ["b16", "u16", "s16", "b32", "u32", "s32", "b64", "u64", "s64", "f32", "f64"]

  private static func kind(_ type: String) -> RegisterKind {
    type.hasSuffix("64") ? .double : type.hasSuffix("16") ? .half : .word
  }

  private static var selections: [FormCase] {
    anyTypes.flatMap { type in
      let kind = kind(type)
      let operand = operand(kind)
      return [
        FormCase("selp.\(type)", kind, [operand, operand, .predicate]) { .bits($0[2] == 1 ? $0[0] : $0[1]) },
        FormCase(text: "selp.\(type) $d, $0, $1, !$2", [kind], [operand, operand, .predicate]) {
          [.bits($0[2] == 1 ? $0[1] : $0[0])]
        },
        FormCase("slct.\(type).s32", kind, [operand, operand, .word]) {
          .bits($0.signed(2, 32) >= 0 ? $0[0] : $0[1])
        },
        FormCase("slct.\(type).f32", kind, [operand, operand, .number(.f32)]) {
          .bits(ReferenceFormat.f32.value($0[2]) >= 0 ? $0[0] : $0[1])
        },
        FormCase("slct.ftz.\(type).f32", kind, [operand, operand, .number(.f32)]) {
          .bits(ReferenceFormat.f32.value(ReferenceFormat.f32.flushed($0[2])) >= 0 ? $0[0] : $0[1])
        },
      ]
    }
  }

  private static var moves: [FormCase] {
    let plain = (anyTypes + ["f16", "bf16", "f16x2", "bf16x2"]).map { type in
      FormCase("mov.\(type)", kind(type), [operand(kind(type))]) { .bits($0[0]) }
    }
    return plain + [
      FormCase(text: "mov.b32 $d, {$0, $1}", [.word], [.half, .half]) { [.bits($0[1] << 16 | $0[0])] },
      FormCase(text: "mov.b64 $d, {$0, $1}", [.double], [.word, .word]) { [.bits($0[1] << 32 | $0[0])] },
      FormCase(text: "mov.b64 $d, {$0, $1, $2, $3}", [.double], [.half, .half, .half, .half]) { inputs in
        [.bits(inputs[3] << 48 | inputs[2] << 32 | inputs[1] << 16 | inputs[0])]
      },
      FormCase(text: "mov.b32 {$d, $q}, $0", [.half, .half], [.word]) {
        [.bits($0[0] & 0xFFFF), .bits($0[0] >> 16)]
      },
      FormCase(text: "mov.b64 {$d, $q}, $0", [.word, .word], [.double]) {
        [.bits($0[0] & 0xFFFF_FFFF), .bits($0[0] >> 32)]
      },
      FormCase(text: "mov.b64 {_, $d}, $0", [.word], [.double]) { [.bits($0[0] >> 32)] },
    ]
  }
}

import Testing

/// fp16 and bf16 arithmetic, of one number or two (PTX ISA 9.7.4, 9.7.5).
@Suite("Forms: fp16 and bf16")
struct HalfForms {
  @Test("Every form of rounded arithmetic of fp16 and bf16")
  func conformance() { Self.cases.expectConformance() }

  static var cases: [FormCase] {
    types.flatMap { arithmetic($0) + fused($0) + extrema($0) + signs($0) }
  }

  private struct HalfType {
    var name: String
    var format: ReferenceFormat
    var isPacked: Bool
    var kind: RegisterKind { isPacked ? .word : .half }
    var operand: FormOperand { isPacked ? .pair(format) : .number(format) }
  }

  private static let types = [
    HalfType(name: "f16", format: .f16, isPacked: false),
    HalfType(name: "f16x2", format: .f16, isPacked: true),
    HalfType(name: "bf16", format: .bf16, isPacked: false),
    HalfType(name: "bf16x2", format: .bf16, isPacked: true),
  ]

  /// An instruction that does the same to each number.
  private static func form(
    _ spelling: String, _ type: HalfType, _ count: Int, _ compute: @escaping ([UInt64]) -> UInt64
  ) -> FormCase {
    FormCase("\(spelling).\(type.name)", type.kind, Array(repeating: type.operand, count: count)) { inputs in
      let low = compute(inputs.bits.map { $0 & 0xFFFF })
      return .bits(type.isPacked ? low | compute(inputs.bits.map { $0 >> 16 }) << 16 : low)
    }
  }

  private typealias Modifiers = FloatForms.Modifiers

  private static func result(_ bits: UInt64, _ modifiers: Modifiers, _ format: ReferenceFormat) -> UInt64 {
    guard case .bits(let result) = modifiers.result(bits, format) else { return bits }
    return result
  }

  /// Subnormal numbers and saturation are matters of fp16 alone.
  private static func modifiers(_ type: HalfType) -> [Modifiers] {
    guard type.format == .f16 else { return [Modifiers()] }
    return [false, true].flatMap { flushes in
      [false, true].map { Modifiers(flushes: flushes, saturates: $0) }
    }
  }

  private static func arithmetic(_ type: HalfType) -> [FormCase] {
    modifiers(type).flatMap { modifiers in
      ["", ".rn"].flatMap { rounding -> [FormCase] in
        let format = type.format
        func sum(_ name: String, _ compute: @escaping (UInt64, UInt64) -> UInt64) -> FormCase {
          form(name + rounding + modifiers.text, type, 2) {
            let (a, b) = (modifiers.operand($0[0], format), modifiers.operand($0[1], format))
            return result(compute(a, b), modifiers, format)
          }
        }
        return [
          sum("add") { FloatForms.fused($0, format.one, $1, format, .nearest) },
          sum("sub") { FloatForms.fused($0, format.one, $1 ^ format.signBit, format, .nearest) },
          sum("mul") { FloatForms.fused($0, $1, nil, format, .nearest) },
        ]
      }
    }
  }

  private static func fused(_ type: HalfType) -> [FormCase] {
    let format = type.format
    let plain = modifiers(type).map { modifiers in
      form("fma.rn\(modifiers.text)", type, 3) { numbers in
        let n = numbers.map { modifiers.operand($0, format) }
        return result(FloatForms.fused(n[0], n[1], n[2], format, .nearest), modifiers, format)
      }
    }
    // `.relu`: what is negative becomes +0, NaN the canonical one.
    let clamped = (format == .f16 ? [false, true] : [false]).map { flushes in
      let modifiers = Modifiers(flushes: flushes)
      return form("fma.rn\(modifiers.text).relu", type, 3) { numbers in
        let n = numbers.map { modifiers.operand($0, format) }
        let sum = result(FloatForms.fused(n[0], n[1], n[2], format, .nearest), modifiers, format)
        return format.isNaN(sum) ? sum : format.isNegative(sum) ? 0 : sum
      }
    }
    return plain + clamped
  }

  private static func extrema(_ type: HalfType) -> [FormCase] {
    let format = type.format
    return ["min", "max"].flatMap { name in
      (format == .f16 ? [false, true] : [false]).flatMap { flushes in
        [false, true].flatMap { propagates in
          [false, true].map { isSigned in
            let modifiers = Modifiers(flushes: flushes)
            let suffix = modifiers.text + (propagates ? ".NaN" : "") + (isSigned ? ".xorsign.abs" : "")
            return form(name + suffix, type, 2) { numbers in
              let pair = numbers.map { modifiers.operand($0, format) }
              let compute = isSigned ? FloatForms.signedExtremum : FloatForms.extremum
              return compute(pair[0], pair[1], name == "min", propagates, format)
            }
          }
        }
      }
    }
  }

  private static func signs(_ type: HalfType) -> [FormCase] {
    let format = type.format
    return (format == .f16 ? [false, true] : [false]).flatMap { flushes in
      let modifiers = Modifiers(flushes: flushes)
      return [
        form("neg\(modifiers.text)", type, 1) { modifiers.operand($0[0], format) ^ format.signBit },
        form("abs\(modifiers.text)", type, 1) { modifiers.operand($0[0], format) & (format.signBit - 1) },
      ]
    }
  }
}

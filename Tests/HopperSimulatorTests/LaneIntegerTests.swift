import HopperSimulator
import LatentAttention
import SimulatorKernels
import Testing

@Suite("Integers and halves on rows of lanes")
struct LaneIntegerTests {
  private static let special: [UInt64] = [
    0, 1, 2, 31, 32, 33, 63, 64, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 63, .max,
  ]

  private static func numbers(_ seed: UInt64) -> [UInt64] {
    var generator = SplitMix64(seed: seed)
    return (0..<32).map { _ in
      let bits = generator.next()
      return bits & 3 == 0 ? special[Int(bits >> 8) % special.count] : generator.next() >> (bits >> 40 & 63)
    }
  }

  /// Checks an operation of one integer type against a closure over that type.
  private static func check<T: FixedWidthInteger>(
    _ operation: sim_integer_operation, _ type: sim_integer_type, _ expected: (T, T, T) -> T, _ name: String
  ) {
    for seed in 0..<40 as Range<UInt64> {
      let (a, b, c) = (numbers(seed), numbers(seed + 100), numbers(seed + 200))
      var result = [UInt64](repeating: 0, count: 32)
      if T.bitWidth == 64 {
        unsafe sim_integer(operation, type, &result, a, b, c)
      } else {
        let mask: UInt32 = T.bitWidth == 16 ? 0xFFFF : .max
        var narrow = [UInt32](repeating: 0, count: 32)
        let rows = [a, b, c].map { $0.map { UInt32(truncatingIfNeeded: $0) & mask } }
        unsafe sim_integer(operation, type, &narrow, rows[0], rows[1], rows[2])
        result = narrow.map(UInt64.init)
      }
      for lane in 0..<32 {
        let operands = [a, b, c].map { T(truncatingIfNeeded: $0[lane]) }
        let value = expected(operands[0], operands[1], operands[2])
        let bits = UInt64(truncatingIfNeeded: value) & (T.bitWidth == 64 ? .max : 1 << UInt64(T.bitWidth) - 1)
        #expect(result[lane] == bits, "\(name) \(T.self) \(operands)")
      }
    }
  }

  private static func checkAll<T: FixedWidthInteger>(_ type: sim_integer_type, _: T.Type) {
    check(SIM_ADD, type, { (a: T, b, _) in a &+ b }, "add")
    check(SIM_SUB, type, { (a: T, b, _) in a &- b }, "sub")
    check(SIM_MUL_LO, type, { (a: T, b, _) in a &* b }, "mul.lo")
    check(SIM_MUL_HI, type, { (a: T, b, _) in a.multipliedFullWidth(by: b).high }, "mul.hi")
    check(SIM_MAD_LO, type, { (a: T, b, c) in a &* b &+ c }, "mad.lo")
    check(SIM_MAD_HI, type, { (a: T, b, c) in a.multipliedFullWidth(by: b).high &+ c }, "mad.hi")
    check(
      SIM_DIV, type, { (a: T, b, _) in b == 0 ? ~0 : a.dividedReportingOverflow(by: b).partialValue }, "div")
    check(
      SIM_REM, type,
      { (a: T, b, _) in b == 0 ? a : a.remainderReportingOverflow(dividingBy: b).partialValue }, "rem")
    check(SIM_MIN, type, { (a: T, b, _) in min(a, b) }, "min")
    check(SIM_MAX, type, { (a: T, b, _) in max(a, b) }, "max")
    check(SIM_ABS, type, { (a: T, _, _) in a < 0 ? 0 &- a : a }, "abs")
    check(SIM_NEG, type, { (a: T, _, _) in 0 &- a }, "neg")
    check(SIM_AND, type, { (a: T, b, _) in a & b }, "and")
    check(SIM_OR, type, { (a: T, b, _) in a | b }, "or")
    check(SIM_XOR, type, { (a: T, b, _) in a ^ b }, "xor")
    check(SIM_NOT, type, { (a: T, _, _) in ~a }, "not")
    check(SIM_CNOT, type, { (a: T, _, _) in a == 0 ? 1 : 0 }, "cnot")
    check(SIM_COPY, type, { (a: T, _, _) in a }, "mov")
    check(SIM_SAD, type, { (a: T, b, c) in c &+ (a < b ? b &- a : a &- b) }, "sad")
  }

  @Test("Every operation of every type")
  func integers() {
    Self.checkAll(SIM_U16, UInt16.self)
    Self.checkAll(SIM_S16, Int16.self)
    Self.checkAll(SIM_U32, UInt32.self)
    Self.checkAll(SIM_S32, Int32.self)
    Self.checkAll(SIM_U64, UInt64.self)
    Self.checkAll(SIM_S64, Int64.self)
    Self.check(
      SIM_ADD_SATURATED, SIM_S32,
      { (a: Int32, b, _) in Int32(clamping: Int64(a) + Int64(b)) }, "add.sat")
    Self.check(
      SIM_SUB_SATURATED, SIM_S32,
      { (a: Int32, b, _) in Int32(clamping: Int64(a) - Int64(b)) }, "sub.sat")
  }

  @Test("Shifts clamp their amount, which is 32 bits wide")
  func shifts() {
    let amounts: [UInt32] = (0..<32).map {
      $0 < 30 ? UInt32($0) * 3 : $0 == 30 ? UInt32(1) << 31 : UInt32.max
    }
    let wide = Self.numbers(3).map { $0 | 1 << 63 }
    let narrow = wide.map { UInt32(truncatingIfNeeded: $0) | 1 << 31 }
    func shifted32(_ operation: sim_integer_operation, _ type: sim_integer_type) -> [UInt32] {
      var result = [UInt32](repeating: 0, count: 32)
      unsafe sim_integer(operation, type, &result, narrow, amounts, narrow)
      return result
    }
    func shifted64(_ operation: sim_integer_operation, _ type: sim_integer_type) -> [UInt64] {
      var result = [UInt64](repeating: 0, count: 32)
      unsafe sim_integer(operation, type, &result, wide, amounts, wide)
      return result
    }
    for lane in 0..<32 {
      let amount = Int(amounts[lane])
      // Swift's smart shifts clamp as PTX does.
      #expect(shifted32(SIM_SHL, SIM_U32)[lane] == narrow[lane] << amount)
      #expect(shifted32(SIM_SHR, SIM_U32)[lane] == narrow[lane] >> amount)
      #expect(
        shifted32(SIM_SHR, SIM_S32)[lane] == UInt32(bitPattern: Int32(bitPattern: narrow[lane]) >> amount))
      #expect(shifted64(SIM_SHL, SIM_U64)[lane] == wide[lane] << amount)
      #expect(shifted64(SIM_SHR, SIM_U64)[lane] == wide[lane] >> amount)
      #expect(
        shifted64(SIM_SHR, SIM_S64)[lane] == UInt64(bitPattern: Int64(bitPattern: wide[lane]) >> amount))
    }
  }

  @Test("Wide products, in place too")
  func wideProducts() {
    let a = Self.numbers(4).map { UInt32(truncatingIfNeeded: $0) }
    let b = Self.numbers(5).map { UInt32(truncatingIfNeeded: $0) }
    let c = Self.numbers(6)
    var result = [UInt64](repeating: 0, count: 32)
    for lane in 0..<32 {
      unsafe sim_multiply_wide(SIM_U32, &result, a, b, nil)
      #expect(result[lane] == UInt64(a[lane]) * UInt64(b[lane]))
      unsafe sim_multiply_wide(SIM_S32, &result, a, b, c)
      let product = Int64(Int32(bitPattern: a[lane])) * Int64(Int32(bitPattern: b[lane]))
      #expect(result[lane] == UInt64(bitPattern: product) &+ c[lane])
    }
    var narrow = a
    unsafe sim_multiply_wide(SIM_S16, &narrow, a, b, nil)
    for lane in 0..<32 {
      let product = Int32(Int16(truncatingIfNeeded: a[lane])) * Int32(Int16(truncatingIfNeeded: b[lane]))
      #expect(narrow[lane] == UInt32(bitPattern: product))
    }
  }

  @Test("Comparisons")
  func comparisons() {
    let a = Self.numbers(7)
    let b = zip(a, Self.numbers(8)).enumerated().map { $0 % 3 == 0 ? $1.0 : $1.1 }
    let cases: [(sim_comparison, (Int64, Int64) -> Bool, (UInt64, UInt64) -> Bool)] = [
      (SIM_EQ, { $0 == $1 }, { $0 == $1 }), (SIM_NE, { $0 != $1 }, { $0 != $1 }),
      (SIM_LT, { $0 < $1 }, { $0 < $1 }),
      (SIM_LE, { $0 <= $1 }, { $0 <= $1 }), (SIM_GT, { $0 > $1 }, { $0 > $1 }),
      (SIM_GE, { $0 >= $1 }, { $0 >= $1 }),
    ]
    for (comparison, signed, unsigned) in cases {
      let signedMask = unsafe sim_compare_integer(comparison, SIM_S64, a, b)
      let unsignedMask = unsafe sim_compare_integer(comparison, SIM_U64, a, b)
      for lane in 0..<32 {
        #expect(
          signedMask >> lane & 1 == (signed(Int64(bitPattern: a[lane]), Int64(bitPattern: b[lane])) ? 1 : 0))
        #expect(unsignedMask >> lane & 1 == (unsigned(a[lane], b[lane]) ? 1 : 0))
      }
    }
    let x: [Float] = [1, .nan, 0x1p-130, -0.0] + Array(repeating: 2, count: 28)
    let y: [Float] = [2, 1, 0, 0] + Array(repeating: 1, count: 28)
    let less = unsafe sim_compare_f32(SIM_LT, x, y, 0)
    #expect(less.ordered == 1 && less.unordered == 2)
    let equal = unsafe sim_compare_f32(SIM_EQ, x, y, 1)
    #expect(equal.ordered == 0b1100)
  }

  @Test("Bit fields, permutations, logic and funnel shifts")
  func bits() {
    let a = Self.numbers(9).map { UInt32(truncatingIfNeeded: $0) }
    let b = Self.numbers(10).map { UInt32(truncatingIfNeeded: $0) }
    let c = Self.numbers(11).map { UInt32(truncatingIfNeeded: $0 & 63) }
    let e = (0..<32).map { UInt32($0) }
    func apply(_ operation: sim_bit_operation, _ immediate: Int32 = 0, _ third: [UInt32]) -> [UInt32] {
      var result = [UInt32](repeating: 0, count: 32)
      unsafe sim_bits32(operation, &result, a, b, third, immediate)
      return result
    }
    let logic = apply(SIM_LOP3, 0b1100_1010, c)
    let select = apply(SIM_PRMT, 0, (0..<32).map { _ in 0x7610 })
    let sign = apply(SIM_PRMT, 0, (0..<32).map { _ in 0xBA98 })
    let left = apply(SIM_SHF_L_WRAP, 0, c)
    let right = apply(SIM_SHF_R_CLAMP, 0, c)
    for lane in 0..<32 {
      // Table 0xCA is "a selects b, else c".
      #expect(logic[lane] == (a[lane] & b[lane]) | (~a[lane] & c[lane]))
      #expect(select[lane] == (a[lane] & 0xFFFF) | (b[lane] & 0xFFFF_0000))
      let bytes = (0..<4).map { a[lane] >> ($0 * 8) & 0x80 == 0 ? UInt32(0) : 0xFF << ($0 * 8) }
      #expect(sign[lane] == bytes.reduce(0, |))
      let wide = UInt64(b[lane]) << 32 | UInt64(a[lane])
      #expect(left[lane] == UInt32(truncatingIfNeeded: (wide << UInt64(c[lane] & 31)) >> 32))
      #expect(right[lane] == UInt32(truncatingIfNeeded: wide >> UInt64(min(c[lane], 32))))
    }
    #expect(apply(SIM_POPC, 0, c) == a.map { UInt32($0.nonzeroBitCount) })
    #expect(apply(SIM_CLZ, 0, c) == a.map { UInt32($0.leadingZeroBitCount) })
    #expect(apply(SIM_BFIND_U, 0, c) == a.map { $0 == 0 ? .max : UInt32(31 - $0.leadingZeroBitCount) })
    #expect(
      apply(SIM_BREV, 0, c) == a.map { value in (0..<32).reduce(0) { $0 | (value >> $1 & 1) << (31 - $1) } })
    var inserted = a
    unsafe sim_bfi32(&inserted, a, b, c, e)
    var extracted = a
    unsafe sim_bits32(SIM_BFE_S, &extracted, a, c, e, 0)
    for lane in 0..<32 {
      var (expected, field) = (b[lane], UInt32(0))
      for bit in 0..<e[lane] where c[lane] + bit < 32 {
        let place = c[lane] + bit
        expected = expected & ~(1 << place) | (a[lane] >> bit & 1) << place
      }
      // The sign is the last bit of the field, or of the word where the field goes beyond.
      let last = min(c[lane] + e[lane] &- 1, 31)
      for bit in 0..<UInt32(32) where e[lane] > 0 {
        let isInField = bit < e[lane] && c[lane] + bit < 32
        field |= (isInField ? a[lane] >> (c[lane] + bit) & 1 : a[lane] >> last & 1) << bit
      }
      #expect(inserted[lane] == expected)
      #expect(extracted[lane] == field, "bfe \(a[lane]) \(c[lane]) \(e[lane])")
    }
  }

  @Test("Conversions between integer types")
  func conversions() {
    let a = Self.numbers(12)
    func convert(_ bits: Int32, _ isSigned: Bool, from: Int32, _ fromSigned: Bool, saturates: Bool = false)
      -> [UInt32]
    {
      var result = [UInt32](repeating: 0, count: 32)
      let narrow = a.map { UInt32(truncatingIfNeeded: $0) }
      if from == 64 {
        unsafe sim_convert_integer(
          &result, bits, isSigned ? 1 : 0, a, from, fromSigned ? 1 : 0, saturates ? 1 : 0)
      } else {
        unsafe sim_convert_integer(
          &result, bits, isSigned ? 1 : 0, narrow, from, fromSigned ? 1 : 0, saturates ? 1 : 0)
      }
      return result
    }
    #expect(
      convert(32, true, from: 8, true) == a.map { UInt32(bitPattern: Int32(Int8(truncatingIfNeeded: $0))) })
    #expect(convert(32, false, from: 16, false) == a.map { UInt32(UInt16(truncatingIfNeeded: $0)) })
    #expect(convert(16, false, from: 32, false) == a.map { UInt32(UInt16(truncatingIfNeeded: $0)) })
    #expect(
      convert(16, true, from: 32, true, saturates: true)
        == a.map { UInt32(UInt16(bitPattern: Int16(clamping: Int32(truncatingIfNeeded: $0)))) })
    #expect(
      convert(8, false, from: 64, true, saturates: true)
        == a.map { UInt32(UInt8(clamping: Int64(bitPattern: $0))) })
    #expect(convert(32, false, from: 64, false, saturates: true) == a.map { UInt32(clamping: $0) })
    var wide = [UInt64](repeating: 0, count: 32)
    unsafe sim_convert_integer(&wide, 64, 1, a.map { UInt32(truncatingIfNeeded: $0) }, 32, 1, 0)
    #expect(wide == a.map { UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: $0))) })
  }

  @Test("Numbers to integers and back", arguments: 0..<20 as Range<UInt64>)
  func floats(_ seed: UInt64) {
    let bits = Self.numbers(seed)
    let values = bits.enumerated().map { index, value in
      index < 4 ? [Float.nan, .infinity, -.infinity, -1.5][index] : Float(Int64(bitPattern: value)) / 7
    }
    var signed = [Int32](repeating: 0, count: 32)
    var unsigned = [UInt32](repeating: 0, count: 32)
    unsafe sim_s32_of_f32(&signed, values)
    unsafe sim_u32_of_f32(&unsigned, values)
    for (lane, value) in values.enumerated() {
      let exact = Double(value)
      let s32 = IntegerConversion.integer(exact, bitCount: 32, isSigned: true, .zero)
      let u32 = IntegerConversion.integer(exact, bitCount: 32, isSigned: false, .zero)
      #expect(UInt64(UInt32(bitPattern: signed[lane])) == s32 && UInt64(unsigned[lane]) == u32, "\(value)")
    }
  }

  @Test("Halves are rounded once, whatever the operation")
  func halves() {
    var generator = SplitMix64(seed: 13)
    let formats: [(sim_half_format, NumberFormat)] = [(SIM_F16, .f16), (SIM_BF16, .bf16)]
    for (format, number) in formats {
      for _ in 0..<2000 {
        let rows = (0..<3).map { _ in (0..<32).map { _ in UInt32(truncatingIfNeeded: generator.next()) } }
        func apply(_ operation: sim_half_operation) -> [UInt32] {
          var result = [UInt32](repeating: 0, count: 32)
          unsafe sim_half(operation, format, 1, 0, &result, rows[0], rows[1], rows[2])
          return result
        }
        let (sum, product, fused) = (apply(SIM_HALF_ADD), apply(SIM_HALF_MUL), apply(SIM_HALF_FMA))
        for lane in 0..<32 {
          for shift in [UInt32(0), 16] {
            let operands = rows.map { number.decode($0[lane] >> shift & 0xFFFF) }
            let exactSum = DirectedArithmetic.sumRoundedToOdd(operands[0], operands[1])
            let exactFused = DirectedArithmetic.fusedRoundedToOdd(operands[0], operands[1], operands[2])
            #expect(sum[lane] >> shift & 0xFFFF == number.encode(exactSum, .nearestEven))
            #expect(product[lane] >> shift & 0xFFFF == number.encode(operands[0] * operands[1], .nearestEven))
            #expect(fused[lane] >> shift & 0xFFFF == number.encode(exactFused, .nearestEven), "\(operands)")
          }
        }
      }
    }
  }
}

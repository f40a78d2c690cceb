import HopperSimulator
import LatentAttention
import Testing

@Suite("Number formats")
struct NumberFormatTests {
  static let formats: [(NumberFormat, bits: Int)] = [
    (.f16, 16), (.bf16, 16), (.e4m3, 8), (.e5m2, 8),
  ]

  /// The nearest numbers of a format at or below and at or above `value`, by looking at all of them.
  private static func neighbours(_ value: Double, _ sorted: [Double]) -> (Double, Double) {
    (sorted.last { $0 <= value } ?? -.infinity, sorted.first { $0 >= value } ?? .infinity)
  }

  @Test("Every encoding decodes and encodes to itself", arguments: 0..<4)
  func roundTrip(_ index: Int) {
    let (format, bits) = Self.formats[index]
    for encoding in 0..<UInt32(1) << UInt32(bits) {
      let value = format.decode(encoding)
      if value.isNaN { continue }
      for rounding in Rounding.allCases { #expect(format.encode(value, rounding) == encoding) }
    }
  }

  @Test("8-bit formats round as a search among all their numbers does", arguments: 2..<4)
  func rounding(_ index: Int) {
    let (format, _) = Self.formats[index]
    let numbers = Set((0..<UInt32(256)).map { format.decode($0) }.filter(\.isFinite)).sorted()
    var generator = SplitMix64(seed: 3)
    for _ in 0..<20_000 {
      let exponent = Int.random(in: -20...18, using: &generator)
      let value =
        Double.random(in: -2...2, using: &generator) * Double(sign: .plus, exponent: exponent, significand: 1)
      let (below, above) = Self.neighbours(value, numbers)
      let largest = numbers.last ?? 0
      let magnitude = { (number: Double) in min(max(number, -largest), largest) }
      #expect(format.decode(format.encode(value, .down, saturates: true)) == magnitude(below))
      #expect(format.decode(format.encode(value, .up, saturates: true)) == magnitude(above))
      let towardsZero = value > 0 ? below : above
      #expect(format.decode(format.encode(value, .zero, saturates: true)) == magnitude(towardsZero))
      guard below.isFinite, above.isFinite, value - below != above - value else { continue }
      let nearest = value - below < above - value ? below : above
      #expect(format.decode(format.encode(value, .nearestEven)) == nearest)
      #expect(format.decode(format.encode(value, .nearestAway)) == nearest)
    }
  }

  @Test("Ties, overflow, NaN and signs")
  func special() {
    #expect(NumberFormat.f16.encode(2049, .nearestEven) == NumberFormat.f16.encode(2048, .zero))
    #expect(NumberFormat.f16.encode(2049, .nearestAway) == NumberFormat.f16.encode(2050, .zero))
    #expect(NumberFormat.f16.encode(2051, .nearestEven) == NumberFormat.f16.encode(2052, .zero))
    #expect(NumberFormat.f16.encode(65519.99, .nearestEven) == 0x7BFF)
    #expect(NumberFormat.f16.encode(65520, .nearestEven) == 0x7C00)
    #expect(NumberFormat.f16.encode(1e9, .zero) == 0x7BFF)
    #expect(NumberFormat.f16.encode(-1e9, .up) == 0xFBFF)
    #expect(NumberFormat.f16.encode(-1e9, .down) == 0xFC00)
    #expect(NumberFormat.f16.encode(-0.0, .up) == 0x8000)
    #expect(NumberFormat.f16.encode(0x1p-25, .nearestEven) == 0)
    #expect(NumberFormat.f16.encode(0x1.8p-25, .nearestEven) == 1)
    #expect(NumberFormat.f16.encode(.leastNonzeroMagnitude, .up) == 1)
    #expect(NumberFormat.bf16.encode(.nan, .nearestEven) == 0x7FFF)
    #expect(NumberFormat.e4m3.encode(1000, .nearestEven, saturates: true) == 0x7E)
    #expect(NumberFormat.e4m3.decode(0x7E) == 448)
    #expect(NumberFormat.e5m2.decode(0x7B) == 57344)
    #expect(NumberFormat.tf32.encode(1 + 0x1p-11, .nearestAway) == Float(1 + 0x1p-10).bitPattern)
    #expect(NumberFormat.tf32.encode(-3, .nearestAway) == Float(-3).bitPattern)
    #expect(NumberFormat.tf32.encode(.nan, .nearestAway) == 0x7FFF_FFFF)
  }

  @Test("Short cuts agree with the general way for every encoding and around every middle")
  func shortCuts() {
    for bits in 0...UInt16.max {
      let half = NumberFormat.f16.decode(UInt32(bits))
      let brain = NumberFormat.bf16.decode(UInt32(bits))
      if !half.isNaN { #expect(PackedFormats.float(f16: bits).bitPattern == Float(half).bitPattern) }
      if half.isNaN { #expect(PackedFormats.float(f16: bits).isNaN) }
      if !brain.isNaN { #expect(PackedFormats.float(bf16: bits).bitPattern == Float(brain).bitPattern) }
      for offset in [UInt32(0), 1, 0x0FFF, 0x1000, 0x1001, 0x7FFF, 0x8000, 0x8001] {
        let value = Float(bitPattern: UInt32(bits) << 16 | offset)
        #expect(
          UInt32(PackedFormats.f16(value)) == NumberFormat.f16.encode(Double(value), .nearestEven), "\(value)"
        )
        #expect(
          UInt32(PackedFormats.bf16(value)) == NumberFormat.bf16.encode(Double(value), .nearestEven),
          "\(value)")
      }
    }
  }

  @Test("f32 with every rounding lies on the right side and next to the exact number")
  func f32() {
    var generator = SplitMix64(seed: 4)
    for _ in 0..<50_000 {
      let exact = Double(bitPattern: generator.next())
      guard exact.magnitude < 1e38, exact.magnitude > 1e-44 else { continue }
      let nearest = Float(bitPattern: NumberFormat.f32.encode(exact, .nearestEven))
      #expect(nearest == Float(exact))
      let down = Float(bitPattern: NumberFormat.f32.encode(exact, .down))
      let up = Float(bitPattern: NumberFormat.f32.encode(exact, .up))
      #expect(Double(down) <= exact && Double(up) >= exact)
      #expect(down == up || down.nextUp == up)
    }
  }

  @Test("Integers")
  func integers() {
    func convert(_ value: Double, _ bits: Int, _ isSigned: Bool, _ rounding: Rounding) -> UInt64 {
      IntegerConversion.integer(value, bitCount: bits, isSigned: isSigned, rounding)
    }
    #expect(convert(2.5, 32, true, .nearestEven) == 2)
    #expect(convert(3.5, 32, true, .nearestEven) == 4)
    #expect(convert(-2.5, 32, true, .down) == UInt64(UInt32(bitPattern: -3)))
    #expect(convert(-2.5, 32, true, .zero) == UInt64(UInt32(bitPattern: -2)))
    #expect(convert(2.1, 32, true, .up) == 3)
    #expect(convert(1e20, 32, true, .zero) == 0x7FFF_FFFF)
    #expect(convert(-1e20, 32, true, .zero) == 0x8000_0000)
    #expect(convert(-1, 32, false, .zero) == 0)
    #expect(convert(300, 8, false, .zero) == 255)
    #expect(convert(1e20, 64, false, .zero) == .max)
    #expect(convert(-1e20, 64, true, .zero) == 1 << 63)
    #expect(convert(.nan, 32, true, .zero) == 0)
    #expect(IntegerConversion.integral(-0.25, .nearestEven).sign == .minus)
    #expect(IntegerConversion.integral(0x1p52 + 1, .up) == 0x1p52 + 1)
    let odd: UInt64 = 1 << 24 + 1
    #expect(IntegerConversion.double(odd, isSigned: false, precision: 24, .nearestEven) == 0x1p24)
    #expect(IntegerConversion.double(odd, isSigned: false, precision: 24, .up) == 0x1p24 + 2)
    #expect(IntegerConversion.double(0 &- odd, isSigned: true, precision: 24, .up) == -0x1p24)
    #expect(IntegerConversion.double(0 &- odd, isSigned: true, precision: 24, .down) == -(0x1p24 + 2))
    #expect(IntegerConversion.double(.max, isSigned: false, precision: 53, .nearestEven) == 0x1p64)
    #expect(IntegerConversion.double(.max, isSigned: true, precision: 24, .zero) == -1)
    #expect(IntegerConversion.double(1 << 63, isSigned: true, precision: 24, .zero) == -0x1p63)
  }
}

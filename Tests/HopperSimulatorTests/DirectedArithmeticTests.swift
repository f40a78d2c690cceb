import HopperSimulator
import LatentAttention
import Testing

/// The oracle is arithmetic in integers: operands with few bits, whose exact results fit 128 bits.
@Suite("Arithmetic with every rounding")
struct DirectedArithmeticTests {
  /// A random double of 53 bits, and the integer and exponent of 2 that it is the product of.
  private struct Number {
    var integer: Int64
    var exponent: Int
    var double: Double { Double(sign: .plus, exponent: exponent, significand: Double(integer)) }

    init(_ generator: inout SplitMix64, exponents: ClosedRange<Int>) {
      integer = Int64.random(in: -(1 << 53)...(1 << 53), using: &generator)
      exponent = Int.random(in: exponents, using: &generator)
    }
  }

  /// Whether `result` is the rounding of `exact` units of 2^exponent.
  private static func isRight(
    _ result: Double, _ exact: Int128, exponent: Int, _ rounding: Rounding
  ) -> Bool {
    // In the same units; the operands are such that results have no bits below.
    let scaled = Double(sign: .plus, exponent: -exponent, significand: result)
    guard scaled.magnitude < 0x1p120, Double(Int128(scaled)) == scaled else { return false }
    let value = Int128(scaled)
    let lower = Int128(scaled.nextDown)
    let upper = Int128(scaled.nextUp)
    switch rounding {
    case .down: return value <= exact && exact < max(upper, value + 1)
    case .up: return value >= exact && exact > min(lower, value - 1)
    case .zero:
      return exact >= 0
        ? value <= exact && exact < max(upper, value + 1) : value >= exact && exact > min(lower, value - 1)
    default: return true
    }
  }

  @Test("Sums, products and fused products of doubles", arguments: [Rounding.zero, .down, .up])
  func doubles(_ rounding: Rounding) {
    var generator = SplitMix64(seed: 5)
    for _ in 0..<20_000 {
      let a = Number(&generator, exponents: 0...0)
      let b = Number(&generator, exponents: 0...0)
      let c = Number(&generator, exponents: 0...60)
      let product = Int128(a.integer) * Int128(b.integer)
      let addend = Int128(c.integer) << Int128(c.exponent)
      #expect(
        Self.isRight(
          DirectedArithmetic.sum(a.double, c.double, rounding), Int128(a.integer) + addend, exponent: 0,
          rounding))
      #expect(
        Self.isRight(
          DirectedArithmetic.product(a.double, b.double, rounding), product, exponent: 0, rounding))
      #expect(
        Self.isRight(
          DirectedArithmetic.fused(a.double, b.double, c.double, rounding), product + addend, exponent: 0,
          rounding))
    }
  }

  @Test("Quotients and roots enclose the exact number")
  func quotients() {
    var generator = SplitMix64(seed: 6)
    for _ in 0..<20_000 {
      let a = Double(UInt32.random(in: 1...UInt32.max, using: &generator))
      let b = Double(UInt32.random(in: 1...(1 << 20), using: &generator))
      let down = DirectedArithmetic.quotient(a, b, .down)
      let up = DirectedArithmetic.quotient(a, b, .up)
      // Exact: the remainder of the integers says whether the quotient is a whole number; else it is between.
      #expect(down == up || down.nextUp == up)
      #expect(DirectedArithmetic.quotient(-a, b, .zero) == -down)
      if Int(a) % Int(b) == 0 { #expect(down == up && down == Double(Int(a) / Int(b))) }
      if a / b != down { #expect(a / b == up) }
      let square = b * b
      #expect(DirectedArithmetic.root(square, .down) == b)
      #expect(DirectedArithmetic.root(square, .up) == b)
      let (low, high) = (DirectedArithmetic.root(a, .down), DirectedArithmetic.root(a, .up))
      #expect(low == high || low.nextUp == high)
    }
    #expect(DirectedArithmetic.quotient(1, 3, .down) < DirectedArithmetic.quotient(1, 3, .up))
    #expect(DirectedArithmetic.quotient(1, 3, .nearestEven) == 1.0 / 3)
  }

  @Test("Rounded to odd, then to fp32, is rounded once")
  func odd() {
    var generator = SplitMix64(seed: 7)
    for _ in 0..<100_000 {
      let a = Float(bitPattern: UInt32.random(in: 0x3000_0000...0x4800_0000, using: &generator))
      let b = Float(bitPattern: UInt32.random(in: 0xB000_0000...0xC800_0000, using: &generator))
      let c = Float(bitPattern: UInt32.random(in: 0x2000_0000...0x5800_0000, using: &generator))
      let odd = DirectedArithmetic.fusedRoundedToOdd(Double(a), Double(b), Double(c))
      #expect(Float(bitPattern: NumberFormat.f32.encode(odd, .nearestEven)) == c.addingProduct(a, b))
      let sum = DirectedArithmetic.sumRoundedToOdd(Double(a), Double(b))
      #expect(Float(bitPattern: NumberFormat.f32.encode(sum, .nearestEven)) == a + b)
      let quotient = DirectedArithmetic.quotientRoundedToOdd(Double(a), Double(b))
      #expect(Float(bitPattern: NumberFormat.f32.encode(quotient, .nearestEven)) == a / b)
      let root = DirectedArithmetic.rootRoundedToOdd(Double(a))
      #expect(Float(bitPattern: NumberFormat.f32.encode(root, .nearestEven)) == a.squareRoot())
    }
  }

  @Test("Infinities and NaN pass through")
  func special() {
    #expect(DirectedArithmetic.sum(.infinity, 1, .down) == .infinity)
    #expect(DirectedArithmetic.sum(.infinity, -.infinity, .down).isNaN)
    #expect(DirectedArithmetic.quotient(1, 0, .zero) == .infinity)
    #expect(DirectedArithmetic.fusedRoundedToOdd(.infinity, 1, 1) == .infinity)
    #expect(DirectedArithmetic.root(-1, .up).isNaN)
  }
}

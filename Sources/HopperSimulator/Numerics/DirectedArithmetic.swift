/// Sums, products, quotients and roots with every rounding (PTX ISA 9.7.3, 9.7.4): for `.rz`, `.rm`, `.rp` of fp32
/// and fp64, and for exact results that then go into a narrower format.
///
/// Each is the hardware's result and the sign of its error, from error-free transformations (Dekker 1971; Ogita,
/// Rump and Oishi 2005); of fp64, numbers are scaled so that no error is below the smallest subnormal one.
package enum DirectedArithmetic {
  /// A number and on which side of it the exact result lies: the sign of exact − nearest.
  struct Approximation {
    var nearest: Double
    var error: Double
  }

  // MARK: fp64

  /// a + b.
  package static func sum(_ a: Double, _ b: Double, _ rounding: Rounding) -> Double {
    guard rounding != .nearestEven, a.isFinite, b.isFinite else { return a + b }
    let sum = addition(a, b)
    if sum.nearest == 0 { return zeroSum(a, b, rounding) }
    return bounded(directed(sum, rounding), rounding)
  }

  /// The sum of numbers whose sum is exactly zero: −0 when rounding down, unless both are +0.
  package static func zeroSum(_ a: Double, _ b: Double, _ rounding: Rounding) -> Double {
    let arePositive = a.sign == .plus && b.sign == .plus && a == 0
    return rounding == .down && !arePositive ? -0.0 : a + b
  }

  /// a · b.
  package static func product(_ a: Double, _ b: Double, _ rounding: Rounding) -> Double {
    guard rounding != .nearestEven, a.isFinite, b.isFinite, a != 0, b != 0 else { return a * b }
    let (m, n) = (fraction(a), fraction(b))
    let nearest = m * n
    let product = Approximation(nearest: nearest, error: (-nearest).addingProduct(m, n))
    return scaled(product, exponent: Int(a.exponent + b.exponent), rounding)
  }

  /// a · b + c.
  package static func fused(_ a: Double, _ b: Double, _ c: Double, _ rounding: Rounding) -> Double {
    guard rounding != .nearestEven, a.isFinite, b.isFinite, c.isFinite else { return c.addingProduct(a, b) }
    if a == 0 || b == 0 { return sum(a * b, c, rounding) }
    if c == 0 { return product(a, b, rounding) }
    // In units in which the larger exponent is 0. What is far below the other's last place only says on which side of
    // it the result lies.
    let (product, addend) = (Int(a.exponent + b.exponent), Int(c.exponent))
    let unit = max(product, addend)
    func placed(_ value: Double, _ exponent: Int) -> Double {
      Double(sign: .plus, exponent: max(exponent - unit, -300), significand: 1) * value
    }
    let sum = fusedProduct(fraction(a), placed(fraction(b), product), placed(fraction(c), addend))
    if sum.nearest == 0 { return rounding == .down ? -0.0 : 0 }
    return scaled(sum, exponent: unit, rounding)
  }

  /// a / b.
  package static func quotient(_ a: Double, _ b: Double, _ rounding: Rounding) -> Double {
    guard rounding != .nearestEven, a.isFinite, b.isFinite, a != 0, b != 0 else { return a / b }
    return scaled(division(fraction(a), fraction(b)), exponent: Int(a.exponent - b.exponent), rounding)
  }

  /// √a.
  package static func root(_ a: Double, _ rounding: Rounding) -> Double {
    guard rounding != .nearestEven, a.isFinite, a > 0 else { return a.squareRoot() }
    let isOdd = a.exponent % 2 != 0
    let root = squareRoot(isOdd ? 2 * fraction(a) : fraction(a))
    return scaled(root, exponent: (Int(a.exponent) - (isOdd ? 1 : 0)) / 2, rounding)
  }

  /// A number with its sign, from 1 to 2 in magnitude.
  private static func fraction(_ value: Double) -> Double {
    Double(signOf: value, magnitudeOf: value.significand)
  }

  /// A number in units of 2^exponent, rounded to a double, which may be subnormal or out of range.
  private static func scaled(_ value: Approximation, exponent: Int, _ rounding: Rounding) -> Double {
    let nearest = value.nearest
    // The last place of subnormal numbers, in those units.
    let least = Double(sign: .plus, exponent: -1074 - exponent, significand: 1)
    if nearest.magnitude >= least * 0x1p53 {
      return bounded(
        Double(sign: .plus, exponent: exponent, significand: directed(value, rounding)), rounding)
    }
    let count = nearest / least
    let whole = count.rounded(.towardZero)
    let difference = count != whole ? count - whole : count == 0 ? nearest : value.error
    let raises: Double =
      switch rounding {
      case .down: difference < 0 ? -1 : 0
      case .up: difference > 0 ? 1 : 0
      case .zero: whole > 0 && difference < 0 ? -1 : whole < 0 && difference > 0 ? 1 : 0
      // The hardware's own operations round to the nearest.
      case .nearestEven, .nearestAway: 0
      }
    return Double(signOf: nearest, magnitudeOf: (whole + raises) * Double.leastNonzeroMagnitude)
  }

  /// The largest number in place of an infinity that a finite result has been rounded to, where the rounding stops
  /// there.
  private static func bounded(_ value: Double, _ rounding: Rounding) -> Double {
    guard value.isInfinite else { return value }
    let stays =
      switch rounding {
      case .zero: true
      case .down: value > 0
      case .up: value < 0
      case .nearestEven, .nearestAway: false
      }
    return stays ? Double(signOf: value, magnitudeOf: .greatestFiniteMagnitude) : value
  }

  // MARK: Exact enough for a narrower format

  /// A double between whose neighbours the exact a · b + c lies and whose last bit says whether it is exact:
  /// rounded to at most 51 bits, it gives what the exact number gives (Boldo and Melquiond 2008).
  package static func fusedRoundedToOdd(_ a: Double, _ b: Double, _ c: Double) -> Double {
    roundedToOdd(fusedProduct(a, b, c))
  }

  /// a + b, likewise.
  package static func sumRoundedToOdd(_ a: Double, _ b: Double) -> Double { roundedToOdd(addition(a, b)) }

  /// a / b, likewise.
  package static func quotientRoundedToOdd(_ a: Double, _ b: Double) -> Double {
    roundedToOdd(division(a, b))
  }

  /// √a, likewise.
  package static func rootRoundedToOdd(_ a: Double) -> Double { roundedToOdd(squareRoot(a)) }

  // MARK: How

  private static func addition(_ a: Double, _ b: Double) -> Approximation {
    let nearest = a + b
    let partB = nearest - a
    return Approximation(nearest: nearest, error: (a - (nearest - partB)) + (b - partB))
  }

  private static func fusedProduct(_ a: Double, _ b: Double, _ c: Double) -> Approximation {
    let nearest = c.addingProduct(a, b)
    let product = a * b
    let productError = (-product).addingProduct(a, b)
    // exact − nearest = product + productError + c − nearest: four numbers whose sum is distilled until each is
    // too small to change the next.
    var parts = [product, productError, c, -nearest]
    for _ in 0..<parts.count {
      for index in 1..<parts.count {
        let step = addition(parts[index - 1], parts[index])
        parts[index - 1] = step.error
        parts[index] = step.nearest
      }
    }
    return Approximation(nearest: nearest, error: parts.last { $0 != 0 } ?? 0)
  }

  private static func division(_ a: Double, _ b: Double) -> Approximation {
    let nearest = a / b
    let remainder = a.addingProduct(-nearest, b)
    return Approximation(nearest: nearest, error: b.sign == .minus ? -remainder : remainder)
  }

  private static func squareRoot(_ a: Double) -> Approximation {
    let nearest = a.squareRoot()
    return Approximation(nearest: nearest, error: a.addingProduct(-nearest, nearest))
  }

  private static func directed(_ value: Approximation, _ rounding: Rounding) -> Double {
    let nearest = value.nearest
    // An infinite result stays, even where an overflow rounds to the largest number: its error is unknown.
    guard nearest.isFinite else { return nearest }
    switch rounding {
    case .nearestEven, .nearestAway: return nearest
    case .down: return value.error < 0 ? nearest.nextDown : nearest
    case .up: return value.error > 0 ? nearest.nextUp : nearest
    case .zero:
      if nearest > 0 || (nearest == 0 && value.error > 0) {
        return value.error < 0 ? nearest.nextDown : nearest
      }
      return value.error > 0 ? nearest.nextUp : nearest
    }
  }

  private static func roundedToOdd(_ value: Approximation) -> Double {
    guard value.nearest.isFinite, value.error.isFinite, value.error != 0 else { return value.nearest }
    let truncated = directed(value, .zero)
    return Double(bitPattern: truncated.bitPattern | 1)
  }
}

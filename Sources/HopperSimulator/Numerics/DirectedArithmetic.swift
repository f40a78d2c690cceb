/// Sums, products, quotients and roots with every rounding (PTX ISA 9.7.3, 9.7.4): for `.rz`, `.rm`, `.rp` of fp32
/// and fp64, and for exact results that then go into a narrower format.
///
/// Each is the hardware's result and the sign of its error, from error-free transformations (Dekker 1971; Ogita,
/// Rump and Oishi 2005). Errors below the smallest subnormal double are not seen: only fp64 can meet them.
package enum DirectedArithmetic {
  /// A number and on which side of it the exact result lies: the sign of exact − nearest.
  struct Approximation {
    var nearest: Double
    var error: Double
  }

  // MARK: fp64

  /// a + b.
  package static func sum(_ a: Double, _ b: Double, _ rounding: Rounding) -> Double {
    directed(addition(a, b), rounding)
  }

  /// a · b.
  package static func product(_ a: Double, _ b: Double, _ rounding: Rounding) -> Double {
    let nearest = a * b
    return directed(Approximation(nearest: nearest, error: (-nearest).addingProduct(a, b)), rounding)
  }

  /// a · b + c.
  package static func fused(_ a: Double, _ b: Double, _ c: Double, _ rounding: Rounding) -> Double {
    directed(fusedProduct(a, b, c), rounding)
  }

  /// a / b.
  package static func quotient(_ a: Double, _ b: Double, _ rounding: Rounding) -> Double {
    directed(division(a, b), rounding)
  }

  /// √a.
  package static func root(_ a: Double, _ rounding: Rounding) -> Double {
    directed(squareRoot(a), rounding)
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

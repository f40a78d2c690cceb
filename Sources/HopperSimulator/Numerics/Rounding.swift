/// How a result that a format does not have becomes one that it has (PTX ISA 9.7.9, `.rn` and so on).
package enum Rounding: UInt8, CaseIterable {
  /// To the nearest, ties to even: `.rn`.
  case nearestEven
  /// Towards zero: `.rz`.
  case zero
  /// Towards −∞: `.rm`.
  case down
  /// Towards +∞: `.rp`.
  case up
  /// To the nearest, ties away from zero: `.rna`.
  case nearestAway

  /// What a modifier says, with or without the `i` of rounding to an integer; nil when it is none.
  package init?(modifier: String) {
    switch modifier {
    case "rn", "rni": self = .nearestEven
    case "rz", "rzi": self = .zero
    case "rm", "rmi": self = .down
    case "rp", "rpi": self = .up
    case "rna": self = .nearestAway
    default: return nil
    }
  }

  /// Whether a magnitude is to be raised by one unit in the last place.
  ///
  /// `remainder` is what was cut off, `half` the middle of a unit, in the same measure; `isOdd` whether the
  /// last place kept is odd.
  @inline(__always)
  func raises(_ remainder: UInt64, half: UInt64, isOdd: Bool, isNegative: Bool) -> Bool {
    switch self {
    case .nearestEven: remainder > half || (remainder == half && isOdd)
    case .nearestAway: remainder >= half
    case .zero: false
    case .down: isNegative && remainder != 0
    case .up: !isNegative && remainder != 0
    }
  }
}

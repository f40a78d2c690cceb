/// How far the result of a correct engine may lie from the oracle's, and why.
///
/// A correct engine takes the elements as they are, adds in fp32 in some order, rounds probabilities to
/// no less than the element type, and rounds the output once. With `u = 2⁻²⁴`, a sum of `n` products
/// then errs by no more than `4 · √n · u · Σ |products|` for rounding errors that do not conspire: the
/// probabilistic bound of Higham and Mary ("A new approach to probabilistic rounding error analysis",
/// SIAM J. Sci. Comput. 41(5), 2019) with λ = 4.
///
/// A score errs by at most `scoreError · Σ |q · k|`; exponentials, running sums over keys and the
/// rescaling of partial results add `sumError`. Both move the LSE; both are relative errors of the
/// weights `p`, and so move column `j` of the output by at most themselves times `Σ p · |c[j]|`.
struct ErrorBounds {
  let elementType: ElementType
  let outputType: ElementType
  private let scoreError: Double
  private static let unit = ElementType.float32.roundingError

  init(elementType: ElementType, outputType: ElementType, keyWidth: Int) {
    self.elementType = elementType
    self.outputType = outputType
    // Four more: the factors scale and log₂ e, and the subtraction of the maximum.
    scoreError = (4 * Double(keyWidth).squareRoot() + 4) * Self.unit
  }

  /// 1e-5 for the approximation of the exponential and the logarithm, and the sum over keys.
  private func sumError(_ row: OracleRow) -> Double {
    1e-5 + 4 * Double(row.keyCount).squareRoot() * Self.unit
  }

  /// Bound on `|lse − lse*|`, both natural. The last term is the rounding of the LSE itself.
  func lse(_ row: OracleRow) -> Double {
    sumError(row) + scoreError * row.scoreMagnitude + 2 * Self.unit * row.lse.magnitude
  }

  /// Bound on `|o − o*|` in one column.
  ///
  /// A weight's score error counts twice: once for its own score, once for the sum that divides it.
  /// With 16-bit elements, every weight may have been rounded to the element type, which is a relative
  /// error, and in fp16 an absolute one for weights below its normal range. The output is rounded last.
  func output(_ row: OracleRow, column: Int) -> Double {
    let relative = sumError(row) + 2 * scoreError * row.scoreMagnitude
    var bound = relative * row.weightedMagnitude[column]
    if elementType != .float32 {
      bound += elementType.roundingError * row.weightedMagnitude[column]
      bound += elementType.denormalError * row.totalMagnitude[column] / row.weightSum
    }
    bound += outputType.roundingError * (row.output[column].magnitude + bound)
    return bound + outputType.denormalError
  }
}

extension ElementType {
  /// The largest absolute error of rounding a number below the normal range to this type.
  fileprivate var denormalError: Double {
    switch self {
    case .bfloat16: 0x1p-134
    case .float16: 0x1p-25
    case .float32: 0x1p-150
    case .float8: 0x1p-10
    }
  }
}

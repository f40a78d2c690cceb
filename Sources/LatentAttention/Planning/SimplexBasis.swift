/// The state of a linear programme `min c·x, A x = b, x ≥ 0` whose columns are made while it is solved.
///
/// The revised simplex method with an explicit inverse (G. B. Dantzig, W. Orchard-Hays, "The product form for the
/// inverse in the simplex method", 1954). The first basis is the identity, so `b` must not be negative.
struct SimplexBasis {
  /// What is not 0 in a column of `A`.
  typealias Column = [(row: Int, value: Double)]

  private let rowCount: Int
  /// The inverse of the basis, row by row.
  private var inverse: [Double]
  /// The basic variables.
  private var values: [Double]
  private var costs: [Double]

  /// Pivots smaller than this, and values nearer to 0, are rounding.
  private static let smallestPivot = 1e-9

  /// One variable for each row, with these values and costs.
  init(values: [Double], costs: [Double]) {
    rowCount = values.count
    self.values = values
    self.costs = costs
    inverse = Array(repeating: 0, count: rowCount * rowCount)
    for row in 0..<rowCount { inverse[row * rowCount + row] = 1 }
  }

  /// `c·x`.
  var cost: Double { zip(costs, values).reduce(0) { $0 + $1.0 * $1.1 } }

  /// The dual variables: what one more unit of each row of `b` would cost. O(rows²).
  var rowPrices: [Double] {
    var prices = Array(repeating: 0.0, count: rowCount)
    for row in 0..<rowCount where costs[row] != 0 {
      for place in 0..<rowCount { prices[place] += costs[row] * inverse[row * rowCount + place] }
    }
    return prices
  }

  /// Brings a column into the basis in place of the variable that it first makes 0. O(rows²).
  ///
  /// - Returns: false, with nothing changed, where it makes none 0.
  mutating func enter(_ column: Column, cost: Double) -> Bool {
    let steps = (0..<rowCount).map { row in
      column.reduce(0.0) { $0 + inverse[row * rowCount + $1.row] * $1.value }
    }
    var leaving: Int?
    var shortest = Double.infinity
    for (row, step) in steps.enumerated() where step > Self.smallestPivot {
      let length = values[row] / step
      if length < shortest {
        shortest = length
        leaving = row
      }
    }
    guard let leaving else { return false }
    let pivot = leaving * rowCount
    for place in 0..<rowCount { inverse[pivot + place] /= steps[leaving] }
    for (row, step) in steps.enumerated() where row != leaving && step != 0 {
      for place in 0..<rowCount { inverse[row * rowCount + place] -= step * inverse[pivot + place] }
      values[row] = max(0, values[row] - step * shortest)
    }
    values[leaving] = shortest
    costs[leaving] = cost
    return true
  }
}

/// Least squares: the `x` without negative parts for which `rows · x` is nearest to `values`: where the solution has negative parts, the
/// most negative one is set to 0 and the rest is solved again. `rows` have equally many numbers, no fewer rows than numbers,
/// and no column is a sum of multiples of others.
public func nonNegativeLeastSquares(_ rows: [[Double]], _ values: [Double]) -> [Double] {
  let count = rows.first?.count ?? 0
  var used = Array(0..<count)
  while !used.isEmpty {
    let matrix = used.map { a in used.map { b in rows.reduce(0) { $0 + $1[a] * $1[b] } } }
    let right = used.map { a in zip(rows, values).reduce(0) { $0 + $1.0[a] * $1.1 } }
    let solution = solve(matrix, right)
    guard let worst = solution.indices.min(by: { solution[$0] < solution[$1] }), solution[worst] < 0 else {
      var result = [Double](repeating: 0, count: count)
      for (place, value) in zip(used, solution) { result[place] = value }
      return result
    }
    used.remove(at: worst)
  }
  return [Double](repeating: 0, count: count)
}

/// Solves `matrix · x = right` for a symmetric positive definite matrix, by elimination.
private func solve(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
  var rows = zip(matrix, right).map { $0 + [$1] }
  for pivot in rows.indices {
    rows[pivot] = rows[pivot].map { $0 / rows[pivot][pivot] }
    for other in rows.indices where other != pivot {
      rows[other] = zip(rows[other], rows[pivot]).map { $0 - rows[other][pivot] * $1 }
    }
  }
  return rows.map { $0[$0.count - 1] }
}

import LatentAttention
import Reports
import Testing

@Suite("Least squares")
struct LeastSquaresTests {
  /// More equations than unknowns, without noise: the unknowns come out.
  @Test func exactValuesAreFound() {
    var generator = SplitMix64(seed: 3)
    let wanted = [3000.0, 1700, 0, 92.5]
    let rows = (0..<9).map { _ in wanted.map { _ in Double.random(in: 0...1, using: &generator) } }
    let values = rows.map { zip($0, wanted).reduce(0) { $0 + $1.0 * $1.1 } }
    for (found, value) in zip(nonNegativeLeastSquares(rows, values), wanted) {
      #expect(abs(found - value) < 1e-6)
    }
  }

  /// The line through (0, 1), (1, 0), (2, 0) that is nearest falls; the nearest that does not is the mean.
  @Test func noPartIsNegative() {
    let found = nonNegativeLeastSquares([[1, 0], [1, 1], [1, 2]], [1, 0, 0])
    #expect(abs(found[0] - 1.0 / 3) < 1e-12)
    #expect(found[1] == 0)
  }

  /// With noise the sum of squares at the solution is less than beside it.
  @Test func solutionIsTheNearest() {
    var generator = SplitMix64(seed: 5)
    let rows = (0..<20).map { [1, Double($0), Double.random(in: 0...1, using: &generator)] }
    let values = rows.map { 2 * $0[0] + 3 * $0[1] + 4 * $0[2] + Double.random(in: -1...1, using: &generator) }
    func squares(_ x: [Double]) -> Double {
      zip(rows, values).reduce(0) { sum, pair in
        let miss = zip(pair.0, x).reduce(-pair.1) { $0 + $1.0 * $1.1 }
        return sum + miss * miss
      }
    }
    let found = nonNegativeLeastSquares(rows, values)
    for place in found.indices {
      for step in [-1e-3, 1e-3] {
        var beside = found
        beside[place] += step
        #expect(squares(beside) > squares(found))
      }
    }
  }
}

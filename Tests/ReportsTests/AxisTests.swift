import Foundation
import Reports
import Testing

@Suite struct RoundNumberTests {
  @Test func orderOfRoundNumbers() {
    #expect((-3...4).map { RoundNumber(index: $0).value } == [0.1, 0.2, 0.5, 1, 2, 5, 10, 20])
    #expect(RoundNumber(index: -3).times(3) == 0.3)
  }

  @Test func nearestRoundNumbers() {
    for exponent in -290...290 {
      let power = Double("1e\(exponent)") ?? .nan
      #expect(RoundNumber.index(atMost: power) == 3 * exponent)
      #expect(RoundNumber.index(atLeast: power) == 3 * exponent)
      #expect(RoundNumber.index(atMost: power.nextDown) == 3 * exponent - 1)
      #expect(RoundNumber.index(atLeast: power.nextUp) == 3 * exponent + 1)
    }
  }
}

@Suite struct TickTests {
  @Test func labelsShareOnePrefix() {
    #expect(Ticks.linear(0...2e6, count: 4, unit: "").map(\.label) == ["0", "0.5M", "1.0M", "1.5M", "2.0M"])
    #expect(
      Ticks.linear(0...0.05, count: 5, unit: "s").map(\.label) == [
        "0", "10 ms", "20 ms", "30 ms", "40 ms", "50 ms",
      ])
    #expect(Ticks.linear(-1...1, count: 4, unit: "").map(\.label) == ["-1.0", "-0.5", "0", "0.5", "1.0"])
    #expect(Ticks.linear(0...100, count: 3, unit: "%").map(\.label) == ["0", "50 %", "100 %"])
  }

  /// Ticks lie in the domain, are evenly spaced by a round number, and there are neither too few nor too
  /// many; widening never loses a value.
  @Test func linearTicksOfRandomDomains() throws {
    var generator = SeededGenerator(state: 2)
    for _ in 0..<3000 {
      let magnitude = pow(10, Double.random(in: -30...30, using: &generator))
      let ends = (0..<2).map { _ in Double.random(in: -1...1, using: &generator) * magnitude }
      let domain = Domain.linear(ends, includesZero: false)
      let count = Int.random(in: 3...12, using: &generator)
      let ticks = Ticks.linear(domain, count: count, unit: "s").map(\.value)
      let slack = 1e-5 * (domain.upperBound - domain.lowerBound)
      #expect(ticks.count <= count + 1)
      #expect(ticks.count >= count / 3)
      #expect(ticks.allSatisfy { $0 >= domain.lowerBound - slack && $0 <= domain.upperBound + slack })
      for (tick, next) in zip(ticks, ticks.dropFirst()) {
        let step = next - tick
        let mantissa = step / pow(10, log10(step).rounded(.down))
        #expect([1, 2, 5, 10].contains { abs($0 - mantissa) < 1e-6 }, "step \(step)")
      }
      let widened = Ticks.widened(domain, count: count)
      #expect(
        widened.lowerBound <= domain.lowerBound + slack && widened.upperBound >= domain.upperBound - slack)
    }
  }

  @Test func logarithmicTicks() {
    #expect(
      Ticks.logarithmic(1...100, count: 8, unit: "").map(\.label) == ["1", "2", "5", "10", "20", "50", "100"])
    #expect(
      Ticks.logarithmic(1e-6...1e-2, count: 8, unit: "s").map(\.label) == [
        "1 µs", "10 µs", "100 µs", "1 ms", "10 ms",
      ])
    let wide = Ticks.logarithmic(1e-300...1e300, count: 8, unit: "")
    #expect((2...10).contains(wide.count))
  }

  @Test func domainsOfDegenerateValues() {
    #expect(Domain.linear([], includesZero: false) == 0...1)
    #expect(Domain.linear([.nan, .infinity, 2e300], includesZero: true) == 0...1)
    #expect(Domain.linear([0, 0], includesZero: false) == 0...1)
    #expect(Domain.linear([5], includesZero: false) == 2.5...7.5)
    #expect(Domain.linear([5], includesZero: true) == 0...5)
    #expect(
      Domain.linear([Double.leastNonzeroMagnitude, -Double.leastNonzeroMagnitude], includesZero: false)
        == 0...1)
    let close = Domain.linear([1e16, (1e16).nextUp], includesZero: false)
    #expect(close.upperBound - close.lowerBound > 1e15)
    #expect(Domain.logarithmic([-1, 0, .nan]) == 1...10)
    #expect(Domain.logarithmic([1]) == 1...2)
    #expect(Domain.logarithmic([3, 700]) == 2...1000)
  }
}

@Suite struct DecimationTests {
  private typealias Position = (x: Double, y: Double)

  @Test func keepsTheExtremesOfEachPixelColumn() {
    var generator = SeededGenerator(state: 3)
    let points = (0..<100_000).map { index in
      (x: Double(index) * 0.005, y: Double.random(in: 0...100, using: &generator))
    }
    let vertices = Decimation.line(points.map { Optional($0) })
    #expect(vertices.count <= 4 * 500)
    let kept = Dictionary(grouping: vertices) { Int($0.x) }
    for (column, all) in Dictionary(grouping: points, by: { Int($0.x) }) {
      let ys = kept[column, default: []].map(\.y)
      #expect(ys.min() == all.map(\.y).min())
      #expect(ys.max() == all.map(\.y).max())
      #expect(ys.first == all.first?.y)
      #expect(ys.last == all.last?.y)
    }
    #expect(vertices.filter(\.startsAnew).count == 1)
    #expect(zip(vertices, vertices.dropFirst()).allSatisfy { $0.x < $1.x })
  }

  @Test func shortSeriesStayAsTheyAre() {
    let points: [Position?] = [(1, 2), (1.5, 3), (9, 4)]
    #expect(Decimation.line(points).map(\.y) == [2, 3, 4])
    #expect(Decimation.line([Position?]()).map(\.y) == [])
  }

  @Test func gapsInterruptTheLine() {
    let points: [Position?] = [nil, (1, 0), (2, 0), nil, (3, 0), nil, nil, (3.5, 1), (4, 0)]
    let vertices = Decimation.line(points)
    #expect(vertices.map(\.startsAnew) == [true, false, true, false, false])
  }

  @Test func cloudsKeepOnePointPerCell() {
    let points: [Position] = [(0, 0), (1, 1), (2, 0), (0.5, 1.9)]
    let kept = Decimation.cloud(points, cell: 2)
    #expect(kept.map(\.x) == [0, 2])
  }
}

import Foundation
import Reports
import Testing

@Suite struct ChartTests {
  private func chart(_ series: [Chart.Series], scale: Chart.Scale = .linear, isTwoSided: Bool = false)
    -> Chart
  {
    Chart(
      title: "A <title> & \"more\"", x: Chart.Axis("time", unit: "s", scale: scale),
      y: Chart.Axis("step <time>", unit: "s", scale: scale),
      rightY: isTwoSided ? Chart.Axis("batch", includesZero: true) : nil, series: series)
  }

  @Test func isWellFormedAndAccessible() {
    let points = [Chart.Point(x: 0, y: 1), Chart.Point(x: 1, y: 3)]
    let image = chart([Chart.Series("a & b", points: points)]).svg()
    let outline = XMLOutline(image.document)
    #expect(outline.fault == nil)
    #expect(outline.elements.first?.attributes["role"] == "img")
    #expect(outline.elements.first?.attributes["aria-label"] == "A <title> & \"more\"")
    #expect(outline.all("title").first?.text == "A <title> & \"more\"")
    #expect(outline.all("desc").first?.text == "step <time> over time. a & b: 2 points, 1.000 s to 3.000 s.")
    #expect(image.document.contains("prefers-color-scheme:dark"))
    #expect(!image.document.contains("<script"))
  }

  /// Points land where the tick labels say.
  @Test func pointsAgreeWithTicks() throws {
    let points = [Chart.Point(x: 0, y: 0), Chart.Point(x: 10, y: 20), Chart.Point(x: 20, y: 40)]
    let outline = XMLOutline(chart([Chart.Series("s", points: points)]).svg().document)
    let path = numbers(inPath: try #require(outline.all("path", class: "line").first?.attributes["d"]))
    func tick(_ label: String, _ name: String) throws -> XMLOutline.Element {
      try #require(outline.all("text", class: name).first { $0.text == label })
    }
    let column = try tick("10 s", "middle").number("x")
    let row = try tick("20 s", "end").number("y") - 4
    #expect(abs(path[2] - column) < 0.011)
    #expect(abs(path[3] - row) < 0.011)
  }

  @Test func twoAxesScaleApart() throws {
    let fast = Chart.Series("time", points: [Chart.Point(x: 0, y: 0.001), Chart.Point(x: 1, y: 0.002)])
    let large = Chart.Series(
      "batch", mark: .step, side: .right, points: [Chart.Point(x: 0, y: 0), Chart.Point(x: 1, y: 4000)])
    let outline = XMLOutline(chart([fast, large], isTwoSided: true).svg().document)
    let lines = outline.all("path", class: "line").compactMap { $0.attributes["d"] }
    let ends = lines.map { numbers(inPath: $0).last }
    #expect(ends.count == 2)
    #expect(ends[0] == ends[1], "both end at the top of their axis")
    #expect(lines[1].contains("H") && lines[1].contains("V"))
    #expect(outline.all("text").contains { $0.text == "batch (right)" })
    #expect(outline.all("text", class: "start").last?.text == "4k")
    let tooltips = outline.all("title").map(\.text)
    #expect(tooltips.contains("time: 1.000 s\ntime: 2.000 ms\nbatch: 4.000k"))
  }

  @Test func longSeriesGiveSmallFiles() {
    var generator = SeededGenerator(state: 4)
    let points = (0..<100_000).map {
      Chart.Point(x: Double($0), y: Double.random(in: 1...2, using: &generator))
    }
    for mark in [Chart.Mark.line, .step, .points] {
      let document = chart([Chart.Series("s", mark: mark, points: points)]).svg().document
      #expect(document.utf8.count < 1_500_000, "\(mark)")
      #expect(XMLOutline(document).fault == nil)
    }
  }

  @Test func everyOddSeriesGivesAPicture() {
    let odd: [[Double]] = [
      [], [1], [.nan], [.infinity, -.infinity], [0, 0, 0], [-5, -5], [1e300, -1e300], [1e308, -1e308],
      [.leastNonzeroMagnitude, 1], [1e16, (1e16).nextUp], [1, .nan, 2, .nan, 3], [-1, 0, 1], [1e-300, 1e300],
    ]
    for xs in odd {
      for ys in odd {
        let points = (0..<max(xs.count, ys.count)).map { index in
          Chart.Point(x: index < xs.count ? xs[index] : Double(index), y: index < ys.count ? ys[index] : 1)
        }
        for mark in [Chart.Mark.line, .step, .points, .bars] {
          for scale in [Chart.Scale.linear, .logarithmic] {
            let document = chart([Chart.Series("s", mark: mark, points: points)], scale: scale).svg().document
            let outline = XMLOutline(document)
            #expect(outline.fault == nil)
            let sizes = outline.all("rect").flatMap { [$0.number("width"), $0.number("height")] }
            #expect(sizes.allSatisfy { $0 >= 0 }, "\(xs) \(ys) \(mark) \(scale)")
          }
        }
      }
    }
  }

  @Test func gapsAndLonePoints() throws {
    let points = [1, .nan, 2, 3].enumerated().map { Chart.Point(x: Double($0), y: $1) }
    let outline = XMLOutline(chart([Chart.Series("s", points: points)]).svg().document)
    let path = try #require(outline.all("path", class: "line").first?.attributes["d"])
    #expect(path.filter { $0 == "M" }.count == 2)
    #expect(path.filter { $0 == "h" }.count == 1)
    #expect(path.filter { $0 == "L" }.count == 1)
  }

  @Test func oddSizesAreBroughtIntoRange() {
    var chart = chart([])
    chart.width = .nan
    chart.height = -.infinity
    let image = chart.svg()
    #expect(image.width == 240 && image.height == 160)
    #expect(XMLOutline(image.document).fault == nil)
  }
}

@Suite struct HistogramTests {
  @Test func linearBinsHaveRoundEdges() {
    let histogram = Histogram([0.1, 0.2, 0.25, 0.9, 1, .nan], binning: .linear(count: 10))
    #expect(histogram.edges == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
    #expect(histogram.counts == [1, 2, 0, 0, 0, 0, 0, 0, 2])
    #expect(histogram.ignoredCount == 1)
  }

  @Test func logarithmicBinsHaveEqualRatios() {
    let histogram = Histogram([1, 9.99, 10, 999, 1000, 0, -1], binning: .logarithmic(perDecade: 1))
    #expect(histogram.edges == [1, 10, 100, 1000])
    #expect(histogram.counts == [2, 1, 2])
    #expect(histogram.ignoredCount == 2)
  }

  /// Every sample is in the bin whose edges enclose it.
  @Test(arguments: [Histogram.Binning.linear(count: 37), .logarithmic(perDecade: 7)])
  func countsAgreeWithADirectCount(binning: Histogram.Binning) {
    var generator = SeededGenerator(state: 5)
    let samples = (0..<2000).map { _ in pow(10, Double.random(in: -3...4, using: &generator)) }
    let histogram = Histogram(samples, binning: binning)
    #expect(histogram.counts.reduce(0, +) == samples.count)
    for bin in histogram.counts.indices {
      let isLast = bin == histogram.counts.count - 1
      let direct = samples.filter {
        $0 >= histogram.edges[bin]
          && ($0 < histogram.edges[bin + 1] || isLast && $0 == histogram.edges[bin + 1])
      }
      #expect(histogram.counts[bin] == direct.count)
    }
  }

  @Test(arguments: [[], [3], [0, 0], [.nan], [-1], [1e-300, 1e300]] as [[Double]])
  func oddSamples(samples: [Double]) {
    for binning in [Histogram.Binning.linear(count: 0), .linear(count: .max), .logarithmic(perDecade: -1)] {
      let histogram = Histogram(samples, binning: binning)
      #expect(histogram.edges.count == histogram.counts.count + 1)
      #expect(histogram.counts.reduce(0, +) + histogram.ignoredCount == samples.count)
    }
  }

  @Test func barsAreAsHighAsTheirCounts() {
    let chart = Histogram([1, 1, 2, 3], binning: .linear(count: 2)).chart(title: "h", x: Chart.Axis("x"))
    let bars = XMLOutline(chart.svg().document).all("rect", class: "bar")
    #expect(chart.x.scale == .linear)
    #expect(bars.count == 2)
    #expect(abs(bars[0].number("height") - bars[1].number("height")) < 0.02)
  }
}

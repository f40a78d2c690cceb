/// A chart laid out: where the plot lies, what the axes map, where the legend goes.
struct ChartDrawing {
  let chart: Chart
  let width: Double
  let height: Double
  /// The rectangle between the axes.
  let plot: (left: Double, right: Double, top: Double, bottom: Double)
  let x: AxisScale
  let left: AxisScale
  let right: AxisScale?
  let legend: Legend

  init(_ chart: Chart) {
    let width = Self.size(chart.width, 240...10_000)
    let height = Self.size(chart.height, 160...10_000)
    let legend = Legend(Self.legendEntries(chart), width: width - 32)
    let top = 44 + legend.height
    let bottom = max(height - 46, top + 40)

    let tickRoom = Int((bottom - top) / 36)
    var left = Self.yScale(chart, side: .left, tickCount: tickRoom)
    var right = chart.rightY == nil ? nil : Self.yScale(chart, side: .right, tickCount: tickRoom)
    let plotLeft = 40 + left.labelWidth
    let plotRight = max(width - (right.map { 40 + $0.labelWidth } ?? 28), plotLeft + 40)

    let abscissas = chart.series.lazy.flatMap { $0.points.lazy.map(\.x) }
    var x = AxisScale(
      axis: chart.x, values: abscissas, isWidened: false, tickCount: Int((plotRight - plotLeft) / 70))
    x.pixels = (plotLeft, plotRight)
    left.pixels = (bottom, top)
    right?.pixels = (bottom, top)

    self.chart = chart
    self.width = width
    self.height = height
    self.plot = (plotLeft, plotRight, top, bottom)
    self.x = x
    self.left = left
    self.right = right
    self.legend = legend
  }

  /// The axis that a series is drawn against.
  func y(of series: Chart.Series) -> AxisScale { series.side == .right ? right ?? left : left }

  func image() -> SVGImage {
    var writer = MarkupWriter()
    writer.element(
      "text", ["class": "title", "x": "16", "y": "24"],
      text: DisplayWidth.truncated(chart.title, to: Int(width / 8.6)))
    legend.draw(in: &writer, x: 16, y: 34)
    drawAxes(in: &writer)
    for (index, series) in chart.series.enumerated() {
      writer.element("g", ["class": FigureStyle.seriesClass(index)]) { draw(series, in: &$0) }
    }
    return SVGImage(title: chart.title, summary: summary, width: width, height: height, body: writer.text)
  }

  private var summary: String {
    let parts = chart.series.prefix(8).map { series in
      let y = y(of: series)
      let values = series.points.lazy.map(\.y).filter(y.shows)
      guard let smallest = values.min(), let largest = values.max() else {
        return "\(series.name): nothing to show"
      }
      return "\(series.name): \(series.points.count) points, \(y.text(smallest)) to \(y.text(largest))"
    }
    let more = chart.series.count > 8 ? "; and \(chart.series.count - 8) more series" : ""
    return "\(chart.y.label) over \(chart.x.label). \(parts.joined(separator: "; "))\(more)."
  }

  private static func size(_ value: Double, _ range: ClosedRange<Double>) -> Double {
    value.isNaN ? range.lowerBound : min(max(value, range.lowerBound), range.upperBound)
  }

  private static func yScale(_ chart: Chart, side: Chart.Side, tickCount: Int) -> AxisScale {
    let series = chart.series.filter { chart.rightY == nil || $0.side == side }
    var axis = side == .right ? chart.rightY ?? chart.y : chart.y
    if series.contains(where: { $0.mark == .bars }) { axis.includesZero = true }
    return AxisScale(
      axis: axis, values: series.lazy.flatMap { $0.points.lazy.map(\.y) }, isWidened: true,
      tickCount: tickCount)
  }

  private static func legendEntries(_ chart: Chart) -> [Legend.Entry] {
    guard chart.series.count > 1 else { return [] }
    return chart.series.enumerated().map { index, series in
      let name = DisplayWidth.truncated(series.name, to: 40)
      let isRight = chart.rightY != nil && series.side == .right
      return Legend.Entry(
        name: isRight ? name + " (right)" : name, keyClass: FigureStyle.seriesClass(index),
        fill: "currentColor")
    }
  }
}

/// Keys and names in rows, as many to a row as fit.
struct Legend {
  struct Entry {
    var name: String
    /// CSS class of the coloured square.
    var keyClass: String
    /// Colour of the square, unless its class has one.
    var fill: String
    /// Whether the square is hatched.
    var isHatched = false
  }

  private let entries: [(entry: Entry, x: Double, row: Int)]
  private static let rowHeight = 20.0

  init(_ entries: [Entry], width: Double) {
    var placed: [(entry: Entry, x: Double, row: Int)] = []
    var x = 0.0
    var row = 0
    for entry in entries {
      let needed = 34 + FigureText.width(entry.name)
      if x > 0, x + needed > width {
        x = 0
        row += 1
      }
      placed.append((entry, x, row))
      x += needed
    }
    self.entries = placed
  }

  var height: Double { entries.last.map { Double($0.row + 1) * Self.rowHeight } ?? 0 }

  func draw(in writer: inout MarkupWriter, x: Double, y: Double) {
    for placed in entries {
      let left = x + placed.x
      let top = y + Double(placed.row) * Self.rowHeight
      let square: KeyValuePairs = [
        "class": placed.entry.keyClass, "fill": placed.entry.fill, "x": MarkupWriter.pixels(left),
        "y": MarkupWriter.pixels(top + 3), "width": "11", "height": "11", "rx": "2",
      ]
      writer.element("rect", square)
      if placed.entry.isHatched {
        let path = "M\(MarkupWriter.pixels(left)) \(MarkupWriter.pixels(top + 3))h11v11h-11z"
        writer.element("path", ["class": "hatch", "d": path])
      }
      writer.element(
        "text", ["x": MarkupWriter.pixels(left + 17), "y": MarkupWriter.pixels(top + 13)],
        text: placed.entry.name)
    }
  }
}

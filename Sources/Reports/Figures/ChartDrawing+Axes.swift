extension ChartDrawing {
  /// Draws grid, axes, their labels, and the invisible bands that hold the tooltips.
  func drawAxes(in writer: inout MarkupWriter) {
    func pixels(_ value: Double) -> String { MarkupWriter.pixels(value) }
    let (plotLeft, plotRight, top, bottom) = plot
    let grid =
      left.ticks.map { "M\(pixels(plotLeft)) \(pixels(left.position($0.value)))H\(pixels(plotRight))" }
      + x.ticks.map { "M\(pixels(x.position($0.value))) \(pixels(top))V\(pixels(bottom))" }
    writer.element("path", ["class": "grid", "d": grid.joined()])

    for tick in left.ticks {
      label(tick.label, x: plotLeft - 7, y: left.position(tick.value) + 4, classes: "end", in: &writer)
    }
    for tick in x.ticks {
      label(tick.label, x: x.position(tick.value), y: bottom + 17, classes: "middle", in: &writer)
    }
    for tick in right?.ticks ?? [] {
      let y = right?.position(tick.value) ?? 0
      label(tick.label, x: plotRight + 9, y: y + 4, classes: "start", in: &writer)
      writer.element("path", ["class": "axis", "d": "M\(pixels(plotRight)) \(pixels(y))h4"])
    }
    let rightEdge = right == nil ? "" : "M\(pixels(plotRight)) \(pixels(top))V\(pixels(bottom))"
    let frame = "M\(pixels(plotLeft)) \(pixels(top))V\(pixels(bottom))H\(pixels(plotRight))\(rightEdge)"
    writer.element("path", ["class": "axis", "d": frame])

    label(chart.x.label, x: (plotLeft + plotRight) / 2, y: bottom + 37, classes: "middle strong", in: &writer)
    verticalLabel(chart.y.label, x: 22, in: &writer)
    if let right { verticalLabel(right.axis.label, x: width - 12, in: &writer) }
    drawBands(in: &writer)
  }

  private func label(_ text: String, x: Double, y: Double, classes: String, in writer: inout MarkupWriter) {
    writer.element(
      "text", ["class": classes, "x": MarkupWriter.pixels(x), "y": MarkupWriter.pixels(y)], text: text)
  }

  private func verticalLabel(_ text: String, x: Double, in writer: inout MarkupWriter) {
    let y = (plot.top + plot.bottom) / 2
    let place = "translate(\(MarkupWriter.pixels(x)) \(MarkupWriter.pixels(y))) rotate(-90)"
    writer.element("text", ["class": "middle strong", "transform": place], text: text)
  }

  /// What a stretch of the x axis holds of one series.
  private struct Extent {
    var x: ClosedRange<Double>
    var y: ClosedRange<Double>
    var count: Int

    mutating func add(_ point: Chart.Point) {
      x = min(x.lowerBound, point.x)...max(x.upperBound, point.x)
      y = min(y.lowerBound, point.y)...max(y.upperBound, point.y)
      count += 1
    }
  }

  /// Invisible stripes over the plot whose tooltips say what lines and steps do there: a browser shows
  /// them without any script, and their number does not grow with the points.
  private func drawBands(in writer: inout MarkupWriter) {
    let count = max(1, Int((plot.right - plot.left) / 7))
    let bandWidth = (plot.right - plot.left) / Double(count)
    var bands = [[Int: Extent]](repeating: [:], count: count)
    for (index, series) in chart.series.enumerated() where series.mark == .line || series.mark == .step {
      let y = y(of: series)
      for point in series.points where x.shows(point.x) && y.shows(point.y) {
        let band = min(max(Int((x.position(point.x) - plot.left) / bandWidth), 0), count - 1)
        bands[band][index, default: Extent(x: point.x...point.x, y: point.y...point.y, count: 0)].add(point)
      }
    }
    for (band, extents) in bands.enumerated() where !extents.isEmpty {
      let rectangle: KeyValuePairs = [
        "class": "band", "x": MarkupWriter.pixels(plot.left + Double(band) * bandWidth),
        "y": MarkupWriter.pixels(plot.top), "width": MarkupWriter.pixels(bandWidth),
        "height": MarkupWriter.pixels(plot.bottom - plot.top),
      ]
      writer.element("rect", rectangle) { $0.element("title", text: tooltip(extents)) }
    }
  }

  private func tooltip(_ extents: [Int: Extent]) -> String {
    let ordered = extents.sorted { $0.key < $1.key }
    let from = ordered.map(\.value.x.lowerBound).min() ?? 0
    let to = ordered.map(\.value.x.upperBound).max() ?? 0
    let lines = ordered.map { index, extent in
      let series = chart.series[index]
      let values = range(extent.y, of: y(of: series))
      return "\(series.name): \(values)" + (extent.count > 1 ? " (\(extent.count) points)" : "")
    }
    return (["\(x.axis.label): \(range(from...to, of: x))"] + lines).joined(separator: "\n")
  }

  private func range(_ range: ClosedRange<Double>, of scale: AxisScale) -> String {
    let lower = scale.text(range.lowerBound)
    let upper = scale.text(range.upperBound)
    return lower == upper ? lower : "\(lower) to \(upper)"
  }
}

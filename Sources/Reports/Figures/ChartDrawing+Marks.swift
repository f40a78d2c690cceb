extension ChartDrawing {
  /// Points beyond this many lose their own tooltips and are thinned.
  private static let largestLabelledCloud = 400

  /// Draws one series in the current colour.
  func draw(_ series: Chart.Series, in writer: inout MarkupWriter) {
    switch series.mark {
    case .line, .step: drawLine(series, in: &writer)
    case .points: drawPoints(series, in: &writer)
    case .bars: drawBars(series, in: &writer)
    }
  }

  private func drawLine(_ series: Chart.Series, in writer: inout MarkupWriter) {
    let y = y(of: series)
    let vertices = Decimation.line(
      series.points.lazy.map { point in
        x.shows(point.x) && y.shows(point.y) ? (x.position(point.x), y.position(point.y)) : nil
      })
    guard !vertices.isEmpty else { return }
    var path = ""
    for (index, vertex) in vertices.enumerated() {
      let column = MarkupWriter.pixels(vertex.x)
      let row = MarkupWriter.pixels(vertex.y)
      if vertex.startsAnew {
        path += "M\(column) \(row)"
        // A point between two gaps: a stroke of no length, which the round cap makes a dot.
        if index + 1 == vertices.count || vertices[index + 1].startsAnew { path += "h0" }
      } else {
        path += series.mark == .step ? "H\(column)V\(row)" : "L\(column) \(row)"
      }
    }
    writer.element("path", ["class": "line", "d": path, "pointer-events": "none"])
  }

  private func drawPoints(_ series: Chart.Series, in writer: inout MarkupWriter) {
    let y = y(of: series)
    let shown = series.points.filter { x.shows($0.x) && y.shows($0.y) }
    guard shown.count > Self.largestLabelledCloud else {
      for point in shown {
        let circle: KeyValuePairs = [
          "class": "dot", "r": "3.5", "cx": MarkupWriter.pixels(x.position(point.x)),
          "cy": MarkupWriter.pixels(y.position(point.y)),
        ]
        let text = "\(series.name)\n\(x.axis.label): \(x.text(point.x))\n\(y.axis.label): \(y.text(point.y))"
        writer.element("circle", circle) { $0.element("title", text: text) }
      }
      return
    }
    // Dots are 4 pixels wide: within 2 pixels of another one they add nothing to see.
    let path = Decimation.cloud(shown.lazy.map { (x.position($0.x), y.position($0.y)) }, cell: 2)
      .map { "M\(MarkupWriter.pixels($0.x)) \(MarkupWriter.pixels($0.y))h0" }
    writer.element("path", ["class": "points", "d": path.joined(), "pointer-events": "none"])
  }

  private func drawBars(_ series: Chart.Series, in writer: inout MarkupWriter) {
    let y = y(of: series)
    let base = y.shows(0) ? y.position(0) : plot.bottom
    for (point, next) in zip(series.points, series.points.dropFirst())
    where point.y != 0 && x.shows(point.x) && x.shows(next.x) && y.shows(point.y) {
      let left = min(x.position(point.x), x.position(next.x))
      let right = max(x.position(point.x), x.position(next.x))
      let end = y.position(point.y)
      // Half a pixel on either side sets bars apart where there is room for it.
      let gap = right - left > 3 ? 0.5 : 0
      let rectangle: KeyValuePairs = [
        "class": "bar", "x": MarkupWriter.pixels(left + gap), "y": MarkupWriter.pixels(min(base, end)),
        "width": MarkupWriter.pixels(right - left - 2 * gap), "height": MarkupWriter.pixels(abs(base - end)),
      ]
      let text = "\(x.text(point.x)) to \(x.text(next.x)): \(y.text(point.y))"
      writer.element("rect", rectangle) { $0.element("title", text: text) }
    }
  }
}

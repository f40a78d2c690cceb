import LatentAttention

extension GanttDrawing {
  /// Draws both scales, the lanes' numbers and the barrier.
  func drawAxes(in writer: inout MarkupWriter) {
    let microseconds = Ticks.linear(0...max(makespan / 1000, 1e-3), count: 10, unit: "")
    drawScale(
      microseconds.map { (position($0.value * 1000), $0.label) }, from: Self.left, to: piecesRight,
      caption: "cost in µs, under the cost model", in: &writer)
    if largestMerge > 0 {
      let rows = Ticks.linear(0...Double(largestMerge), count: 3, unit: "")
      drawScale(
        rows.map { (position(mergedRows: Int($0.value)), $0.label) }, from: mergeLeft, to: mergeRight,
        caption: "partial rows merged", in: &writer)
      let middle = MarkupWriter.pixels((piecesRight + mergeLeft) / 2)
      let line = "M\(middle) \(MarkupWriter.pixels(top - 6))V\(MarkupWriter.pixels(bottom + 6))"
      writer.element("path", ["class": "barrier", "d": line])
      let place: KeyValuePairs = ["class": "small middle", "x": middle, "y": MarkupWriter.pixels(top - 10)]
      writer.element("text", place, text: "barrier")
    }
    // Numbers 18 pixels apart are read at ease.
    let stride = RoundNumber(index: RoundNumber.index(atLeast: max(1, 18 / laneHeight)))
    for worker in Swift.stride(from: 0, to: lanes.count, by: max(1, Int(stride.value))) {
      let y = top + (Double(worker) + 0.5) * laneHeight + 4
      let place: KeyValuePairs = [
        "class": "small end", "x": MarkupWriter.pixels(Self.left - 6), "y": MarkupWriter.pixels(y),
      ]
      writer.element("text", place, text: "\(worker)")
    }
    let middle = MarkupWriter.pixels((top + bottom) / 2)
    writer.element(
      "text", ["class": "middle strong", "transform": "translate(20 \(middle)) rotate(-90)"], text: "worker")
  }

  private func drawScale(
    _ ticks: [(x: Double, label: String)], from left: Double, to right: Double, caption: String,
    in writer: inout MarkupWriter
  ) {
    let topEdge = MarkupWriter.pixels(top)
    let bottomEdge = MarkupWriter.pixels(bottom)
    let grid = ticks.map { "M\(MarkupWriter.pixels($0.x)) \(topEdge)V\(bottomEdge)" }
    writer.element("path", ["class": "grid", "d": grid.joined()])
    for tick in ticks {
      let place: KeyValuePairs = [
        "class": "middle", "x": MarkupWriter.pixels(tick.x), "y": MarkupWriter.pixels(bottom + 18),
      ]
      writer.element("text", place, text: tick.label)
    }
    let place: KeyValuePairs = [
      "class": "middle strong", "x": MarkupWriter.pixels((left + right) / 2),
      "y": MarkupWriter.pixels(bottom + 38),
    ]
    writer.element("text", place, text: caption)
  }

  /// Draws what a worker does: pieces, the wait for the barrier, merge jobs.
  func drawLane(_ worker: Int, in writer: inout MarkupWriter) {
    let lane = lanes[worker]
    for (piece, start, end) in lane.pieces {
      let box = box(worker, from: position(start), to: position(end))
      draw(
        box, request: piece.request, tooltip: tooltip(piece, worker: worker, start: start, end: end),
        in: &writer)
      if piece.partialRow != nil { writer.element("path", ["class": "hatch", "d": box.path]) }
      drawNumber(of: piece.request, on: box, in: &writer)
    }
    if lane.end < makespan {
      let box = box(worker, from: position(lane.end), to: piecesRight)
      let text = "worker \(worker): idle for \(Self.microseconds(makespan - lane.end))"
      box.draw(class: "idle", fill: "#d1d5db", tooltip: text, in: &writer)
    }
    for (job, start, end) in lane.merges {
      let box = box(worker, from: position(mergedRows: start), to: position(mergedRows: end))
      draw(box, request: job.request, tooltip: tooltip(job, worker: worker), in: &writer)
    }
  }

  private func draw(_ box: Box, request: Int, tooltip: String, in writer: inout MarkupWriter) {
    box.draw(class: "box", fill: RequestPalette.color(request), tooltip: tooltip, in: &writer)
  }

  /// Writes the request's number on a box that has room for it.
  private func drawNumber(of request: Int, on box: Box, in writer: inout MarkupWriter) {
    guard box.height >= 11, box.width >= FigureText.width("\(request)") + 6 else { return }
    let place: KeyValuePairs = [
      "class": "boxlabel", "x": MarkupWriter.pixels(box.left + box.width / 2),
      "y": MarkupWriter.pixels(box.top + box.height / 2 + 3.5),
    ]
    writer.element("text", place, text: "\(request)")
  }

  private func box(_ lane: Int, from left: Double, to right: Double) -> Box {
    // Neighbours are set apart where a gap leaves enough of them.
    let gap = right - left > 2.5 ? 0.6 : 0
    return Box(
      left: left, top: top + Double(lane) * laneHeight, width: right - left - gap,
      height: laneHeight - (laneHeight >= 6 ? 1 : 0.5))
  }

  private static func microseconds(_ nanoseconds: Double) -> String {
    NumberFormat.significant(nanoseconds / 1000) + " µs"
  }

  private func tooltip(_ piece: Piece, worker: Int, start: Double, end: Double) -> String {
    """
    worker \(worker): request \(piece.request)
    rows \(piece.firstRow) ..< \(piece.firstRow + piece.rowCount)
    keys \(piece.keyStart) ..< \(piece.keyEnd)
    \(Self.microseconds(end - start)), from \(Self.microseconds(start))
    \(piece.partialRow.map { "writes partial rows from \($0)" } ?? "writes the output")
    """
  }

  private func tooltip(_ job: MergeJob, worker: Int) -> String {
    """
    worker \(worker): merges request \(job.request)
    rows \(job.firstRow) ..< \(job.firstRow + job.rowCount)
    \(job.partialCount) partials each, \(job.rowCount * job.partialCount) partial rows
    """
  }
}

/// A rectangle in a lane, in pixels.
private struct Box {
  var left: Double
  var top: Double
  var width: Double
  var height: Double

  var path: String {
    let width = MarkupWriter.pixels(width)
    let corner = "\(MarkupWriter.pixels(left)) \(MarkupWriter.pixels(top))"
    return "M\(corner)h\(width)v\(MarkupWriter.pixels(height))h-\(width)z"
  }

  func draw(class name: String, fill: String, tooltip: String, in writer: inout MarkupWriter) {
    let attributes: KeyValuePairs = [
      "class": name, "fill": fill, "x": MarkupWriter.pixels(left), "y": MarkupWriter.pixels(top),
      "width": MarkupWriter.pixels(width), "height": MarkupWriter.pixels(height),
    ]
    writer.element("rect", attributes) { $0.element("title", text: tooltip) }
  }
}

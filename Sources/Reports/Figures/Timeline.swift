/// What happened when: a lane for each actor, with bars that may nest.
public struct Timeline: Sendable {
  /// A stretch of time.
  public struct Bar: Sendable, Hashable {
    /// What it is: bars of one name have one colour.
    public var name: String
    /// When it begins and ends.
    public var start, end: Double
    /// Whether nothing is done: it is drawn hatched, over what it interrupts.
    public var isWait: Bool

    /// A bar.
    public init(name: String, start: Double, end: Double, isWait: Bool) {
      (self.name, self.start, self.end, self.isWait) = (name, start, end, isWait)
    }
  }

  /// What one actor did.
  public struct Lane: Sendable, Hashable {
    /// Who.
    public var name: String
    /// Bars, those that contain others before these.
    public var bars: [Bar]

    /// A lane.
    public init(name: String, bars: [Bar]) {
      (self.name, self.bars) = (name, bars)
    }
  }

  /// What the figure is called.
  public let title: String
  /// The unit of time.
  public let unit: String
  /// What is drawn, from top to bottom.
  public let lanes: [Lane]
  /// The time that is drawn; bars are cut to it.
  public let range: ClosedRange<Double>

  /// A time-line of a range of time, which is not empty.
  public init(title: String, unit: String, lanes: [Lane], range: ClosedRange<Double>) {
    (self.title, self.unit, self.lanes, self.range) = (title, unit, lanes, range)
  }

  private static let width = 1100.0
  private static let left = 150.0
  private static let right = 1080.0
  private static let top = 72.0
  private static let laneHeight = 46.0

  /// Draws it.
  public func svg() -> SVGImage {
    let bottom = Self.top + Self.laneHeight * Double(lanes.count)
    var writer = MarkupWriter()
    writer.element("text", ["class": "title", "x": "16", "y": "24"], text: title)
    Legend(legendEntries, width: Self.width - 32).draw(in: &writer, x: 16, y: 36)
    drawScale(bottom: bottom, in: &writer)
    for (index, lane) in lanes.enumerated() {
      draw(lane, top: Self.top + Self.laneHeight * Double(index), in: &writer)
    }
    let summary = "\(lanes.map(\.name).joined(separator: ", ")): what they did and waited for."
    return SVGImage(title: title, summary: summary, width: Self.width, height: bottom + 46, body: writer.text)
  }

  /// Names of bars that are no waits, in the order of their first ones.
  private var names: [String] {
    var names: [String] = []
    for bar in lanes.flatMap(\.bars) where !bar.isWait && !names.contains(bar.name) { names.append(bar.name) }
    return names
  }

  private var legendEntries: [Legend.Entry] {
    names.enumerated().map {
      Legend.Entry(name: $1, keyClass: "bar " + FigureStyle.seriesClass($0), fill: "")
    }
      + [Legend.Entry(name: "waits", keyClass: "idle", fill: "#d1d5db")]
  }

  private func position(_ time: Double) -> Double {
    let share = (time - range.lowerBound) / (range.upperBound - range.lowerBound)
    return Self.left + min(max(share, 0), 1) * (Self.right - Self.left)
  }

  private func drawScale(bottom: Double, in writer: inout MarkupWriter) {
    let ticks = Ticks.linear(range, count: 12, unit: "")
    let grid = ticks.map { tick in
      "M\(MarkupWriter.pixels(position(tick.value))) \(MarkupWriter.pixels(Self.top))V\(MarkupWriter.pixels(bottom))"
    }
    writer.element("path", ["class": "grid", "d": grid.joined()])
    for tick in ticks {
      writer.element(
        "text",
        [
          "class": "middle", "x": MarkupWriter.pixels(position(tick.value)),
          "y": MarkupWriter.pixels(bottom + 18),
        ], text: tick.label)
    }
    writer.element(
      "text",
      [
        "class": "middle strong", "x": MarkupWriter.pixels((Self.left + Self.right) / 2),
        "y": MarkupWriter.pixels(bottom + 38),
      ], text: unit)
  }

  private func draw(_ lane: Lane, top: Double, in writer: inout MarkupWriter) {
    writer.element(
      "text",
      [
        "class": "strong end", "x": MarkupWriter.pixels(Self.left - 8),
        "y": MarkupWriter.pixels(top + Self.laneHeight / 2 + 4),
      ], text: lane.name)
    let names = names
    for bar in lane.bars where bar.end > range.lowerBound && bar.start < range.upperBound {
      let (left, right) = (position(bar.start), position(bar.end))
      guard right - left >= 0.3 else { continue }
      let color = names.firstIndex(of: bar.name).map { "bar " + FigureStyle.seriesClass($0) }
      // Waits lie in the lower half of what they interrupt.
      let (offset, height) =
        bar.isWait ? (Self.laneHeight / 2, Self.laneHeight / 2 - 5) : (3, Self.laneHeight - 8)
      let attributes: KeyValuePairs = [
        "class": bar.isWait ? "idle" : color ?? "bar", "x": MarkupWriter.pixels(left),
        "y": MarkupWriter.pixels(top + offset), "width": MarkupWriter.pixels(right - left),
        "height": MarkupWriter.pixels(height),
      ]
      writer.element("rect", attributes) {
        $0.element("title", text: "\(bar.name): \(Int(bar.start)) to \(Int(bar.end)) \(unit)")
      }
      guard right - left > FigureText.width(bar.name) + 4 else { continue }
      writer.element(
        "text",
        [
          "class": "boxlabel", "x": MarkupWriter.pixels((left + right) / 2),
          "y": MarkupWriter.pixels(top + offset + 12),
        ], text: bar.name)
    }
  }
}

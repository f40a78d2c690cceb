/// Cells of rows and columns, each in the colour of its category.
public struct HeatMap: Hashable, Sendable {
  /// What is known of one row in one column.
  public struct Cell: Hashable, Sendable {
    /// The row's name.
    public var row: String
    /// The column's name.
    public var column: String
    /// Position in `HeatMap.categories`, which gives the colour.
    public var category: Int
    /// What is written into it.
    public var text: String

    /// Makes a cell.
    public init(row: String, column: String, category: Int, text: String) {
      self.row = row
      self.column = column
      self.category = category
      self.text = text
    }
  }

  /// What the figure is called.
  public var title: String
  /// Names of the categories, for the legend. Those without a cell are left out there.
  public var categories: [String]
  /// The cells. Rows and columns come in the order in which they are named first.
  public var cells: [Cell]

  /// Describes a map.
  public init(title: String, categories: [String], cells: [Cell]) {
    self.title = title
    self.categories = categories
    self.cells = cells
  }

  private static let left = 150.0
  private static let cellWidth = 56.0
  private static let cellHeight = 26.0
  private static let headerHeight = 130.0

  /// Draws the map. Pointing at a cell says what it is.
  ///
  /// - Complexity: O(cells · (rows + columns)).
  public func svg() -> SVGImage {
    let rows = Self.names(cells.map(\.row))
    let columns = Self.names(cells.map(\.column))
    let used = categories.indices.filter { category in cells.contains { $0.category == category } }
    let top = 40 + 22 + Self.headerHeight
    var writer = MarkupWriter()
    writer.element("text", ["class": "title", "x": "16", "y": "24"], text: title)
    drawLegend(used, in: &writer)
    for (index, name) in rows.enumerated() {
      let y = top + (Double(index) + 0.65) * Self.cellHeight
      writer.element(
        "text", ["class": "end", "x": MarkupWriter.pixels(Self.left - 8), "y": MarkupWriter.pixels(y)],
        text: name)
    }
    for (index, name) in columns.enumerated() {
      let x = Self.left + (Double(index) + 0.6) * Self.cellWidth
      let place = "\(MarkupWriter.pixels(x)) \(MarkupWriter.pixels(top - 8))"
      writer.element("text", ["transform": "translate(\(place)) rotate(-60)"], text: name)
    }
    for cell in cells {
      guard let row = rows.firstIndex(of: cell.row), let column = columns.firstIndex(of: cell.column) else {
        continue
      }
      draw(
        cell, x: Self.left + Double(column) * Self.cellWidth, y: top + Double(row) * Self.cellHeight,
        in: &writer)
    }
    return SVGImage(
      title: title, summary: "\(rows.count) rows, \(columns.count) columns, \(cells.count) cells.",
      width: max(400, Self.left + Double(columns.count) * Self.cellWidth + 60),
      height: top + Double(rows.count) * Self.cellHeight + 16, body: writer.text)
  }

  private func drawLegend(_ used: [Int], in writer: inout MarkupWriter) {
    var x = 16.0
    for category in used {
      writer.element(
        "rect",
        [
          "class": "bar \(FigureStyle.seriesClass(category))", "x": MarkupWriter.pixels(x), "y": "36",
          "width": "12", "height": "12",
        ])
      writer.element("text", ["x": MarkupWriter.pixels(x + 17), "y": "46"], text: categories[category])
      x += 17 + 8 * Double(categories[category].count) + 20
    }
  }

  private func draw(_ cell: Cell, x: Double, y: Double, in writer: inout MarkupWriter) {
    writer.element("g") { group in
      let category = categories.indices.contains(cell.category) ? categories[cell.category] : ""
      group.element("title", text: "\(cell.row), \(cell.column): \(category), \(cell.text)")
      group.element(
        "rect",
        [
          "class": "bar \(FigureStyle.seriesClass(cell.category))", "x": MarkupWriter.pixels(x + 1),
          "y": MarkupWriter.pixels(y + 1), "width": MarkupWriter.pixels(Self.cellWidth - 2),
          "height": MarkupWriter.pixels(Self.cellHeight - 2),
        ])
      group.element(
        "text",
        [
          "class": "boxlabel", "x": MarkupWriter.pixels(x + Self.cellWidth / 2),
          "y": MarkupWriter.pixels(y + 0.62 * Self.cellHeight),
        ], text: cell.text)
    }
  }

  /// Each name once, in the order of their first places.
  private static func names(_ all: [String]) -> [String] {
    var seen: Set<String> = []
    return all.filter { seen.insert($0).inserted }
  }
}

/// A table of texts: aligned columns for a terminal, Markdown for a document, and the body of an HTML table.
public struct TextTable: Hashable, Sendable {
  /// A column's heading and the side that its cells are pushed to.
  public struct Column: Hashable, Sendable {
    /// Heading.
    public var name: String
    /// Whether the column holds numbers, which end at the right edge.
    public var isNumeric: Bool

    /// A column of words, pushed left.
    public static func text(_ name: String) -> Column { Column(name: name, isNumeric: false) }

    /// A column of numbers, pushed right.
    public static func number(_ name: String) -> Column { Column(name: name, isNumeric: true) }
  }

  /// How a table is drawn.
  public enum Style: Hashable, Sendable {
    /// Headings, a rule, rows; two spaces between columns.
    case plain
    /// A table of GitHub-flavoured Markdown, aligned in its source too.
    case markdown
  }

  /// The columns, left to right. A row that is longer than this shows the rest in nameless text columns.
  public private(set) var columns: [Column]
  /// The rows, each as long as `columns`.
  public private(set) var rows: [[String]] = []

  /// An empty table.
  public init(columns: [Column]) {
    self.columns = columns
  }

  /// Adds a row; cells that are missing at its end are empty.
  public mutating func append(_ cells: [String]) {
    while columns.count < cells.count {
      columns.append(.text(""))
      for row in rows.indices { rows[row].append("") }
    }
    rows.append(cells + Array(repeating: "", count: columns.count - cells.count))
  }

  /// The table as text, each line ended by a line feed. Line breaks and other control characters in cells
  /// become spaces.
  public func text(style: Style = .plain) -> String {
    guard !columns.isEmpty else { return "" }
    func clean(_ cell: String) -> String {
      let line = DisplayWidth.singleLine(cell)
      return style == .markdown
        ? line.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") : line
    }
    let header = columns.map { clean($0.name) }
    let body = rows.map { $0.map(clean) }
    // Markdown's rule needs three characters in a column.
    let widths = columns.indices.map { column in
      body.reduce(max(DisplayWidth.columns(header[column]), style == .markdown ? 3 : 1)) {
        max($0, DisplayWidth.columns($1[column]))
      }
    }
    let lines = [line(header, widths, style), rule(widths, style)] + body.map { line($0, widths, style) }
    return lines.map { $0 + "\n" }.joined()
  }

  private func line(_ cells: [String], _ widths: [Int], _ style: Style) -> String {
    let padded = columns.indices.map { column in
      let padding = String(repeating: " ", count: widths[column] - DisplayWidth.columns(cells[column]))
      return columns[column].isNumeric ? padding + cells[column] : cells[column] + padding
    }
    switch style {
    case .markdown: return "| " + padded.joined(separator: " | ") + " |"
    case .plain:
      let joined = padded.joined(separator: "  ")
      return String(
        joined[..<(joined.lastIndex { $0 != " " }.map(joined.index(after:)) ?? joined.startIndex)])
    }
  }

  private func rule(_ widths: [Int], _ style: Style) -> String {
    switch style {
    case .plain: return widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
    case .markdown:
      let dashes = columns.indices.map { column in
        String(repeating: "-", count: widths[column] - 1) + (columns[column].isNumeric ? ":" : "-")
      }
      return "| " + dashes.joined(separator: " | ") + " |"
    }
  }
}

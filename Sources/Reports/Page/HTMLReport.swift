/// A report as one HTML page that needs nothing else: no scripts, no fonts or pictures from elsewhere. It
/// follows the reader's light or dark setting, fits narrow windows, and prints.
public struct HTMLReport: Hashable, Sendable {
  /// A number that the reader should see first.
  public struct Tile: Hashable, Sendable {
    /// What the number is.
    public var label: String
    /// The number with its unit.
    public var value: String
    /// A remark in small letters; may be empty.
    public var note: String

    /// Makes a tile.
    public init(_ label: String, _ value: String, note: String = "") {
      self.label = label
      self.value = value
      self.note = note
    }
  }

  /// A line of a list of facts.
  public struct Fact: Hashable, Sendable {
    /// What it is about.
    public var label: String
    /// What is the case.
    public var value: String

    /// Makes a fact.
    public init(_ label: String, _ value: String) {
      self.label = label
      self.value = value
    }
  }

  /// A piece of a section.
  public enum Block: Hashable, Sendable {
    /// Running text.
    case paragraph(String)
    /// Labels and values, side by side.
    case facts([Fact])
    /// A drawing with a caption, which may be empty.
    case figure(SVGImage, caption: String)
    /// A table with a caption, which may be empty.
    case table(TextTable, caption: String)
    /// Text in a fixed-width font, its line breaks kept.
    case code(String)
  }

  /// A heading and what follows it.
  public struct Section: Hashable, Sendable {
    /// Heading.
    public var heading: String
    /// What follows, top to bottom.
    public var blocks: [Block]

    /// Makes a section.
    public init(_ heading: String, _ blocks: [Block]) {
      self.heading = heading
      self.blocks = blocks
    }
  }

  /// What the report is about.
  public var title: String
  /// A line under the title; may be empty.
  public var subtitle: String
  /// The numbers at the top.
  public var tiles: [Tile]
  /// The report's body.
  public var sections: [Section]
  /// The command line that printed the report, for the footer.
  public var command: String

  /// Makes a report. All texts are plain text: the page escapes them.
  public init(title: String, subtitle: String = "", tiles: [Tile] = [], sections: [Section], command: String)
  {
    self.title = title
    self.subtitle = subtitle
    self.tiles = tiles
    self.sections = sections
    self.command = command
  }

  /// The page. It is well-formed XML too.
  public func html() -> String {
    var writer = MarkupWriter()
    writer.markup("<!DOCTYPE html>\n")
    writer.element("html", ["xmlns": "http://www.w3.org/1999/xhtml", "lang": "en"]) { html in
      html.element("head") { head in
        head.element("meta", ["charset": "utf-8"])
        head.element("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"])
        head.element("meta", ["name": "color-scheme", "content": "light dark"])
        head.element("title", text: title)
        head.element("style") { $0.markup("\n" + PageStyle.rules + FigureStyle.rules) }
      }
      html.element("body") { body in
        // Browsers ignore patterns in an SVG that is not displayed, so this one is displayed at size zero.
        body.element(
          "svg", ["xmlns": "http://www.w3.org/2000/svg", "class": "definitions", "aria-hidden": "true"]
        ) {
          $0.markup(FigureStyle.definitions)
        }
        body.element("header") { header in
          header.element("h1", text: title)
          if !subtitle.isEmpty { header.element("p", ["class": "subtitle"], text: subtitle) }
        }
        body.element("main") { write(into: &$0) }
        body.element("footer") { footer in
          footer.element("p") { line in
            line.markup("Printed by ")
            line.element("code", text: command)
          }
        }
      }
    }
    return writer.text
  }

  private func write(into main: inout MarkupWriter) {
    if !tiles.isEmpty {
      main.element("dl", ["class": "tiles"]) { list in
        for tile in tiles {
          list.element("div", ["class": "tile"]) { card in
            card.element("dt", text: tile.label)
            card.element("dd", ["class": "value"], text: tile.value)
            if !tile.note.isEmpty { card.element("dd", ["class": "note"], text: tile.note) }
          }
        }
      }
    }
    for section in sections {
      main.element("section") { part in
        part.element("h2", text: section.heading)
        for block in section.blocks { write(block, into: &part) }
      }
    }
  }

  private func write(_ block: Block, into writer: inout MarkupWriter) {
    switch block {
    case .paragraph(let text): writer.element("p", text: text)
    case .code(let text): writer.element("pre") { $0.element("code", text: text) }
    case .facts(let facts):
      writer.element("dl", ["class": "facts"]) { list in
        for fact in facts {
          list.element("dt", text: fact.label)
          list.element("dd", text: fact.value)
        }
      }
    case .figure(let image, let caption):
      writer.element("figure") { figure in
        figure.element("div", ["class": "scroll"]) { $0.markup(image.inline) }
        if !caption.isEmpty { figure.element("figcaption", text: caption) }
      }
    case .table(let table, let caption):
      writer.element("figure") { figure in
        figure.element("div", ["class": "scroll"]) { $0.element("table") { write(table, into: &$0) } }
        if !caption.isEmpty { figure.element("figcaption", text: caption) }
      }
    }
  }

  private func write(_ table: TextTable, into writer: inout MarkupWriter) {
    func cell(_ name: String, _ text: String, _ column: TextTable.Column, _ row: inout MarkupWriter) {
      row.element(name, column.isNumeric ? ["class": "number"] : [:], text: text)
    }
    writer.element("thead") { head in
      head.element("tr") { row in
        for column in table.columns { cell("th", column.name, column, &row) }
      }
    }
    writer.element("tbody") { body in
      for cells in table.rows {
        body.element("tr") { row in
          for (column, text) in zip(table.columns, cells) { cell("td", text, column, &row) }
        }
      }
    }
  }
}

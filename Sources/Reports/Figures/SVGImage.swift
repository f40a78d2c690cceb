/// A finished drawing in SVG.
public struct SVGImage: Hashable, Sendable {
  /// What the drawing is called.
  public let title: String
  /// What it shows, in a sentence, for those who cannot see it.
  public let summary: String
  /// Width in CSS pixels.
  public let width: Double
  /// Height in CSS pixels.
  public let height: Double
  /// The elements inside `svg`.
  let body: String

  /// The drawing as a file of its own: style sheet and patterns included, nothing fetched from elsewhere,
  /// light or dark as the reader's system is.
  public var document: String { element(contents: FigureStyle.standalone + FigureStyle.definitions) }

  /// The drawing as part of a page that holds `FigureStyle` once for all its figures.
  var inline: String { element(contents: "") }

  private func element(contents: String) -> String {
    func size(_ value: Double) -> String { MarkupWriter.pixels(value) }
    var writer = MarkupWriter()
    let attributes: KeyValuePairs = [
      "xmlns": "http://www.w3.org/2000/svg", "class": "figure", "role": "img", "aria-label": title,
      "width": size(width), "height": size(height), "viewBox": "0 0 \(size(width)) \(size(height))",
    ]
    writer.element("svg", attributes) { svg in
      svg.element("title", text: title)
      svg.element("desc", text: summary)
      svg.markup(contents)
      svg.element("rect", ["class": "paper", "width": size(width), "height": size(height)])
      svg.markup(body)
    }
    return writer.text
  }
}

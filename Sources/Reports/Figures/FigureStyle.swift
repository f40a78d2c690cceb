/// The look of all figures: one style sheet, with a light and a dark half.
///
/// Colours are given as rules, not as CSS variables, which viewers other than browsers do not know.
enum FigureStyle {
  /// Colours of the series of a chart in order, chosen to be told apart on white and on near-black.
  private static let series: [(light: String, dark: String)] = [
    ("#2563eb", "#60a5fa"), ("#ea580c", "#fb923c"), ("#059669", "#34d399"), ("#9333ea", "#c084fc"),
    ("#dc2626", "#f87171"), ("#0891b2", "#22d3ee"), ("#a16207", "#facc15"), ("#db2777", "#f472b6"),
  ]

  /// The class that gives series `index` its colour; the ninth series looks like the first.
  static func seriesClass(_ index: Int) -> String { "s\(index % series.count)" }

  /// Rules for figures on any background.
  static var rules: String {
    """
    .figure text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
    .figure .title{font-size:15px;font-weight:600}
    .figure .small{font-size:11px}
    .figure .end{text-anchor:end}
    .figure .middle{text-anchor:middle}
    .figure .grid{stroke-width:1;fill:none;shape-rendering:crispEdges}
    .figure .axis{stroke-width:1;fill:none;shape-rendering:crispEdges}
    .figure .line{stroke:currentColor;stroke-width:1.5;fill:none;stroke-linejoin:round;stroke-linecap:round}
    .figure .points{stroke:currentColor;stroke-width:4;fill:none;stroke-linecap:round;stroke-opacity:.55}
    .figure .dot{fill:currentColor;fill-opacity:.75}
    .figure .bar{fill:currentColor;fill-opacity:.75}
    .figure .bar:hover,.figure .dot:hover{fill-opacity:1}
    .figure .band{fill:#808080;fill-opacity:0}
    .figure .band:hover{fill-opacity:.15}
    .figure .hatch{fill:url(#hatch);pointer-events:none}
    .figure .boxlabel{font-size:10px;fill:#111827;text-anchor:middle;pointer-events:none}
    .figure .box:hover{fill-opacity:.75}
    .figure .barrier{stroke-width:1.5;stroke-dasharray:4 3}

    """ + theme(ink: "#1f2937", muted: "#6b7280", grid: "#e5e7eb", axis: "#9ca3af", idle: "#e5e7eb", \.light)
      + "@media (prefers-color-scheme:dark){\n"
      + theme(ink: "#e5e7eb", muted: "#9ca3af", grid: "#2a3444", axis: "#4b5563", idle: "#273142", \.dark)
      + "}\n"
  }

  /// A style element for a figure in a file of its own, with the paper that a page would give it.
  static var standalone: String {
    """
    <style>
    \(rules).figure .paper{fill:#ffffff}
    @media (prefers-color-scheme:dark){.figure .paper{fill:#111827}}
    </style>

    """
  }

  /// Patterns that figures refer to; once in a document.
  static let definitions = """
    <defs><pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" \
    patternTransform="rotate(45)"><rect width="1.8" height="5" fill="#ffffff" fill-opacity=".6"/></pattern></defs>

    """

  private static func theme(
    ink: String, muted: String, grid: String, axis: String, idle: String,
    _ color: ((light: String, dark: String)) -> String
  ) -> String {
    let colors = series.enumerated().map { ".figure .s\($0){color:\(color($1))}\n" }.joined()
    return """
      .figure text{fill:\(muted)}
      .figure .title,.figure .strong{fill:\(ink)}
      .figure .grid{stroke:\(grid)}
      .figure .axis,.figure .barrier{stroke:\(axis)}
      .figure .idle{fill:\(idle)}
      \(colors)
      """
  }
}

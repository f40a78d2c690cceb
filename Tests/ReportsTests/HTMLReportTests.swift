import Reports
import Testing

@Suite struct HTMLReportTests {
  private let nasty = "</style><script>alert(\"x\")</script> & 'y' \u{0}\u{1B}\u{FFFF}"
  private var shown: String { nasty.replacing("\u{0}\u{1B}\u{FFFF}", with: "\u{FFFD}\u{FFFD}\u{FFFD}") }

  private func report() throws -> HTMLReport {
    var table = TextTable(columns: [.text(nasty), .number("n")])
    table.append([nasty, "1"])
    let gantt = try PlanGantt(title: nasty, plan: examplePlan(workers: 3), costModel: exampleCosts)
    let chart = Chart(
      title: nasty, x: Chart.Axis(nasty), y: Chart.Axis(nasty),
      series: (0..<2).map { _ in Chart.Series(nasty, mark: .points, points: [Chart.Point(x: 1, y: 1)]) })
    return HTMLReport(
      title: nasty, subtitle: nasty, tiles: [HTMLReport.Tile(nasty, nasty, note: nasty)],
      sections: [
        HTMLReport.Section(
          nasty,
          [
            .paragraph(nasty), .code(nasty), .facts([HTMLReport.Fact(nasty, nasty)]),
            .table(table, caption: nasty), .figure(chart.svg(), caption: nasty),
            .figure(gantt.svg(), caption: ""), .figure(gantt.svg(), caption: ""),
          ])
      ], command: nasty)
  }

  @Test func everyTextIsEscapedAndArrives() throws {
    let page = try report().html()
    let outline = XMLOutline(page)
    #expect(outline.fault == nil)
    #expect(outline.all("script").isEmpty)
    #expect(outline.all("style").count == 1)
    for name in ["h1", "h2", "dt", "dd", "th", "td", "figcaption", "code", "p", "desc", "title"] {
      #expect(outline.all(name).contains { $0.text.contains(shown) }, "\(name)")
    }
    #expect(outline.all("code").last?.text == shown)
    #expect(outline.all("td").map { $0.attributes["class"] } == [nil, "number"])
  }

  @Test func nothingIsFetchedFromElsewhere() throws {
    let page = try report().html()
    let outline = XMLOutline(page)
    for name in ["link", "img", "iframe", "object", "use", "image"] { #expect(outline.all(name).isEmpty) }
    for element in outline.elements {
      #expect(element.attributes["href"] == nil && element.attributes["src"] == nil)
    }
    #expect(!page.contains("@import"))
    #expect(page.split(separator: "url(").dropFirst().allSatisfy { $0.hasPrefix("#") })
  }

  @Test func identifiersOccurOnce() throws {
    let identifiers = try XMLOutline(report().html()).elements.compactMap { $0.attributes["id"] }
    #expect(identifiers == ["hatch"])
  }

  @Test func emptyReport() {
    let outline = XMLOutline(HTMLReport(title: "", sections: [], command: "mla").html())
    #expect(outline.fault == nil)
    #expect(outline.all("dl").isEmpty)
  }
}

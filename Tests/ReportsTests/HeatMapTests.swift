import Reports
import Testing

@Suite struct HeatMapTests {
  @Test func cellsStandInTheirRowsAndColumns() {
    let map = HeatMap(
      title: "Best <of> all", categories: ["slow", "a & b", "never"],
      cells: [
        HeatMap.Cell(row: "batch 1", column: "kv 1024", category: 1, text: "5 %"),
        HeatMap.Cell(row: "batch 1", column: "kv 2048", category: 0, text: "0 %"),
        HeatMap.Cell(row: "batch 16", column: "kv 2048", category: 1, text: "7 %"),
      ])
    let outline = XMLOutline(map.svg().document)
    #expect(outline.fault == nil)
    #expect(
      outline.all("title").map(\.text).dropFirst() == [
        "batch 1, kv 1024: a & b, 5 %", "batch 1, kv 2048: slow, 0 %", "batch 16, kv 2048: a & b, 7 %",
      ])
    // Two colours in the legend, then the cells.
    let boxes = outline.all("rect").filter { $0.attributes["class"]?.hasPrefix("bar") == true }
    #expect(boxes.map { $0.attributes["class"] } == ["bar s0", "bar s1", "bar s1", "bar s0", "bar s1"])
    let cells = boxes.dropFirst(2).map { ($0.number("x"), $0.number("y")) }
    #expect(cells[0].1 == cells[1].1 && cells[1].0 == cells[2].0)
    #expect(cells[0].0 < cells[1].0 && cells[1].1 < cells[2].1)
    #expect(outline.all("text").contains { $0.text == "batch 16" })
    #expect(!outline.all("text").contains { $0.text == "never" })
  }
}

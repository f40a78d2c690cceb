import LatentAttention
import Reports
import Testing

@Suite struct GanttTests {
  private func outline(workers: Int) throws -> XMLOutline {
    let gantt = try PlanGantt(title: "Plan <1>", plan: examplePlan(workers: workers), costModel: exampleCosts)
    return XMLOutline(gantt.svg().document)
  }

  @Test func boxesAreAsWideAsTheyCost() throws {
    let outline = try outline(workers: 4)
    #expect(outline.fault == nil)
    let boxes = outline.all("rect", class: "box").filter { $0.attributes["rx"] == nil }
    let idle = outline.all("rect", class: "idle").filter { $0.attributes["rx"] == nil }
    // Two whole requests, two halves, one merge job; halves wait for the whole ones.
    #expect(boxes.count == 5)
    #expect(idle.count == 2)
    let whole = exampleCosts.cost(rows: 8, keys: 640, isPartial: false)
    let half = exampleCosts.cost(rows: 8, keys: 320, isPartial: true)
    let widths = boxes.map { $0.number("width") }
    #expect(abs((widths[2] + 0.6) / (widths[0] + 0.6) - half / whole) < 1e-4)
    #expect(widths[0] == widths[1])
    #expect(abs(idle[0].number("x") - (boxes[2].number("x") + widths[2] + 0.6)) < 0.02)
    #expect(outline.all("path", class: "hatch").count == 3, "two partials and the legend")
    #expect(outline.all("path", class: "barrier").count == 1)
    #expect(outline.all("pattern").count == 1)
  }

  @Test func tooltipsAndHeaderTellThePlan() throws {
    let outline = try outline(workers: 4)
    let tooltips = outline.all("title").map(\.text)
    #expect(
      tooltips.contains(
        "worker 0: request 0\nrows 0 ..< 8\nkeys 0 ..< 640\n7.40 µs, from 0 µs\nwrites the output"))
    #expect(
      tooltips.contains(
        "worker 3: request 2\nrows 0 ..< 8\nkeys 320 ..< 640\n4.60 µs, from 0 µs\nwrites partial rows from 8")
    )
    #expect(tooltips.contains("worker 2: merges request 2\nrows 0 ..< 8\n2 partials each, 16 partial rows"))
    #expect(tooltips.contains("worker 2: idle for 2.80 µs"))
    let texts = outline.all("text").map(\.text)
    #expect(texts.contains("Policy <halves>: 3 requests, 8 heads, 4 workers, 4 pieces, 2 of them partial."))
    #expect(
      texts.contains("Makespan 7.40 µs = 1.06 × lower bound, idle 12.5 %, partials 32.8 kB, 8 rows merged."))
  }

  @Test(arguments: [2, 132, 1000])
  func lanesDoNotOverlap(workers: Int) throws {
    let outline = try outline(workers: workers)
    #expect(outline.fault == nil)
    let drawn = outline.all("rect", class: "box").filter { $0.attributes["rx"] == nil }
    // Every lane has one piece, at the left edge.
    let boxes = drawn.filter { $0.number("x") == drawn[0].number("x") }
    #expect(boxes.count == workers)
    for (box, next) in zip(boxes, boxes.dropFirst()) {
      #expect(next.number("y") >= box.number("y") + box.number("height"))
    }
    let labels = outline.all("text", class: "small end").map { $0.number("y") }
    #expect(zip(labels, labels.dropFirst()).allSatisfy { $1 - $0 >= 12 })
  }

  @Test func anEmptyPlanIsDrawn() throws {
    let batch = try Batch(
      queryCounts: [], pageLists: [], keyLengths: [], pageSize: 64, poolPageCount: 0, isCausal: true)
    let statistics = PlanStatistics(
      policy: "none", workerCount: 0, pieceCount: 0, partialPieceCount: 0, makespan: 0, lowerBound: 0,
      idleShare: 0, partialBytes: 0, mergeRowCount: 0)
    for offsets in [[], [0], [0, 0, 0]] {
      let plan = AttentionPlan(
        geometry: try AttentionGeometry.deepSeek(headCount: 16), batch: batch, pieces: [],
        pieceOffsets: offsets,
        mergeJobs: [], mergeOffsets: offsets, partialRowCount: 0, statistics: statistics)
      let image = try PlanGantt(title: "", plan: plan, costModel: exampleCosts).svg()
      #expect(XMLOutline(image.document).fault == nil)
    }
  }

  @Test func badCostModelsAreNamed() throws {
    let plan = try examplePlan(workers: 2)
    func fault(_ change: (inout CostModel) -> Void) -> ProblemError? {
      var costs = exampleCosts
      change(&costs)
      return #expect(throws: ProblemError.self) { try PlanGantt(title: "", plan: plan, costModel: costs) }
    }
    #expect(fault { $0.perKey = -1 }?.field == "costModel.perKey")
    #expect(fault { $0.perPiece = .nan }?.code == .notFinite)
    #expect(fault { $0.keyGranularity = 0 }?.description.hasPrefix("costModel.keyGranularity = 0:") == true)
    #expect(fault { $0.rowGranularity = .max }?.code == .outOfRange)
  }

  @Test func requestsThatFollowEachOtherLookDifferent() {
    let colors = (0..<RequestPalette.count).map(RequestPalette.color)
    #expect(Set(colors).count == RequestPalette.count)
    #expect(RequestPalette.color(RequestPalette.count + 3) == colors[3])
    func channels(_ color: String) -> [Int] {
      (0..<3).compactMap { Int(color.dropFirst(1 + 2 * $0).prefix(2), radix: 16) }
    }
    for request in 0..<2 * RequestPalette.count {
      let pair = [request, request + 1].map { channels(RequestPalette.color($0)) }
      #expect(zip(pair[0], pair[1]).map { abs($0 - $1) }.reduce(0, +) > 100)
    }
  }
}

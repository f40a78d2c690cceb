import LatentAttention

/// A Gantt chart laid out.
struct GanttDrawing {
  let plan: AttentionPlan
  let title: String
  let lanes: [Lane]
  /// When the last piece ends, in nanoseconds.
  let makespan: Double
  /// Partial rows that the busiest merging worker reads.
  let largestMerge: Int
  let legend: Legend
  let statistics: [String]

  /// What one worker does.
  struct Lane {
    /// Each piece with its start and end in nanoseconds.
    var pieces: [(piece: Piece, start: Double, end: Double)] = []
    /// Each merge job with the partial rows that this worker read before and after it.
    var merges: [(job: MergeJob, start: Int, end: Int)] = []

    var end: Double { pieces.last?.end ?? 0 }
    var mergedRows: Int { merges.last?.end ?? 0 }
  }

  static let width = 1100.0
  static let left = 64.0

  init(_ gantt: PlanGantt) {
    let plan = gantt.plan
    let lanes = (0..<max(0, plan.workerCount)).map { Self.lane($0, of: plan, costModel: gantt.costModel) }
    self.plan = plan
    self.title = gantt.title
    self.lanes = lanes
    self.makespan = lanes.map(\.end).max() ?? 0
    self.largestMerge = lanes.map(\.mergedRows).max() ?? 0
    self.legend = Legend(Self.legendEntries(plan), width: Self.width - 32)
    self.statistics = Self.lines(plan)
  }

  /// Width given to the pieces; merging takes what is left of the figure.
  var piecesRight: Double { largestMerge > 0 ? Self.width - 190 : Self.width - 28 }
  var mergeLeft: Double { piecesRight + 22 }
  var mergeRight: Double { Self.width - 28 }
  var top: Double { 40 + 17 * Double(statistics.count) + legend.height + 24 }
  var laneHeight: Double { min(max((1056 / Double(max(lanes.count, 1))).rounded(.down), 3), 18) }
  var bottom: Double { top + laneHeight * Double(max(lanes.count, 1)) }

  /// The pixel of a moment, in nanoseconds.
  func position(_ time: Double) -> Double {
    Self.left + (makespan > 0 ? time / makespan : 0) * (piecesRight - Self.left)
  }

  /// The pixel behind the barrier after so many partial rows.
  func position(mergedRows: Int) -> Double {
    mergeLeft + (largestMerge > 0 ? Double(mergedRows) / Double(largestMerge) : 0) * (mergeRight - mergeLeft)
  }

  func image() -> SVGImage {
    var writer = MarkupWriter()
    writer.element(
      "text", ["class": "title", "x": "16", "y": "24"], text: DisplayWidth.truncated(title, to: 120))
    for (index, line) in statistics.enumerated() {
      writer.element("text", ["x": "16", "y": MarkupWriter.pixels(44 + 17 * Double(index))], text: line)
    }
    legend.draw(in: &writer, x: 16, y: top - legend.height - 24)
    drawAxes(in: &writer)
    for worker in lanes.indices { drawLane(worker, in: &writer) }
    return SVGImage(
      title: title, summary: statistics.joined(separator: " "), width: Self.width, height: bottom + 50,
      body: writer.text)
  }

  private static func lane(_ worker: Int, of plan: AttentionPlan, costModel: CostModel) -> Lane {
    var lane = Lane()
    for piece in plan.pieces[plan.pieceOffsets[worker]..<plan.pieceOffsets[worker + 1]] {
      let cost = costModel.cost(
        rows: piece.rowCount, keys: piece.keyEnd - piece.keyStart, isPartial: piece.partialRow != nil)
      lane.pieces.append((piece, lane.end, lane.end + cost))
    }
    for job in plan.mergeJobs[plan.mergeOffsets[worker]..<plan.mergeOffsets[worker + 1]] {
      lane.merges.append((job, lane.mergedRows, lane.mergedRows + job.rowCount * job.partialCount))
    }
    return lane
  }

  private static func legendEntries(_ plan: AttentionPlan) -> [Legend.Entry] {
    let kinds = [
      Legend.Entry(name: "writes the output", keyClass: "neutral", fill: "#9ca3af"),
      Legend.Entry(name: "writes a partial", keyClass: "neutral", fill: "#9ca3af", isHatched: true),
      Legend.Entry(name: "idle", keyClass: "idle", fill: "#d1d5db"),
    ]
    guard plan.batch.count <= 12 else { return kinds }
    return kinds
      + (0..<plan.batch.count).map {
        Legend.Entry(name: "request \($0)", keyClass: "box", fill: RequestPalette.color($0))
      }
  }

  private static func lines(_ plan: AttentionPlan) -> [String] {
    let statistics = plan.statistics
    func time(_ nanoseconds: Double) -> String { NumberFormat.si(nanoseconds * 1e-9, unit: "s") }
    func count(_ value: Int, _ noun: String) -> String {
      NumberFormat.grouped(value) + " " + noun + (value == 1 ? "" : "s")
    }
    return [
      "Policy \(statistics.policy): \(count(plan.batch.count, "request")), "
        + "\(count(plan.geometry.headCount, "head")), \(count(statistics.workerCount, "worker")), "
        + "\(count(statistics.pieceCount, "piece")), \(NumberFormat.grouped(statistics.partialPieceCount)) of them partial.",
      "Makespan \(time(statistics.makespan)) = \(NumberFormat.significant(statistics.makespanRatio)) × lower bound, "
        + "idle \(NumberFormat.percent(statistics.idleShare)), "
        + "partials \(NumberFormat.si(Double(statistics.partialBytes), unit: "B")), "
        + "\(count(statistics.mergeRowCount, "row")) merged.",
    ]
  }
}

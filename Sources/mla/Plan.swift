import ArgumentParser
import LatentAttention
import Reports
import Workloads

/// Compares the planning policies on a batch.
struct Plan: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare the planning policies side by side.",
    discussion: """
      Plans one decode call for GPU-like workers (CTAs of 64 rows) with every policy. The key lengths are given, or \
      drawn from a trace's prompts, or, without either, from the built-in stream's. The makespan is that of the \
      busiest worker in the cost model, over a lower bound for all plans, which a linear programme brings close to \
      the best plan there is. With --draws, every batch size is \
      drawn that often, and a row gives the mean and the worst of its plans.
      """)

  @Option(help: "Key lengths of the requests: 4096,17,…") var lengths: CommaList<Int>?
  @Option(help: "Draw the key lengths from the prompts of a trace.") var trace: String?
  @Option(help: "Requests to draw, for each of these batch sizes.") var batch = CommaList([64])
  @Option(help: "Batches to draw of each size.") var draws = 1
  @Option(help: "Query heads.") var heads = 128
  @Option(help: "Query tokens of each request.") var query = 1
  @Option(help: "Workers.") var workers = 132
  @Option(help: "Policies; the default is all.") var policy = CommaList(PolicyName.allCases)
  @Option(help: "Seed of the drawing.") var seed: UInt64 = 1
  @Option(help: "Draw the first policy's plan for the first batch: a Gantt chart of the workers.") var svg:
    String?
  @Option(help: "Write the rows to a JSON file.") var json: String?

  func validate() throws {
    if lengths != nil, trace != nil { throw ValidationError("--lengths and --trace exclude each other") }
    if lengths != nil, draws != 1 { throw ValidationError("--lengths and --draws exclude each other") }
    try mla.validate("--heads", heads, in: headCounts)
    try mla.validate("--draws", draws, in: 1...1_000_000)
    try lengths?.validate("--lengths", in: 0...Int.max)
    try batch.validate("--batch", in: 1...1_000_000)
    try mla.validate("--query", query, in: 0...maximumCount)
  }

  /// Rows of a CTA's tile.
  private static let tileRows = 64
  /// Plans per policy whose median time is given.
  private static let repetitions = 21

  func run() throws {
    try FileWriter.check(svg, json)
    let geometry = try AttentionGeometry.deepSeek(headCount: heads)
    var rows: [PlanRow] = []
    var drawsRows: [PlanDrawsRow] = []
    var drawn: AttentionPlan?
    for batches in try batches() {
      let peers = try [PolicyName.flashInfer, .flashMLA].map { name in
        try batches.map { try planner(name).plan($0, geometry: geometry).statistics.makespan }
      }
      // Any plan's makespan will do; the least one leaves least to search.
      let bounds = try zip(batches, zip(peers[0], peers[1])).map { batch, makespans in
        let balanced = try planner(.balanced).plan(batch, geometry: geometry).statistics.makespan
        return try planner(.balanced).tightenedBound(
          batch, geometry: geometry, below: min(balanced, makespans.0, makespans.1))
      }
      for name in policy.values {
        let plans = try zip(batches, bounds).map { batch, bound in
          var timed = try timedPlan(batch, planner: planner(name), geometry: geometry)
          timed.statistics.lowerBound = bound
          return timed
        }
        drawn = drawn ?? plans.first?.plan
        rows += plans.map { timed in
          PlanRow(timed.statistics, batch: timed.plan.batch.count, planMicroseconds: timed.microseconds)
        }
        drawsRows.append(
          PlanDrawsRow(
            plans.map(\.statistics), flashInfer: peers[0], flashMLA: peers[1],
            batch: batches.first?.count ?? 0,
            planMicroseconds: Spread(plans.map(\.microseconds))?.median ?? .nan))
      }
    }
    print((draws == 1 ? PlanRow.table(rows) : PlanDrawsRow.table(drawsRows)).text(), terminator: "")
    if let svg, let drawn {
      let title = "\(drawn.statistics.policy), \(drawn.batch.count) requests, \(workers) workers"
      let chart = try PlanGantt(title: title, plan: drawn, costModel: .hopperEstimate)
      try FileWriter.write(chart.svg().document, to: svg)
    }
    guard let json else { return }
    if draws == 1 {
      try JSONOutput.write(rows, to: json)
    } else {
      try JSONOutput.write(drawsRows, to: json)
    }
  }

  private func planner(_ name: PolicyName) throws -> Planner {
    try Planner(
      policy: name.policy, workerCount: workers, tileRows: Self.tileRows, costModel: .hopperEstimate)
  }

  /// A plan, and the median time of repeated ones.
  private func timedPlan(
    _ batch: Batch, planner: Planner, geometry: AttentionGeometry
  ) throws -> (plan: AttentionPlan, statistics: PlanStatistics, microseconds: Double) {
    let plan = try planner.plan(batch, geometry: geometry)
    var microseconds: [Double] = []
    for _ in 0..<Self.repetitions {
      let elapsed = try ContinuousClock().measure { _ = try planner.plan(batch, geometry: geometry) }
      microseconds.append(elapsed.inSeconds * 1e6)
    }
    return (plan, plan.statistics, Spread(microseconds)?.median ?? .nan)
  }

  /// The batches of each size: one, or as many as are to be drawn.
  private func batches() throws -> [[Batch]] {
    if let lengths { return [[try Self.batch(lengths.values, query: query)]] }
    let prompts: [Int]
    if let trace {
      switch try Workload.read(path: trace) {
      case .requests(let trace): prompts = trace.requests.map(\.promptLength)
      case .calls(let calls): prompts = calls.flatMap(\.keyLengths)
      }
    } else {
      prompts = try SyntheticStream(seed: seed, requestCount: 4096, arrivalRate: 1).trace()
        .requests.map(\.promptLength)
    }
    var generator = SeededGenerator(seed: seed)
    return try batch.values.map { count in
      try (0..<draws).map { _ in
        let lengths = (0..<count).compactMap { _ in prompts.randomElement(using: &generator) }
        return try Self.batch(lengths, query: query)
      }
    }
  }

  /// Requests of these lengths with pages one after another: plans do not look at page indices.
  private static func batch(_ lengths: [Int], query: Int) throws -> Batch {
    let pageSize = 64
    let pageCounts = lengths.map { $0 / pageSize + ($0 % pageSize == 0 ? 0 : 1) }
    let total = try pageCounts.reduce(0) { try $0.added(to: $1, field: "lengths") }
    guard total <= Int(Int32.max) else {
      throw ProblemError(
        .outOfRange, "lengths", value: "\(total) pages", requirement: "must need at most \(Int32.max) pages")
    }
    var next: Int32 = 0
    let lists = pageCounts.map { count in
      defer { next += Int32(count) }
      return Array(next..<next + Int32(count))
    }
    return try Batch(
      queryCounts: Array(repeating: query, count: lengths.count), pageLists: lists, keyLengths: lengths,
      pageSize: pageSize, poolPageCount: total, isCausal: true)
  }
}

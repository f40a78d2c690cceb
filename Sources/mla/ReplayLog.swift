import CPUEngine
import LatentAttention
import Reports
import Workloads

/// What happened, step by step.
struct ReplayLog {
  /// One decode step.
  struct Step {
    var tokens: Int
    var requests: Int
    var planSeconds: Double
    var runSeconds: Double
    var poolUse: Double
    var makespanRatio: Double
    var keyLengths: [Int]
    var heads: Int

    var seconds: Double { planSeconds + runSeconds }
  }

  private(set) var steps: [Step] = []
  private(set) var work = CallWork()
  private(set) var verifiedRows = 0
  private(set) var worstOutputError = 0.0
  private(set) var worstLSEError = 0.0
  private(set) var firstFault: String?
  /// What the batcher counted; nil for recorded calls.
  var batching: BatcherStatistics?

  /// Plans and runs one call, times both, and verifies the step's share of rows.
  mutating func run(
    _ batch: Batch, geometry: AttentionGeometry, cache: CacheView, buffers: CallBuffers, engine: CPUEngine,
    settings: ReplaySettings, poolUse: Double
  ) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let plan = try engine.plan(batch, geometry: geometry, policy: settings.policy)
    let planned = clock.now
    let queries = buffers.queries(batch.queryTokenCount)
    let output = buffers.output(batch.queryTokenCount)
    try engine.run(plan, queries: queries, cache: cache, output: output)
    let finished = clock.now
    let rows = settings.verifiedRows(inStep: steps.count)
    if rows > 0 {
      let oracle = try Oracle(batch: batch, geometry: geometry, queries: queries, cache: cache)
      let comparison = try oracle.compare(
        output, randomRows: rows, seed: settings.seed &+ UInt64(steps.count))
      verifiedRows += comparison.rowCount
      worstOutputError = max(worstOutputError, comparison.outputError)
      worstLSEError = max(worstLSEError, comparison.lseError)
      if firstFault == nil, let fault = comparison.firstFault {
        firstFault = "step \(steps.count): \(fault)"
      }
    }
    work += CallWork(batch, geometry: geometry, elementType: settings.elementType)
    steps.append(
      Step(
        tokens: batch.queryTokenCount, requests: batch.count, planSeconds: (planned - start).inSeconds,
        runSeconds: (finished - planned).inSeconds, poolUse: poolUse,
        makespanRatio: plan.statistics.makespanRatio, keyLengths: batch.keyLengths,
        heads: geometry.headCount))
  }

  /// The head counts that occurred: recorded calls bring their own.
  var headsText: String {
    Set(steps.map(\.heads)).sorted().map(String.init).joined(separator: ", ") + " heads"
  }
}

/// A replay in words, numbers and plots.
struct ReplayOutcome {
  let log: ReplayLog
  let limits: MachineLimits
  let title: String
  let engine: CPUEngine
  let type: ElementType

  /// The numbers. Tokens per second are of the one layer that ran.
  var summary: ReplaySummary {
    let seconds = log.steps.reduce(0) { $0 + $1.seconds }
    let runSeconds = log.steps.reduce(0) { $0 + $1.runSeconds }
    let tokens = log.steps.reduce(0) { $0 + $1.tokens }
    let gflops = runSeconds > 0 ? log.work.flops / runSeconds / 1e9 : 0
    let keyRate = runSeconds > 0 ? log.work.keyBytes / runSeconds / 1e9 : 0
    let isVerified = log.verifiedRows > 0
    return ReplaySummary(
      steps: log.steps.count, tokens: tokens, tokensPerSecond: seconds > 0 ? Double(tokens) / seconds : 0,
      stepMilliseconds: Percentiles(log.steps.map { $0.seconds * 1e3 }),
      planTimeShare: seconds > 0 ? 1 - runSeconds / seconds : 0, gflops: gflops, kvGBps: keyRate,
      fractionOfPeakGflops: gflops / limits.peakGflops, fractionOfPeakGBps: keyRate / limits.readGBps,
      poolUsePeak: log.steps.map(\.poolUse).max() ?? 0,
      poolUseMean: log.steps.isEmpty ? 0 : log.steps.reduce(0) { $0 + $1.poolUse } / Double(log.steps.count),
      verifiedRows: log.verifiedRows, worstOutputError: isVerified ? log.worstOutputError : nil,
      worstLSEError: isVerified ? log.worstLSEError : nil)
  }

  private var setting: String {
    "\(engine.instructionSet.rawValue), \(engine.threadCount) threads, \(log.headsText), \(type.rawValue); limits "
      + "\(NumberFormat.significant(limits.peakGflops)) GFLOP/s, \(NumberFormat.significant(limits.readGBps)) GB/s"
  }

  /// The summary, and what the batcher did.
  var text: String {
    var lines = "\(title): one layer per step on \(setting)\n\(summary.table().text())"
    if let batching = log.batching {
      lines +=
        "\(batching.completedCount) requests completed, \(batching.rejectedCount) rejected, "
        + "\(batching.preemptionCount) preempted; \(batching.sharedPageHitCount) pages shared, "
        + "\(batching.filledPageCount) filled\n"
    }
    return lines
  }

  /// The plots: step time and batch, key lengths, balance of the plans.
  func report() -> HTMLReport {
    let indices = log.steps.indices.map(Double.init)
    func points(_ value: (ReplayLog.Step) -> Double) -> [Chart.Point] {
      zip(indices, log.steps).map { Chart.Point(x: $0, y: value($1)) }
    }
    let time = Chart(
      title: "Step time and batch", x: Chart.Axis("step"),
      y: Chart.Axis("step time", unit: "s", includesZero: true),
      rightY: Chart.Axis("requests", includesZero: true),
      series: [
        Chart.Series("step time", mark: .line, side: .left, points: points(\.seconds)),
        Chart.Series("requests", mark: .step, side: .right, points: points { Double($0.requests) }),
      ])
    let lengths = Histogram(
      log.steps.flatMap { $0.keyLengths.map(Double.init) }, binning: .logarithmic(perDecade: 10)
    ).chart(
      title: "Key lengths", x: Chart.Axis("keys", scale: .logarithmic),
      samplesLabel: "requests, over all steps")
    let balance = Chart(
      title: "Plan balance", x: Chart.Axis("step"), y: Chart.Axis("makespan ÷ lower bound"),
      series: [Chart.Series("makespan ÷ bound", mark: .line, side: .left, points: points(\.makespanRatio))])
    let summary = summary
    return HTMLReport(
      title: "Replay of \(title)", subtitle: "One layer's attention per step on \(setting)",
      tiles: [
        HTMLReport.Tile("tokens/s", NumberFormat.si(summary.tokensPerSecond), note: "one layer"),
        HTMLReport.Tile("median step", NumberFormat.si(summary.stepMillisecondsP50 / 1e3, unit: "s")),
        HTMLReport.Tile(
          "GFLOP/s", NumberFormat.significant(summary.gflops),
          note: "\(NumberFormat.percent(summary.fractionOfPeakGflops ?? 0)) of the peak measured"),
        HTMLReport.Tile("rows verified", NumberFormat.grouped(summary.verifiedRows)),
      ],
      sections: [
        HTMLReport.Section("Over time", [.figure(time.svg(), caption: "Planning included.")]),
        HTMLReport.Section("Lengths", [.figure(lengths.svg(), caption: "Each request once per step.")]),
        HTMLReport.Section("Balance", [.figure(balance.svg(), caption: "In the planner's cost model.")]),
        HTMLReport.Section("Summary", [.table(summary.table(), caption: "")]),
      ],
      command: CommandLine.arguments.joined(separator: " "))
  }
}

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
    _ batch: Batch, geometry: AttentionGeometry, cache: CacheView, buffers: CallBuffers, engine: ChosenEngine,
    settings: ReplaySettings, poolUse: Double
  ) throws {
    let start = ContinuousClock.now
    let plan = try engine.engine.plan(batch, geometry: geometry, policy: settings.policy)
    let planTime = start.duration(to: .now)
    let queries = buffers.queries(batch.queryTokenCount)
    let output = buffers.output(batch.queryTokenCount)
    let runTime = try engine.engine.timedRun(plan, queries: queries, cache: cache, output: output)
    if let finding = engine.device?.takeFindings().first { add(fault: finding.description) }
    let rows = settings.verifiedRows(inStep: steps.count)
    if rows > 0 {
      let oracle = try Oracle(batch: batch, geometry: geometry, queries: queries, cache: cache)
      let comparison = try oracle.compare(
        output, randomRows: rows, seed: settings.seed &+ UInt64(steps.count))
      verifiedRows += comparison.rowCount
      worstOutputError = max(worstOutputError, comparison.outputError)
      worstLSEError = max(worstLSEError, comparison.lseError)
      if let fault = comparison.firstFault { add(fault: "\(fault)") }
    }
    work += CallWork(batch, geometry: geometry, elementType: settings.elementType)
    steps.append(
      Step(
        tokens: batch.queryTokenCount, requests: batch.count, planSeconds: planTime.inSeconds,
        runSeconds: runTime.inSeconds, poolUse: poolUse,
        makespanRatio: plan.statistics.makespanRatio, keyLengths: batch.keyLengths,
        heads: geometry.headCount))
  }

  /// Notes what is wrong with the step that runs, if nothing was before.
  private mutating func add(fault: String) {
    if firstFault == nil { firstFault = "step \(steps.count): \(fault)" }
  }

  /// The head counts that occurred: recorded calls bring their own.
  var headsText: String {
    Set(steps.map(\.heads)).sorted().map(String.init).joined(separator: ", ") + " heads"
  }
}

/// A replay in words, numbers and plots.
struct ReplayOutcome {
  let log: ReplayLog
  /// What the engine's machine can do; nil where nobody has measured it.
  let limits: EngineLimits?
  let title: String
  let engine: ChosenEngine
  let isSimulated: Bool
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
      fractionOfPeakGflops: limits.map { gflops * 1e9 / $0.flopsPerSecond },
      fractionOfPeakGBps: limits.map { keyRate * 1e9 / $0.readBytesPerSecond },
      poolUsePeak: log.steps.map(\.poolUse).max() ?? 0,
      poolUseMean: log.steps.isEmpty ? 0 : log.steps.reduce(0) { $0 + $1.poolUse } / Double(log.steps.count),
      verifiedRows: log.verifiedRows, worstOutputError: isVerified ? log.worstOutputError : nil,
      worstLSEError: isVerified ? log.worstLSEError : nil)
  }

  private var setting: String {
    let limitsText = limits.map { limits in
      "; limits \(NumberFormat.significant(limits.flopsPerSecond / 1e9)) GFLOP/s, "
        + "\(NumberFormat.significant(limits.readBytesPerSecond / 1e9)) GB/s"
    }
    return "\(engine.place), \(engine.threadCount) threads, \(log.headsText), \(type.rawValue)"
      + (limitsText ?? "") + (isSimulated ? "; attention times are simulated" : "")
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
          note: summary.fractionOfPeakGflops.map { "\(NumberFormat.percent($0)) of the peak" } ?? ""),
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

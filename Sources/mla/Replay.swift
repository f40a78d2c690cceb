import ArgumentParser
import LatentAttention
import Reports
import Workloads

/// Replays a stream of requests through a paged latent cache: the main job.
struct Replay: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Replay a request trace through a paged latent cache, one layer's attention per decode step.",
    discussion: """
      Requests arrive as the trace says, wait for pages, get one token per step, and give their pages back. The clock \
      that arrivals follow is the attention time of --layers layers, as if nothing else took time. Prompts are not \
      computed: their pages hold random numbers, and each appended token's row is written.

      Reads Mooncake JSONL, Azure LLM inference CSV and FlashInfer-Bench workload JSONL; without --trace, a built-in \
      stream: Poisson arrivals, log-normal prompts (median 1024, sigma 1), geometric outputs (mean 256), a third \
      of the requests with one of four common prefixes of 2048 tokens.

      With --engine hopper, attention time is the device's, without the copies of tensors to it; on a simulated device it \
      is simulated. Planning takes this machine's time.
      """)

  @Option(help: "Trace file; the default is the built-in stream.") var trace: String?
  @Option(help: "Query heads.") var heads = 128
  @Option(help: "Tokens per page.") var pageSize = 64
  @Option(help: "Most requests in a step.") var maxBatch = 16
  @Option(help: "Tokens that the cache pool holds.") var poolTokens = 131_072
  @Option(help: "Steps to run; the default is 200, on a simulated device 4.") var steps: Int?
  @Option(help: "Layers whose attention time the clock counts per step.") var layers = 61
  @Option(help: "Element type of queries and cache.") var type = ElementType.bfloat16
  @Option(help: "Planning policy.") var policy = PolicyName.balanced
  @OptionGroup var choice: EngineChoice
  @Option(help: "Random rows to recompute with the oracle, spread over the steps.") var verify = 64
  @Option(help: "Seed of the built-in stream, the numbers and the verified rows.") var seed: UInt64 = 1
  @Option(help: "Write a report with plots to an HTML file.") var report: String?
  @Option(help: "Write the summary to a JSON file.") var json: String?

  func validate() throws {
    let counts = [
      ("--page-size", pageSize), ("--max-batch", maxBatch), ("--steps", stepLimit), ("--layers", layers),
    ]
    for (option, value) in counts { try mla.validate(option, value) }
    try mla.validate("--heads", heads, in: headCounts)
    try mla.validate("--pool-tokens", poolTokens, in: 1...Int.max)
    try mla.validate("--verify", verify, in: 0...maximumCount)
    try choice.options.validate("--type", type)
  }

  func run() throws {
    try FileWriter.check(report, json)
    let chosen = try choice.choose()
    let workload = try trace.map { try Workload.read(path: $0, seed: seed) } ?? .requests(builtInStream())
    let limits = chosen.limits.limits(type)
    let settings = ReplaySettings(
      elementType: type, policy: policy.policy, steps: stepLimit, verifiedRows: verify, seed: seed,
      layers: layers
    )
    let log: ReplayLog
    switch workload {
    case .requests(let trace):
      let geometry = try AttentionGeometry.deepSeek(headCount: heads)
      let batcher = try ContinuousBatcher(
        trace: trace, tokenBudget: poolTokens, pageSize: pageSize, maximumBatchSize: maxBatch)
      log = try StreamReplay(
        batcher, geometry: geometry, tokenBudget: poolTokens, engine: chosen, settings: settings
      ).run()
    case .calls(let calls):
      log = try CallReplay(calls, defaultHeads: heads, engine: chosen, settings: settings).run()
    }
    let outcome = ReplayOutcome(
      log: log, limits: limits, title: trace ?? "built-in stream", engine: chosen,
      isSimulated: choice.options.isSimulated, type: type)
    print(outcome.text, terminator: "")
    if let json { try JSONOutput.write(outcome.summary, to: json) }
    if let report { try FileWriter.write(outcome.report().html(), to: report) }
    if let fault = log.firstFault {
      print("FAILED: \(fault)")
      throw ExitCode.failure
    }
  }

  private var stepLimit: Int { steps ?? (choice.options.isSimulated ? 4 : 200) }

  /// As many requests as steps: a batch of a few, each of some hundred tokens, does not run out of them.
  private func builtInStream() throws -> RequestTrace {
    var stream = SyntheticStream(
      seed: seed, requestCount: min(max(64, stepLimit), 1_000_000), arrivalRate: 4)
    stream.prefixShare = 1 / 3
    stream.prefixCount = 4
    return try stream.trace()
  }
}

/// What both kinds of replay need to know.
struct ReplaySettings {
  var elementType: ElementType
  var policy: any PlanningPolicy
  var steps: Int
  var verifiedRows: Int
  var seed: UInt64
  var layers: Int

  /// Rows to verify in one step: the quotas add up to `verifiedRows` over all steps.
  func verifiedRows(inStep step: Int) -> Int {
    verifiedRows * (step + 1) / steps - verifiedRows * step / steps
  }
}

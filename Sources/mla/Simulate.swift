import ArgumentParser
import HopperEngine
import HopperKernels
import HopperSimulator
import LatentAttention
import Reports

/// Runs one decode call on a simulated Hopper GPU and says where its time goes.
struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Simulate one decode call on a Hopper GPU.",
    discussion: """
      The numbers in the tensors mean nothing; what the call costs does not depend on them, but for rescaling that a \
      rising maximum asks for. Shares of units are over the time of a launch. TFLOP/s and KV GB/s are over the time from \
      the first block's start to the last one's end of all launches: 2·(key width + latent width) per query row and \
      visible key, each cached byte once. Every figure is simulated.
      """)

  @Option(help: "Query heads.") var heads = 128
  @Option(help: "Requests in the batch.") var batch = 128
  @Option(help: "Keys of each request.") var kv = 4096
  @Option(help: "Query tokens of each request.") var query = 1
  @Option(help: "Tokens per page.") var pageSize = 64
  @Option(help: "Element type of queries and cache: bf16 or fp16.") var type = ElementType.bfloat16
  @Option(help: "Simulated device.") var device = SimulatedDeviceName(.h100)
  @Option(help: "Planning policy.") var policy = PolicyName.balanced
  @OptionGroup var variant: HopperVariantOptions
  @Option(help: "Threads that simulate; the default is all processors.") var threads: Int?
  @Option(help: "Write a trace of the first four blocks of each launch for ui.perfetto.dev.") var trace:
    String?
  @Option(help: "Draw what the first block of each launch did as an SVG file.") var timeline: String?
  @Option(help: "First and last cycle that are drawn, as 20000,34000; the default is all.") var cycles:
    CommaList<Int>?
  @Option(help: "Write the result to a JSON file.") var json: String?

  func validate() throws {
    if let threads { try mla.validate("--threads", threads) }
    for (value, option) in [
      (batch, "--batch"), (kv, "--kv"), (query, "--query"), (pageSize, "--page-size"),
    ] {
      try mla.validate(option, value)
    }
    try mla.validate("--heads", heads, in: headCounts)
    if let cycles { try Self.validate(cycles.values) }
  }

  private static func validate(_ cycles: [Int]) throws {
    guard cycles.count == 2, cycles[0] >= 0, cycles[0] < cycles[1] else {
      let given = cycles.map(String.init).joined(separator: ",")
      throw ValidationError("--cycles = \(given): must be two cycles, the first one before the last one")
    }
  }

  func run() throws {
    try FileWriter.check(trace, timeline, json)
    let simulated = SimulatedGPU(
      device.device, threadCount: threads, trace: trace == nil && timeline == nil ? nil : TraceRequest())
    let engine = HopperEngine(device: simulated, options: try variant.engineOptions())
    let call = try DecodeCall(shape, on: simulated)
    let plan = try engine.plan(call.batch, geometry: call.geometry, policy: policy.policy)
    try call.run(plan, on: engine)
    let launches = simulated.takeLaunches()
    let result = SimulationResult(
      shape, device: device.description, plan: plan, launches: launches,
      work: CallWork(call.batch, geometry: call.geometry, elementType: type))
    for launch in launches { print(launch.report) }
    print(result.description)
    try write(launches)
    if let json { try JSONOutput.write(result, to: json) }
    let findings = simulated.takeFindings()
    for finding in findings { print(finding) }
    if !findings.isEmpty { throw ExitCode.failure }
  }

  /// Writes the trace and the drawing, where they are wanted.
  private func write(_ launches: [SimulatedLaunch]) throws {
    guard let events = launches.trace else { return }
    if let trace { try FileWriter.write(events.json, to: trace) }
    if let timeline {
      let ends = cycles?.values ?? [0, launches.cycles]
      let kernels = launches.map(\.kernel).joined(separator: ", ")
      let figure = events.timeline(
        title: "\(kernels) on \(device.description), simulated: block 0", cycles: ends[0]..<ends[1])
      try FileWriter.write(figure.svg().document, to: timeline)
    }
  }

  private var shape: DecodeCall.Shape {
    DecodeCall.Shape(
      heads: heads, batch: batch, keys: kv, queries: query, pageSize: pageSize, elementType: type)
  }
}

/// What a simulated call came to.
private struct SimulationResult: Encodable, CustomStringConvertible {
  let heads, batch, kv, query, pageSize: Int
  let type, device: String
  let seconds, teraflops, kvGBps, tensorUtilisation, dramUtilisation: Double
  let plan: PlanStatistics
  let launches: [LaunchReport]

  init(
    _ shape: DecodeCall.Shape, device: String, plan: AttentionPlan, launches: [SimulatedLaunch],
    work: CallWork
  ) {
    (heads, batch, kv, query) = (shape.heads, shape.batch, shape.keys, shape.queries)
    (pageSize, type, self.device) = (shape.pageSize, shape.elementType.rawValue, device)
    self.plan = plan.statistics
    self.launches = launches.map(\.report)
    seconds = launches.seconds
    teraflops = work.flops / seconds * 1e-12
    kvGBps = work.keyBytes / seconds * 1e-9
    tensorUtilisation = launches.utilisation(.tensor)
    dramUtilisation = launches.utilisation(.dram)
  }

  var description: String {
    let percent = { (share: Double) in NumberFormat.significant(100 * share) + " %" }
    return """
      \(heads) heads, batch \(batch), \(kv) keys, \(query) query tokens, \(type): \
      \(NumberFormat.significant(seconds * 1e6)) µs, \(NumberFormat.significant(teraflops)) TFLOP/s, \
      KV \(NumberFormat.significant(kvGBps)) GB/s
      tensor cores used \(percent(tensorUtilisation)), DRAM \(percent(dramUtilisation)) of what streams reach
      plan \(plan.policy): \(plan.pieceCount) pieces, \(plan.partialPieceCount) of them partial, makespan \
      \(NumberFormat.significant(plan.makespanRatio)) of the bound, \(plan.mergeRowCount) rows to merge
      """
  }
}

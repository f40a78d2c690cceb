import ArgumentParser
import CPUEngine
import GPUDevice
import LatentAttention
import Reports

/// Times single decode calls over a grid of shapes.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time decode calls over a grid of shapes.",
    discussion: """
      Every combination of the lists is one row: the median of repeated calls, with the fastest and slowest. \
      GFLOP/s count 2·(key width + latent width) per query row and visible key, KV GB/s each cached byte once per \
      call. Types and thread counts of the same shape take turns, call by call, so that their ratios, in a table of \
      their own, are of calls that ran next to each other; each is called from every processor that the most threads \
      use, as the processors of a shared machine differ in speed, and follows a call that is not timed. With --limits, rounds that measure the machine's own peak \
      are interleaved with the calls, and the last column is the share of the limit that binds (products or memory) \
      that the median call reaches.

      With --engine hopper, times are the device's, from the launch to the end of the last kernel; copies of tensors to \
      the device are left out. On a simulated device they are simulated: each row is one call, whose tensors are in \
      DRAM, not in L2; the limits are those of the device's description. Nobody has measured those of a real GPU.
      """)

  @Option(help: "Query heads.") var heads = CommaList([16, 128])
  @Option(help: "Requests in the batch; the default is 1,16, on a simulated device 1,4.")
  var batch: CommaList<Int>?
  @Option(help: "Keys of each request.") var kv = CommaList([1024, 4096])
  @Option(help: "Query tokens of each request; more than one is causal.") var query = CommaList([1])
  @Option(help: "Threads, of the simulator too.") var threads: CommaList<Int>?
  @Option(
    help: "Element types of queries and cache: bf16, fp16, fp32; fp8 of the cache, with queries in bf16.")
  var type = CommaList([CacheType(.bfloat16)])
  @Option(help: "Instruction sets of the CPU engine; the default is the best there is.")
  var isa: CommaList<InstructionSet>?
  @Option(help: "Tokens per page.") var pageSize = 64
  @Option(help: "Seconds to spend on a row.") var seconds = 0.5
  @OptionGroup var engine: EngineOptions
  @Flag(help: "Measure the machine's limits in the same run.") var limits = false
  @Option(help: "Write the rows to a JSON file.") var json: String?

  func validate() throws {
    try heads.validate("--heads", in: headCounts)
    for (list, option) in [(batches, "--batch"), (kv, "--kv"), (query, "--query")] {
      try list.validate(option)
    }
    for (index, type) in type.values.enumerated() { try engine.validate("--type[\(index)]", type.type) }
    try engine.validateInstructionSets(isa?.defaultValueDescription)
    try threads?.validate("--threads")
    try mla.validate("--page-size", pageSize)
    guard (0.001...86_400).contains(seconds) else {
      throw ValidationError("--seconds = \(seconds): must be 0.001 to 86400")
    }
  }

  func run() throws {
    try FileWriter.check(json)
    let points = points()
    let progress = ProgressBar(label: "bench", total: points.count)
    let settings = BenchSettings(
      engine: engine, pageSize: pageSize, seconds: seconds, measuresLimits: limits)
    // By position in the grid, whatever is measured together.
    var measured: [Int: MeasuredPoint] = [:]
    var ratios: [MeasuredRatio] = []
    var findings: [any LaunchFinding] = []
    for (index, point) in points.enumerated() where measured[index] == nil {
      let members = points.indices.filter { points[$0].shape == point.shape }
      progress.update(measured.count)
      let group = try BenchGroup(members.map { points[$0] }, settings)
      for (member, result) in zip(members, group.points) { measured[member] = result }
      ratios += group.ratios
      findings += group.findings
    }
    progress.finish()
    let inOrder = points.indices.compactMap { measured[$0] }
    if engine.isSimulated, let name = inOrder.first?.row.engine {
      print("\(name): all times and rates are simulated")
    }
    print(MeasuredPoint.table(inOrder).text(), terminator: "")
    if !ratios.isEmpty { print("\n" + MeasuredRatio.table(ratios).text(), terminator: "") }
    if let json { try JSONOutput.write(inOrder.map(\.row), to: json) }
    for finding in findings { print(finding) }
    if !findings.isEmpty { throw ExitCode.failure }
  }

  private var batches: CommaList<Int> { batch ?? CommaList(engine.isSimulated ? [1, 4] : [1, 16]) }

  /// All combinations, the first list outermost.
  private func points() -> [BenchPoint] {
    var points = [BenchPoint()]
    points = vary(points, \.instructionSet, isa?.values ?? [nil])
    points = vary(points, \.type, type.values.map(\.type))
    points = vary(points, \.heads, heads.values)
    points = vary(points, \.batch, batches.values)
    points = vary(points, \.kv, kv.values)
    points = vary(points, \.query, query.values)
    return vary(points, \.threads, threads?.values ?? [CPUEngine.availableThreadCount])
  }
}

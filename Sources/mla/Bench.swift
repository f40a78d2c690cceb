import ArgumentParser
import CPUEngine
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
      their own, are of calls that ran next to each other. With --limits, rounds that measure the machine's own peak are interleaved with the calls, and the last \
      column is the share of the limit that binds (products or memory) that the median call reaches.
      """)

  @Option(help: "Query heads.") var heads = CommaList([16, 128])
  @Option(help: "Requests in the batch.") var batch = CommaList([1, 16])
  @Option(help: "Keys of each request.") var kv = CommaList([1024, 4096])
  @Option(help: "Query tokens of each request; more than one is causal.") var query = CommaList([1])
  @Option(help: "Threads.") var threads: CommaList<Int>?
  @Option(help: "Element types of queries and cache: bf16, fp16, fp32.")
  var type = CommaList([ElementType.bfloat16])
  @Option(help: "Instruction sets; the default is the best there is.") var isa: CommaList<InstructionSet>?
  @Option(help: "Tokens per page.") var pageSize = 64
  @Option(help: "Seconds to spend on a row.") var seconds = 0.5
  @Option(help: "Which engine.") var engine = EngineName.cpu
  @Flag(help: "Measure the machine's limits in the same run.") var limits = false
  @Option(help: "Write the rows to a JSON file.") var json: String?

  func validate() throws {
    for (list, option) in [(heads, "--heads"), (batch, "--batch"), (kv, "--kv"), (query, "--query")] {
      try list.validate(option)
    }
    try threads?.validate("--threads")
    try mla.validate("--page-size", pageSize)
    guard (0.001...86_400).contains(seconds) else {
      throw ValidationError("--seconds = \(seconds): must be 0.001 to 86400")
    }
  }

  func run() throws {
    let points = points()
    let progress = ProgressBar(label: "bench", total: points.count)
    let readBuffer = limits ? ReadBuffer() : nil
    // By position in the grid, whatever is measured together.
    var measured: [Int: MeasuredPoint] = [:]
    var ratios: [MeasuredRatio] = []
    for (index, point) in points.enumerated() where measured[index] == nil {
      let members = points.indices.filter { points[$0].shape == point.shape }
      let group = try BenchGroup(
        members.map { points[$0] }, pageSize: pageSize, seconds: seconds, readBuffer: readBuffer)
      for (member, result) in zip(members, group.points) { measured[member] = result }
      ratios += group.ratios
      progress.update(measured.count)
    }
    progress.finish()
    let inOrder = points.indices.compactMap { measured[$0] }
    print(MeasuredPoint.table(inOrder).text(), terminator: "")
    if !ratios.isEmpty { print("\n" + MeasuredRatio.table(ratios).text(), terminator: "") }
    if let json { try JSONOutput.write(inOrder.map(\.row), to: json) }
  }

  /// All combinations, the first list outermost.
  private func points() -> [BenchPoint] {
    func vary<Value>(
      _ points: [BenchPoint], _ field: WritableKeyPath<BenchPoint, Value>, _ values: [Value]
    ) -> [BenchPoint] {
      points.flatMap { point in
        values.map { value in
          var varied = point
          varied[keyPath: field] = value
          return varied
        }
      }
    }
    var points = [BenchPoint()]
    points = vary(points, \.instructionSet, isa?.values ?? [nil])
    points = vary(points, \.type, type.values)
    points = vary(points, \.heads, heads.values)
    points = vary(points, \.batch, batch.values)
    points = vary(points, \.kv, kv.values)
    points = vary(points, \.query, query.values)
    return vary(points, \.threads, threads?.values ?? [CPUEngine.availableThreadCount])
  }
}

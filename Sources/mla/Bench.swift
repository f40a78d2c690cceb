import ArgumentParser
import CPUEngine
import LatentAttention
import Reports
import Workloads

/// Times single decode calls over a grid of shapes.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time decode calls over a grid of shapes.",
    discussion: """
      Every combination of the lists is one row: the median of repeated calls, with the fastest and slowest. \
      GFLOP/s count 2·(key width + latent width) per query row and visible key, KV GB/s each cached byte once per \
      call. With --limits, rounds that measure the machine's own peak are interleaved with the calls, and the last \
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
    var measured: [MeasuredPoint] = []
    for (index, point) in points.enumerated() {
      measured.append(try measure(point))
      progress.update(index + 1)
    }
    progress.finish()
    print(MeasuredPoint.table(measured).text(), terminator: "")
    if let json { try JSONOutput.write(measured.map(\.row), to: json) }
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

  private func measure(_ point: BenchPoint) throws -> MeasuredPoint {
    let engine = try CPUEngine(threadCount: point.threads, instructionSet: point.instructionSet)
    let problem = try BenchProblem(point, pageSize: pageSize)
    let plan = try engine.plan(problem.batch, geometry: problem.geometry)
    let products = limits ? LimitProbe.products(of: engine, point.type) : nil
    let reads = limits ? LimitProbe.memoryReads(of: engine) : nil
    try problem.run(plan, on: engine)
    var milliseconds: [Double] = []
    var productRates: [Double] = []
    var readRates: [Double] = []
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(seconds)
    while milliseconds.count < 5 || (clock.now < deadline && milliseconds.count < 10_000) {
      milliseconds.append(try clock.measure { try problem.run(plan, on: engine) }.inSeconds * 1e3)
      if let products { productRates.append(products.measureRound()) }
      if let reads, readRates.count < 5 { readRates.append(reads.measureRound()) }
    }
    return MeasuredPoint(
      point, engine: engine, work: problem.work, milliseconds: milliseconds,
      productsPerSecond: Spread(productRates)?.median, readBytesPerSecond: Spread(readRates)?.maximum)
  }
}

/// One combination of the grid.
struct BenchPoint {
  var instructionSet: InstructionSet?
  var type = ElementType.bfloat16
  var heads = 1
  var batch = 1
  var kv = 1
  var query = 1
  var threads = 1
}

/// The tensors and the batch of a point.
struct BenchProblem {
  let geometry: AttentionGeometry
  let batch: Batch
  let work: CallWork
  private let cache: BenchCache
  private let buffers: CallBuffers

  init(_ point: BenchPoint, pageSize: Int) throws {
    geometry = try AttentionGeometry.deepSeek(headCount: point.heads)
    let pagesPerRequest = (point.kv - 1) / pageSize + 1
    let pageCount = try pagesPerRequest.multiplied(by: point.batch, field: "kv")
    cache = try BenchCache(geometry: geometry, type: point.type, pageSize: pageSize, pageCount: pageCount)
    var generator = SeededGenerator(seed: 1)
    let pages = (0..<Int32(pageCount)).shuffled(using: &generator)
    batch = try Batch(
      queryOffsets: (0...point.batch).map { $0 * point.query },
      pageOffsets: (0...point.batch).map { $0 * pagesPerRequest }, pageIndices: pages,
      keyLengths: Array(repeating: point.kv, count: point.batch), pageSize: pageSize,
      poolPageCount: pageCount,
      isCausal: true)
    buffers = try CallBuffers(
      geometry: geometry, elementType: point.type, tokenCount: batch.queryTokenCount, seed: 2)
    work = CallWork(batch, geometry: geometry, elementType: point.type)
  }

  func run(_ plan: AttentionPlan, on engine: CPUEngine) throws {
    let tokens = batch.queryTokenCount
    try engine.run(plan, queries: buffers.queries(tokens), cache: cache.view, output: buffers.output(tokens))
  }
}

/// A pool of random keys that a struct can hold.
private final class BenchCache {
  private let pool: PagedCache

  init(geometry: AttentionGeometry, type: ElementType, pageSize: Int, pageCount: Int) throws {
    var pool = try PagedCache(geometry: geometry, elementType: type, pageSize: pageSize, pageCount: pageCount)
    pool.fill(seed: 3)
    self.pool = pool
  }

  var view: CacheView { pool.view }
}

/// What was measured at a point.
struct MeasuredPoint {
  let row: BenchRow
  private let spread: Spread?
  /// The share of the binding limit that the median call reached, and which limit that is.
  private let limit: (share: Double, name: String)?

  init(
    _ point: BenchPoint, engine: CPUEngine, work: CallWork, milliseconds: [Double],
    productsPerSecond: Double?, readBytesPerSecond: Double?
  ) {
    spread = Spread(milliseconds)
    let median = spread?.median ?? .nan
    let seconds = median / 1e3
    row = BenchRow(
      engine: EngineName.cpu.rawValue, isa: engine.instructionSet.rawValue, type: point.type.rawValue,
      heads: point.heads, batch: point.batch, kv: point.kv, query: point.query, threads: point.threads,
      milliseconds: median, gflops: work.flops / seconds / 1e9, kvGBps: work.keyBytes / seconds / 1e9,
      peakGflops: productsPerSecond.map { $0 / 1e9 })
    guard let productsPerSecond, let readBytesPerSecond else {
      limit = nil
      return
    }
    let (products, reads) = (work.flops / productsPerSecond, work.keyBytes / readBytesPerSecond)
    limit = (max(products, reads) / seconds, products >= reads ? "products" : "memory")
  }

  /// The rows for people, with spread and limits.
  static func table(_ points: [MeasuredPoint]) -> TextTable {
    var table = TextTable(columns: [
      .text("isa"), .text("type"), .number("heads"), .number("batch"), .number("kv"), .number("query"),
      .number("threads"), .number("ms"), .number("fastest"), .number("slowest"), .number("GFLOP/s"),
      .number("KV GB/s"), .number("peak GFLOP/s"), .number("of limit"), .text("limit"),
    ])
    func number(_ value: Double?) -> String {
      value.map { NumberFormat.significant($0) } ?? NumberFormat.missing
    }
    for point in points {
      let row = point.row
      table.append([
        row.isa, row.type, "\(row.heads)", "\(row.batch)", "\(row.kv)", "\(row.query)", "\(row.threads)",
        number(row.milliseconds), number(point.spread?.minimum), number(point.spread?.maximum),
        number(row.gflops), number(row.kvGBps), number(row.peakGflops),
        point.limit.map { NumberFormat.percent($0.share) } ?? NumberFormat.missing, point.limit?.name ?? "",
      ])
    }
    return table
  }
}

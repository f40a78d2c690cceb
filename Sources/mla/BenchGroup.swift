import CPUEngine
import LatentAttention
import Reports

/// Points of one shape, measured in turn: in each round every point is called once, so that what disturbs the
/// machine disturbs neighbours alike.
struct BenchGroup {
  /// What was measured, in the order of the points.
  let points: [MeasuredPoint]
  /// Thread counts over the first one, and types over fp32 or else the first one.
  let ratios: [MeasuredRatio]

  /// Rounds that are made even where the time is over.
  private static let fewestRounds = 5
  private static let mostRounds = 10_000

  /// Measures for `seconds` per point; limits too where there is a buffer to read.
  init(_ points: [BenchPoint], pageSize: Int, seconds: Double, readBuffer: ReadBuffer?) throws {
    var problems: [ElementType: BenchProblem] = [:]
    var rows: [BenchMeasurement] = []
    for point in points {
      let problem = try problems[point.type] ?? BenchProblem(point, pageSize: pageSize)
      problems[point.type] = problem
      rows.append(try BenchMeasurement(point, problem: problem, readBuffer: readBuffer))
    }
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(seconds * Double(points.count))
    var rounds = 0
    while rounds < Self.fewestRounds || (clock.now < deadline && rounds < Self.mostRounds) {
      for row in rows { try row.measureRound() }
      rounds += 1
    }
    self.points = rows.map(\.result)
    ratios = Self.ratios(rows)
  }

  private static func ratios(_ rows: [BenchMeasurement]) -> [MeasuredRatio] {
    var ratios: [MeasuredRatio] = []
    for row in rows {
      let sameType = rows.filter { $0.point.type == row.point.type }
      if let base = sameType.first, base !== row {
        ratios.append(MeasuredRatio(row, over: base, compared: \.threadsText, constant: \.type.rawValue))
      }
    }
    for row in rows {
      let sameThreads = rows.filter { $0.point.threads == row.point.threads }
      let base = sameThreads.first { $0.point.type == .float32 } ?? sameThreads.first
      if let base, base !== row {
        ratios.append(MeasuredRatio(row, over: base, compared: \.type.rawValue, constant: \.threadsText))
      }
    }
    return ratios
  }
}

extension BenchPoint {
  /// `2 threads`.
  fileprivate var threadsText: String { threads == 1 ? "1 thread" : "\(threads) threads" }
}

/// A point while it is measured.
final class BenchMeasurement {
  let point: BenchPoint
  private let engine: CPUEngine
  private let problem: BenchProblem
  private let plan: AttentionPlan
  private let products: LimitProbe?
  private let reads: LimitProbe?
  /// Milliseconds of the call in each round.
  private(set) var milliseconds: [Double] = []
  private var productRates: [Double] = []
  private var readRates: [Double] = []

  /// Reading memory takes long; the best of a few rounds is enough.
  private static let readRounds = 5

  init(_ point: BenchPoint, problem: BenchProblem, readBuffer: ReadBuffer?) throws {
    self.point = point
    self.problem = problem
    engine = try CPUEngine(threadCount: point.threads, instructionSet: point.instructionSet)
    plan = try engine.plan(problem.batch, geometry: problem.geometry)
    products = readBuffer.map { [engine] _ in LimitProbe.products(of: engine, point.type) }
    reads = readBuffer.map { [engine] in LimitProbe.memoryReads(of: engine, $0) }
    try problem.run(plan, on: engine)
  }

  func measureRound() throws {
    let elapsed = try ContinuousClock().measure { try problem.run(plan, on: engine) }
    milliseconds.append(elapsed.inSeconds * 1e3)
    if let products { productRates.append(products.measureRound()) }
    if let reads, readRates.count < Self.readRounds { readRates.append(reads.measureRound()) }
  }

  var result: MeasuredPoint {
    MeasuredPoint(
      point, engine: engine, work: problem.work, milliseconds: milliseconds,
      productsPerSecond: Spread(productRates)?.median, readBytesPerSecond: Spread(readRates)?.maximum)
  }
}

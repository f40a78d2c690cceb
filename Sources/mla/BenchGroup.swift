import CPUEngine
import GPUDevice
import LatentAttention
import Reports

/// How the points of a bench are measured.
final class BenchSettings {
  let engine: EngineOptions
  let pageSize: Int
  /// Seconds to spend on a point.
  let seconds: Double
  let measuresLimits: Bool
  /// Memory to read for the limits, shared by all points.
  lazy var readBuffer = ReadBuffer()

  init(engine: EngineOptions, pageSize: Int, seconds: Double, measuresLimits: Bool) {
    self.engine = engine
    self.pageSize = pageSize
    self.seconds = seconds
    self.measuresLimits = measuresLimits
  }

  /// Fewest and most rounds. A simulated device takes the same time for the same work.
  var rounds: ClosedRange<Int> { engine.isSimulated ? 1...1 : 5...10_000 }
}

/// Points of one shape, measured in turn, so that what disturbs the machine disturbs neighbours alike.
///
/// In a round every point is called from each of as many processors as the point with the most threads uses: on a
/// shared machine they differ in speed, and one thread would be measured on the faster or on the slower of them.
struct BenchGroup {
  /// What was measured, in the order of the points.
  let points: [MeasuredPoint]
  /// Thread counts over the first one, and types over fp32 or else the first one.
  let ratios: [MeasuredRatio]
  /// What simulated devices noticed.
  let findings: [any LaunchFinding]

  /// Measures points of one shape.
  init(_ points: [BenchPoint], _ settings: BenchSettings) throws {
    var problems: [ElementType: BenchProblem] = [:]
    var rows: [BenchMeasurement] = []
    for point in points {
      let problem = try problems[point.type] ?? BenchProblem(point, pageSize: settings.pageSize)
      problems[point.type] = problem
      rows.append(try BenchMeasurement(point, problem: problem, settings))
    }
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(settings.seconds * Double(points.count))
    var rounds = 0
    let range = settings.rounds
    let processors = settings.engine.isSimulated ? 1 : Self.processorCount(points)
    while rounds < range.lowerBound || (clock.now < deadline && rounds < range.upperBound) {
      for row in rows { row.beginRound() }
      for processor in 0..<processors {
        CPUEngine.moveCallingThread(toProcessor: processor)
        for row in rows { try row.measureCall() }
      }
      rounds += 1
    }
    self.points = rows.map(\.result)
    ratios = Self.ratios(rows)
    findings = rows.flatMap { $0.takeFindings() }
  }

  private static func processorCount(_ points: [BenchPoint]) -> Int {
    let threads = points.reduce(1) { max($0, $1.threads) }
    return min(threads, CPUEngine.availableThreadCount)
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
  private let chosen: ChosenEngine
  private let problem: BenchProblem
  private let plan: AttentionPlan
  private let limits: LimitRounds?
  private let warmsUp: Bool
  /// Milliseconds of each call.
  private var milliseconds: [Double] = []
  /// Milliseconds of all calls of each round.
  private(set) var roundMilliseconds: [Double] = []

  init(_ point: BenchPoint, problem: BenchProblem, _ settings: BenchSettings) throws {
    self.point = point
    self.problem = problem
    chosen = try settings.engine.choose(threads: point.threads, isa: point.instructionSet)
    plan = try chosen.engine.plan(problem.batch, geometry: problem.geometry, policy: BalancedPolicy())
    limits =
      settings.measuresLimits
      ? LimitRounds(chosen.limits, point.type, reading: settings.readBuffer) : nil
    warmsUp = !settings.engine.isSimulated
  }

  func beginRound() { roundMilliseconds.append(0) }

  /// Times one call of the round. Another precedes it, as the last layer precedes the next one in a decode step: it finds threads
  /// awake that slept during the turns of other points. A simulated device has nothing to wake.
  func measureCall() throws {
    if warmsUp { _ = try problem.run(plan, on: chosen.engine) }
    let time = try problem.run(plan, on: chosen.engine).inSeconds * 1e3
    milliseconds.append(time)
    roundMilliseconds[roundMilliseconds.count - 1] += time
    limits?.measureRound()
  }

  func takeFindings() -> [any LaunchFinding] { chosen.device?.takeFindings() ?? [] }

  var result: MeasuredPoint {
    MeasuredPoint(
      point, engine: chosen, work: problem.work, milliseconds: milliseconds, limits: limits?.limits)
  }
}

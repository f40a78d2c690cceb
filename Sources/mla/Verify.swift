import ArgumentParser
import GPUDevice
import HopperEngine
import LatentAttention
import Reports

/// Runs random and awkward problems against the oracle.
struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check an engine against the double-precision oracle.",
    discussion: """
      Runs a fixed list of awkward cases first, then random ones; the planning policies take turns. A failure prints \
      the command that runs that one case again, and the exit status is 1. Cases that the engine is not made for are \
      passed over and counted. What a simulated device notices, such as a race, is a failure. After a failure of the \
      device itself no more cases are run: a GPU does nothing right from then on.
      """)

  @Option(help: "Random cases, after the awkward ones.") var cases = Self.defaultCases
  @Option(help: "Seed of the random cases.") var seed: UInt64 = 1
  @Option(name: .customLong("case"), help: "Run only this case, counted from 0 with the awkward ones.")
  var only: Int?
  @Option(help: "Element type of the random cases; the default is any.") var type: ElementType?
  @Option(help: "Heads of the random cases; the default is any.") var heads: Int?
  @Option(help: "Pass over cases of more multiplications of a row with a key; the default is none.")
  var maximumPairs: Int?
  @OptionGroup var choice: EngineChoice
  @Option(help: "Write the result to a JSON file.") var json: String?

  private static let defaultCases = 100

  func validate() throws {
    try mla.validate("--cases", cases, in: 0...maximumCount)
    if let only { try mla.validate("--case", only, in: 0...CaseRecipe.awkward.count + cases - 1) }
    if let type { try choice.options.validate("--type", type) }
  }

  func run() throws {
    try FileWriter.check(json)
    let chosen = try choice.choose()
    let awkward = CaseRecipe.awkward
    let indices = only.map { $0..<$0 + 1 } ?? 0..<awkward.count + cases
    var summary = VerificationSummary(
      engine: choice.options.engine.rawValue, isa: chosen.place, threads: chosen.threadCount, seed: seed)
    let progress = ProgressBar(label: "verify", total: indices.count)
    for index in indices {
      let recipe =
        index < awkward.count
        ? awkward[index]
        : CaseRecipe.random(
          seed: seed, index: index - awkward.count,
          options: VerificationOptions(elementType: type, headCount: heads))
      let policy = PolicyName.allCases[index % PolicyName.allCases.count]
      let outcome = try check(recipe, on: chosen, policy: policy.policy)
      summary.add(outcome, of: recipe)
      if outcome.failed {
        print(
          "FAILED case \(index), policy \(policy.rawValue): \(recipe)\n  \(outcome)\n  again: \(command(index))"
        )
      }
      progress.update(summary.cases + summary.passedOver)
      if case .deviceFailed = outcome { break }
    }
    progress.finish()
    print(summary.description, terminator: "")
    if let json { try JSONOutput.write(summary, to: json) }
    if summary.failures > 0 { throw ExitCode.failure }
  }

  private func check(
    _ recipe: CaseRecipe, on chosen: ChosenEngine, policy: any PlanningPolicy
  ) throws -> CaseOutcome {
    let problem = try VerificationCase(recipe)
    if let maximumPairs, CallWork.pairs(problem.batch, geometry: problem.geometry) > maximumPairs {
      return .passedOver
    }
    do {
      let plan = try chosen.engine.plan(problem.batch, geometry: problem.geometry, policy: policy)
      try chosen.engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
    } catch HopperEngineError.problem {
      return .passedOver
    } catch HopperEngineError.device(let error) {
      return .deviceFailed(error)
    }
    return .compared(try problem.check(), findings: chosen.device?.takeFindings() ?? [])
  }

  /// The command line that runs one case alone.
  private func command(_ index: Int) -> String {
    var words = ["mla verify --seed \(seed) --case \(index)"]
    if cases != Self.defaultCases { words.append("--cases \(cases)") }
    if let type { words.append("--type \(type.rawValue)") }
    if let heads { words.append("--heads \(heads)") }
    return (words + choice.words).joined(separator: " ")
  }
}

/// How a case came out.
enum CaseOutcome: CustomStringConvertible {
  /// The engine is not made for it, or it is too large.
  case passedOver
  /// What the oracle says of the results, and what the device has noticed.
  case compared(Comparison, findings: [any LaunchFinding])
  /// There are no results.
  case deviceFailed(GPUDeviceError)

  var failed: Bool {
    switch self {
    case .passedOver: false
    case .compared(let comparison, let findings): !comparison.passed || !findings.isEmpty
    case .deviceFailed: true
    }
  }

  var description: String {
    switch self {
    case .passedOver: "passed over"
    case .compared(let comparison, let findings):
      ([comparison.description] + findings.prefix(5).map(\.description)).joined(separator: "\n  ")
    case .deviceFailed(let error): "\(error); no other case is run after it"
    }
  }
}

/// The worst of all cases, by element type of the inputs.
struct VerificationSummary: Encodable {
  /// The worst of one element type; errors are absolute, shares are of the bounds that the oracle allows.
  struct Worst: Encodable {
    var cases = 0
    var rows = 0
    var outputError = 0.0
    var outputErrorShareOfBound = 0.0
    var lseError = 0.0
    var lseErrorShareOfBound = 0.0

    mutating func add(_ comparison: Comparison) {
      rows += comparison.rowCount
      outputError = max(outputError, comparison.outputError)
      outputErrorShareOfBound = max(outputErrorShareOfBound, comparison.outputErrorShare)
      lseError = max(lseError, comparison.lseError)
      lseErrorShareOfBound = max(lseErrorShareOfBound, comparison.lseErrorShare)
    }
  }

  let engine: String
  let isa: String
  let threads: Int
  let seed: UInt64
  private(set) var cases = 0
  private(set) var failures = 0
  /// Cases that the engine is not made for, or that are too large.
  private(set) var passedOver = 0
  private(set) var byType: [String: Worst] = [:]

  init(engine: String, isa: String, threads: Int, seed: UInt64) {
    self.engine = engine
    self.isa = isa
    self.threads = threads
    self.seed = seed
  }

  mutating func add(_ outcome: CaseOutcome, of recipe: CaseRecipe) {
    if case .passedOver = outcome {
      passedOver += 1
      return
    }
    cases += 1
    if outcome.failed { failures += 1 }
    var worst = byType[recipe.elementType.rawValue, default: Worst()]
    worst.cases += 1
    if case .compared(let comparison, _) = outcome { worst.add(comparison) }
    byType[recipe.elementType.rawValue] = worst
  }

  /// A table, one row per element type, and a line with the verdict.
  var description: String {
    var table = TextTable(columns: [
      .text("type"), .number("cases"), .number("rows"), .number("output error"), .number("of bound"),
      .number("LSE error"), .number("of bound"),
    ])
    for (type, worst) in byType.sorted(by: { $0.key < $1.key }) {
      table.append([
        type, "\(worst.cases)", "\(worst.rows)", NumberFormat.significant(worst.outputError),
        NumberFormat.significant(worst.outputErrorShareOfBound), NumberFormat.significant(worst.lseError),
        NumberFormat.significant(worst.lseErrorShareOfBound),
      ])
    }
    let rest = passedOver == 0 ? "" : ", \(passedOver) passed over"
    let verdict = (failures == 0 ? "all passed" : "\(failures) FAILED") + rest
    return "\(engine) \(isa), \(threads) threads, seed \(seed): \(cases) cases, \(verdict)\n\(table.text())"
  }
}

import ArgumentParser
import LatentAttention
import Reports

/// Compares pipelines, clusters and partials over batch, length, heads and page size.
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare the Hopper engine's variants over a grid of decode calls.",
    discussion: """
      Every call is planned as the engine would for each variant. Calls of at most --simulated-pairs pairs of a row tile and \
      a key tile are simulated; what longer ones take is predicted from costs per piece, tile and partial row that are \
      fitted to simulated runs of the same variant, and from how far the fit is off for the simulated call before with as many \
      heads, and marked with ~. Predictions are made for the simulated calls as well, \
      and --check of the predicted ones are simulated after all: the errors are printed. With --device cuda all calls run \
      on this machine's GPU: the median of several runs, each after reads that empty L2. Where someone has published a \
      measurement of a call, it stands beside ours, and where two variants of a call have been, so does the lead of one. \
      With --against, times are held against those of an earlier comparison, such as that of a GPU: errors of each variant, \
      and whether the same one of two variants is faster.
      """)

  /// Calls that can be compared.
  enum Grid: String, ExpressibleByArgument, CaseIterable {
    /// Batches 1 to 768 of 1,024 to 8,192 keys, 16 to 128 heads, pages of 1 and 64 tokens.
    case standard
    /// Two of these calls.
    case small
  }

  @Option(help: "Which calls.") var grid = Grid.standard
  @Option(help: "A simulated device, or cuda, this machine's GPU.") var device = TimedDeviceName(.h100)
  @Option(help: "Most pairs of a row tile and a key tile of a call that is simulated.")
  var simulatedPairs = 1056
  @Option(help: "Predicted rows to simulate after all.") var check = 6
  @Option(help: "Threads that simulate; the default is all processors.") var threads: Int?
  @Option(help: "An earlier comparison, its JSON file, to hold times against.") var against: String?
  @Option(help: "Write the rows to a JSON file.") var json: String?
  @Option(help: "Write a report with plots to an HTML file.") var report: String?

  /// A checked call takes at most about half a minute on two cores.
  private static let mostCheckedPairs = 20_000

  func validate() throws {
    if let threads { try mla.validate("--threads", threads) }
    try mla.validate("--simulated-pairs", simulatedPairs, in: 0...maximumCount)
    try mla.validate("--check", check, in: 0...maximumCount)
  }

  func run() throws {
    try FileWriter.check(json, report)
    let earlier = try against.map {
      try UnreadableFile.read(EarlierComparison.self, from: $0, option: "--against")
    }
    var comparison = VariantComparison(
      try device.timer(threads: threads), grid.shapes, variants: ComparedVariant.all,
      simulatedPairs: simulatedPairs)
    let progress = ProgressBar(label: "compare", total: comparison.shapes.count + check)
    var calls: [[VariantComparison.Row]] = []
    for shape in comparison.shapes {
      calls.append(try comparison.rows(shape))
      progress.update(calls.count)
    }
    let rows = calls.flatMap { $0 }
    var checked: [VariantComparison.Row] = []
    for row in sample(rows) {
      checked.append(try comparison.checked(row))
      progress.update(calls.count + checked.count)
    }
    progress.finish()
    let result = ComparisonResult(comparison.timer, calls: calls, checked: checked, against: earlier)
    print(result.text)
    if let json { try JSONOutput.write(result, to: json) }
    if let report {
      try FileWriter.write(
        result.report(command: CommandLine.arguments.joined(separator: " ")).html(), to: report)
    }
  }

  /// Predicted rows, evenly from all that can be simulated in a short time.
  private func sample(_ rows: [VariantComparison.Row]) -> [VariantComparison.Row] {
    let candidates = rows.filter { row in
      var shape = DecodeCall.Shape()
      (shape.heads, shape.batch, shape.keys) = (row.heads, row.batch, row.kv)
      return row.source == .predicted && shape.tilePairs <= Self.mostCheckedPairs
    }
    let count = min(check, candidates.count)
    return (0..<count).map { candidates[(2 * $0 + 1) * candidates.count / (2 * count)] }
  }
}

extension Compare.Grid {
  /// The calls, by page size, heads, batch and keys.
  var shapes: [DecodeCall.Shape] {
    let (pageSizes, heads, batches, keys) =
      switch self {
      case .standard: ([1, 64], [16, 32, 64, 128], [1, 16, 32, 64, 128, 768], [1024, 2048, 4096, 8192])
      case .small: ([64], [16, 128], [1], [1024])
      }
    return pageSizes.flatMap { pageSize in
      heads.flatMap { heads in
        batches.flatMap { batch in
          keys.map {
            DecodeCall.Shape(heads: heads, batch: batch, keys: $0, pageSize: pageSize)
          }
        }
      }
    }
  }
}

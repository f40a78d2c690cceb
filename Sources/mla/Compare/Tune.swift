import ArgumentParser
import HopperEngine
import HopperKernels
import HopperSimulator
import LatentAttention
import Reports

/// Finds the fastest pipeline, use of clusters and values of the pipeline's parameters for calls of a grid.
struct Tune: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find the fastest variant of the Hopper engine for decode calls.",
    discussion: """
      Runs every call of the grid in all pipelines and with and without clusters, as `mla compare` does, on a simulated \
      device or, with --device cuda, on this machine's GPU. Of the fastest pipeline it then tries other values of its \
      parameters, one after the other, as --p-sync, --key-stages and --unroll of `mla simulate` set them; --registers \
      with --device cuda only, as the simulator's clock does not see registers. Calls that are predicted are not tried. On a \
      GPU, two warpgroups with their own values are kept unless something else is \
      \(NumberFormat.percent(MeasuringCallTimer.measuredSpread)) faster. `--json` writes what was fastest as a file for \
      `--choices`; `--write` writes the Swift table that the engine picks from, \
      Sources/HopperEngine/TunedChoicesTable.swift, with the rows of this device in place of its old ones. The engine takes \
      what was fastest for the call most like its batch.
      """)

  @Option(help: "A simulated device, or cuda, this machine's GPU.") var device = TimedDeviceName(.h100)
  @Option(help: "Query heads.") var heads = CommaList([16, 64, 128])
  @Option(help: "Requests in the batch.") var batch = CommaList([1, 16, 128])
  @Option(help: "Keys of each request.") var kv = CommaList([1024, 8192])
  @Option(help: "Query tokens of each request.") var query = CommaList([1])
  @Option(help: "Tokens per page.") var pageSize = CommaList([1, 64])
  @Option(help: "Most pairs of a row tile and a key tile of a call that is simulated; others are predicted.")
  var simulatedPairs = 2112
  @Option(help: "Threads that simulate; the default is all processors.") var threads: Int?
  @Option(help: "Write the table, a Swift file, here.") var write: String?
  @Option(help: "Write the choices to a JSON file.") var json: String?

  func validate() throws {
    if let threads { try mla.validate("--threads", threads) }
    try heads.validate("--heads", in: headCounts)
    for (list, option) in [(batch, "--batch"), (kv, "--kv"), (query, "--query"), (pageSize, "--page-size")] {
      try list.validate(option)
    }
    try mla.validate("--simulated-pairs", simulatedPairs, in: 0...maximumCount)
  }

  func run() throws {
    try FileWriter.check(write, json)
    let timer = try device.timer(threads: threads)
    var comparison = VariantComparison(
      timer, shapes, variants: ComparedVariant.ours.filter { $0.options.partialType == nil },
      simulatedPairs: simulatedPairs)
    let search = TuningSearch(timer)
    let progress = ProgressBar(label: "tune", total: shapes.count)
    var table = TextTable(
      columns: ["page", "heads", "query", "batch", "kv"].map { .number($0) }
        + [.text("fastest"), .number("µs"), .number("ahead of wg2 by")])
    var choices: [TunedChoice] = []
    for shape in comparison.shapes {
      let rows = try comparison.rows(shape)
      guard let untuned = search.start(rows), let found = comparison.variant(named: untuned.variant)
      else {
        continue
      }
      let (variant, best) = try search.fastest(shape, from: found, untuned, &comparison)
      progress.update(choices.count + 1)
      choices.append(variant.choice(for: shape, device: timer.description.name))
      let plain = rows.first?.microseconds ?? best.microseconds
      table.append([
        "\(shape.pageSize)", "\(shape.heads)", "\(shape.queries)", "\(shape.batch)", "\(shape.keys)",
        best.variant, (best.source == .predicted ? "~" : "") + NumberFormat.significant(best.microseconds),
        NumberFormat.percent(plain / best.microseconds - 1),
      ])
    }
    progress.finish()
    let kind = timer.isSimulated ? "simulated; ~ for predicted times" : "measured"
    print("\(timer.description.fullName), \(kind)\n\(table.text())", terminator: "")
    if let write { try FileWriter.write(Self.swiftTable(choices), to: write) }
    if let json { try JSONOutput.write(choices, to: json) }
  }

  private var shapes: [DecodeCall.Shape] {
    var shapes = [DecodeCall.Shape()]
    shapes = vary(shapes, \.pageSize, pageSize.values)
    shapes = vary(shapes, \.heads, heads.values)
    shapes = vary(shapes, \.queries, query.values)
    shapes = vary(shapes, \.batch, batch.values)
    return vary(shapes, \.keys, kv.values)
  }

  /// The Swift file of a table: devices that were not tuned keep their rows.
  private static func swiftTable(_ choices: [TunedChoice]) -> String {
    let devices = Set(choices.map(\.device))
    let order = DeviceDescription.all.map(\.name)
    let kept = TunedChoice.table.filter { !devices.contains($0.device) }
    let rows = order.flatMap { name in (kept + choices).filter { $0.device == name } }
    let lines = rows.map { row in
      """
          TunedChoice(
            device: "\(row.device)", rows: \(row.rows), batch: \(row.batch), keys: \(row.keys), hasBoxes: \(row.hasBoxes),
            pipeline: .\(row.pipeline), cluster: .\(row.cluster)\(row.tuning.map { ",\n      tuning: \($0.swiftText)" } ?? "")),
      """
    }
    return """
      import HopperKernels

      extension TunedChoice {
        /// What was fastest. Written by `mla tune --write`.
        public static let table: [TunedChoice] = [
      \(lines.joined(separator: "\n"))
        ]
      }

      """
  }
}

extension PipelineTuning {
  /// The value as an expression in Swift.
  fileprivate var swiftText: String {
    let split = registers.map { split in
      ".init(holders: \(split.holders), \(split.scores.map { "scores: \($0), " } ?? "")loader: \(split.loader))"
    }
    let fields = [
      split.map { "registers: \($0)" }, probabilities.map { "probabilities: .\($0)" },
      keyStages.map { "keyStages: \($0)" }, unroll.map { "unroll: \($0)" },
    ].compactMap { $0 }
    return "PipelineTuning(\(fields.joined(separator: ", ")))"
  }
}

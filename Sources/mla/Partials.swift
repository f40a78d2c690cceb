import ArgumentParser
import HopperEngine
import HopperSimulator
import LatentAttention
import Reports

/// How far results err with each type of partial results.
struct Partials: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure what types of partial results cost in accuracy.",
    discussion: """
      Runs one request on the Hopper engine and a simulated H100, whole and in pieces of 64 keys, for every kind of numbers \
      that `mla verify` knows, and compares with the oracle in double precision. Outputs are fp32, so that their own \
      rounding hides nothing. Errors are the largest of all rows and kinds; shares are of what the oracle allows \
      for the inputs' type.
      """)

  @Option(help: "Keys of the request.") var kv = 1500
  @Option(help: "Query heads.") var heads = 16
  @Option(help: "Threads that simulate; the default is all processors.") var threads: Int?
  @Option(help: "Write the table to a JSON file.") var json: String?

  /// The largest errors with one type of inputs and partials.
  private struct Row: Encodable {
    let inputs: ElementType
    /// Nil for a request in one piece.
    let partials: ElementType?
    var outputError = 0.0
    var outputErrorShareOfBound = 0.0
    var lseError = 0.0

    private enum CodingKeys: CodingKey {
      case inputs, partials, outputError, outputErrorShareOfBound, lseError
    }

    func encode(to encoder: any Encoder) throws {
      var values = encoder.container(keyedBy: CodingKeys.self)
      try values.encode(inputs, forKey: .inputs)
      // A null too.
      try values.encode(partials, forKey: .partials)
      try values.encode(outputError, forKey: .outputError)
      try values.encode(outputErrorShareOfBound, forKey: .outputErrorShareOfBound)
      try values.encode(lseError, forKey: .lseError)
    }
  }

  func validate() throws {
    if let threads { try mla.validate("--threads", threads) }
    try mla.validate("--kv", kv)
    try mla.validate("--heads", heads, in: headCounts)
  }

  func run() throws {
    try FileWriter.check(json)
    var table = TextTable(columns: [
      .text("inputs"), .text("partials"), .number("output error"), .number("of bound"), .number("LSE error"),
    ])
    var rows: [Row] = []
    for inputs in [ElementType.bfloat16, .float16] {
      for partials in [nil, .float32, .float16, .bfloat16] as [ElementType?] {
        let row = try measure(inputs, partials)
        table.append([
          inputs.rawValue, partials?.rawValue ?? "none", NumberFormat.significant(row.outputError),
          NumberFormat.significant(row.outputErrorShareOfBound), NumberFormat.significant(row.lseError),
        ])
        rows.append(row)
      }
    }
    print(table.text(), terminator: "")
    if let json { try JSONOutput.write(rows, to: json) }
  }

  private func measure(_ inputs: ElementType, _ partials: ElementType?) throws -> Row {
    var options = HopperEngineOptions()
    options.partialType = partials ?? .float32
    let device = SimulatedGPU(.h100, threadCount: threads)
    let engine = HostHopperEngine(HopperEngine(device: device, options: options))
    var row = Row(inputs: inputs, partials: partials)
    for values in CaseRecipe.Values.allCases {
      var recipe = CaseRecipe("partials", requests: [.init(1, kv)])
      (recipe.elementType, recipe.outputType) = (inputs, .float32)
      (recipe.headCount, recipe.values) = (heads, values)
      let problem = try VerificationCase(recipe)
      let policy = BatchInvariantPolicy(chunkKeys: partials == nil ? kv : 64)
      let plan = try engine.plan(problem.batch, geometry: problem.geometry, policy: policy)
      try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
      let comparison = try problem.check()
      row.outputError = max(row.outputError, comparison.outputError)
      row.outputErrorShareOfBound = max(row.outputErrorShareOfBound, comparison.outputErrorShare)
      row.lseError = max(row.lseError, comparison.lseError)
    }
    return row
  }
}

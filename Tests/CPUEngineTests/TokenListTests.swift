import CPUEngine
import LatentAttention
import TestSupport
import Testing

/// Sparse attention by lists of tokens, largest scores and sinks, against softmax written out plainly.
@Suite struct TokenListTests {
  private let geometry: AttentionGeometry
  private let values: [[Double]]
  private let cache: OwnedTensor
  private let queries: OwnedTensor
  private static let (pages, slots, heads, rows) = (5, 6, 3, 4)

  init() throws {
    geometry = try AttentionGeometry(headCount: Self.heads, latentWidth: 64, ropeWidth: 0, softmaxScale: 0.3)
    var generator = SplitMix64(seed: 4)
    let numbers = (0..<Self.pages * Self.slots * 64).map { _ in generator.normal() }
    cache = try OwnedTensor(.float32, (Self.pages, Self.slots, 64), numbers)
    values = (0..<Self.pages * Self.slots).map { token in
      numbers[token * 64..<token * 64 + 64].map(Double.init)
    }
    queries = try OwnedTensor(
      .float32, (Self.rows, Self.heads, 64), (0..<Self.rows * Self.heads * 64).map { _ in generator.normal() }
    )
  }

  /// The tokens of a row that count: −1, too large ones and what is past the length do not; a repeated one counts twice.
  private static let lists: [[Int32]] = [
    [3, 29, 0, -1, 11, 30], [-1, -1, .min, .max, 30, 31], [7, 7, 8, 1, 2, 28], [29, 5, 6, 7, 8, 9],
  ]
  private static let lengths = [6, 6, 4, 0]
  private static let counted: [[Int]] = [[3, 29, 0, 11], [], [7, 7, 8, 1], []]

  @Test(arguments: [nil, [0.5, -.infinity, .infinity]] as [[Float]?])
  func listsMaximaAndSinks(sinks: [Float]?) throws {
    let batch = try Batch(
      tokenLists: Self.lists.flatMap { $0 }.span, width: 6, lengths: Self.lengths, pageSize: Self.slots,
      pageCount: Self.pages)
    for set in InstructionSet.available {
      for policy in [PolicyName.balanced, .batchInvariant] {
        let output = try OwnedTensor(.float32, (Self.rows, Self.heads, 64), repeating: 9)
        let lse = try OwnedTensor(.float32, (Self.rows, Self.heads, 1), repeating: 9)
        let maxima = try OwnedTensor(.float32, (Self.rows, Self.heads, 1), repeating: 9)
        let engine = try CPUEngine(threadCount: 3, instructionSet: set)
        // With pieces of one key, everything is merged too.
        let planner = try Planner(
          policy: policy == .balanced ? policy.policy : BatchInvariantPolicy(chunkKeys: 1), workerCount: 3,
          tileRows: 2, costModel: Self.fineCosts)
        try engine.run(
          planner.plan(batch, geometry: geometry), queries: QueryView(latent: queries.view, rope: nil),
          cache: CacheView(latent: cache.view, rope: nil),
          output: OutputView(output: output.rows, lse: lse.rows, maximumScores: maxima.rows, sinks: sinks))
        for row in 0..<Self.rows {
          for head in 0..<Self.heads {
            let expected = expectedRow(row, head, sink: sinks?[head])
            #expect(close(maxima.row(row, head), [expected.maximum]), "\(set), \(policy)")
            #expect(close(lse.row(row, head), [expected.lse]), "\(set), \(policy)")
            #expect(
              close(output.row(row, head), expected.output),
              "\(set), \(policy), row \(row), head \(head)")
          }
        }
      }
    }
  }

  private static var fineCosts: CostModel {
    var costs = CostModel.hopperEstimate
    costs.keyGranularity = 1
    return costs
  }

  private func expectedRow(_ row: Int, _ head: Int, sink: Float?) -> (
    output: [Double], lse: Double, maximum: Double
  ) {
    let keys = Self.counted[row].map { values[$0] }
    let query = queries.row(row, head).map(Double.init)
    let scores = keys.map { key in
      zip(query, key).reduce(0) { $0 + $1.0 * $1.1 } * Double(geometry.softmaxScale)
    }
    let maximum = scores.max() ?? -.infinity
    let sum = scores.reduce(0) { $0 + exponential($1 - maximum) }
    let withSink = sum + (sink.map { exponential(Double($0) - maximum) } ?? 0)
    let output = (0..<64).map { column in
      zip(scores, keys).reduce(0) { $0 + exponential($1.0 - maximum) * $1.1[column] }
        / (keys.isEmpty ? 1 : withSink)
    }
    return (output, keys.isEmpty ? -.infinity : maximum + logarithm(sum), maximum)
  }

  private func close(_ found: [Float], _ expected: [Double]) -> Bool {
    zip(found, expected).allSatisfy { Double($0) == $1 || abs(Double($0) - $1) <= 2e-5 * max(1, abs($1)) }
  }

  @Test func mistakesAreNamed() throws {
    let lists = Self.lists.flatMap { $0 }
    func expect(_ field: String, _ make: () throws -> Batch) {
      let error = #expect(throws: ProblemError.self) { try make() }
      #expect(error?.field == field)
    }
    expect("width") { try Batch(tokenLists: lists.span, width: 0, pageSize: 1, pageCount: 1) }
    expect("tokenLists.count") { try Batch(tokenLists: lists.span, width: 5, pageSize: 1, pageCount: 1) }
    expect("lengths.count") {
      try Batch(tokenLists: lists.span, width: 6, lengths: [1], pageSize: 1, pageCount: 1)
    }
    expect("lengths") {
      try Batch(tokenLists: lists.span, width: 6, lengths: [1, -1, 1, 1], pageSize: 1, pageCount: 1)
    }
    expect("pageSize") { try Batch(tokenLists: lists.span, width: 6, pageSize: 0, pageCount: 1) }
    expect("pageCount") { try Batch(tokenLists: lists.span, width: 6, pageSize: 1, pageCount: -1) }
    expect("pageCount") { try Batch(tokenLists: lists.span, width: 6, pageSize: .max, pageCount: 3) }
    expect("poolPageCount") { try Batch(tokenLists: lists.span, width: 6, pageSize: 64, pageCount: 1 << 40) }
    let batch = try Batch(tokenLists: lists.span, width: 6, pageSize: Self.slots, pageCount: Self.pages + 1)
    let engine = try CPUEngine(threadCount: 1)
    expect("cache.latent.shape") {
      let output = try OwnedTensor(.float32, (Self.rows, Self.heads, 64), repeating: 9)
      try engine.run(
        engine.plan(batch, geometry: geometry), queries: QueryView(latent: queries.view, rope: nil),
        cache: CacheView(latent: cache.view, rope: nil), output: OutputView(output: output.rows))
      withExtendedLifetime(output) {}
      return batch
    }
  }
}

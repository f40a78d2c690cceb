import CPUEngine
import Foundation
import LatentAttention
import TestSupport
import Testing

@Suite struct EngineValidationTests {
  private let engine: CPUEngine
  private let plan: AttentionPlan
  private let geometry: AttentionGeometry
  private let cacheTensor: OwnedTensor
  private let queryTensor: OwnedTensor
  private let outputTensor: OwnedTensor
  private let lseTensor: OwnedTensor
  /// What outputs hold before a run: no result of these zeros.
  private static let untouched: Float = 12

  init() throws {
    engine = try CPUEngine(threadCount: 2)
    geometry = try AttentionGeometry(headCount: 3, latentWidth: 8, ropeWidth: 4, softmaxScale: 1)
    let batch = try Batch(
      queryCounts: [2, 1], pageLists: [[0], [1]], keyLengths: [2, 1], pageSize: 2, poolPageCount: 5,
      isCausal: true)
    plan = try engine.plan(batch, geometry: geometry)
    cacheTensor = try OwnedTensor(.bfloat16, (5, 2, 12), repeating: 0)
    queryTensor = try OwnedTensor(.bfloat16, (3, 3, 12), repeating: 0)
    outputTensor = try OwnedTensor(.bfloat16, (3, 3, 8), repeating: Self.untouched)
    lseTensor = try OwnedTensor(.float32, (3, 3, 1), repeating: Self.untouched)
  }

  private func run(
    queries: QueryView? = nil, cache: CacheView? = nil, output: OutputView? = nil
  ) throws {
    try engine.run(
      plan, queries: queries ?? QueryView(combined: queryTensor.view, geometry: geometry),
      cache: cache ?? CacheView(combined: cacheTensor.view, geometry: geometry),
      output: output ?? OutputView(output: outputTensor.rows, lse: lseTensor.rows))
  }

  private func values(_ view: TensorView) -> [Float] {
    (0..<view.outerCount).flatMap { outer in (0..<view.innerCount).flatMap { view.row(outer, $0) } }
  }

  private func expectRefused(
    _ code: ProblemError.Code, _ field: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
  ) {
    let error = #expect(throws: ProblemError.self, sourceLocation: sourceLocation) { try body() }
    #expect(error?.code == code, sourceLocation: sourceLocation)
    #expect(error?.field == field, sourceLocation: sourceLocation)
    for view in [outputTensor.view, lseTensor.view] {
      #expect(values(view).allSatisfy { $0 == Self.untouched }, sourceLocation: sourceLocation)
    }
  }

  @Test func goodCallWritesEverything() throws {
    try run()
    #expect(values(outputTensor.view).allSatisfy { $0 == 0 })
    #expect(values(lseTensor.view).allSatisfy { $0 == 0 || abs($0 - Float(log(2.0))) < 1e-6 })
  }

  @Test func wrongShapesAreRefused() throws {
    let longQueries = try OwnedTensor(.bfloat16, (4, 3, 12), repeating: 0)
    let smallCache = try OwnedTensor(.bfloat16, (4, 2, 12), repeating: 0)
    let flatLSE = try OwnedTensor(.float32, (1, 9, 1), repeating: 0)
    let fewHeads = try OwnedTensor(.bfloat16, (3, 2, 8), repeating: 0)
    expectRefused(.mismatch, "queries.latent.shape") {
      try run(queries: QueryView(combined: longQueries.view, geometry: geometry))
    }
    expectRefused(.mismatch, "cache.latent.shape") {
      try run(cache: CacheView(combined: smallCache.view, geometry: geometry))
    }
    expectRefused(.mismatch, "cache.rope") {
      try run(cache: CacheView(latent: cacheTensor.view.columns(0..<8), rope: nil))
    }
    expectRefused(.mismatch, "lse.shape") {
      try run(output: OutputView(output: outputTensor.rows, lse: flatLSE.rows))
    }
    expectRefused(.mismatch, "output.shape") {
      try run(output: OutputView(output: fewHeads.rows, lse: lseTensor.rows))
    }
  }

  @Test func wrongTypesAreRefused() throws {
    let halfCache = try OwnedTensor(.float16, (5, 2, 12), repeating: 0)
    let halfOutput = try OwnedTensor(.float16, (3, 3, 8), repeating: 0)
    let shortLSE = try OwnedTensor(.bfloat16, (3, 3, 1), repeating: 0)
    expectRefused(.mismatch, "cache.latent.elementType") {
      try run(cache: CacheView(combined: halfCache.view, geometry: geometry))
    }
    expectRefused(.mismatch, "output.elementType") {
      try run(output: OutputView(output: halfOutput.rows, lse: lseTensor.rows))
    }
    expectRefused(.mismatch, "lse.elementType") {
      try run(output: OutputView(output: outputTensor.rows, lse: shortLSE.rows))
    }
  }

  @Test func outputsOverInputsAreRefused() throws {
    expectRefused(.overlap, "output") {
      let queries = QueryView(
        latent: outputTensor.view, rope: queryTensor.view.columns(8..<12))
      try run(queries: queries)
    }
    let wide = try OwnedTensor(.float32, (3, 3, 8), repeating: Self.untouched)
    let rope = try OwnedTensor(.float32, (3, 3, 4), repeating: 0)
    let cache = try OwnedTensor(.float32, (5, 2, 12), repeating: 0)
    let (queries, keys) = try (
      QueryView(latent: wide.view, rope: rope.view), CacheView(combined: cache.view, geometry: geometry)
    )
    expectRefused(.overlap, "output") {
      try run(queries: queries, cache: keys, output: OutputView(output: wide.rows, lse: lseTensor.rows))
    }
    #expect(values(wide.view).allSatisfy { $0 == Self.untouched })
  }

  @Test func emptyBatchDoesNothing() throws {
    let batch = try Batch(
      queryCounts: [], pageLists: [], keyLengths: [], pageSize: 2, poolPageCount: 5, isCausal: true)
    let nothing = try OwnedTensor(.bfloat16, (0, 3, 12), [])
    let noOutput = try OwnedTensor(.bfloat16, (0, 3, 8), [])
    try engine.run(
      engine.plan(batch, geometry: geometry),
      queries: QueryView(combined: nothing.view, geometry: geometry),
      cache: CacheView(combined: cacheTensor.view, geometry: geometry),
      output: OutputView(output: noOutput.rows))
    #expect(values(cacheTensor.view).allSatisfy { $0 == 0 })
  }

  @Test(arguments: [Int.min, -1, 0, 1025, .max])
  func badThreadCounts(count: Int) {
    let error = #expect(throws: CPUEngineError.self) { _ = try CPUEngine(threadCount: count) }
    #expect(error == .badThreadCount(count))
    #expect(error?.description == "threadCount = \(count): must be 1 to 1024")
  }

  /// In a process of its own, as the environment is the whole process's.
  @Test func environmentForcesAnInstructionSet() async {
    await #expect(processExitsWith: .success) { try Self.expectEnvironmentObeyed() }
  }

  private static func expectEnvironmentObeyed() throws {
    let name = InstructionSet.environmentVariable
    let best = InstructionSet.available[0]
    unsafe setenv(name, "portable", 1)
    #expect(try CPUEngine(threadCount: 1).instructionSet == .portable)
    #expect(try CPUEngine(threadCount: 1, instructionSet: best).instructionSet == best)
    unsafe setenv(name, "sse9", 1)
    let error = #expect(throws: CPUEngineError.self) { _ = try CPUEngine(threadCount: 1) }
    #expect(error == .unknownInstructionSet("sse9"))
    unsafe unsetenv(name)
    #expect(try CPUEngine(threadCount: 1).instructionSet == best)
  }
}

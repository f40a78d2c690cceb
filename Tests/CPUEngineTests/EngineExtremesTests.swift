import CPUEngine
import LatentAttention
import TestSupport
import Testing

/// Data and plans that no good caller has, and that must neither be hidden nor bring the process down.
@Suite struct EngineExtremesTests {
  @Test func notANumberInTheCallersDataIsShownByWholeAndSplitPlans() throws {
    let geometry = try AttentionGeometry(headCount: 2, latentWidth: 64, ropeWidth: 0, softmaxScale: 1)
    let (pageSize, keys) = (64, 2048)
    let pages = keys / pageSize
    let batch = try Batch(
      queryCounts: [1], pageLists: [Array(0..<Int32(pages))], keyLengths: [keys], pageSize: pageSize,
      poolPageCount: pages, isCausal: true)
    for set in InstructionSet.available {
      for type in ElementType.allCases {
        let engine = try CPUEngine(threadCount: 2, instructionSet: set)
        let queries = try OwnedTensor(type, (1, 2, 64), repeating: 1)
        let cache = try OwnedTensor(type, (pages, pageSize, 64), repeating: .nan)
        for policy in [BatchInvariantPolicy(chunkKeys: 4096), BatchInvariantPolicy(chunkKeys: 512)] {
          let plan = try engine.plan(batch, geometry: geometry, policy: policy)
          let output = try OwnedTensor(.float32, (1, 2, 64), repeating: 0)
          let lse = try OwnedTensor(.float32, (1, 2, 1), repeating: 0)
          try engine.run(
            plan, queries: QueryView(latent: queries.view, rope: nil),
            cache: CacheView(latent: cache.view, rope: nil),
            output: OutputView(output: output.rows, lse: lse.rows))
          for head in 0..<2 {
            #expect(output.row(0, head).allSatisfy { $0.isNaN }, "\(set), \(type), \(plan.pieces.count)")
            #expect(lse.row(0, head).allSatisfy { $0.isNaN }, "\(set), \(type), \(plan.pieces.count)")
          }
        }
        withExtendedLifetime((queries, cache)) {}
      }
    }
  }

  @Test func planWithMorePartialsThanMemoryIsRefusedAndTheEngineGoesOn() throws {
    let geometry = try AttentionGeometry(headCount: 256, latentWidth: 8192, ropeWidth: 0, softmaxScale: 1)
    let keys = 6144
    let batch = try Batch(
      queryCounts: [1000], pageLists: [[0]], keyLengths: [keys], pageSize: keys, poolPageCount: 1,
      isCausal: false)
    let engine = try CPUEngine(threadCount: 2)
    // 256,000 rows in 256 pieces each: 2 TB of partials.
    let error = #expect(throws: ProblemError.self) {
      _ = try engine.plan(batch, geometry: geometry, policy: BatchInvariantPolicy(chunkKeys: 24))
    }
    #expect(error?.field == "plan.partialRowCount")
    #expect(error?.code == .outOfRange)

    let small = try VerificationCase(CaseRecipe.awkward[0])
    let plan = try engine.plan(small.batch, geometry: small.geometry)
    try engine.run(plan, queries: small.queries, cache: small.cache, output: small.output)
    #expect(try small.check().passed)
  }
}

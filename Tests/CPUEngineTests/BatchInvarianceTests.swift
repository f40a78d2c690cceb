import CPUEngine
import LatentAttention
import TestSupport
import Testing

/// The same bits for a request whatever else is in the batch and however many threads there are.
@Suite struct BatchInvarianceTests {
  /// Some requests of a case, to be run in batches of any choice and order.
  private struct RequestPool {
    let verificationCase: VerificationCase
    var geometry: AttentionGeometry { verificationCase.geometry }

    init(_ elementType: ElementType) throws {
      var recipe = CaseRecipe(
        "requests to choose from",
        requests: [.init(1, 900), .init(2, 300), .init(1, 25), .init(3, 130), .init(2, 0), .init(20, 513)])
      recipe.elementType = elementType
      recipe.headCount = 20
      recipe.pageSize = 16
      verificationCase = try VerificationCase(recipe)
    }

    private func tokens(of request: Int) -> Range<Int> {
      verificationCase.batch.queryOffsets[request]..<verificationCase.batch.queryOffsets[request + 1]
    }

    private func queries(of requests: [Int]) throws -> OwnedTensor {
      let (latent, rope) = (verificationCase.queries.latent, verificationCase.queries.rope)
      let values = requests.flatMap { request in
        tokens(of: request).flatMap { token in
          (0..<geometry.headCount).flatMap { latent.row(token, $0) + (rope?.row(token, $0) ?? []) }
        }
      }
      let width = geometry.keyWidth
      let shape = (values.count / width / geometry.headCount, geometry.headCount, width)
      return try OwnedTensor(latent.elementType, shape, values)
    }

    /// The bits of outputs and LSEs of each of `requests`, run as one batch.
    func bits(_ requests: [Int], on engine: CPUEngine, _ policy: any PlanningPolicy) throws -> [[UInt32]] {
      let source = verificationCase.batch
      let batch = try Batch(
        queryCounts: requests.map { source.queryCount($0) },
        pageLists: requests.map {
          Array(source.pageIndices[source.pageOffsets[$0]..<source.pageOffsets[$0 + 1]])
        },
        keyLengths: requests.map { source.keyLengths[$0] }, pageSize: source.pageSize,
        poolPageCount: source.poolPageCount, isCausal: source.isCausal)
      let queryTensor = try queries(of: requests)
      let (tokens, heads) = (batch.queryTokenCount, geometry.headCount)
      let output = try OwnedTensor(.float32, (tokens, heads, geometry.latentWidth), repeating: .nan)
      let lse = try OwnedTensor(.float32, (tokens, heads, 1), repeating: .nan)
      try engine.run(
        engine.plan(batch, geometry: geometry, policy: policy),
        queries: QueryView(combined: queryTensor.view, geometry: geometry), cache: verificationCase.cache,
        output: OutputView(output: output.rows, lse: lse.rows))
      withExtendedLifetime(queryTensor) {}
      return requests.indices.map { request in
        (batch.queryOffsets[request]..<batch.queryOffsets[request + 1]).flatMap { token in
          (0..<heads).flatMap {
            (output.row(token, $0) + lse.row(token, $0)).map(\.bitPattern)
          }
        }
      }
    }
  }

  @Test(arguments: InstructionSet.available, [ElementType.bfloat16, .float16])
  func sameBitsInAnyBatchOnAnyThreads(set: InstructionSet, elementType: ElementType) throws {
    let pool = try RequestPool(elementType)
    let policy = BatchInvariantPolicy(chunkKeys: 128)
    let requests = Array(0..<pool.verificationCase.batch.count)
    let engines = try (1...3).map { try CPUEngine(threadCount: $0, instructionSet: set) }
    let alone = try requests.map { try pool.bits([$0], on: engines[0], policy)[0] }
    var generator = SplitMix64(seed: 5)
    for round in 0..<12 {
      let chosen = Array(requests.shuffled(using: &generator).prefix(round % requests.count + 1))
      for engine in engines {
        let together = try pool.bits(chosen, on: engine, policy)
        for (request, bits) in zip(chosen, together) {
          #expect(bits == alone[request], "request \(request) in \(chosen), \(engine.threadCount) threads")
        }
      }
    }
  }

  @Test func otherPoliciesMoveBits() throws {
    let pool = try RequestPool(.bfloat16)
    let alone = try pool.bits([0], on: CPUEngine(threadCount: 1), BalancedPolicy())
    let onThree = try pool.bits([0], on: CPUEngine(threadCount: 3), BalancedPolicy())
    #expect(alone != onThree, "the comparison of bits would see a cut that moves")
  }
}

import CPUEngine
import LatentAttention
import Testing

@Suite struct EngineOracleTests {
  /// Thread counts with no helper, with one, and with one more than the smallest machine has processors.
  private static let threadCounts = [1, 2, 3]

  private func expectRight(
    _ verificationCase: VerificationCase, _ plan: AttentionPlan, on engine: CPUEngine
  ) throws {
    try engine.run(
      plan, queries: verificationCase.queries, cache: verificationCase.cache, output: verificationCase.output)
    let comparison = try verificationCase.check()
    let rows = verificationCase.batch.queryTokenCount * verificationCase.geometry.headCount
    #expect(comparison.rowCount == rows)
    #expect(
      comparison.passed,
      "\(engine.instructionSet), \(engine.threadCount) threads, \(verificationCase.recipe): \(comparison)")
  }

  /// Over all instruction sets, every case meets several thread counts; the oracle is what takes the time.
  @Test(arguments: InstructionSet.available)
  func awkwardCases(set: InstructionSet) throws {
    let engines = try Self.threadCounts.map { try CPUEngine(threadCount: $0, instructionSet: set) }
    let place = InstructionSet.available.firstIndex(of: set) ?? 0
    for (index, recipe) in CaseRecipe.awkward.enumerated() {
      let engine = engines[(index + place) % engines.count]
      let verificationCase = try VerificationCase(recipe)
      let plan = try engine.plan(verificationCase.batch, geometry: verificationCase.geometry)
      try expectRight(verificationCase, plan, on: engine)
    }
  }

  /// Fewer rows than half of the lanes: each then takes several lanes of the score product, if that many divide the words
  /// of both parts of a key.
  @Test(arguments: InstructionSet.available, [ElementType.bfloat16, .float16, .float32])
  func fewRows(set: InstructionSet, type: ElementType) throws {
    let engine = try CPUEngine(threadCount: 2, instructionSet: set)
    for headCount in [1, 2, 3, 4, 5, 8, 9] {
      for ropeWidth in [0, 2, 4, 7, 64] {
        var recipe = CaseRecipe(
          "\(headCount) heads, rope of \(ropeWidth)", requests: [.init(1, 130), .init(1, 0), .init(1, 95)])
        recipe.elementType = type
        recipe.outputType = .float32
        recipe.headCount = headCount
        recipe.latentWidth = 128
        recipe.ropeWidth = ropeWidth
        let verificationCase = try VerificationCase(recipe)
        let plan = try engine.plan(verificationCase.batch, geometry: verificationCase.geometry)
        try expectRight(verificationCase, plan, on: engine)
      }
    }
  }

  @Test(arguments: PolicyName.allCases)
  func randomCases(policy: PolicyName) throws {
    let engines = try InstructionSet.available.map { try CPUEngine(threadCount: 3, instructionSet: $0) }
    for index in 0..<16 {
      let engine = engines[index % engines.count]
      let verificationCase = try VerificationCase(seed: 21, index: index)
      let plan = try engine.plan(
        verificationCase.batch, geometry: verificationCase.geometry, policy: policy.policy)
      try expectRight(verificationCase, plan, on: engine)
    }
  }

  @Test("plans for other numbers of workers and rows", arguments: [(132, 64), (132, 1), (5, 256), (1, 128)])
  func foreignPlans(workers: Int, tileRows: Int) throws {
    let engine = try CPUEngine(threadCount: 2)
    for policy in PolicyName.allCases {
      let planner = try Planner(
        policy: policy.policy, workerCount: workers, tileRows: tileRows, costModel: .hopperEstimate)
      var recipe = CaseRecipe("plan for others", requests: [.init(2, 700), .init(1, 0), .init(3, 40)])
      recipe.pageSize = 16
      let verificationCase = try VerificationCase(recipe)
      let plan = try planner.plan(verificationCase.batch, geometry: verificationCase.geometry)
      try expectRight(verificationCase, plan, on: engine)
    }
  }

  /// A prompt: tiles full of tokens of one head, each with a bound of its own, and a hundred tokens that see no key.
  @Test(arguments: InstructionSet.available)
  func thousandsOfQueries(set: InstructionSet) throws {
    var recipe = CaseRecipe("thousands of queries", requests: [.init(1, 90), .init(3_000, 2_900)])
    recipe.headCount = 1
    recipe.latentWidth = 64
    recipe.ropeWidth = 16
    let verificationCase = try VerificationCase(recipe)
    let engine = try CPUEngine(threadCount: 2, instructionSet: set)
    let plan = try engine.plan(verificationCase.batch, geometry: verificationCase.geometry)
    try engine.run(
      plan, queries: verificationCase.queries, cache: verificationCase.cache, output: verificationCase.output)
    let comparison = try verificationCase.oracle().compare(verificationCase.output, randomRows: 300, seed: 1)
    withExtendedLifetime(verificationCase) {}
    #expect(comparison.passed, "\(comparison)")
  }

  /// One piece per key, dealt out in turn: the most pieces and the longest merge there can be.
  private struct OneKeyPieces: PlanningPolicy {
    let name = "one key per piece"

    func assignPieces(_ problem: PlanningProblem) -> [PieceAssignment] {
      problem.tiles.enumerated().flatMap { tile, shape in
        (0..<shape.keyCount).map {
          PieceAssignment(tile: tile, keyStart: $0, keyEnd: $0 + 1, worker: $0 % problem.workerCount)
        }
      }
    }
  }

  @Test func planOfManyPieces() throws {
    var recipe = CaseRecipe("many pieces", requests: [.init(1, 17_000)])
    recipe.headCount = 1
    recipe.latentWidth = 16
    recipe.ropeWidth = 4
    recipe.elementType = .float32
    recipe.outputType = .float32
    let verificationCase = try VerificationCase(recipe)
    let engine = try CPUEngine(threadCount: 2)
    let plan = try engine.plan(
      verificationCase.batch, geometry: verificationCase.geometry, policy: OneKeyPieces())
    #expect(plan.pieces.count == 17_000)
    #expect(plan.mergeJobs.map(\.partialCount).max() == 17_000)
    try expectRight(verificationCase, plan, on: engine)
  }

  @Test func manyTilesOfManyPieces() throws {
    var recipe = CaseRecipe("many tiles", requests: [.init(70, 17_000)])
    recipe.headCount = 1
    recipe.latentWidth = 16
    recipe.ropeWidth = 4
    recipe.isCausal = false
    let verificationCase = try VerificationCase(recipe)
    var costModel = CostModel.hopperEstimate
    costModel.keyGranularity = 1
    let planner = try Planner(
      policy: BatchInvariantPolicy(chunkKeys: 1), workerCount: 7, tileRows: 1, costModel: costModel)
    let plan = try planner.plan(verificationCase.batch, geometry: verificationCase.geometry)
    #expect(plan.pieces.count > 16_384)
    try expectRight(verificationCase, plan, on: CPUEngine(threadCount: 2))
  }
}

import HopperEngine
import HopperKernels
import HopperSimulator
import LatentAttention
import Testing

/// The pipelines that are not the default one. What they share with it, loading above all, is tested with that.
@Suite("Hopper engine: other pipelines")
struct PipelineTests {
  static let pipelines = DecodeVariant.Pipeline.allCases.filter { $0 != .twoWarpgroups }

  private func engine(_ pipeline: DecodeVariant.Pipeline, threads: Int? = nil) -> HostHopperEngine {
    var options = HopperEngineOptions()
    options.pipeline = pipeline
    return HopperEngineTests.engine(options, threads: threads)
  }

  @Test("Awkward cases", arguments: pipelines)
  func awkwardCases(pipeline: DecodeVariant.Pipeline) throws {
    let engine = engine(pipeline)
    for (index, recipe) in HopperEngineTests.awkwardRecipes.enumerated() {
      let policies = PolicyName.allCases
      try HopperEngineTests.expectRight(
        recipe, on: engine, policy: policies[index % policies.count].policy)
    }
  }

  /// One tile to six, the last one full or not, one piece after another in the same places.
  @Test("Pieces of every number of tiles", arguments: pipelines, [64, 1])
  func lengths(pipeline: DecodeVariant.Pipeline, pageSize: Int) throws {
    var options = HopperEngineOptions()
    options.pipeline = pipeline
    try Self.expectRightLengths(
      [1, 63, 64, 65, 128, 129, 192, 193, 256, 320, 383], pageSize: pageSize, options)
  }

  /// Runs requests of these lengths, each a piece.
  static func expectRightLengths(
    _ lengths: [Int], pageSize: Int, _ options: HopperEngineOptions
  ) throws {
    var recipe = CaseRecipe("lengths", requests: lengths.map { .init(1, $0) })
    recipe.pageSize = pageSize
    recipe.values = .rising
    let engine = HopperEngineTests.engine(options)
    let problem = try VerificationCase(recipe)
    // One worker has all the pieces, and another none.
    let planner = try Planner(
      policy: BatchInvariantPolicy(chunkKeys: 4096), workerCount: 1, tileRows: 64, costModel: .hopperEstimate)
    let plan = try planner.plan(problem.batch, geometry: problem.geometry)
    try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
    let comparison = try problem.check()
    #expect(comparison.passed, "\(comparison)")
    #expect(engine.engine.device.takeFindings().isEmpty)
  }

  /// Pieces of several blocks, merged, in clusters and without.
  @Test("The same bits with any number of simulator threads", arguments: DecodeVariant.Pipeline.allCases)
  func simulatorThreads(pipeline: DecodeVariant.Pipeline) throws {
    for heads in [16, 128] {
      var recipe = CaseRecipe("threads", requests: [.init(2, 300), .init(1, 500)])
      recipe.headCount = heads
      let results = try [1, 2].map { threads in
        let problem = try VerificationCase(recipe)
        let engine = engine(pipeline, threads: threads)
        let plan = try engine.plan(
          problem.batch, geometry: problem.geometry, policy: HopperEngineTests.OddPieces())
        #expect(!plan.mergeJobs.isEmpty)
        try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
        return HopperEngineTests.numbers(problem)
      }
      #expect(results[0] == results[1])
      #expect(results[0].allSatisfy { $0.allSatisfy(\.isFinite) })
    }
  }

  @Test("Pieces that are no tiles", arguments: pipelines)
  func oddPieces(pipeline: DecodeVariant.Pipeline) throws {
    var recipe = CaseRecipe("odd pieces", requests: [.init(3, 400), .init(1, 90)])
    recipe.pageSize = 32
    try HopperEngineTests.expectRight(
      recipe, on: engine(pipeline), policy: HopperEngineTests.OddPieces())
  }
}

extension FaultTests {
  /// Faults of what other pipelines do otherwise.
  static let faultsOfOtherPipelines =
    [
      Fault(
        "no wait for the maxima of the other half", places: 4, #"bar\.sync 1, 256;"#, "",
        pipeline: .threeWarpgroups),
      Fault(
        "no wait for the probabilities of the other half", places: 4, #"bar\.sync 2, 256;"#, "",
        pipeline: .threeWarpgroups),
      Fault(
        "the next tile's scores are not waited for", places: 4,
        #"wgmma\.wait_group\.sync\.aligned 0;(?=\s+\.loc [^\n]*\s+ld\.param\.f32)"#, "",
        pipeline: .threeWarpgroups),
      Fault(
        "no wait for a tile's probabilities", places: 4, #"bar\.(sync|arrive) [12], 384;"#, "",
        pipeline: .fourWarpgroups),
      Fault(
        "a tile is taken before it is there", places: 1, #"mov\.u32 %even_phase, 0;"#,
        "mov.u32 %even_phase, 1;", pipeline: .fourWarpgroups),
      Fault(
        "the issuer's warp goes on while it waits", places: 1, #"bar\.warp\.sync 4294967295;"#, "",
        recipe: CaseRecipe("pieces of one tile", requests: Array(repeating: .init(1, 64), count: 400)),
        pipeline: .fourWarpgroups),
    ]
    + PipelineTests.pipelines.flatMap { pipeline in
      [
        Fault(
          "no proxy fence after the probabilities", places: pipeline == .threeWarpgroups ? 4 : 2,
          #"fence\.proxy\.async\.shared::cta;(?=\s+\.loc [^\n]*\s+bar\.(?:arrive|sync) [12],)"#, "",
          pipeline: pipeline),
        Fault(
          "probabilities are overwritten while one warpgroup still needs them", places: 2,
          #"(mbarrier\.init\.shared::cta\.b64 \[empty\+(?:8|16)\]), 8;"#, "$1, 4;", pipeline: pipeline),
      ]
    }
}

import HopperEngine
import HopperKernels
import HopperSimulator
import LatentAttention
import Testing

/// Pipelines whose parameters are set otherwise than they are by themselves.
@Suite("Hopper engine: tuned pipelines")
struct TunedPipelineTests {
  /// A pipeline with values of its parameters.
  struct Case: Sendable, CustomTestStringConvertible {
    let pipeline: DecodeVariant.Pipeline
    let tuning: PipelineTuning
    /// Which of the recipes that cases share it has.
    let turn: Int

    var testDescription: String { ([pipeline.rawValue] + tuning.labels).joined(separator: " ") }

    var options: HopperEngineOptions {
      var options = HopperEngineOptions()
      (options.pipeline, options.tuning) = (pipeline, tuning)
      return options
    }
  }

  /// Every other value of every parameter: splits of registers go with values of other parameters.
  static let cases = {
    let tunings = DecodeVariant.Pipeline.allCases.flatMap { pipeline in
      let splits = pipeline.alternatives(.registers)
      let others = [DecodeVariant.Pipeline.Parameter.probabilities, .keyStages, .unroll]
        .flatMap(pipeline.alternatives)
      return others.enumerated().map { index, other in
        (pipeline, other.setting(splits[index % splits.count]))
      }
    }
    return tunings.enumerated().map { Case(pipeline: $1.0, tuning: $1.1, turn: $0) }
  }()

  @Test("Awkward cases", arguments: cases)
  func awkwardCases(_ tuned: Case) throws {
    let engine = HopperEngineTests.engine(tuned.options)
    // Some for each: what is the same in all pipelines is tested with those that are not tuned.
    let recipes = HopperEngineTests.awkwardRecipes.enumerated().filter { $0.offset % 6 == tuned.turn % 6 }
    #expect(recipes.count > 7)
    for (index, recipe) in recipes {
      let policies = PolicyName.allCases
      try HopperEngineTests.expectRight(
        recipe, on: engine, policy: policies[index % policies.count].policy)
    }
  }

  /// Several turns of loops over two and four tiles, the last tile full or not, one piece after another in the same places.
  @Test("Pieces of every number of tiles", arguments: cases, [64, 1])
  func lengths(_ tuned: Case, pageSize: Int) throws {
    try PipelineTests.expectRightLengths(
      [1, 64, 65, 129, 192, 256, 320, 383, 449, 512, 577], pageSize: pageSize, tuned.options)
  }

  @Test("Several at a time, in clusters", arguments: DecodeVariant.Pipeline.allCases)
  func clusters(pipeline: DecodeVariant.Pipeline) throws {
    for parameter in [DecodeVariant.Pipeline.Parameter.probabilities, .keyStages] {
      for alternative in pipeline.alternatives(parameter) {
        var options = HopperEngineOptions()
        options.pipeline = pipeline
        options.tuning = alternative.setting(PipelineTuning(unroll: 2))
        for cluster in [HopperEngineOptions.Cluster.multicast, .sync] {
          options.cluster = cluster
          try HopperEngineTests.expectRight(
            ClusterTests.recipe(ClusterTests.shapes[1]), on: HopperEngineTests.engine(options),
            policy: BalancedPolicy())
        }
      }
    }
  }

  @Test("A tuning that the pipeline cannot have is the caller's mistake")
  func refused() throws {
    let tuned = Case(pipeline: .twoWarpgroups, tuning: PipelineTuning(keyStages: 1), turn: 0)
    let problem = try VerificationCase(CaseRecipe("refused", requests: [.init(1, 64)]))
    let engine = HopperEngineTests.engine(tuned.options)
    let plan = try engine.plan(problem.batch, geometry: problem.geometry)
    let error = #expect(throws: HopperEngineError.self) {
      try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
    }
    guard case .problem(let reason) = error else {
      Issue.record("\(error.map(String.init(describing:)) ?? "nothing thrown")")
      return
    }
    #expect(reason.code == .outOfRange && reason.field == "tuning.keyStages" && reason.value == "1")
  }
}

extension FaultTests {
  private static func tunedFault(
    _ name: String, places: Int, _ pattern: String, _ replacement: String,
    _ pipeline: DecodeVariant.Pipeline, _ tuning: PipelineTuning, recipe: CaseRecipe = FaultTests.recipe
  ) -> Fault {
    var fault = Fault(name, places: places, pattern, replacement, recipe: recipe, pipeline: pipeline)
    fault.options.tuning = tuning
    return fault
  }

  /// Faults of what pipelines do otherwise when their parameters are set.
  static let faultsOfTunedPipelines = [
    tunedFault(
      "deferred: no wait for the probabilities of the other half", places: 4, #"bar\.sync 2, 256;"#, "",
      .threeWarpgroups, .init(probabilities: .deferred)),
    tunedFault(
      "deferred: the next tile's scores are not waited for behind a tile's values", places: 2,
      #"wgmma\.wait_group\.sync\.aligned 1;"#, "", .threeWarpgroups, .init(probabilities: .deferred)),
    tunedFault(
      "deferred: a tile is released while its values are multiplied", places: 4,
      #"wgmma\.wait_group\.sync\.aligned 0;(?=\s+\.loc [^\n]*\s+(?:mov|add)\.u32 )"#, "",
      .threeWarpgroups, .init(probabilities: .deferred)),
    tunedFault(
      "deferred: no proxy fence after the probabilities, behind the start of the next scores", places: 4,
      #"fence\.proxy\.async\.shared::cta;(?=\s+\.loc [^\n]*\s+bar\.arrive)"#, "", .fourWarpgroups,
      .init(probabilities: .deferred)),
    tunedFault(
      "deferred: the scores of a tile are not waited for", places: 4,
      #"wgmma\.wait_group\.sync\.aligned 0;(?=\s+\.loc [^\n]*\s+ld\.param\.f32)"#, "", .fourWarpgroups,
      .init(probabilities: .deferred)),
    tunedFault(
      "immediate: the other is told of probabilities without a fence", places: 2,
      #"fence\.proxy\.async\.shared::cta;(?=\s+\.loc [^\n]*\s+bar\.arrive)"#, "", .twoWarpgroups,
      .init(probabilities: .immediate)),
    tunedFault(
      "one place: the next tile is loaded before it is free", places: 1,
      #"xor\.b32 %phases, %phases, %?\w+;"#, "", .fourWarpgroups, .init(keyStages: 1)),
    tunedFault(
      "unrolled: rows of a last tile in the second turn see keys that are not there", places: 2,
      #"shl\.b32 (%r\d+), %next_pair[_0-9]*, 6;"#, "$0 sub.s32 $1, $1, 128;", .twoWarpgroups,
      .init(unroll: 2), recipe: CaseRecipe("unrolled", requests: [.init(2, 450), .init(1, 250)])),
  ]
}

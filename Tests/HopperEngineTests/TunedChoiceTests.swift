import Foundation
import HopperEngine
import HopperKernels
import HopperSimulator
import LatentAttention
import Testing

@Suite("Hopper engine: tuned choices")
struct TunedChoiceTests {
  /// Far apart in each of rows, requests and keys.
  private static let choices = [
    choice(rows: 16, batch: 2, keys: 128, .fourWarpgroups, .none),
    choice(rows: 16, batch: 64, keys: 128, .threeWarpgroups, .none),
    choice(rows: 16, batch: 2, keys: 8192, .twoWarpgroups, .none),
    choice(rows: 128, batch: 2, keys: 128, .threeWarpgroups, .multicast),
    choice(rows: 256, batch: 2, keys: 128, .twoWarpgroups, .synchronised),
    choice(rows: 512, batch: 2, keys: 128, .fourWarpgroups, .none),
    choice(rows: 16, batch: 2, keys: 128, hasBoxes: false, .threeWarpgroups, .none),
    choice(device: "h200", rows: 16, batch: 2, keys: 128, .threeWarpgroups, .none),
  ]

  private static func choice(
    device: String = "h100", rows: Int, batch: Int, keys: Int, hasBoxes: Bool = true,
    _ pipeline: DecodeVariant.Pipeline, _ cluster: DecodeVariant.Cluster
  ) -> TunedChoice {
    TunedChoice(
      device: device, rows: rows, batch: batch, keys: keys, hasBoxes: hasBoxes, pipeline: pipeline,
      cluster: cluster)
  }

  /// A call, and how the name of its kernel ends.
  struct Call: Sendable {
    var heads = 16
    var queries = 1
    var requests = 2
    var keys = 100
    var pageSize = 64
    let suffix: String
  }

  private static func kernel(
    _ call: Call, _ options: HopperEngineOptions, policy: any PlanningPolicy = BalancedPolicy(),
    device description: DeviceDescription = .h100
  ) throws -> String {
    var recipe = CaseRecipe(
      "tuned", requests: Array(repeating: .init(call.queries, call.keys), count: call.requests))
    (recipe.headCount, recipe.pageSize) = (call.heads, call.pageSize)
    let problem = try VerificationCase(recipe)
    let device = SimulatedGPU(description)
    let engine = HostHopperEngine(HopperEngine(device: device, options: options))
    let plan = try engine.plan(problem.batch, geometry: problem.geometry, policy: policy)
    try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
    #expect(try problem.check().passed)
    return try #require(device.takeLaunches().first?.report.kernel)
  }

  @Test(
    "The nearest choice is taken",
    arguments: [
      Call(suffix: "boxes64_wg4"), Call(requests: 24, suffix: "boxes64_wg3"),
      Call(keys: 2000, suffix: "boxes64"), Call(heads: 128, suffix: "boxes32_wg3_multicast"),
      Call(heads: 64, queries: 4, suffix: "boxes64_sync"),
      Call(heads: 128, queries: 4, suffix: "boxes64_wg4"),
      Call(pageSize: 1, suffix: "rows_wg3"), Call(heads: 3, queries: 5, suffix: "boxes64_wg4"),
    ])
  func nearest(call: Call) throws {
    var options = HopperEngineOptions()
    options.choices = Self.choices
    let kernel = try Self.kernel(call, options)
    #expect(kernel.hasSuffix(call.suffix), "\(kernel)")
  }

  @Test("Other devices, and devices that were not tuned")
  func devices() throws {
    var options = HopperEngineOptions()
    options.choices = Self.choices
    #expect(try Self.kernel(Call(suffix: ""), options, device: .h200).hasSuffix("_wg3"))
    #expect(try Self.kernel(Call(suffix: ""), options, device: .h20).hasSuffix("_wg4"))
  }

  @Test("An option goes before a choice, and a plan that must not depend on the batch does not ask for one")
  func precedence() throws {
    var options = HopperEngineOptions()
    options.choices = Self.choices
    #expect(
      try Self.kernel(Call(suffix: ""), options, policy: BatchInvariantPolicy(chunkKeys: 64))
        .hasSuffix("boxes64"))
    options.pipeline = .threeWarpgroups
    #expect(try Self.kernel(Call(suffix: ""), options).hasSuffix("boxes64_wg3"))
    options.cluster = .none
    #expect(try Self.kernel(Call(heads: 128, suffix: ""), options).hasSuffix("boxes64_wg3"))
    (options.pipeline, options.choices) = (nil, [])
    #expect(try Self.kernel(Call(suffix: ""), options).hasSuffix("boxes64"))
  }

  @Test("A choice's parameters are taken with its pipeline, and options go before them")
  func parameters() throws {
    var options = HopperEngineOptions()
    var choice = Self.choices[0]
    choice.tuning = PipelineTuning(probabilities: .deferred, unroll: 2)
    options.choices = [choice]
    #expect(try Self.kernel(Call(suffix: ""), options).hasSuffix("boxes64_wg4_deferred_unroll2"))
    options.tuning = PipelineTuning(keyStages: 1)
    #expect(try Self.kernel(Call(suffix: ""), options).hasSuffix("boxes64_wg4_stages1"))
    (options.pipeline, options.tuning) = (.fourWarpgroups, nil)
    #expect(try Self.kernel(Call(suffix: ""), options).hasSuffix("boxes64_wg4"))
  }

  /// Files from before there were parameters are still read.
  @Test func choicesAsJSON() throws {
    var tuned = Self.choices[1]
    tuned.tuning = PipelineTuning(
      registers: .init(holders: 208, loader: 88), probabilities: .deferred, keyStages: 2)
    let choices = [Self.choices[0], tuned]
    let data = try JSONEncoder().encode(choices)
    #expect(try JSONDecoder().decode([TunedChoice].self, from: data) == choices)
    let old = """
      [{"device": "h100", "rows": 16, "batch": 2, "keys": 128, "hasBoxes": true, "pipeline": "fourWarpgroups",
        "cluster": "none"}]
      """
    #expect(try JSONDecoder().decode([TunedChoice].self, from: Data(old.utf8)) == [Self.choices[0]])
  }
}

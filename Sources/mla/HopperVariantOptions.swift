import ArgumentParser
import Foundation
import HopperEngine
import HopperKernels
import LatentAttention
import Reports

extension HopperEngineOptions.SecondStage: ExpressibleByArgument {}
extension HopperEngineOptions.MergeWay: ExpressibleByArgument {}
extension HopperEngineOptions.MergeShare: ExpressibleByArgument {}
extension HopperEngineOptions.Cluster: ExpressibleByArgument {}
extension DecodeVariant.Pipeline: ExpressibleByArgument {}

/// How the Hopper engine works, where there is a choice.
struct HopperVariantOptions: ParsableArguments {
  @Option(help: "How the Hopper engine's warpgroups share the work; the default is what was tuned.")
  var pipeline: DecodeVariant.Pipeline?
  @OptionGroup var parameters: PipelineTuningOptions
  @Option(help: "Whether two of the Hopper engine's blocks share keys.")
  var cluster = HopperEngineOptions.Cluster.automatic
  @Option(help: "Where the Hopper engine merges.") var secondStage = HopperEngineOptions.SecondStage
    .sameLaunch
  @Option(help: "Through what the Hopper engine merges.") var merge = HopperEngineOptions.MergeWay.automatic
  @Option(help: "How the Hopper engine's blocks share what is merged.")
  var mergeShare = HopperEngineOptions.MergeShare.columns
  @Option(help: "Type of the Hopper engine's partial results; the default is the output's, or fp32 for few.")
  var partials: ElementType?
  @Option(
    help: "What was fastest for which calls, a JSON file of `mla tune`; the default is the engine's table.")
  var choices: String?

  func validate() throws {
    guard let tuning = parameters.tuning else { return }
    guard let pipeline else {
      throw ValidationError("\(parameters.words[0]): only with --pipeline, whose parameter it is")
    }
    _ = try DecodeVariant(elementType: .bfloat16, hasRope: true, loading: .rows, pipeline: pipeline)
      .tunedForCommand(tuning)
  }

  /// - Throws: `UnreadableFile` for a file that is not one of choices.
  func engineOptions() throws -> HopperEngineOptions {
    var options = HopperEngineOptions()
    options.pipeline = pipeline
    options.tuning = parameters.tuning
    options.cluster = cluster
    options.secondStage = secondStage
    options.mergeWay = merge
    options.mergeShare = mergeShare
    options.partialType = partials
    if let choices {
      options.choices = try UnreadableFile.read([TunedChoice].self, from: choices, option: "--choices")
    }
    return options
  }

  /// The options as they are given on a command line.
  var words: [String] {
    let given = [
      ("--pipeline", pipeline?.rawValue), ("--choices", choices), ("--partials", partials?.rawValue),
    ]
    .compactMap { name, value in value.map { "\(name) \($0)" } }
    return given + parameters.words + [
      "--cluster \(cluster.rawValue)", "--second-stage \(secondStage.rawValue)", "--merge \(merge.rawValue)",
      "--merge-share \(mergeShare.rawValue)",
    ]
  }
}

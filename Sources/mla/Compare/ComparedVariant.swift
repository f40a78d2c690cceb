import HopperEngine
import HopperKernels
import LatentAttention

/// One way for the Hopper engine to run a decode call: a column of `mla compare`.
struct ComparedVariant: Sendable {
  /// As in `wg2 multicast`: warpgroups, and what else differs from a lone block with the default partials.
  let name: String
  let options: HopperEngineOptions
  /// Whether it is there only to be held against what others have published of it.
  private let isForPublishedCalls: Bool

  private init(
    _ pipeline: DecodeVariant.Pipeline, _ cluster: HopperEngineOptions.Cluster = .none,
    partials: ElementType? = nil, tuning: PipelineTuning? = nil, isForPublishedCalls: Bool = false
  ) {
    self.isForPublishedCalls = isForPublishedCalls
    var options = HopperEngineOptions()
    options.pipeline = pipeline
    options.cluster = cluster
    options.partialType = partials
    options.tuning = tuning
    self.options = options
    let warpgroups =
      switch pipeline {
      case .twoWarpgroups: "wg2"
      case .threeWarpgroups: "wg3"
      case .fourWarpgroups: "wg4"
      }
    let others = [cluster == .none ? nil : cluster.rawValue, partials?.rawValue].compactMap { $0 }
    name = ([warpgroups] + others + (tuning?.labels ?? [])).joined(separator: " ")
  }

  /// All that are compared. Types of partials differ in what they cost in the same way whatever the pipeline.
  static let all = ours + [flashInferThree]

  /// Those that the engine may choose from, and what other partials cost.
  static let ours =
    DecodeVariant.Pipeline.allCases.map { ComparedVariant($0) }
    + [ComparedVariant(.twoWarpgroups, .sync)]
    + DecodeVariant.Pipeline.allCases.map { ComparedVariant($0, .multicast) }
    + [ComparedVariant(.twoWarpgroups, partials: .float32)]

  /// Three warpgroups in the order of FlashInfer's older kernel, which started the next tile's scores before it waited for
  /// probabilities.
  static let flashInferThree = ComparedVariant(
    .threeWarpgroups, tuning: PipelineTuning(probabilities: .deferred), isForPublishedCalls: true)

  /// How the warpgroups share the work.
  var pipeline: DecodeVariant.Pipeline { options.pipeline ?? .twoWarpgroups }

  /// The variant with some of its pipeline's parameters set; nil for values that do not go together.
  func tuned(_ tuning: PipelineTuning) -> ComparedVariant? {
    let tuning = (options.tuning ?? PipelineTuning()).setting(tuning)
    let kernel = DecodeVariant(
      elementType: .bfloat16, hasRope: true, loading: .rows, pipeline: pipeline)
    guard (try? kernel.tuned(tuning)) != nil else { return nil }
    return ComparedVariant(pipeline, options.cluster, partials: options.partialType, tuning: tuning)
  }

  /// How blocks share keys in a call of this shape.
  func sharing(_ shape: DecodeCall.Shape) -> KeySharing {
    guard shape.rowTiles > 1 else { return .none }
    return options.cluster == .none ? .l2 : .cluster
  }

  /// That the variant was fastest for a call.
  func choice(for shape: DecodeCall.Shape, device: String) -> TunedChoice {
    let cluster: DecodeVariant.Cluster =
      switch options.cluster {
      case .none, .automatic: .none
      case .sync: .synchronised
      case .multicast: .multicast
      }
    return TunedChoice(
      device: device, rows: shape.heads * shape.queries, batch: shape.batch, keys: shape.keys,
      hasBoxes: DecodeVariant.Loading(pageSize: shape.pageSize) != .rows,
      pipeline: pipeline, cluster: cluster, tuning: options.tuning)
  }

  /// Whether the engine runs such a plan in this way, and not as another variant does. What others have published of a
  /// variant limits it to as many heads and such pages.
  func applies(to shape: DecodeCall.Shape, plan: AttentionPlan) -> Bool {
    if isForPublishedCalls, !PublishedMeasurement.h100.contains(where: { $0.isLike(shape, variant: name) }) {
      return false
    }
    return switch options.cluster {
    case .none, .automatic:
      options.partialType == nil
        || HopperEngineOptions().partialType(of: plan, output: shape.elementType) != options.partialType
    case .sync: shape.rowTiles > 1
    case .multicast: shape.rowTiles > 1 && DecodeVariant.Loading(pageSize: shape.pageSize) != .rows
    }
  }
}

extension DecodeCall.Shape {
  /// Tiles of 64 rows that a request has.
  var rowTiles: Int { (heads * queries + HopperKernels.tileRows - 1) / HopperKernels.tileRows }

  /// Tiles of 64 rows × tiles of 64 keys: what simulating a call takes grows with it.
  var tilePairs: Int { batch * rowTiles * ((keys + HopperKernels.tileRows - 1) / HopperKernels.tileRows) }
}

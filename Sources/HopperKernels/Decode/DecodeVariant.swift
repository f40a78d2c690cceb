import PTX

/// What a decode kernel is made for; everything else it is told when it runs.
public struct DecodeVariant: Sendable, Hashable, CustomStringConvertible {
  /// How tiles of keys come into shared memory.
  public enum Loading: Sendable, Hashable {
    /// By TMA, in boxes of 64 columns and so many tokens (16, 32 or 64), a divisor of the page size. Tiles that are not
    /// full come as with `rows`.
    case boxes(tokens: Int)
    /// Row by row: for any page size, alignment and strides.
    case rows

    /// Tokens that boxes can have, most first.
    static let boxSizes = [64, 32, 16]

    /// The best for a page size.
    public init(pageSize: Int) {
      let tokens = Self.boxSizes.first { pageSize.isMultiple(of: $0) }
      self = tokens.map { .boxes(tokens: $0) } ?? .rows
    }

    /// Tokens of a box; nil without boxes.
    public var boxTokens: Int? {
      if case .boxes(let tokens) = self { tokens } else { nil }
    }
  }

  /// How the warpgroups of a block share the work.
  public enum Pipeline: String, Sendable, Hashable, Codable, CaseIterable {
    /// `TwoWarpgroupPipeline`: two tiles in flight, each of which one warpgroup computes the scores of.
    case twoWarpgroups
    /// `ThreeWarpgroupPipeline`: one tile at a time, of which two warpgroups compute half of the scores each.
    case threeWarpgroups
    /// `FourWarpgroupPipeline`: one warpgroup computes scores, two multiply values.
    case fourWarpgroups

    /// Threads of a block.
    public var threadCount: Int { (self == .fourWarpgroups ? 4 : 3) * Kernel.warpgroupThreadCount }

    /// Which warpgroups need what is in shared memory.
    var readers: DecodeReaders {
      switch self {
      case .twoWarpgroups: DecodeReaders(ofQueries: 2, ofProbabilities: 1)
      case .threeWarpgroups: DecodeReaders(ofQueries: 2, ofProbabilities: 2)
      case .fourWarpgroups: DecodeReaders(ofQueries: 1, ofProbabilities: 2)
      }
    }
  }

  /// Whether two blocks, which have neighbouring row tiles of the same pieces, come to their keys together.
  public enum Cluster: String, Sendable, Hashable, Codable, CaseIterable {
    /// Every block is alone.
    case none
    /// A cluster of two: each block loads all keys, at the same time as the other, so that what one brings from DRAM the
    /// other finds in L2.
    case synchronised = "sync"
    /// A cluster of two: each block loads half of every tile, for both (TMA multicast). Tiles that are not whole boxes come
    /// as with `synchronised`.
    case multicast

    /// Blocks of a cluster.
    public var blockCount: Int { self == .none ? 1 : 2 }
  }

  /// Type of queries and cache: a 16-bit one.
  public let elementType: StorageFormat
  /// Whether keys have a rope part of 64 columns.
  public let hasRope: Bool
  /// How keys are loaded.
  public let loading: Loading
  /// How the warpgroups share the work.
  public let pipeline: Pipeline
  /// Whether two blocks share keys.
  public let cluster: Cluster
  /// The values of the pipeline's parameters: its own, until some are set with `tuned(_:)`.
  public internal(set) var parameters: PipelineParameters

  /// A variant. With multicast, boxes have at most the tokens of half a tile; without boxes there is no multicast, and the
  /// blocks are `synchronised`.
  public init(
    elementType: StorageFormat, hasRope: Bool, loading: Loading, pipeline: Pipeline = .twoWarpgroups,
    cluster: Cluster = .none
  ) {
    self.elementType = elementType
    self.hasRope = hasRope
    self.pipeline = pipeline
    parameters = pipeline.parameters
    switch (cluster, loading) {
    case (.multicast, .boxes(let tokens)):
      self.cluster = .multicast
      self.loading = .boxes(tokens: min(tokens, HopperKernels.tileRows / 2))
    case (.multicast, .rows):
      self.cluster = .synchronised
      self.loading = .rows
    default:
      self.cluster = cluster
      self.loading = loading
    }
  }

  /// All there are whose pipeline's parameters have not been set, pipeline by pipeline, without clusters first.
  public static let all: [DecodeVariant] = {
    var all: [DecodeVariant] = []
    let loadings = Loading.boxSizes.map { Loading.boxes(tokens: $0) } + [.rows]
    for pipeline in Pipeline.allCases {
      for cluster in Cluster.allCases {
        for type in StorageFormat.halves {
          for (hasRope, loading) in [true, false].flatMap({ rope in loadings.map { (rope, $0) } }) {
            let variant = DecodeVariant(
              elementType: type, hasRope: hasRope, loading: loading, pipeline: pipeline, cluster: cluster)
            // Not those that became another.
            if variant.cluster == cluster, variant.loading == loading { all.append(variant) }
          }
        }
      }
    }
    return all
  }()

  /// Panels of 64 columns that a key has.
  var panelCount: Int { (HopperKernels.latentWidth + (hasRope ? HopperKernels.ropeWidth : 0)) / 64 }

  /// The kernel's name, as `mla_decode_bf16_512_64_boxes64` with two warpgroups, `…_boxes64_wg3` with three,
  /// `…_boxes32_multicast` with clusters, `…_boxes64_wg3_deferred_unroll2` with parameters that have been set.
  public var description: String {
    let loads = loading.boxTokens.map { "boxes\($0)" } ?? "rows"
    let suffix =
      switch pipeline {
      case .twoWarpgroups: ""
      case .threeWarpgroups: "_wg3"
      case .fourWarpgroups: "_wg4"
      }
    let clusters = cluster == .none ? "" : "_\(cluster.rawValue)"
    let name = "mla_decode_\(elementType.label)_512_\(hasRope ? 64 : 0)_\(loads)\(suffix)\(clusters)"
    return ([name] + tuning.labels).joined(separator: "_")
  }
}

/// What a decode kernel is made for; everything else it is told when it runs.
public struct DecodeVariant: Sendable, Hashable, CustomStringConvertible {
  /// How tiles of keys come into shared memory.
  public enum Loading: Sendable, Hashable {
    /// By TMA, in boxes of 64 columns and so many tokens (16, 32 or 64), a divisor of the page size. Tiles that are not
    /// full come as with `rows`.
    case boxes(tokens: Int)
    /// Row by row: for any page size, alignment and strides.
    case rows

    /// The best for a page size.
    public init(pageSize: Int) {
      let tokens = [64, 32, 16].first { pageSize.isMultiple(of: $0) }
      self = tokens.map { .boxes(tokens: $0) } ?? .rows
    }

    /// Tokens of a box; nil without boxes.
    public var boxTokens: Int? {
      if case .boxes(let tokens) = self { tokens } else { nil }
    }
  }

  /// How the warpgroups of a block share the work.
  public enum Pipeline: String, Sendable, Hashable, CaseIterable {
    /// `TwoWarpgroupPipeline`: two tiles in flight, each of which one warpgroup computes the scores of.
    case twoWarpgroups
    /// `ThreeWarpgroupPipeline`: one tile at a time, of which two warpgroups compute half of the scores each.
    case threeWarpgroups
    /// `FourWarpgroupPipeline`: one warpgroup computes scores, two multiply values.
    case fourWarpgroups

    /// Threads of a block.
    public var threadCount: Int { self == .fourWarpgroups ? 512 : 384 }

    /// Which warpgroups need what is in shared memory.
    var readers: DecodeReaders {
      switch self {
      case .twoWarpgroups: DecodeReaders(ofQueries: 2, ofProbabilities: 1)
      case .threeWarpgroups: DecodeReaders(ofQueries: 2, ofProbabilities: 2)
      case .fourWarpgroups: DecodeReaders(ofQueries: 1, ofProbabilities: 2)
      }
    }
  }

  /// Type of queries and cache: a 16-bit one.
  public var elementType: StorageFormat
  /// Whether keys have a rope part of 64 columns.
  public var hasRope: Bool
  /// How keys are loaded.
  public var loading: Loading
  /// How the warpgroups share the work.
  public var pipeline: Pipeline

  /// A variant.
  public init(
    elementType: StorageFormat, hasRope: Bool, loading: Loading, pipeline: Pipeline = .twoWarpgroups
  ) {
    self.elementType = elementType
    self.hasRope = hasRope
    self.loading = loading
    self.pipeline = pipeline
  }

  /// All there are, pipeline by pipeline.
  public static let all: [DecodeVariant] = Pipeline.allCases.flatMap { pipeline in
    StorageFormat.halves.flatMap { type in
      [true, false].flatMap { hasRope in
        [Loading.boxes(tokens: 64), .boxes(tokens: 32), .boxes(tokens: 16), .rows].map {
          DecodeVariant(elementType: type, hasRope: hasRope, loading: $0, pipeline: pipeline)
        }
      }
    }
  }

  /// Panels of 64 columns that a key has.
  var panelCount: Int { (HopperKernels.latentWidth + (hasRope ? HopperKernels.ropeWidth : 0)) / 64 }

  /// The kernel's name, as `mla_decode_bf16_512_64_boxes64` with two warpgroups, `…_boxes64_wg3` with three.
  public var description: String {
    let loads = loading.boxTokens.map { "boxes\($0)" } ?? "rows"
    let suffix =
      switch pipeline {
      case .twoWarpgroups: ""
      case .threeWarpgroups: "_wg3"
      case .fourWarpgroups: "_wg4"
      }
    return "mla_decode_\(elementType.label)_512_\(hasRope ? 64 : 0)_\(loads)\(suffix)"
  }
}

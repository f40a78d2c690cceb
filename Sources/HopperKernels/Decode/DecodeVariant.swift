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

  /// Type of queries and cache: a 16-bit one.
  public var elementType: StorageFormat
  /// Whether keys have a rope part of 64 columns.
  public var hasRope: Bool
  /// How keys are loaded.
  public var loading: Loading

  /// A variant.
  public init(elementType: StorageFormat, hasRope: Bool, loading: Loading) {
    self.elementType = elementType
    self.hasRope = hasRope
    self.loading = loading
  }

  /// All there are.
  public static let all: [DecodeVariant] = StorageFormat.halves.flatMap { type in
    [true, false].flatMap { hasRope in
      [Loading.boxes(tokens: 64), .boxes(tokens: 32), .boxes(tokens: 16), .rows].map {
        DecodeVariant(elementType: type, hasRope: hasRope, loading: $0)
      }
    }
  }

  /// Panels of 64 columns that a key has.
  var panelCount: Int { (HopperKernels.latentWidth + (hasRope ? HopperKernels.ropeWidth : 0)) / 64 }

  /// The kernel's name, as `mla_decode_bf16_512_64_boxes64`.
  public var description: String {
    let loads = loading.boxTokens.map { "boxes\($0)" } ?? "rows"
    return "mla_decode_\(elementType.label)_512_\(hasRope ? 64 : 0)_\(loads)"
  }
}

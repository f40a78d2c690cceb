/// The queries of a batch: a latent and a rope part, in one tensor or in two.
public struct QueryView: Sendable {
  /// `[query token, head, latentWidth]`.
  public let latent: TensorView
  /// `[query token, head, ropeWidth]`; nil where the rope width is 0.
  public let rope: TensorView?

  /// Queries in two tensors.
  public init(latent: TensorView, rope: TensorView?) {
    self.latent = latent
    self.rope = rope
  }

  /// Queries in one tensor whose rows hold the latent part, then the rope part.
  ///
  /// - Throws: `ProblemError.mismatch` where the rows are not as wide as the geometry's keys.
  public init(combined: TensorView, geometry: AttentionGeometry) throws(ProblemError) {
    (latent, rope) = try combined.splitKey(geometry, field: "queries")
  }
}

/// A paged cache: a latent and a rope part, in one tensor or in two.
///
/// The latent part may be of 8 bits, with scales and for queries in bf16; then the rope part may be of 8 bits or in bf16,
/// and the latent part may end in columns that are in bf16.
public struct CacheView: Sendable {
  /// `[page, slot, latentWidth]`, or the columns of it that are of 8 bits.
  public let latent: TensorView
  /// The last columns of the latent part, in bf16, where the others are of 8 bits: `[page, slot, tail width]`.
  public let latentTail: TensorView?
  /// `[page, slot, ropeWidth]`; nil where the rope width is 0.
  public let rope: TensorView?
  /// Scales of the parts that are of 8 bits.
  public let scales: CacheScales?

  /// A cache in two tensors; with `scales` where they are of 8 bits.
  public init(
    latent: TensorView, latentTail: TensorView? = nil, rope: TensorView?, scales: CacheScales? = nil
  ) {
    self.latent = latent
    self.latentTail = latentTail
    self.rope = rope
    self.scales = scales
  }

  /// Whether the latent part is of 8 bits.
  public var isCoded: Bool { latent.elementType == .float8 }

  /// A cache in one tensor whose rows hold the latent part, then the rope part.
  ///
  /// - Throws: `ProblemError.mismatch` where the rows are not as wide as the geometry's keys.
  public init(combined: TensorView, geometry: AttentionGeometry) throws(ProblemError) {
    let (latent, rope) = try combined.splitKey(geometry, field: "cache")
    self.init(latent: latent, rope: rope)
  }
}

/// Where a run writes: outputs, and LSEs and largest scores if wanted.
public struct OutputView: Sendable {
  /// `[query token, head, latentWidth]`, in the queries' element type or in fp32.
  public let output: MutableTensorView
  /// `[query token, head, 1]`, fp32; nil if not wanted.
  public let lse: MutableTensorView?
  /// Base of the logarithm in `lse`.
  public let lseBase: LogarithmBase
  /// `[query token, head, 1]`, fp32: each row's largest score, −∞ where it sees no key; nil if not wanted.
  public let maximumScores: MutableTensorView?
  /// A score for each head that takes part in the softmax without a key: outputs are multiplied by
  /// `exp(lse) / (exp(lse) + exp(sink))`, LSEs stay. Nil for none.
  public let sinks: [Float]?

  /// Describes where to write.
  public init(
    output: MutableTensorView, lse: MutableTensorView? = nil, lseBase: LogarithmBase = .natural,
    maximumScores: MutableTensorView? = nil, sinks: [Float]? = nil
  ) {
    self.output = output
    self.lse = lse
    self.lseBase = lseBase
    self.maximumScores = maximumScores
    self.sinks = sinks
  }
}

/// Base of the logarithm in which LSEs are given. FlashMLA uses the natural one, FlashInfer base 2.
public enum LogarithmBase: String, Sendable, Hashable, Codable {
  /// `ln Σ exp(s)`.
  case natural
  /// `log₂ Σ exp(s)`.
  case two
}

extension TensorView {
  fileprivate func splitKey(
    _ geometry: AttentionGeometry, field: String
  ) throws(ProblemError) -> (TensorView, TensorView?) {
    guard width == geometry.keyWidth else {
      throw ProblemError(
        .mismatch, "\(field).width", value: width,
        requirement: "must be \(geometry.keyWidth), latent and rope width together")
    }
    let rope = geometry.ropeWidth > 0 ? columns(geometry.latentWidth..<width) : nil
    return (columns(0..<geometry.latentWidth), rope)
  }
}

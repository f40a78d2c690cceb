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
public struct CacheView: Sendable {
  /// `[page, slot, latentWidth]`.
  public let latent: TensorView
  /// `[page, slot, ropeWidth]`; nil where the rope width is 0.
  public let rope: TensorView?

  /// A cache in two tensors.
  public init(latent: TensorView, rope: TensorView?) {
    self.latent = latent
    self.rope = rope
  }

  /// A cache in one tensor whose rows hold the latent part, then the rope part.
  ///
  /// - Throws: `ProblemError.mismatch` where the rows are not as wide as the geometry's keys.
  public init(combined: TensorView, geometry: AttentionGeometry) throws(ProblemError) {
    (latent, rope) = try combined.splitKey(geometry, field: "cache")
  }
}

/// Where a run writes: outputs, and LSEs if wanted.
public struct OutputView: Sendable {
  /// `[query token, head, latentWidth]`, in the queries' element type or in fp32.
  public let output: MutableTensorView
  /// `[query token, head, 1]`, fp32; nil if not wanted.
  public let lse: MutableTensorView?
  /// Base of the logarithm in `lse`.
  public let lseBase: LogarithmBase

  /// Describes where to write.
  public init(output: MutableTensorView, lse: MutableTensorView? = nil, lseBase: LogarithmBase = .natural) {
    self.output = output
    self.lse = lse
    self.lseBase = lseBase
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

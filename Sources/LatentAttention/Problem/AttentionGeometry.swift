/// The shape of an MLA layer after the up-projections were absorbed into the query.
///
/// For each query row `(q_c, q_r)` of a head and each cached token `(c, r)`:
///
///     s[t] = softmaxScale · (q_c · c[t] + q_r · r[t])
///     o    = Σ softmax(s)[t] · c[t]
///     lse  = log Σ exp(s[t])
///
/// Source: DeepSeek-V2 (arXiv 2405.04434), section 2.1.2 and appendix C.
public struct AttentionGeometry: Hashable, Sendable, Codable {
  /// Query heads that share the one latent KV head, 1 to 256.
  public let headCount: Int
  /// Width of the compressed KV vector `c`, which is also the value: 512 in DeepSeek-V2/V3/R1 and Kimi K2.
  public let latentWidth: Int
  /// Width of the position part `r`: 64 in DeepSeek; 0 where the latent carries everything.
  public let ropeWidth: Int
  /// Factor on the scores. For DeepSeek 1/√192, of the heads before absorption, not 1/√576.
  public let softmaxScale: Float

  /// Widths past this are refused; no model comes near it.
  public static let maximumWidth = 8192
  /// Head counts past this are refused.
  public static let maximumHeadCount = 256

  /// Describes a layer.
  ///
  /// - Throws: `ProblemError` for a head count outside 1…256, a latent width outside 1…8192, a rope
  ///   width outside 0…8192, or a scale that is not finite.
  public init(
    headCount: Int, latentWidth: Int = 512, ropeWidth: Int = 64, softmaxScale: Float
  ) throws(ProblemError) {
    guard (1...Self.maximumHeadCount).contains(headCount) else {
      throw ProblemError(
        .outOfRange, "headCount", value: headCount, requirement: "must be 1 to \(Self.maximumHeadCount)")
    }
    guard (1...Self.maximumWidth).contains(latentWidth) else {
      throw ProblemError(
        .outOfRange, "latentWidth", value: latentWidth, requirement: "must be 1 to \(Self.maximumWidth)")
    }
    guard (0...Self.maximumWidth).contains(ropeWidth) else {
      throw ProblemError(
        .outOfRange, "ropeWidth", value: ropeWidth, requirement: "must be 0 to \(Self.maximumWidth)")
    }
    guard softmaxScale.isFinite else {
      throw ProblemError(.notFinite, "softmaxScale", value: softmaxScale, requirement: "must be finite")
    }
    self.headCount = headCount
    self.latentWidth = latentWidth
    self.ropeWidth = ropeWidth
    self.softmaxScale = softmaxScale
  }

  /// DeepSeek-V3's layer (latent 512, rope 64, scale 1/√192) with `headCount` heads, all 128 or a
  /// tensor-parallel share of them.
  public static func deepSeek(headCount: Int) throws(ProblemError) -> AttentionGeometry {
    try AttentionGeometry(headCount: headCount, softmaxScale: 1 / Float(192).squareRoot())
  }

  /// Width of a key: latent and rope together.
  public var keyWidth: Int { latentWidth + ropeWidth }

  /// Floating-point operations for one (query row, key) pair: two products of the widths of key and value.
  public var flopsPerPair: Int { 2 * (keyWidth + latentWidth) }
}

/// What others measured on a real device, and which of our variants does the same work in the same way.
struct PublishedMeasurement {
  /// Where it was published.
  let source: String
  /// `ComparedVariant.name`.
  let variant: String
  let heads, batch, kv, pageSize: Int
  let teraflops: Double

  /// Whether it is of the variant and of calls with as many heads and pages of the same size.
  func isLike(_ shape: DecodeCall.Shape, variant: String) -> Bool {
    self.variant == variant && heads == shape.heads && pageSize == shape.pageSize
  }

  /// On the H100 SXM; nothing of the kind is known to us for the others.
  static let h100 = flashInferThree + flashInferTwo + flashMLA

  /// FlashInfer's kernel of three warpgroups, as its pull request 952 tabulates it.
  private static let flashInferThree = [
    (64, 64, 1024, 167.3), (128, 64, 1024, 290.2), (64, 128, 1024, 242.1), (128, 128, 1024, 315.4),
    (64, 768, 1024, 305.1), (128, 768, 1024, 345.7), (64, 64, 2048, 223.8), (128, 64, 2048, 331.7),
    (64, 128, 2048, 290.7),
  ].map { heads, batch, kv, teraflops in
    PublishedMeasurement(
      source: "FlashInfer, three warpgroups (its pull request 952)",
      variant: ComparedVariant.flashInferThree.name, heads: heads, batch: batch, kv: kv, pageSize: 1,
      teraflops: teraflops)
  }

  /// Its kernel of two warpgroups: the one point that the same pull request names.
  private static let flashInferTwo = [
    PublishedMeasurement(
      source: "FlashInfer, two warpgroups (its pull request 952)", variant: "wg2", heads: 128, batch: 768,
      kv: 1024, pageSize: 1, teraflops: 435)
  ]

  /// FlashMLA of February 2025, as the achatbot project's pull request 123 tabulates it.
  private static let flashMLA = [(16, 85.0), (32, 168), (64, 328)].map { heads, teraflops in
    PublishedMeasurement(
      source: "FlashMLA, February 2025 (achatbot, pull request 123)", variant: "wg2", heads: heads,
      batch: 128,
      kv: 4096, pageSize: 64, teraflops: teraflops)
  }
}

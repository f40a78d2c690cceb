import PTX

/// A decode kernel: attention of the pieces that a plan gives each block, and, if it is told so, the second stage.
public struct DecodeKernel: Sendable {
  /// What it is made for.
  public let variant: DecodeVariant
  /// The kernel. Parameters: the struct `call` (`CallLayout`); with boxes the tensor map `latent_map` of the cache's
  /// latent part and, with a rope part, `rope_map`: `[column, slot, page]`, boxes of 64 columns × the variant's tokens × 1,
  /// 128-byte swizzle.
  public let kernel: Kernel

  /// Threads of a block.
  public static let threadCount = TwoWarpgroupPipeline<BF16>.threadCount

  /// Records the kernel of a variant.
  public init(_ variant: DecodeVariant) throws(KernelError) {
    self.variant = variant
    kernel = try Kernel(variant.description, .threads(Self.threadCount)) { k in
      switch variant.elementType {
      case .bfloat16: TwoWarpgroupPipeline<BF16>(k, variant).record()
      case .float16: TwoWarpgroupPipeline<F16>(k, variant).record()
      case .float32: k.trap()
      }
    }
  }
}

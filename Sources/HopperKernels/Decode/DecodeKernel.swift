import PTX

/// A decode kernel: attention of the pieces that a plan gives each block, and, if it is told so, the second stage.
public struct DecodeKernel: Sendable {
  /// What it is made for.
  public let variant: DecodeVariant
  /// The kernel. Parameters: the struct `call` (`CallLayout`); with boxes the tensor map `latent_map` of the cache's
  /// latent part and, with a rope part, `rope_map`: `[column, slot, page]`, boxes of 64 columns × the variant's tokens × 1,
  /// 128-byte swizzle. Two blocks of a cluster are given the same keys, piece by piece.
  public let kernel: Kernel

  /// Records the kernel of a variant.
  public init(_ variant: DecodeVariant) throws(KernelError) {
    self.variant = variant
    let cluster = variant.cluster == .none ? [] : [variant.cluster.blockCount]
    kernel = try Kernel(variant.description, .threads(variant.pipeline.threadCount, cluster: cluster)) { k in
      switch variant.elementType {
      case .bfloat16: Self.record(DecodeParts<BF16>(k, variant))
      case .float16: Self.record(DecodeParts<F16>(k, variant))
      case .float32: k.trap()
      }
    }
  }

  private static func record(_ parts: DecodeParts<some DecodeElement>) {
    switch parts.variant.pipeline {
    case .twoWarpgroups: TwoWarpgroupPipeline(parts: parts).record()
    case .threeWarpgroups: ThreeWarpgroupPipeline(parts: parts).record()
    case .fourWarpgroups: FourWarpgroupPipeline(parts: parts).record()
    }
  }
}

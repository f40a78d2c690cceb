/// Kernels of MLA decode for Hopper, written in the kernel language: they know PTX and no device.
///
/// A pipeline (`Decode`) says which warpgroup does what; the parts it is put together from (`Blocks`) load tiles, multiply,
/// keep the running softmax and write results. `Merge` is the second stage of split-KV.
public enum HopperKernels {
  /// Rows of queries and keys of a tile, as a `wgmma` has them.
  public static let tileRows = 64
  /// Width of the latent part, which is also the value.
  public static let latentWidth = 512
  /// Width of the rope part, where there is one.
  public static let ropeWidth = 64
}

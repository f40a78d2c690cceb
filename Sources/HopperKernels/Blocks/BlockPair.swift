import PTX

/// The two blocks of a cluster, seen from one of them. They walk the same tiles of keys, each for its own rows.
///
/// A tile's place is free when both have read it: whoever releases it says so to both. That keeps the blocks in step, and it
/// lets each write into the other's memory where it loads for both.
struct BlockPair {
  private let k: KernelBuilder
  /// The block's rank, and whether it loads its half of every tile for both.
  let rank: Value<U32>
  let isMulticast: Bool

  /// Nil without clusters.
  init?(_ k: KernelBuilder, _ cluster: DecodeVariant.Cluster) {
    guard cluster != .none else { return nil }
    self.k = k
    isMulticast = cluster == .multicast
    rank = k.let("rank", k.clusterRank())
  }

  /// A bit for each block.
  static var mask: Value<U16> { 0b11 }

  /// The other's rank.
  var otherRank: Value<U32> { rank ^ 1 }

  /// The rows of a tile that the block loads for both.
  func half<Element>(of tile: SharedTile<Element>) -> SharedTile<Element> {
    tile.rowBlock(rank, of: HopperKernels.tileRows / 2)
  }

  /// The first of these rows.
  var firstRow: Value<S32> { (rank * (HopperKernels.tileRows / 2)).to(S32.self) }

  /// Waits, in all threads of both blocks, until nobody arrives at the other's barriers any more.
  func leave() { k.syncCluster() }
}

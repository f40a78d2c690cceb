import GPUDevice
import HopperKernels
import LatentAttention

/// Whether several blocks read the same keys, which is what their cost depends on.
public enum KeySharing: String, Sendable, Hashable, Codable, CaseIterable {
  /// Requests have one row tile.
  case none
  /// Requests have several row tiles: blocks read the same keys at about the same time.
  case l2
  /// Row tiles of 128 rows: the two blocks of a cluster read the same keys.
  case cluster

  /// Blocks that run a piece together.
  public var blocksPerWorker: Int { self == .cluster ? 2 : 1 }

  /// What is best for a batch, as far as the options leave a choice.
  ///
  /// Policies whose cuts do not depend on the batch get tiles that do not depend on it either.
  init(
    _ batch: Batch, _ geometry: AttentionGeometry, _ policy: any PlanningPolicy,
    _ options: HopperEngineOptions, choice: TunedChoice?, _ properties: DeviceProperties
  ) {
    let shape = policy.isBatchInvariant ? TileShape(heads: geometry.headCount) : TileShape(batch, geometry)
    let canPair = properties.maximumClusterBlockCount > 1 && properties.multiprocessorCount > 1
    let isPaired =
      switch options.cluster {
      case .none: false
      case .sync, .multicast: canPair && shape.hasPairs
      case .automatic:
        choice?.cluster != DecodeVariant.Cluster.none && canPair && shape.hasPairs
          && shape.idleShare <= Self.greatestIdleShare && options.usesTensorMaps
          && DecodeVariant.Loading(pageSize: batch.pageSize) != .rows
      }
    // As a share: their product with the heads may be too large.
    let tokens = Double(batch.queryTokenCount) / Double(max(1, batch.count))
    let isShared = tokens * Double(geometry.headCount) > Double(HopperKernels.tileRows)
    self = isPaired ? .cluster : isShared ? .l2 : .none
  }

  /// Blocks without rows, as a share of all, up to which clusters are worth it: they gain about a tenth where L2 limits.
  private static let greatestIdleShare = 0.04
}

/// How well the rows of requests fill the two blocks of a cluster.
private struct TileShape {
  /// Whether a request has more rows than one block takes.
  var hasPairs = false
  /// Tiles of 64 rows × keys, and how many more there would be if all came in pairs.
  private var work = 0.0
  private var idle = 0.0

  var idleShare: Double { work + idle > 0 ? idle / (work + idle) : 0 }

  init(_ batch: Batch, _ geometry: AttentionGeometry) {
    for request in 0..<batch.count {
      add(
        rows: Double(batch.queryCount(request)) * Double(geometry.headCount),
        keys: Double(batch.keyLengths[request]))
    }
  }

  /// Of any batch: each token has so many rows.
  init(heads: Int) { add(rows: Double(heads), keys: 1) }

  private mutating func add(rows: Double, keys: Double) {
    let tiles = (rows / Double(HopperKernels.tileRows)).rounded(.up)
    hasPairs = hasPairs || tiles > 1
    work += tiles * keys
    idle += tiles.truncatingRemainder(dividingBy: 2) * keys
  }
}

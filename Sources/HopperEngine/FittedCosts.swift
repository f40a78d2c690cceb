import HopperKernels
import LatentAttention

/// What work costs on a device, in nanoseconds: fitted by `mla fit` to runs, of the H100 measured ones, of the others
/// simulated ones.
///
/// A worker, one block on its multiprocessor or two of a cluster, pays for pieces, tiles of 64 keys and rows of partials,
/// while all the others work as well: bandwidth is shared. Where a request has several row tiles, blocks read the same keys
/// at about the same time, and L2 limits in place of DRAM; tiles then cost less.
public struct FittedCosts: Sendable, Hashable, Codable {
  /// The device's name, as in `h100`.
  public var device: String
  /// Whether blocks read the same keys.
  public var sharing: KeySharing
  /// Starting and finishing a piece.
  public var perPiece: Double
  /// A tile of keys.
  public var perKeyTile: Double
  /// A row of a partial: written, and read when partials are combined.
  public var perPartialRow: Double
  /// The second stage, however little it has to combine.
  public var secondStage: Double

  /// Costs of a device.
  public init(
    device: String, sharing: KeySharing, perPiece: Double, perKeyTile: Double, perPartialRow: Double,
    secondStage: Double
  ) {
    self.device = device
    self.sharing = sharing
    self.perPiece = perPiece
    self.perKeyTile = perKeyTile
    self.perPartialRow = perPartialRow
    self.secondStage = secondStage
  }

  /// What the planner balances. Rows of a tile that are not there cost as much as others.
  public var costModel: CostModel {
    CostModel(
      perPiece: perPiece, perKey: perKeyTile / Double(HopperKernels.tileRows), perKeyRow: 0,
      perPartialRow: perPartialRow, secondStage: secondStage,
      rowGranularity: HopperKernels.tileRows * sharing.blocksPerWorker, keyGranularity: HopperKernels.tileRows
    )
  }

  /// The costs of a device by the vendor's name for it, as "NVIDIA H100 80GB HBM3"; those of the H100 where the table does
  /// not have it.
  public static func ofDevice(_ name: String) -> [FittedCosts] {
    let device = HopperEngine.tableName(ofDevice: name, in: table.map(\.device))
    return table.filter { $0.device == device }
  }
}

extension HopperEngine {
  /// Under which of these names a table has a device that its vendor calls `deviceName`; `h100` where under none.
  public static func tableName(ofDevice deviceName: String, in names: [String]) -> String {
    // "H200" has "H20" in it.
    let contained = names.filter { deviceName.uppercased().contains($0.uppercased()) }
    return contained.max { $0.utf8.count < $1.utf8.count } ?? "h100"
  }
}

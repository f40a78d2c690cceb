/// Decides where row tiles are cut over their keys, and which worker runs which piece.
///
/// A policy is a pure function of its problem. `Planner` does the rest: it cuts the row tiles before,
/// and numbers the partials, makes the merge jobs and computes the statistics after.
public protocol PlanningPolicy: Sendable {
  /// Name in statistics and tables.
  var name: String { get }

  /// Whether a tile is cut in the same way in any batch. Then engines do not let the height of tiles depend on the batch.
  var isBatchInvariant: Bool { get }

  /// Cuts every tile into pieces and gives each to a worker.
  ///
  /// The pieces of a tile must cover its keys `0 ..< keyCount` exactly once, none of them empty; a tile
  /// without keys gets exactly one piece, `0 ..< 0`. The order is free: a worker runs its pieces in the
  /// order in which they are returned. `Planner` refuses an answer that breaks these rules.
  func assignPieces(_ problem: PlanningProblem) -> [PieceAssignment]
}

extension PlanningPolicy {
  /// False: most policies look at the whole batch.
  public var isBatchInvariant: Bool { false }
}

/// A range of a row tile's keys, and the worker that runs it.
public struct PieceAssignment: Hashable, Sendable {
  /// Position in `PlanningProblem.tiles`.
  public var tile: Int
  /// First key.
  public var keyStart: Int
  /// Past the last key.
  public var keyEnd: Int
  /// Worker, counted from 0.
  public var worker: Int

  /// Describes an assignment.
  public init(tile: Int, keyStart: Int, keyEnd: Int, worker: Int) {
    self.tile = tile
    self.keyStart = keyStart
    self.keyEnd = keyEnd
    self.worker = worker
  }
}

/// What a policy is asked: the row tiles of a batch, the workers, and what pieces cost.
public struct PlanningProblem: Sendable {
  /// Row tiles, request by request, first rows first.
  public let tiles: [RowTile]
  /// Rows of a full tile.
  public let tileRows: Int
  /// Workers, at least 1.
  public let workerCount: Int
  /// What pieces cost.
  public let costModel: CostModel
  /// Cost of each tile as one piece that writes through.
  public let tileCosts: [Double]
  /// Positions of `tiles`, dearest first, equal ones in order.
  public let tilesByCost: [Int]
  /// No assignment has a smaller makespan; see `MakespanBound`.
  public let lowerBound: Double

  /// Groups of `costModel.keyGranularity` keys of each tile.
  let tileGroups: [Int]
  /// How whole groups fill workers, where all tiles have the same rows.
  let loads: WorkerLoads?

  package init(tiles: [RowTile], tileRows: Int, workerCount: Int, costModel: CostModel) {
    self.tiles = tiles
    self.tileRows = tileRows
    self.workerCount = workerCount
    self.costModel = costModel
    tileGroups = tiles.map { costModel.keyGroups($0.keyCount) }
    // Nearly all tiles have the same rows.
    var rows = 0
    var prices = PiecePrices(costModel, rows: rows)
    var costs: [Double] = []
    costs.reserveCapacity(tiles.count)
    for (tile, groups) in zip(tiles, tileGroups) {
      if tile.rowCount != rows {
        rows = tile.rowCount
        prices = PiecePrices(costModel, rows: rows)
      }
      costs.append(prices.whole + Double(groups) * prices.group)
    }
    tileCosts = costs
    tilesByCost = indicesByDescendingCost(costs)
    loads = WorkerLoads(
      tiles: tiles, tileGroups: tileGroups, tilesByCost: tilesByCost, workerCount: workerCount,
      costModel: costModel)
    lowerBound =
      MakespanBound(
        tiles: tiles, tileGroups: tileGroups, tileCosts: costs, tilesByCost: tilesByCost,
        workerCount: workerCount, costModel: costModel, loads: loads
      ).value
  }

  /// A bound as good as `lowerBound` or better, at most `makespan`, which must be that of some assignment: where
  /// all tiles have the same rows and pieces are a few groups long, usually the best makespan itself. For judging
  /// policies: milliseconds to a tenth of a second.
  package func tightenedBound(below makespan: Double) -> Double {
    guard let loads, lowerBound > 0, makespan > lowerBound else { return lowerBound }
    return max(lowerBound, loads.tightened(lowerBound, below: makespan))
  }
}

/// The policies by the names that commands take.
public enum PolicyName: String, CaseIterable, Sendable, Codable {
  /// `BalancedPolicy`, the default.
  case balanced
  /// `FlashInferPolicy`.
  case flashInfer
  /// `FlashMLAPolicy`.
  case flashMLA
  /// `BatchInvariantPolicy`.
  case batchInvariant

  /// The policy of this name, with its defaults.
  public var policy: any PlanningPolicy {
    switch self {
    case .balanced: BalancedPolicy()
    case .flashInfer: FlashInferPolicy()
    case .flashMLA: FlashMLAPolicy()
    case .batchInvariant: BatchInvariantPolicy()
    }
  }
}

/// Cuts every request by itself, so that its result is the same bits in any batch and on any number of
/// workers.
///
/// A tile of `k` keys is cut into `⌈k / chunkKeys⌉` pieces of equal length (to the cost model's key
/// granularity): a function of the request alone. Only the placement looks at the whole batch; it puts the
/// longest piece on the least-loaded worker first (R. L. Graham, "Bounds on multiprocessing timing
/// anomalies", 1969), and that changes no sum.
public struct BatchInvariantPolicy: PlanningPolicy {
  /// Keys per piece to aim at.
  ///
  /// The default of 1,024 spreads a request of 131,072 keys over 128 workers, about the 132 of an H100,
  /// while starting a piece and writing its partial stay near a sixth of its cost by
  /// `CostModel.hopperEstimate`.
  public let chunkKeys: Int

  /// Pieces of a tile past which chunks get longer, so that merging does not grow without limit.
  public static let maximumPiecesPerTile = 256

  /// Makes the policy; a `chunkKeys` below 1 counts as 1.
  public init(chunkKeys: Int = 1024) {
    self.chunkKeys = max(1, chunkKeys)
  }

  /// `batchInvariant`.
  public var name: String { PolicyName.batchInvariant.rawValue }

  /// True.
  public var isBatchInvariant: Bool { true }

  /// Cuts tiles by length alone, then places the pieces. O(pieces · log pieces).
  public func assignPieces(_ problem: PlanningProblem) -> [PieceAssignment] {
    var pieces: [PieceAssignment] = []
    pieces.reserveCapacity(problem.tiles.count)
    var costs: [Double] = []
    for (tile, shape) in problem.tiles.enumerated() {
      let count = pieceCount(keyCount: shape.keyCount)
      let keys = pieceKeys(keyCount: shape.keyCount, pieceCount: count, problem.costModel)
      var start = 0
      repeat {
        let end = start + min(keys, shape.keyCount - start)
        pieces.append(PieceAssignment(tile: tile, keyStart: start, keyEnd: end, worker: 0))
        costs.append(
          problem.costModel.cost(
            rows: shape.rowCount, keys: end - start, isPartial: end - start < shape.keyCount))
        start = end
      } while start < shape.keyCount
    }
    var queue = LeastLoadedQueue(workerCount: problem.workerCount)
    for piece in indicesByDescendingCost(costs) {
      pieces[piece].worker = queue.addToLeastLoaded(costs[piece])
    }
    return pieces
  }

  private func pieceCount(keyCount: Int) -> Int {
    min(max(1, keyCount.dividedRoundingUp(by: chunkKeys)), Self.maximumPiecesPerTile)
  }

  private func pieceKeys(keyCount: Int, pieceCount: Int, _ costModel: CostModel) -> Int {
    let groups = keyCount.dividedRoundingUp(by: costModel.keyGranularity)
    return max(1, groups.dividedRoundingUp(by: pieceCount)) * costModel.keyGranularity
  }
}

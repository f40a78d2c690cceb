/// Turns a batch into a plan: who computes which rows over which keys, and who merges what.
///
/// Planning is a pure function: the same batch, geometry, policy, worker count, tile and cost model give
/// the same plan.
public struct Planner: Sendable {
  /// Worker counts past this are refused.
  public static let maximumWorkerCount = 1 << 16
  /// Rows of a tile past this are refused.
  public static let maximumTileRows = 1 << 16
  /// Granularities past this are refused.
  public static let maximumGranularity = 1 << 20
  /// A batch of more row tiles than this is refused.
  public static let maximumTileCount = 1 << 24
  /// A batch of more (tile row, key) pairs than this is refused, so that no sum can overflow.
  public static let maximumPairCount = 1 << 60

  /// Where tiles are cut, and who runs the pieces.
  public let policy: any PlanningPolicy
  /// Workers to plan for.
  public let workerCount: Int
  /// Packed rows of a full row tile.
  public let tileRows: Int
  /// What pieces cost on these workers.
  public let costModel: CostModel

  /// Makes a planner.
  ///
  /// - Throws: `ProblemError` for a worker count or tile outside 1…65,536, a cost that is neither 0
  ///   nor within 1e-9…1e12 ns, or a granularity outside 1…1,048,576.
  public init(
    policy: any PlanningPolicy = BalancedPolicy(), workerCount: Int, tileRows: Int, costModel: CostModel
  ) throws(ProblemError) {
    try Self.check(workerCount, in: 1...Self.maximumWorkerCount, field: "workerCount")
    try Self.check(tileRows, in: 1...Self.maximumTileRows, field: "tileRows")
    try costModel.validate()
    self.policy = policy
    self.workerCount = workerCount
    self.tileRows = tileRows
    self.costModel = costModel
  }

  /// Plans one attention call. The plan serves every layer of a decode step.
  ///
  /// - Throws: `ProblemError` for a batch of more than `maximumTileCount` row tiles or `maximumPairCount`
  ///   (row, key) pairs, or for a policy that does not cover every tile exactly once.
  /// - Complexity: O(n log n) for `n` pieces and workers with the policies of this package.
  public func plan(_ batch: Batch, geometry: AttentionGeometry) throws(ProblemError) -> AttentionPlan {
    let problem = try problem(batch, geometry: geometry)
    let assembly = try PlanAssembly(problem: problem, assignments: policy.assignPieces(problem))
    return AttentionPlan(
      geometry: geometry, batch: batch, pieces: assembly.pieces, pieceOffsets: assembly.pieceOffsets,
      mergeJobs: assembly.mergeJobs, mergeOffsets: assembly.mergeOffsets,
      partialRowCount: assembly.partialRowCount,
      statistics: assembly.statistics(
        policy: policy.name, problem: problem, latentWidth: geometry.latentWidth),
      isBatchInvariant: policy.isBatchInvariant)
  }

  /// A lower bound on the makespan of any plan for the batch, by a linear programme: at least
  /// `PlanStatistics.lowerBound`, and where all tiles have the same rows and pieces are a few key groups long,
  /// usually the best makespan there is. Takes milliseconds to a tenth of a second: it is for judging policies.
  ///
  /// - Parameters:
  ///   - batch: what is to be planned.
  ///   - geometry: of the layer.
  ///   - makespan: that of any plan for the batch with this planner's workers, tiles and costs.
  /// - Throws: `ProblemError` as `plan`.
  public func tightenedBound(
    _ batch: Batch, geometry: AttentionGeometry, below makespan: Double
  ) throws(ProblemError) -> Double {
    try problem(batch, geometry: geometry).tightenedBound(below: makespan)
  }

  private func problem(_ batch: Batch, geometry: AttentionGeometry) throws(ProblemError) -> PlanningProblem {
    PlanningProblem(
      tiles: try makeTiles(batch, headCount: geometry.headCount), tileRows: tileRows,
      workerCount: workerCount, costModel: costModel)
  }

  /// Row tiles, request by request. A tile ends where the request's rows do; heads and tiles need not
  /// divide each other.
  private func makeTiles(_ batch: Batch, headCount: Int) throws(ProblemError) -> [RowTile] {
    let packedRows = try batch.queryTokenCount.multiplied(by: headCount, field: "queryOffsets")
    guard packedRows / tileRows + batch.count <= Self.maximumTileCount else {
      throw ProblemError(
        .outOfRange, "queryOffsets", index: batch.count, value: batch.queryTokenCount,
        requirement: "must need at most \(Self.maximumTileCount) tiles of \(tileRows) rows")
    }
    var tiles: [RowTile] = []
    tiles.reserveCapacity(packedRows / tileRows + batch.count)
    var pairCount = 0
    for request in 0..<batch.count {
      let rows = batch.queryCount(request) * headCount
      var firstRow = 0
      while firstRow < rows {
        let rowCount = min(tileRows, rows - firstRow)
        // Later tokens see more keys, so the tile's last row sees all that any of its rows does.
        let lastToken = (firstRow + rowCount - 1) / headCount
        let keyCount = batch.visibleKeyCount(request: request, token: lastToken)
        tiles.append(
          RowTile(request: request, firstRow: firstRow, rowCount: rowCount, keyCount: keyCount))
        let pairs = try rowCount.multiplied(by: keyCount, field: "keyLengths")
        pairCount = try pairCount.added(to: pairs, field: "keyLengths")
        firstRow += rowCount
      }
      guard pairCount <= Self.maximumPairCount else {
        throw ProblemError(
          .overflow, "keyLengths", index: request, value: batch.keyLengths[request],
          requirement: "all requests together must have at most 2^60 (row, key) pairs")
      }
    }
    return tiles
  }

  private static func check(
    _ value: Int, in range: ClosedRange<Int>, field: String
  ) throws(ProblemError) {
    guard range.contains(value) else {
      throw ProblemError(
        .outOfRange, field, value: value,
        requirement: "must be \(range.lowerBound) to \(range.upperBound)")
    }
  }
}

extension CostModel {
  /// Checks what `Planner` relies on.
  fileprivate func validate() throws(ProblemError) {
    let costs = [
      ("perPiece", perPiece), ("perKey", perKey), ("perKeyRow", perKeyRow), ("perPartialRow", perPartialRow),
      ("secondStage", secondStage),
    ]
    for (name, cost) in costs {
      guard cost.isFinite else {
        throw ProblemError(.notFinite, "costModel.\(name)", value: cost, requirement: "must be finite")
      }
      guard cost == 0 || (1e-9...1e12).contains(cost) else {
        throw ProblemError(
          cost < 0 ? .notPositive : .outOfRange, "costModel.\(name)", value: cost,
          requirement: "must be 0, or 1e-9 to 1e12 nanoseconds")
      }
    }
    let granularities = [("rowGranularity", rowGranularity), ("keyGranularity", keyGranularity)]
    for (name, granularity) in granularities
    where !(1...Planner.maximumGranularity).contains(granularity) {
      throw ProblemError(
        .outOfRange, "costModel.\(name)", value: granularity,
        requirement: "must be 1 to \(Planner.maximumGranularity)")
    }
  }
}

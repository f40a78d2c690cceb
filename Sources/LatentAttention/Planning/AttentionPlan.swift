/// A row tile: up to `tileRows` packed rows of one request, and the keys that any of them sees.
///
/// Packed row `token · headCount + head` counts tokens within the request.
public struct RowTile: Hashable, Sendable, Codable {
  /// The request's position in the batch.
  public var request: Int
  /// First packed row.
  public var firstRow: Int
  /// Packed rows, at least 1.
  public var rowCount: Int
  /// Keys `0 ..< keyCount` are seen by at least one row of the tile. May be 0.
  public var keyCount: Int

  /// Describes a row tile.
  public init(request: Int, firstRow: Int, rowCount: Int, keyCount: Int) {
    self.request = request
    self.firstRow = firstRow
    self.rowCount = rowCount
    self.keyCount = keyCount
  }
}

/// A row tile × a range of keys: the unit of scheduled work.
public struct Piece: Hashable, Sendable, Codable {
  /// The request's position in the batch.
  public var request: Int
  /// First packed row.
  public var firstRow: Int
  /// Packed rows, at least 1.
  public var rowCount: Int
  /// First key.
  public var keyStart: Int
  /// Past the last key.
  public var keyEnd: Int
  /// Where the first row of the partial goes, or nil for a piece that has its tile's keys to itself and
  /// writes the final output (write-through). Row `r` goes to partial row `partialRow + r`.
  public var partialRow: Int?

  /// Describes a piece.
  public init(
    request: Int, firstRow: Int, rowCount: Int, keyStart: Int, keyEnd: Int, partialRow: Int?
  ) {
    self.request = request
    self.firstRow = firstRow
    self.rowCount = rowCount
    self.keyStart = keyStart
    self.keyEnd = keyEnd
    self.partialRow = partialRow
  }
}

/// Combining the partials of some rows of a split tile: the second stage of split-KV.
///
/// The partials of packed row `firstRow + r` lie in partial rows `partialRow + r + k · partialStride` for
/// `k` in `0 ..< partialCount`.
public struct MergeJob: Hashable, Sendable, Codable {
  /// The request's position in the batch.
  public var request: Int
  /// First packed row.
  public var firstRow: Int
  /// Packed rows, at least 1.
  public var rowCount: Int
  /// Partial row of the first piece's state of `firstRow`.
  public var partialRow: Int
  /// Partial rows from one piece of the tile to the next.
  public var partialStride: Int
  /// Pieces of the tile, at least 2.
  public var partialCount: Int

  /// Describes a merge job.
  public init(
    request: Int, firstRow: Int, rowCount: Int, partialRow: Int, partialStride: Int, partialCount: Int
  ) {
    self.request = request
    self.firstRow = firstRow
    self.rowCount = rowCount
    self.partialRow = partialRow
    self.partialStride = partialStride
    self.partialCount = partialCount
  }
}

/// Who does what in one attention call: pure data, the same for every layer of a decode step.
///
/// Worker `w` runs the pieces `pieceOffsets[w] ..< pieceOffsets[w + 1]` in order; when all pieces are
/// done, it runs the merge jobs `mergeOffsets[w] ..< mergeOffsets[w + 1]`. Every (row, visible key) pair
/// is in exactly one piece; every row of every tile is in at least one piece, rows without keys too.
public struct AttentionPlan: Hashable, Sendable {
  /// The layer that the plan was made for.
  public let geometry: AttentionGeometry
  /// The batch that the plan was made for.
  public let batch: Batch
  /// Pieces, grouped by worker.
  public let pieces: [Piece]
  /// `workerCount + 1` offsets into `pieces`.
  public let pieceOffsets: [Int]
  /// Merge jobs, grouped by worker.
  public let mergeJobs: [MergeJob]
  /// `workerCount + 1` offsets into `mergeJobs`.
  public let mergeOffsets: [Int]
  /// Rows of partial results that the pieces write: each `latentWidth` numbers and an LSE.
  public let partialRowCount: Int
  /// How good the plan is, in its cost model.
  public let statistics: PlanStatistics
  /// Whether what is computed for a request must not depend on the rest of the batch, not even in its rounding.
  public let isBatchInvariant: Bool

  /// Workers the plan was made for; some may have nothing to do.
  public var workerCount: Int { pieceOffsets.count - 1 }

  package init(
    geometry: AttentionGeometry, batch: Batch, pieces: [Piece], pieceOffsets: [Int],
    mergeJobs: [MergeJob], mergeOffsets: [Int], partialRowCount: Int, statistics: PlanStatistics,
    isBatchInvariant: Bool = false
  ) {
    self.geometry = geometry
    self.batch = batch
    self.pieces = pieces
    self.pieceOffsets = pieceOffsets
    self.mergeJobs = mergeJobs
    self.mergeOffsets = mergeOffsets
    self.partialRowCount = partialRowCount
    self.statistics = statistics
    self.isBatchInvariant = isBatchInvariant
  }
}

/// What a plan costs, in the units of its cost model, so that policies can be compared by numbers.
public struct PlanStatistics: Hashable, Sendable, Codable {
  /// Name of the policy that made the plan.
  public var policy: String
  /// Workers the plan was made for.
  public var workerCount: Int
  /// Pieces of all workers.
  public var pieceCount: Int
  /// Pieces that write a partial.
  public var partialPieceCount: Int
  /// Load of the busiest worker.
  public var makespan: Double
  /// No plan for this batch can have a smaller makespan.
  public var lowerBound: Double
  /// 1 − mean load ÷ makespan; 0 for an empty plan.
  public var idleShare: Double
  /// Bytes of partial outputs and LSEs written, in fp32.
  public var partialBytes: Int
  /// Rows that the second stage combines.
  public var mergeRowCount: Int

  /// `makespan ÷ lowerBound`; 1 for an empty plan.
  public var makespanRatio: Double { lowerBound > 0 ? makespan / lowerBound : 1 }

  package init(
    policy: String, workerCount: Int, pieceCount: Int, partialPieceCount: Int, makespan: Double,
    lowerBound: Double, idleShare: Double, partialBytes: Int, mergeRowCount: Int
  ) {
    self.policy = policy
    self.workerCount = workerCount
    self.pieceCount = pieceCount
    self.partialPieceCount = partialPieceCount
    self.makespan = makespan
    self.lowerBound = lowerBound
    self.idleShare = idleShare
    self.partialBytes = partialBytes
    self.mergeRowCount = mergeRowCount
  }
}

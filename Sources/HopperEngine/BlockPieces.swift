import HopperKernels
import LatentAttention

/// A plan's pieces as blocks have them: of each piece of a worker that is several blocks, 64 rows each.
struct BlockPieces {
  /// Grouped by block; of the blocks of a worker equally many, over the same keys. A block for which a piece has no rows
  /// left has it with 0, as it loads keys for the others.
  private(set) var pieces: [Piece] = []
  /// One more than blocks, into `pieces`.
  private(set) var offsets: [Int] = [0]

  /// - Throws: `ProblemError.outOfRange` for a piece of more rows than the blocks of a worker have.
  init(_ plan: AttentionPlan, blocksPerWorker: Int) throws(ProblemError) {
    let most = HopperKernels.tileRows * blocksPerWorker
    for (index, piece) in plan.pieces.enumerated() where piece.rowCount > most {
      throw ProblemError(
        .outOfRange, "plan.pieces.rowCount", index: index, value: piece.rowCount,
        requirement: "must be at most \(most) on Hopper\(blocksPerWorker == 1 ? " without clusters" : "")")
    }
    for worker in 0..<plan.workerCount {
      for rank in 0..<blocksPerWorker {
        for piece in plan.pieces[plan.pieceOffsets[worker]..<plan.pieceOffsets[worker + 1]] {
          pieces.append(Self.part(of: piece, rank: rank))
        }
        offsets.append(pieces.count)
      }
    }
  }

  private static func part(of piece: Piece, rank: Int) -> Piece {
    var part = piece
    let skipped = rank * HopperKernels.tileRows
    part.rowCount = max(0, min(HopperKernels.tileRows, piece.rowCount - skipped))
    // The kernels read the first row's place, also of no rows.
    guard part.rowCount > 0 else { return part }
    part.firstRow += skipped
    part.partialRow = piece.partialRow.map { $0 + skipped }
    return part
  }
}

/// FlashMLA's schedule, to compare with.
///
/// Work is counted in blocks of 64 keys, and every piece pays for 5 blocks more. Each worker fills the
/// same payload with one contiguous range over (tile, block), in order.
///
/// Source: FlashMLA's scheduler metadata, read at revision 9241ae3e.
public struct FlashMLAPolicy: PlanningPolicy {
  private static let blockKeys = 64
  private static let overheadBlocks = 5

  /// Makes the policy.
  public init() {}

  /// `flashMLA`.
  public var name: String { PolicyName.flashMLA.rawValue }

  /// Cuts the row of all blocks into one range per worker. O(tiles + workers).
  public func assignPieces(_ problem: PlanningProblem) -> [PieceAssignment] {
    let blockCounts = problem.tiles.map { max(1, $0.keyCount.dividedRoundingUp(by: Self.blockKeys)) }
    let total = blockCounts.reduce(0) { $0 + $1 + Self.overheadBlocks }
    // The 5 blocks on top are what a cut at a worker's end can waste, so the last worker gets to the end.
    let payload = total.dividedRoundingUp(by: problem.workerCount) + Self.overheadBlocks
    var assignments: [PieceAssignment] = []
    assignments.reserveCapacity(problem.tiles.count + problem.workerCount)
    var worker = 0
    var remaining = payload
    for (tile, blockCount) in blockCounts.enumerated() {
      let keyCount = problem.tiles[tile].keyCount
      var block = 0
      while block < blockCount {
        if remaining <= Self.overheadBlocks {
          worker += 1
          remaining = payload
        }
        let end = min(blockCount, block + remaining - Self.overheadBlocks)
        assignments.append(
          PieceAssignment(
            tile: tile, keyStart: block * Self.blockKeys, keyEnd: min(keyCount, end * Self.blockKeys),
            worker: worker))
        remaining -= end - block + Self.overheadBlocks
        block = end
      }
    }
    return assignments
  }
}

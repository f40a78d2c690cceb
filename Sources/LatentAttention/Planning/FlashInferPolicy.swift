/// FlashInfer's schedule for multi-head latent attention, to compare with.
///
/// One chunk limit for all tiles, found from the average number of keys per worker; tiles in the order of
/// the requests, of each request the last first; every chunk goes to the worker with the least load so
/// far, where a chunk counts as 2 · tile rows + keys.
///
/// Source: FlashInfer's MLA plan, read at revision fb28d7242.
public struct FlashInferPolicy: PlanningPolicy {
  /// Makes the policy.
  public init() {}

  /// `flashInfer`.
  public var name: String { PolicyName.flashInfer.rawValue }

  /// Cuts tiles at multiples of the chunk limit. O(pieces · log workers).
  public func assignPieces(_ problem: PlanningProblem) -> [PieceAssignment] {
    let totalKeys = problem.tiles.reduce(0) { $0 + $1.keyCount }
    let limit = Self.chunkLimit(averageKeys: totalKeys.dividedRoundingUp(by: problem.workerCount))
    var queue = LeastLoadedQueue(workerCount: problem.workerCount)
    var assignments: [PieceAssignment] = []
    assignments.reserveCapacity(problem.tiles.count + problem.workerCount)
    var requestEnd = 0
    while requestEnd < problem.tiles.count {
      let requestStart = requestEnd
      let request = problem.tiles[requestStart].request
      while requestEnd < problem.tiles.count, problem.tiles[requestEnd].request == request {
        requestEnd += 1
      }
      for tile in (requestStart..<requestEnd).reversed() {
        let keyCount = problem.tiles[tile].keyCount
        var start = 0
        repeat {
          let end = start + min(limit, keyCount - start)
          let worker = queue.addToLeastLoaded(Double(2 * problem.tileRows + end - start))
          assignments.append(PieceAssignment(tile: tile, keyStart: start, keyEnd: end, worker: worker))
          start = end
        } while start < keyCount
      }
    }
    return assignments
  }

  /// Most keys of a chunk, when a worker has `averageKeys` on average.
  private static func chunkLimit(averageKeys: Int) -> Int {
    switch averageKeys {
    case ...8: 32
    case ...16: 64
    case ...32: 128
    case ...64: 192
    default: averageKeys.dividedRoundingUp(by: 256) * 256
    }
  }
}

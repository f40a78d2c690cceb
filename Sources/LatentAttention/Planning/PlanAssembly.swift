/// What a policy's assignments become in the plan: pieces by worker, partial slots, merge jobs.
struct PlanAssembly {
  private(set) var pieces: [Piece] = []
  private(set) var pieceOffsets: [Int]
  private(set) var mergeJobs: [MergeJob] = []
  private(set) var mergeOffsets: [Int] = [0]
  private(set) var partialRowCount = 0
  private(set) var partialPieceCount = 0
  private(set) var mergeRowCount = 0

  /// - Throws: `ProblemError` where the assignments do not cover every tile's keys exactly once.
  init(problem: PlanningProblem, assignments: [PieceAssignment]) throws(ProblemError) {
    try Self.checkRanges(assignments, problem: problem)
    let byWorker = Grouping(assignments, groupCount: problem.workerCount) { $0.worker }
    pieceOffsets = byWorker.offsets
    var partialRows: [Int?] = Array(repeating: nil, count: assignments.count)
    let wholes = try numberPartials(problem: problem, assignments: assignments, into: &partialRows)
    pieces.reserveCapacity(assignments.count)
    for position in byWorker.order {
      let assignment = assignments[position]
      let tile = problem.tiles[assignment.tile]
      pieces.append(
        Piece(
          request: tile.request, firstRow: tile.firstRow, rowCount: tile.rowCount,
          keyStart: assignment.keyStart, keyEnd: assignment.keyEnd, partialRow: partialRows[position]))
    }
    makeMergeJobs(wholes, workerCount: problem.workerCount)
  }

  private static func checkRanges(
    _ assignments: [PieceAssignment], problem: PlanningProblem
  ) throws(ProblemError) {
    for (position, assignment) in assignments.enumerated() {
      guard problem.tiles.indices.contains(assignment.tile) else {
        throw ProblemError(
          .outOfRange, "policy.assignments.tile", index: position, value: assignment.tile,
          requirement: "must be one of the \(problem.tiles.count) tiles")
      }
      guard (0..<problem.workerCount).contains(assignment.worker) else {
        throw ProblemError(
          .outOfRange, "policy.assignments.worker", index: position, value: assignment.worker,
          requirement: "must be one of the \(problem.workerCount) workers")
      }
    }
  }

  /// Gives each piece of a split tile its slot, in the order of tiles and keys, whatever the order of the
  /// assignments: merging then adds in the same order in every batch.
  ///
  /// - Returns: for each split tile the merge of all its rows.
  private mutating func numberPartials(
    problem: PlanningProblem, assignments: [PieceAssignment], into partialRows: inout [Int?]
  ) throws(ProblemError) -> [MergeJob] {
    var byTile = Grouping(assignments, groupCount: problem.tiles.count) { $0.tile }
    var wholes: [MergeJob] = []
    for (index, tile) in problem.tiles.enumerated() {
      let group = byTile.offsets[index]..<byTile.offsets[index + 1]
      byTile.sort(group) { assignments[$0].keyStart < assignments[$1].keyStart }
      var covered = 0
      for position in byTile.order[group] {
        let assignment = assignments[position]
        guard assignment.keyStart == covered, assignment.keyEnd > covered || tile.keyCount == 0 else {
          throw Self.badCover(index, keys: assignment.keyStart, assignment.keyEnd)
        }
        covered = assignment.keyEnd
      }
      guard covered == tile.keyCount, !group.isEmpty, group.count == 1 || tile.keyCount > 0 else {
        throw Self.badCover(index, keys: 0, covered)
      }
      guard group.count > 1 else { continue }
      wholes.append(
        MergeJob(
          request: tile.request, firstRow: tile.firstRow, rowCount: tile.rowCount,
          partialRow: partialRowCount, partialStride: tile.rowCount, partialCount: group.count))
      for position in byTile.order[group] {
        partialRows[position] = partialRowCount
        partialRowCount += tile.rowCount
      }
      partialPieceCount += group.count
      mergeRowCount += tile.rowCount
    }
    return wholes
  }

  private static func badCover(_ tile: Int, keys start: Int, _ end: Int) -> ProblemError {
    ProblemError(
      .mismatch, "policy.assignments", index: tile, value: "\(start) ..< \(end)",
      requirement: "the pieces of a tile must cover its keys once, without gaps and empty pieces")
  }

  /// Cuts the rows of all split tiles, one after another, where a worker's even share of the merge work
  /// (rows · partials) ends.
  private mutating func makeMergeJobs(_ wholes: [MergeJob], workerCount: Int) {
    let total = wholes.reduce(0) { $0 + $1.rowCount * $1.partialCount }
    mergeOffsets.reserveCapacity(workerCount + 1)
    mergeJobs.reserveCapacity(wholes.count + min(workerCount, mergeRowCount))
    var whole = 0
    var row = 0
    var done = 0
    for worker in 1...workerCount {
      let (quotient, remainder) = total.quotientAndRemainder(dividingBy: workerCount)
      let target = quotient * worker + remainder * worker / workerCount
      while whole < wholes.count {
        let source = wholes[whole]
        // To the nearest row: half a row past the target still counts.
        let fitting = (target - done + source.partialCount / 2) / source.partialCount
        let rowCount = min(source.rowCount - row, fitting)
        guard rowCount > 0 else { break }
        var job = source
        job.firstRow += row
        job.partialRow += row
        job.rowCount = rowCount
        mergeJobs.append(job)
        done += rowCount * source.partialCount
        row += rowCount
        guard row == source.rowCount else { break }
        whole += 1
        row = 0
      }
      mergeOffsets.append(mergeJobs.count)
    }
  }
}

extension PlanAssembly {
  /// Judges the pieces by the cost model.
  func statistics(policy: String, problem: PlanningProblem, latentWidth: Int) -> PlanStatistics {
    var makespan = 0.0
    var total = 0.0
    for worker in 0..<problem.workerCount {
      var load = 0.0
      for piece in pieces[pieceOffsets[worker]..<pieceOffsets[worker + 1]] {
        load += problem.costModel.cost(
          rows: piece.rowCount, keys: piece.keyEnd - piece.keyStart, isPartial: piece.partialRow != nil)
      }
      makespan = max(makespan, load)
      total += load
    }
    return PlanStatistics(
      policy: policy, workerCount: problem.workerCount, pieceCount: pieces.count,
      partialPieceCount: partialPieceCount, makespan: makespan, lowerBound: problem.lowerBound,
      idleShare: makespan > 0 ? 1 - total / Double(problem.workerCount) / makespan : 0,
      partialBytes: partialRowCount * (latentWidth + 1) * MemoryLayout<Float>.size,
      mergeRowCount: mergeRowCount)
  }
}

/// Positions of assignments by group: a counting sort, stable.
private struct Grouping {
  /// Group `g` is `order[offsets[g] ..< offsets[g + 1]]`.
  private(set) var offsets: [Int]
  private(set) var order: [Int]

  @inline(__always)
  init(_ assignments: [PieceAssignment], groupCount: Int, group: (PieceAssignment) -> Int) {
    offsets = Array(repeating: 0, count: groupCount + 1)
    for assignment in assignments { offsets[group(assignment) + 1] += 1 }
    for index in 0..<groupCount { offsets[index + 1] += offsets[index] }
    var next = offsets
    order = Array(repeating: 0, count: assignments.count)
    for (position, assignment) in assignments.enumerated() {
      let index = group(assignment)
      order[next[index]] = position
      next[index] += 1
    }
  }

  /// Sorts one group's positions; fast where they are in order already.
  @inline(__always)
  mutating func sort(_ range: Range<Int>, by areInOrder: (Int, Int) -> Bool) {
    var isSorted = true
    for index in range.dropFirst() where areInOrder(order[index], order[index - 1]) { isSorted = false }
    if !isSorted { order[range].sort(by: areInOrder) }
  }
}

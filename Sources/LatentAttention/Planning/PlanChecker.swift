/// Checks a plan against the batch that it was made for, by its own reading of what a plan must do.
///
/// It shares no arithmetic with `Planner`: rows and keys are found again from the batch, by rows.
package struct PlanChecker {
  private let plan: AttentionPlan

  /// Looks at `plan`.
  package init(_ plan: AttentionPlan) {
    self.plan = plan
  }

  /// What is wrong with the plan, in words; empty for a good one.
  ///
  /// Checked are: offsets; that every (row, visible key) pair is in exactly one piece and every row in at
  /// least one; that pieces of one tile share its rows; that partial rows are dense and used once; that a
  /// piece writes through exactly where it has its rows to itself; that merge jobs combine all partials of
  /// each split row exactly once.
  /// - Complexity: O(n log n) for `n` pieces and merge jobs.
  package func findings() -> [String] {
    var findings = offsetFindings()
    // Pieces cannot be grouped by tile before these hold.
    guard findings.isEmpty else { return findings }
    let tiles = pieceTiles()
    findings += coverFindings(tiles)
    findings += partialFindings(tiles)
    findings += mergeFindings(tiles)
    return findings
  }

  private func offsetFindings() -> [String] {
    var findings: [String] = []
    let lists = [
      ("pieceOffsets", plan.pieceOffsets, plan.pieces.count),
      ("mergeOffsets", plan.mergeOffsets, plan.mergeJobs.count),
    ]
    for (name, offsets, count) in lists {
      if offsets.first != 0 || offsets.last != count || zip(offsets, offsets.dropFirst()).contains(where: >) {
        findings.append("\(name) are not ascending from 0 to \(count)")
      }
    }
    if plan.mergeOffsets.count != plan.pieceOffsets.count {
      findings.append("pieceOffsets and mergeOffsets are for different numbers of workers")
    }
    for piece in plan.pieces
    where !isInBatch(request: piece.request, firstRow: piece.firstRow, rowCount: piece.rowCount) {
      findings.append("\(piece) has rows outside the batch")
    }
    for job in plan.mergeJobs
    where !isInBatch(request: job.request, firstRow: job.firstRow, rowCount: job.rowCount) {
      findings.append("\(job) has rows outside the batch")
    }
    return findings
  }

  private func isInBatch(request: Int, firstRow: Int, rowCount: Int) -> Bool {
    guard plan.batch.keyLengths.indices.contains(request) else { return false }
    let rows = plan.batch.queryCount(request) * plan.geometry.headCount
    return firstRow >= 0 && rowCount >= 1 && firstRow <= rows && rowCount <= rows - firstRow
  }

  /// Pieces of the same rows, by request and row, each group by keys.
  private func pieceTiles() -> [ArraySlice<Piece>] {
    let sorted = plan.pieces.sorted {
      ($0.request, $0.firstRow, $0.rowCount, $0.keyStart, $0.keyEnd)
        < ($1.request, $1.firstRow, $1.rowCount, $1.keyStart, $1.keyEnd)
    }
    var tiles: [ArraySlice<Piece>] = []
    var start = 0
    for index in sorted.indices {
      let (piece, isLast) = (sorted[index], index + 1 == sorted.count)
      if isLast || sorted[index + 1].request != piece.request
        || sorted[index + 1].firstRow != piece.firstRow || sorted[index + 1].rowCount != piece.rowCount
      {
        tiles.append(sorted[start...index])
        start = index + 1
      }
    }
    return tiles
  }

  private func coverFindings(_ tiles: [ArraySlice<Piece>]) -> [String] {
    var findings: [String] = []
    var (request, row) = (0, 0)
    for tile in tiles {
      guard let head = tile.first else { continue }
      while request < head.request {
        findings += missingRows(request: request, from: row)
        (request, row) = (request + 1, 0)
      }
      if head.firstRow != row {
        findings.append("request \(request): rows \(row)… expected, \(head.firstRow)… found")
      }
      row = head.firstRow + head.rowCount
      findings += keyFindings(tile)
    }
    while request < plan.batch.count {
      findings += missingRows(request: request, from: row)
      (request, row) = (request + 1, 0)
    }
    return findings
  }

  private func missingRows(request: Int, from row: Int) -> [String] {
    let rows = plan.batch.queryCount(request) * plan.geometry.headCount
    return row == rows ? [] : ["request \(request): rows \(row) ..< \(rows) are in no piece"]
  }

  /// Whether the pieces of one tile follow one another from key 0 to the last that any row sees, and stay
  /// within the request's keys.
  private func keyFindings(_ tile: ArraySlice<Piece>) -> [String] {
    guard let head = tile.first else { return [] }
    var findings: [String] = []
    var covered = 0
    for piece in tile {
      if piece.keyStart != covered { findings.append("\(piece) does not start at key \(covered)") }
      if piece.keyEnd < piece.keyStart || (piece.keyEnd == piece.keyStart && tile.count > 1) {
        findings.append("\(piece) has no keys")
      }
      covered = piece.keyEnd
    }
    let heads = plan.geometry.headCount
    let tokens = head.firstRow / heads...(head.firstRow + head.rowCount - 1) / heads
    let visible = tokens.map { plan.batch.visibleKeyCount(request: head.request, token: $0) }.max() ?? 0
    if covered < visible { findings.append("\(head): keys \(covered) ..< \(visible) are in no piece") }
    if covered > plan.batch.keyLengths[head.request] { findings.append("\(head): keys past the last one") }
    return findings
  }

  private func partialFindings(_ tiles: [ArraySlice<Piece>]) -> [String] {
    var findings: [String] = []
    var slots: [(start: Int, end: Int)] = []
    for tile in tiles {
      for piece in tile {
        if (piece.partialRow == nil) != (tile.count == 1) {
          findings.append("\(piece) of a tile in \(tile.count) pieces has the wrong kind of output")
        }
        if let partialRow = piece.partialRow { slots.append((partialRow, partialRow + piece.rowCount)) }
      }
    }
    slots.sort { $0 < $1 }
    var next = 0
    for slot in slots {
      if slot.start != next {
        findings.append("partial row \(next) expected, slot \(slot.start) ..< \(slot.end) found")
      }
      next = slot.end
    }
    if next != plan.partialRowCount {
      findings.append("partialRowCount is \(plan.partialRowCount), the slots end at \(next)")
    }
    return findings
  }

  private func mergeFindings(_ tiles: [ArraySlice<Piece>]) -> [String] {
    var findings: [String] = []
    let jobs = plan.mergeJobs.sorted { ($0.request, $0.firstRow) < ($1.request, $1.firstRow) }
    var job = 0
    for tile in tiles where tile.count > 1 {
      guard let head = tile.first else { continue }
      var row = head.firstRow
      let end = head.firstRow + head.rowCount
      while row < end, job < jobs.count, jobs[job].request == head.request, jobs[job].firstRow == row {
        findings += jobFindings(jobs[job], tile: tile)
        row += jobs[job].rowCount
        job += 1
      }
      if row != end { findings.append("\(head): row \(row) is not merged as it must be") }
    }
    if job != jobs.count { findings.append("\(jobs[job]) merges rows that are merged already or not split") }
    return findings
  }

  private func jobFindings(_ job: MergeJob, tile: ArraySlice<Piece>) -> [String] {
    guard job.partialCount == tile.count else {
      return ["\(job) combines \(job.partialCount) of \(tile.count) partials"]
    }
    var findings: [String] = []
    for (index, piece) in tile.enumerated() {
      let slot = job.partialRow + index * job.partialStride
      if piece.partialRow.map({ $0 + job.firstRow - piece.firstRow }) != slot {
        findings.append("\(job) reads partial row \(slot) where \(piece) is meant")
      }
    }
    return findings
  }
}

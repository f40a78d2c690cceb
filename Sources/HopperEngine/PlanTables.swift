import GPUDevice
import HopperKernels
import LatentAttention

/// A plan as kernels read it, in device memory: one table of 32-bit numbers, section after section.
struct PlanTables {
  /// The plan.
  let plan: AttentionPlan
  /// Number format of its partial results.
  let partialType: ElementType
  /// Blocks that share the plan's workers.
  let blockCount: Int
  /// Offsets of the sections in the table, in numbers.
  let pieces, mergeJobs, mergeOffsets, pages: Int
  /// The table.
  let memory: DeviceMemory

  /// Writes the tables of a plan, each of whose pieces so many blocks run together: they are neighbours, and have 64 rows
  /// each.
  init(
    _ plan: AttentionPlan, blocksPerWorker: Int, on device: any GPUDevice,
    _ options: HopperEngineOptions, partialType: ElementType
  ) throws(HopperEngineError) {
    self.plan = plan
    self.partialType = partialType
    let workerCount = min(device.properties.multiprocessorCount / blocksPerWorker, plan.workerCount)
    let blockCount = workerCount * blocksPerWorker
    self.blockCount = blockCount
    var table: [Int32] = []
    func append(_ words: [Int32]) -> Int {
      // Records are loaded 16 bytes at a time.
      table += [Int32](repeating: 0, count: -table.count & 3)
      defer { table += words }
      return table.count
    }
    (pieces, mergeJobs, mergeOffsets) = try asProblem { () throws(ProblemError) in
      let blockPieces = try BlockPieces(plan, blocksPerWorker: blocksPerWorker)
      let pieces = try Self.records(blockPieces, of: plan, blockCount)
      let shares = MergeShares(
        plan, blockCount: blockCount, blocksPerWorker: blocksPerWorker, options, partialType: partialType)
      let jobs = try Self.records(shares, of: plan, blockCount)
      return (append(pieces), append(jobs.words), append(jobs.offsets))
    }
    pages = append(plan.batch.pageIndices)
    memory = try onDevice { () throws(GPUDeviceError) in try device.upload(table) }
  }

  /// The address of a section.
  func address(_ section: Int) -> DeviceAddress { memory.address.advanced(by: 4 * section) }

  /// Records of each block's first piece, then of the others.
  private static func records(
    _ pieces: BlockPieces, of plan: AttentionPlan, _ blockCount: Int
  ) throws(ProblemError) -> [Int32] {
    var firsts: [Int32] = []
    var others: [Int32] = []
    for block in 0..<blockCount {
      let ofBlock = items(of: block, in: pieces.offsets, blockCount)
      let otherCount = others.count / PieceRecord.wordCount
      var first = PieceRecord.none
      for (position, item) in ofBlock.enumerated() {
        let record = try record(pieces.pieces[item], of: plan)
        if position == 0 { first = record } else { others += record.words }
      }
      first.blockPieceCount = try word(ofBlock.count, "plan.pieces.count")
      first.secondPiece = try word(blockCount + otherCount, "plan.pieces.count")
      firsts += first.words
    }
    return firsts + others
  }

  /// Records of merge jobs, and where each block's begin.
  private static func records(
    _ shares: MergeShares, of plan: AttentionPlan, _ blockCount: Int
  ) throws(ProblemError) -> (words: [Int32], offsets: [Int32]) {
    var table: [Int32] = []
    var starts: [Int32] = [0]
    for block in 0..<blockCount {
      for item in items(of: block, in: shares.offsets, blockCount) {
        table += try words(shares.jobs[item], of: plan)
      }
      starts.append(try word(table.count / MergeRecord.wordCount, "plan.mergeJobs.count"))
    }
    return (table, starts)
  }

  /// What a block does: it has the shares `block`, `block + blockCount`, … that offsets divide the work into.
  private static func items(of block: Int, in offsets: [Int], _ blockCount: Int) -> [Int] {
    stride(from: block, to: offsets.count - 1, by: blockCount).flatMap { offsets[$0]..<offsets[$0 + 1] }
  }

  private static func record(_ piece: Piece, of plan: AttentionPlan) throws(ProblemError) -> PieceRecord {
    let batch = plan.batch
    // Not clamped: what later tokens see is counted from it.
    let visible =
      batch.keyLengths[piece.request] - (batch.isCausal ? batch.queryCount(piece.request) - 1 : 0)
    return PieceRecord(
      firstToken: try word(batch.queryOffsets[piece.request], "queryOffsets"),
      firstRow: try word(piece.firstRow, "plan.pieces.firstRow"), rowCount: Int32(piece.rowCount),
      keyStart: try word(piece.keyStart, "plan.pieces.keyStart"),
      keyEnd: try word(piece.keyEnd, "plan.pieces.keyEnd"),
      firstPage: try word(batch.pageOffsets[piece.request], "pageOffsets"),
      visibleKeyCount: try word(visible, "keyLengths"),
      partialRow: try word(piece.partialRow ?? -1, "plan.pieces.partialRow"))
  }

  private static func words(
    _ share: MergeShares.Job, of plan: AttentionPlan
  ) throws(ProblemError) -> [Int32] {
    let job = share.job
    // The last partial row that the job reads is one of the plan's, which pieces have been checked for.
    return MergeRecord(
      firstToken: try word(plan.batch.queryOffsets[job.request], "queryOffsets"),
      firstRow: try word(job.firstRow, "plan.mergeJobs.firstRow"),
      rowCount: try word(job.rowCount, "plan.mergeJobs.rowCount"),
      partialRow: try word(job.partialRow, "plan.mergeJobs.partialRow"),
      partialStride: try word(job.partialStride, "plan.mergeJobs.partialStride"),
      partialCount: try word(job.partialCount, "plan.mergeJobs.partialCount"),
      columns: Int32(share.columns.lowerBound)..<Int32(share.columns.upperBound), way: share.way
    ).words
  }

  /// A number of the plan in the 32 bits that kernels keep.
  ///
  /// The kernels add tiles of keys and rows to it: it stays a tile below the greatest.
  private static func word(_ number: Int, _ field: String) throws(ProblemError) -> Int32 {
    guard number <= Int(Int32.max) - 256, let word = Int32(exactly: number) else {
      throw ProblemError(
        .outOfRange, field, value: number, requirement: "must be less than 2^31 − 256 on Hopper")
    }
    return word
  }
}

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
  let pieces, pieceOffsets, mergeJobs, mergeOffsets, pages: Int
  /// The table.
  let memory: DeviceMemory

  /// Writes the tables of a plan, each of whose pieces so many blocks run together: they are neighbours, and have 64 rows
  /// each.
  init(
    _ plan: AttentionPlan, blocksPerWorker: Int, on device: any GPUDevice,
    _ way: HopperEngineOptions.MergeWay, partialType: ElementType
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
    (pieces, pieceOffsets, mergeJobs, mergeOffsets) = try asProblem { () throws(ProblemError) in
      let blockPieces = try BlockPieces(plan, blocksPerWorker: blocksPerWorker)
      let pieces = try Self.records(
        blockPieces.pieces, blockPieces.offsets, blockCount, wordCount: PieceRecord.wordCount
      ) { (piece) throws(ProblemError) in try Self.words(piece, of: plan) }
      let shares = MergeShares(
        plan, blockCount: blockCount, blocksPerWorker: blocksPerWorker, way, partialType: partialType)
      let jobs = try Self.records(
        shares.jobs, shares.offsets, blockCount, wordCount: MergeRecord.wordCount
      ) { (job) throws(ProblemError) in try Self.words(job, of: plan) }
      return (append(pieces.words), append(pieces.offsets), append(jobs.words), append(jobs.offsets))
    }
    pages = append(plan.batch.pageIndices)
    memory = try onDevice { () throws(GPUDeviceError) in try device.upload(table) }
  }

  /// The address of a section.
  func address(_ section: Int) -> DeviceAddress { memory.address.advanced(by: 4 * section) }

  /// Records of what each block does, and where each block's begin: block `b` has the shares `b`, `b + blockCount`, … that
  /// offsets divide the work into.
  private static func records<Work>(
    _ work: [Work], _ offsets: [Int], _ blockCount: Int, wordCount: Int,
    _ words: (Work) throws(ProblemError) -> [Int32]
  ) throws(ProblemError) -> (words: [Int32], offsets: [Int32]) {
    var table: [Int32] = []
    var starts: [Int32] = [0]
    for block in 0..<blockCount {
      for share in stride(from: block, to: offsets.count - 1, by: blockCount) {
        for item in work[offsets[share]..<offsets[share + 1]] { table += try words(item) }
      }
      starts.append(try word(table.count / wordCount, "plan.pieces.count"))
    }
    return (table, starts)
  }

  private static func words(_ piece: Piece, of plan: AttentionPlan) throws(ProblemError) -> [Int32] {
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
      partialRow: try word(piece.partialRow ?? -1, "plan.pieces.partialRow")
    ).words
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

import HopperKernels
import LatentAttention

/// A plan's merge jobs as blocks share them, as `HopperEngineOptions.MergeShare` says.
struct MergeShares {
  /// Some columns of a merge job's rows.
  struct Job {
    var job: MergeJob
    var columns: Range<Int>
    /// How the threads of the block share it.
    var way: MergeRecord.Way
  }

  /// Grouped by block that has them.
  private(set) var jobs: [Job] = []
  /// One more than blocks, into `jobs`.
  private(set) var offsets: [Int] = [0]

  init(
    _ plan: AttentionPlan, blockCount: Int, blocksPerWorker: Int, _ options: HopperEngineOptions,
    partialType: ElementType
  ) {
    let partCount =
      options.mergeShare == .columns
      ? Self.partCount(rows: plan.statistics.mergeRowCount, blockCount: blockCount) : 1
    let columnCount = HopperKernels.latentWidth / partCount
    func share(_ job: MergeJob, part: Int = 0) -> Job {
      // Through shared memory, the order of sums depends on how many columns a block has, and so on the batch.
      let way =
        plan.isBatchInvariant
        ? .registers : Self.way(options.mergeWay, job, columnCount: columnCount, partialType)
      return Job(job: job, columns: part * columnCount..<(part + 1) * columnCount, way: way)
    }
    if options.mergeShare == .tiles {
      for tile in Self.tiles(plan.mergeJobs) { append([share(tile)]) }
    } else if partCount > 1 {
      for row in plan.mergeJobs.flatMap(Self.singleRows) {
        for part in 0..<partCount { append([share(row, part: part)]) }
      }
    } else {
      for worker in 0..<plan.workerCount {
        let ofWorker = plan.mergeJobs[plan.mergeOffsets[worker]..<plan.mergeOffsets[worker + 1]]
        for rank in 0..<blocksPerWorker {
          append(Self.rows(of: ofWorker, rank: rank, blocksPerWorker).map { share($0) })
        }
      }
    }
    // Blocks without any.
    while offsets.count <= blockCount { append([]) }
  }

  /// The next block's jobs.
  private mutating func append(_ ofBlock: [Job]) {
    jobs += ofBlock
    offsets.append(jobs.count)
  }

  /// A job for each row.
  private static func singleRows(of job: MergeJob) -> [MergeJob] {
    (0..<job.rowCount).map { row in
      var single = job
      single.firstRow += row
      single.partialRow += row
      single.rowCount = 1
      return single
    }
  }

  /// A job for each row tile, whose rows the plan has cut into several; those of one follow each other.
  private static func tiles(_ jobs: [MergeJob]) -> [MergeJob] {
    jobs.reduce(into: []) { tiles, job in
      // Partial rows of another tile begin after all pieces of this one.
      if let last = tiles.last, last.partialRow + last.rowCount == job.partialRow,
        last.rowCount < last.partialStride
      {
        tiles[tiles.count - 1].rowCount += job.rowCount
      } else {
        tiles.append(job)
      }
    }
  }

  /// What one of a worker's blocks has of its jobs: an even share of all their rows.
  private static func rows(of jobs: ArraySlice<MergeJob>, rank: Int, _ blocksPerWorker: Int) -> [MergeJob] {
    let rowCount = jobs.reduce(0) { $0 + $1.rowCount }
    let mine = rowCount * rank / blocksPerWorker..<rowCount * (rank + 1) / blocksPerWorker
    var first = 0
    return jobs.compactMap { job in
      defer { first += job.rowCount }
      let rows = mine.clamped(to: first..<first + job.rowCount)
      guard !rows.isEmpty else { return nil }
      var part = job
      part.firstRow += rows.lowerBound - first
      part.partialRow += rows.lowerBound - first
      part.rowCount = rows.count
      return part
    }
  }

  /// Into how many parts columns are cut: as many as there are blocks for, a power of two.
  private static func partCount(rows: Int, blockCount: Int) -> Int {
    var count = 1
    while 2 * count * rows <= blockCount,
      2 * count * MergeRecord.columnGranularity <= HopperKernels.latentWidth
    {
      count *= 2
    }
    return count
  }

  /// How the threads of a block share a job, by how often they wait for memory: in registers once for each batch of pieces
  /// of as many rows as there are groups of threads; through shared memory once for each batch of as many pieces of a row,
  /// and about as long to combine what the groups have.
  private static func way(
    _ way: HopperEngineOptions.MergeWay, _ job: MergeJob, columnCount: Int, _ partialType: ElementType
  ) -> MergeRecord.Way {
    switch way {
    case .registers: return .registers
    case .sharedMemory: return .sharedMemory
    case .automatic:
      let groups = MergeKernel.threadCount / (columnCount * partialType.byteCount / 16)
      let inRegisters =
        job.rowCount.dividedRoundingUp(by: groups) * job.partialCount.dividedRoundingUp(by: batch)
      let inSharedMemory = job.rowCount * (job.partialCount.dividedRoundingUp(by: batch * groups) + 1)
      return inSharedMemory < inRegisters ? .sharedMemory : .registers
    }
  }

  /// Pieces that are added at a time.
  private static let batch = 4
}

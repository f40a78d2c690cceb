import HopperKernels
import LatentAttention

/// A plan's merge jobs as blocks share them: where there are fewer rows than blocks, a row's columns go to several.
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
    _ plan: AttentionPlan, blockCount: Int, blocksPerWorker: Int, _ way: HopperEngineOptions.MergeWay,
    partialType: ElementType
  ) {
    let width = HopperKernels.latentWidth
    let partCount = Self.partCount(rows: plan.statistics.mergeRowCount, blockCount: blockCount)
    let columnCount = width / partCount
    func share(_ job: MergeJob, part: Int) -> Job {
      // Through shared memory, the order of sums depends on how many columns a block has, and so on the batch.
      let way =
        plan.isBatchInvariant
        ? .registers : Self.way(way, job, columnCount: columnCount, partialType)
      return Job(job: job, columns: part * columnCount..<(part + 1) * columnCount, way: way)
    }
    guard partCount > 1 else {
      for worker in 0..<plan.workerCount {
        let ofWorker = plan.mergeJobs[plan.mergeOffsets[worker]..<plan.mergeOffsets[worker + 1]]
        for rank in 0..<blocksPerWorker {
          jobs += Self.rows(of: ofWorker, rank: rank, blocksPerWorker).map { share($0, part: 0) }
          offsets.append(jobs.count)
        }
      }
      return
    }
    for job in plan.mergeJobs {
      for row in 0..<job.rowCount {
        var single = job
        single.firstRow += row
        single.partialRow += row
        single.rowCount = 1
        for part in 0..<partCount {
          jobs.append(share(single, part: part))
          offsets.append(jobs.count)
        }
      }
    }
    // Blocks without any.
    while offsets.count <= blockCount { offsets.append(jobs.count) }
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

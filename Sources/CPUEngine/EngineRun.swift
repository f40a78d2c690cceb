import LatentAttention

/// What an engine keeps between runs: the workers' memory and the partial states; and the run in progress.
///
/// Owned by the engine's lock. During a run the workers read `call` and `stage`, and each touches only its own
/// workspace and the partial rows and outputs that its pieces and jobs name.
@safe final class EngineRun: PoolWork, @unchecked Sendable {
  private enum Stage { case pieces, merges }

  private let workerCount: Int
  private var size = WorkspaceSize()
  private let workspaces: UnsafeMutablePointer<Workspace>
  private let partials: UnsafeMutablePointer<PartialStates>
  private var call: EngineCall?
  private var stage = Stage.pieces

  init(workerCount: Int) {
    self.workerCount = workerCount
    unsafe workspaces = .allocate(capacity: workerCount)
    for worker in 0..<workerCount { unsafe (workspaces + worker).initialize(to: Workspace(WorkspaceSize())) }
    unsafe partials = .allocate(capacity: 1)
    unsafe partials.initialize(to: PartialStates(rowCount: 0, width: 0))
  }

  deinit {
    unsafe workspaces.deinitialize(count: workerCount)
    unsafe workspaces.deallocate()
    unsafe partials.deinitialize(count: 1)
    unsafe partials.deallocate()
  }

  /// Makes room for a plan; does nothing if there is enough.
  func reserve(_ plan: AttentionPlan) {
    let needed = size.union(WorkspaceSize(plan))
    if needed != size {
      size = needed
      for worker in 0..<workerCount { unsafe workspaces[worker] = Workspace(needed) }
    }
    let rows = plan.partialRowCount
    let width = plan.geometry.latentWidth
    if unsafe rows > partials.pointee.rowCount || (rows > 0 && width > partials.pointee.width) {
      unsafe partials.pointee = PartialStates(
        rowCount: max(rows, partials.pointee.rowCount), width: max(width, partials.pointee.width))
    }
  }

  /// Runs all pieces, then all merge jobs.
  func perform(_ newCall: EngineCall, on pool: WorkerPool) {
    call = newCall
    let plan = newCall.plan
    perform(.pieces, onOne: plan.pieceOffsets[1] == plan.pieces.count, pool)
    if !plan.mergeJobs.isEmpty {
      perform(.merges, onOne: plan.mergeOffsets[1] == plan.mergeJobs.count, pool)
    }
    call = nil
  }

  /// Work that is all the first worker's wakes nobody: that would take longer than a small call.
  private func perform(_ newStage: Stage, onOne: Bool, _ pool: WorkerPool) {
    stage = newStage
    if onOne { perform(worker: 0) } else { pool.run(self) }
  }

  func perform(worker: Int) {
    guard let call else { return }
    let runner = unsafe PieceRunner(call: call, workspace: workspaces + worker, partials: partials)
    let plan = call.plan
    for share in stride(from: worker, to: plan.workerCount, by: workerCount) {
      switch stage {
      case .pieces:
        for piece in plan.pieces[plan.pieceOffsets[share]..<plan.pieceOffsets[share + 1]] {
          runner.run(piece)
        }
      case .merges:
        for job in plan.mergeJobs[plan.mergeOffsets[share]..<plan.mergeOffsets[share + 1]] { runner.run(job) }
      }
    }
  }
}

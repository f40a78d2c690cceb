import LatentAttention

/// What an engine keeps between runs: the workers' memory and the partial states; and the run in progress.
///
/// Owned by the engine's lock. During a run the workers read `call` and `stage`, and each touches only its own
/// workspace and the partial rows and outputs that its pieces and jobs name.
@safe final class EngineRun: PoolWork, @unchecked Sendable {
  private enum Stage { case pieces, merges }

  private let workerCount: Int
  /// Size of every workspace that exists, or a smaller one.
  private var size = WorkspaceSize()
  /// `readyWorkspaces` of `workerCount` exist: none before the first plan, then all.
  private let workspaces: UnsafeMutablePointer<Workspace>
  private var readyWorkspaces = 0
  private let partials: UnsafeMutablePointer<PartialStates>
  private var hasPartials = false
  private var call: EngineCall?
  private var stage = Stage.pieces

  init(workerCount: Int) {
    self.workerCount = workerCount
    unsafe workspaces = .allocate(capacity: workerCount)
    unsafe partials = .allocate(capacity: 1)
  }

  deinit {
    unsafe workspaces.deinitialize(count: readyWorkspaces)
    unsafe workspaces.deallocate()
    unsafe partials.deinitialize(count: hasPartials ? 1 : 0)
    unsafe partials.deallocate()
  }

  /// Makes room for a plan; does nothing if there is enough.
  ///
  /// - Throws: `ProblemError` where there is not that much memory; what could run before still can.
  func reserve(_ plan: AttentionPlan) throws(ProblemError) {
    let needed = size.union(WorkspaceSize(plan))
    if needed != size {
      for worker in 0..<workerCount {
        let workspace = try Workspace(needed)
        if worker < readyWorkspaces {
          unsafe workspaces[worker] = workspace
        } else {
          unsafe (workspaces + worker).initialize(to: workspace)
          readyWorkspaces += 1
        }
      }
      size = needed
    }
    let (rows, width) = (plan.partialRowCount, plan.geometry.latentWidth)
    guard hasPartials else {
      unsafe partials.initialize(to: try PartialStates(rowCount: rows, width: width))
      hasPartials = true
      return
    }
    if unsafe rows > partials.pointee.rowCount || (rows > 0 && width > partials.pointee.width) {
      unsafe partials.pointee = try PartialStates(
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

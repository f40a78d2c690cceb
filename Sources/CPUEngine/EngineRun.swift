import LatentAttention
import WorkerThreads

/// What an engine keeps between runs: the workers' memory and the partial states; and the run in progress.
///
/// Owned by the engine's lock. During a run the workers read `call` and `stage`, and each touches only its own
/// workspace and the partial rows and outputs that the pieces and jobs it claims name.
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
  /// What is left of the stage in progress.
  private let queue = ShareQueue()

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
    queue.reserve(shares: plan.workerCount)
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
    queue.refill(shares: call?.plan.workerCount ?? 0)
    if onOne { perform(worker: 0) } else { pool.run(self) }
  }

  /// Does the worker's own shares and then what others have left. What a piece or job computes does not depend on who
  /// does it.
  func perform(worker: Int) {
    guard let call else { return }
    let runner = unsafe PieceRunner(call: call, workspace: workspaces + worker, partials: partials)
    let plan = call.plan
    switch stage {
    case .pieces:
      queue.takeAll(worker: worker, of: workerCount, from: plan.pieceOffsets) { runner.run(plan.pieces[$0]) }
    case .merges:
      queue.takeAll(worker: worker, of: workerCount, from: plan.mergeOffsets) {
        runner.run(plan.mergeJobs[$0])
      }
    }
  }
}

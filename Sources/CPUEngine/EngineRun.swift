import LatentAttention
import Synchronization

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
  /// For each share of the plan in progress, how many of its pieces or jobs have been taken.
  private var taken: UnsafeMutablePointer<Atomic<Int>>
  private var shareCapacity = 0

  init(workerCount: Int) {
    self.workerCount = workerCount
    unsafe workspaces = .allocate(capacity: workerCount)
    unsafe partials = .allocate(capacity: 1)
    unsafe taken = .allocate(capacity: 0)
  }

  deinit {
    unsafe taken.deallocate()
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
    reserve(shares: plan.workerCount)
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

  private func reserve(shares: Int) {
    guard shares > shareCapacity else { return }
    unsafe taken.deallocate()
    unsafe taken = .allocate(capacity: shares)
    shareCapacity = shares
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
    for share in 0..<(call?.plan.workerCount ?? 0) { unsafe (taken + share).initialize(to: Atomic(0)) }
    if onOne { perform(worker: 0) } else { pool.run(self) }
  }

  /// Does the worker's own shares and then what others have left: on a shared machine a core may be slower than the
  /// plan assumed. What a piece or job computes does not depend on who does it.
  func perform(worker: Int) {
    guard let call else { return }
    let runner = unsafe PieceRunner(call: call, workspace: workspaces + worker, partials: partials)
    let plan = call.plan
    for start in 0..<workerCount {
      let firstShare = (worker + start) % workerCount
      for share in stride(from: firstShare, to: plan.workerCount, by: workerCount) {
        switch stage {
        case .pieces:
          while let piece = takeNext(of: share, from: plan.pieceOffsets) { runner.run(plan.pieces[piece]) }
        case .merges:
          while let job = takeNext(of: share, from: plan.mergeOffsets) { runner.run(plan.mergeJobs[job]) }
        }
      }
    }
  }

  /// The next piece or job of a share that nobody has taken.
  private func takeNext(of share: Int, from offsets: [Int]) -> Int? {
    let next = unsafe offsets[share] + taken[share].add(1, ordering: .relaxed).oldValue
    return next < offsets[share + 1] ? next : nil
  }
}

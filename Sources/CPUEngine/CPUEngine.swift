import CPUMicrokernels
import LatentAttention
import Synchronization
import WorkerThreads

/// Runs plans on CPU threads.
///
/// Each worker walks its pieces (scores, softmax and accumulation, block by block) and then those that others have
/// left; the merge jobs likewise. Safe to call from several threads: runs of one engine are done one after another;
/// several engines run side by side.
///
/// - Note: A row's result depends only on its request and on the plan's cuts, not on which thread computes it.
public final class CPUEngine: AttentionEngine {
  /// Nothing but mistakes of the caller.
  public typealias Failure = ProblemError

  /// The instruction set in use; element types that it has no products for use the next one down.
  public let instructionSet: InstructionSet
  private let pool: WorkerPool
  private let run: Mutex<EngineRun>

  /// Starts an engine with threads of its own.
  ///
  /// - Parameters:
  ///   - threadCount: workers, the calling thread included; nil for as many as the process may use.
  ///   - instructionSet: nil for what `MLA_ISA` names, or else the best that this machine has.
  /// - Throws: `CPUEngineError`.
  public init(
    threadCount: Int? = nil, instructionSet: InstructionSet? = nil
  ) throws(CPUEngineError) {
    let count = threadCount ?? Self.availableThreadCount
    guard (1...Self.maximumThreadCount).contains(count) else { throw .badThreadCount(count) }
    self.instructionSet = try InstructionSet.choose(instructionSet)
    do throws(ThreadCreationError) {
      pool = try WorkerPool(workerCount: count)
    } catch {
      throw .threadCreationFailed(errorNumber: error.errorNumber)
    }
    run = Mutex(EngineRun(workerCount: count))
  }

  private static let maximumThreadCount = 1024

  /// Processors that this process may run on, at most what an engine takes.
  public static var availableThreadCount: Int { min(Int(mla_processor_count()), maximumThreadCount) }

  /// Moves the calling thread to one of the processors that this process may run on, 0 being the first; the system
  /// may move it on. For measurements: processors of a shared machine differ in speed.
  public static func moveCallingThread(toProcessor index: Int) {
    guard let index = Int32(exactly: index) else { return }
    mla_move_to_processor(index)
  }

  /// Worker threads, the calling one included.
  public var threadCount: Int { pool.workerCount }

  /// Plans a batch for this engine's threads and makes room for running it.
  public func plan(
    _ batch: Batch, geometry: AttentionGeometry, policy: any PlanningPolicy = BalancedPolicy()
  ) throws(ProblemError) -> AttentionPlan {
    let planner = try Planner(
      policy: policy, workerCount: threadCount, tileRows: Self.tileRows,
      costModel: .cpu(geometry: geometry, instructionSet: instructionSet))
    let plan = try planner.plan(batch, geometry: geometry)
    try run.withLock { (run) throws(ProblemError) in try run.reserve(plan) }
    return plan
  }

  /// Rows of a tile: all heads of DeepSeek-V3 read a block of keys once, and the outputs fit L2 beside it.
  public static let tileRows = 128

  /// Computes attention for all rows of the plan's batch. A plan made for another number of workers is fine.
  public func run(
    _ plan: AttentionPlan, queries: QueryView, cache: CacheView, output: OutputView
  ) throws(ProblemError) {
    try CallValidation.check(
      batch: plan.batch, geometry: plan.geometry, queries: queries, cache: cache, output: output)
    guard !plan.pieces.isEmpty else { return }
    let call = EngineCall(
      plan: plan, queries: queries, cache: cache, output: output, limit: instructionSet)
    try run.withLock { (run) throws(ProblemError) in
      try run.reserve(plan)
      run.perform(call, on: pool)
    }
  }

  /// Runs something other than attention on the engine's threads, between attention runs.
  func runExclusively(_ work: some PoolWork) {
    run.withLock { _ in pool.run(work) }
  }

  /// The micro-kernels whose products an element type gets, at DeepSeek's widths.
  func kernels(for elementType: ElementType) -> MicrokernelSet {
    // What a cache of 8 bits is decoded for.
    let elementType = elementType == .float8 ? .bfloat16 : elementType
    return MicrokernelTable.set(for: elementType, latentWidth: 512, ropeWidth: 64, limit: instructionSet)
  }
}

import GPUDevice
import HopperKernels
import LatentAttention
import Synchronization

/// How a Hopper engine works, where there is a choice.
public struct HopperEngineOptions: Sendable, Hashable {
  /// Where partial results are combined.
  public enum SecondStage: String, Sendable, Hashable, CaseIterable {
    /// In the same launch, after all blocks have waited for each other.
    case sameLaunch
    /// By a second kernel, which may start while the first one ends (programmatic dependent launch).
    case dependentLaunch
  }

  /// Through what the threads of a block combine partial results.
  public enum MergeWay: String, Sendable, Hashable, CaseIterable {
    /// Each thread adds up all pieces of its columns, four loads at a time.
    case registers
    /// Groups of threads add up some pieces each, by asynchronous copies, and combine what they have got.
    case sharedMemory
    /// For each job whichever waits for memory less often.
    case automatic
  }

  /// How blocks share the rows that are combined.
  public enum MergeShare: String, Sendable, Hashable, CaseIterable {
    /// An even share of rows each; where there are fewer rows than blocks, several blocks have some columns of each.
    case columns
    /// An even share of whole rows each, however few they are.
    case rows
    /// One block has all rows of a row tile.
    case tiles
  }

  /// Whether two blocks of a cluster share the keys of a request of more than 64 rows, query token × head, each with 64 rows
  /// of every 128.
  public enum Cluster: String, Sendable, Hashable, CaseIterable {
    /// What the nearest of `choices` says, `none` where many blocks would have no rows or keys cannot be loaded by TMA.
    case automatic
    /// Every block is alone.
    case none
    /// Both blocks load all keys, at the same time.
    case sync
    /// Each block loads half of every tile of keys for both. Page sizes that are no multiple of 16, and rows that are not
    /// aligned to 16 bytes, cannot be loaded so: for them it is `sync`.
    case multicast
  }

  /// How the warpgroups of a block share the work; nil for what the nearest of `choices` says. Plans that must not depend
  /// on the batch are then run by two warpgroups.
  public var pipeline: DecodeVariant.Pipeline?
  /// Values of the pipeline's parameters; nil for what the nearest of `choices` says where it says the pipeline too, else
  /// for the pipeline's own.
  public var tuning: PipelineTuning?
  /// Whether two blocks share keys.
  public var cluster = Cluster.automatic
  /// Where partial results are combined.
  public var secondStage = SecondStage.sameLaunch
  /// Through what the threads of a block combine them. Plans that must not depend on the batch are combined in registers.
  public var mergeWay = MergeWay.automatic
  /// How blocks share the rows that are combined.
  public var mergeShare = MergeShare.columns
  /// Number format of partial results: fp32, fp16 or bf16; nil for what `partialType(of:output:)` says.
  public var partialType: ElementType?
  /// What was fastest for calls like a batch.
  public var choices = TunedChoice.table
  /// Whether tiles that lie in whole pages are loaded by TMA.
  public var usesTensorMaps = true

  /// The defaults.
  public init() {}

  /// The number format of a plan's partial results, where the outputs have this one.
  ///
  /// 16-bit outputs have partials of their own type: those are within its range, as are all means of keys, and are rounded as
  /// the output is. Few partials are fp32, which costs nothing then: on an H100 up to 8 MB of them take no longer. Results
  /// that must not depend on the batch cannot depend on how many there are.
  public func partialType(of plan: AttentionPlan, output: ElementType) -> ElementType {
    partialType
      ?? (plan.isBatchInvariant || plan.partialRowCount <= Self.mostFullPartialRows ? .float32 : output)
  }

  /// Rows of 512 numbers: 8 MB in fp32.
  private static let mostFullPartialRows = 4096
}

/// Runs plans on a Hopper GPU, real or simulated.
///
/// The views that it is given lie over the device's memory: their addresses are device addresses, and nothing here reads
/// them. It takes 16-bit queries and caches of latent width 512 and rope width 64 or 0, everything else as the CPU engine
/// does. Rows of queries and cache that are aligned to 16 bytes are fetched several times as fast as others.
///
/// Runs of one engine are ordered: they are put into one stream, the device's default one.
public final class HopperEngine: AttentionEngine {
  /// Mistakes of the caller, and what the device meets.
  public typealias Failure = HopperEngineError

  /// The device.
  public let device: any GPUDevice
  /// How it works.
  public let options: HopperEngineOptions
  /// Of `options.choices` those for the device, and what work costs on it: names are compared once, not in each run.
  private let choices: [TunedChoice]
  private let costs: [FittedCosts]
  private let state: Mutex<EngineState>

  /// An engine on a device.
  public init(device: any GPUDevice, options: HopperEngineOptions = HopperEngineOptions()) {
    self.device = device
    self.options = options
    choices = TunedChoice.ofDevice(device.properties.name, in: options.choices)
    costs = FittedCosts.ofDevice(device.properties.name)
    state = Mutex(EngineState())
  }

  /// Blocks that run at a time: one on each multiprocessor.
  public var workerCount: Int { device.properties.multiprocessorCount }

  /// Plans a batch for this device's multiprocessors. With clusters a worker is two blocks, and row tiles have 128 rows.
  ///
  /// - Throws: ``HopperEngineError/problem(_:)`` where the batch does not fit the geometry or the kernels.
  public func plan(
    _ batch: Batch, geometry: AttentionGeometry, policy: any PlanningPolicy = BalancedPolicy()
  ) throws(HopperEngineError) -> AttentionPlan {
    try asProblem { () throws(ProblemError) in
      try Self.check(geometry)
      let sharing = KeySharing(
        batch, geometry, policy, options, choice: policy.isBatchInvariant ? nil : choice(batch, geometry),
        device.properties)
      let costs = costs.first { $0.sharing == sharing } ?? FittedCosts.table[0]
      let planner = try Planner(
        policy: policy, workerCount: workerCount / sharing.blocksPerWorker,
        tileRows: HopperKernels.tileRows * sharing.blocksPerWorker, costModel: costs.costModel)
      return try planner.plan(batch, geometry: geometry)
    }
  }

  /// What was fastest for calls like this one.
  private func choice(_ batch: Batch, _ geometry: AttentionGeometry) -> TunedChoice? {
    .nearest(batch, geometry, in: choices)
  }

  /// Computes attention for all rows of the plan's batch. It returns when the work is in the device's default stream.
  ///
  /// A plan made for another number of workers is fine if its tiles have at most 64 rows; 128, if the options do not say
  /// that every block is alone.
  ///
  /// - Throws: ``HopperEngineError``; nothing is launched for a ``HopperEngineError/problem(_:)``.
  public func run(
    _ plan: AttentionPlan, queries: QueryView, cache: CacheView, output: OutputView
  ) throws(HopperEngineError) {
    try asProblem { () throws(ProblemError) in
      try check(plan, queries: queries, cache: cache, output: output)
    }
    guard !plan.pieces.isEmpty else { return }
    let call = try asProblem { () throws(ProblemError) in
      try EngineCall(
        plan: plan, queries: queries, cache: cache, output: output, options,
        choice: plan.isBatchInvariant ? nil : choice(plan.batch, plan.geometry))
    }
    try state.withLock { (state) throws(HopperEngineError) in
      try state.launch(call, on: device, options)
    }
  }

  /// What every run checks.
  func check(
    _ plan: AttentionPlan, queries: QueryView, cache: CacheView, output: OutputView
  ) throws(ProblemError) {
    try Self.check(plan.geometry)
    guard options.partialType != .float8 else {
      throw ProblemError(
        .mismatch, "options.partialType", value: ElementType.float8.rawValue,
        requirement: "must be fp32, fp16 or bf16")
    }
    try CallValidation.check(
      batch: plan.batch, geometry: plan.geometry, queries: queries, cache: cache, output: output)
    try Self.check(queries.latent.elementType)
    try Self.check(plan.batch, cache, output)
  }

  /// - Throws: `ProblemError.outOfRange` for widths that the kernels are not made for.
  private static func check(_ geometry: AttentionGeometry) throws(ProblemError) {
    guard geometry.latentWidth == HopperKernels.latentWidth else {
      throw ProblemError(
        .outOfRange, "latentWidth", value: geometry.latentWidth,
        requirement: "must be \(HopperKernels.latentWidth) on Hopper")
    }
    guard [0, HopperKernels.ropeWidth].contains(geometry.ropeWidth) else {
      throw ProblemError(
        .outOfRange, "ropeWidth", value: geometry.ropeWidth,
        requirement: "must be 0 or \(HopperKernels.ropeWidth) on Hopper")
    }
  }

  /// - Throws: `ProblemError.mismatch` for what only the CPU engine does.
  private static func check(_ batch: Batch, _ cache: CacheView, _ output: OutputView) throws(ProblemError) {
    guard batch.cachePageSize == batch.pageSize else {
      throw ProblemError(
        .mismatch, "cachePageSize", value: batch.cachePageSize,
        requirement: "must be \(batch.pageSize) on Hopper, for lists of tokens")
    }
    guard !cache.isCoded else {
      throw ProblemError(
        .mismatch, "cache.latent.elementType", value: cache.latent.elementType.rawValue,
        requirement: "must be bf16 or fp16 on Hopper")
    }
    guard output.sinks == nil, output.maximumScores == nil else {
      throw ProblemError(
        .mismatch, output.sinks == nil ? "maximumScores" : "sinks", value: "given",
        requirement: "must be nil on Hopper")
    }
  }

  private static func check(_ type: ElementType) throws(ProblemError) {
    guard type != .float32 else {
      throw ProblemError(
        .mismatch, "queries.latent.elementType", value: type.rawValue,
        requirement: "must be bf16 or fp16 on Hopper"
      )
    }
  }
}

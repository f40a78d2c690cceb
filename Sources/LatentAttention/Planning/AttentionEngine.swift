/// What runs plans: the CPU, a Hopper GPU, a simulated one.
///
/// Plan once per decode step, run once per layer. `run` allocates nothing on the engine's side once a plan of
/// the same or a larger size has run, and never copies the cache.
public protocol AttentionEngine: Sendable {
  /// What planning and running throw: a `ProblemError`, or that and what else the engine can meet.
  associatedtype Failure: Error

  /// Plans a batch for this engine's workers.
  ///
  /// - Throws: `ProblemError` where the batch does not fit the geometry or the engine.
  func plan(
    _ batch: Batch, geometry: AttentionGeometry, policy: any PlanningPolicy
  ) throws(Failure) -> AttentionPlan

  /// Computes attention for all rows of the plan's batch.
  ///
  /// - Throws: `ProblemError` where a tensor does not match what the plan was made for; nothing is written then.
  func run(
    _ plan: AttentionPlan, queries: QueryView, cache: CacheView, output: OutputView
  ) throws(Failure)
}

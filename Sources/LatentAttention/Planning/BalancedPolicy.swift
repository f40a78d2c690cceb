/// A makespan close to the lower bound, with few splits: the default.
///
/// The policy tries makespans from the lower bound upwards, as MULTIFIT does for whole jobs (E. G. Coffman,
/// M. R. Garey, D. S. Johnson, "An application of bin-packing to multiprocessor scheduling", 1978). For a
/// makespan `τ`
/// 1. a tile that costs more than `τ` fills workers with pieces as long as `τ` allows, and leaves a rest;
/// 2. the rests and all other tiles go, dearest first, where they leave the smallest gap
///    (best-fit decreasing);
/// 3. what fits nowhere is cut over the largest gaps, as in the wrap-around rule of R. McNaughton
///    ("Scheduling with deadlines and loss functions", 1959).
///
/// Every piece of a cut tile pays for its start and its partial, so a tile is cut only where that shortens
/// the makespan with the costs of the cut counted.
public struct BalancedPolicy: PlanningPolicy {
  /// Makes the policy.
  public init() {}

  /// `balanced`.
  public var name: String { PolicyName.balanced.rawValue }

  /// Searches the makespan. O(n log n) to sort `n` tiles, O(n + workers) for each makespan tried.
  public func assignPieces(_ problem: PlanningProblem) -> [PieceAssignment] {
    var packing = BalancedPacking(problem)
    var best: [PieceAssignment] = []
    var attemptCount = 1
    // Relative to the lower bound.
    var failed = 0.0
    var excess = Self.tolerance
    while !packing.pack(makespan: problem.lowerBound * (1 + excess), into: &best) {
      failed = excess
      excess = max(2 * excess, Self.firstStep)
      attemptCount += 1
    }
    var attempt: [PieceAssignment] = []
    let attemptLimit = Self.attemptBudget / (problem.tiles.count + problem.workerCount)
    while excess - failed > Self.tolerance, attemptCount < attemptLimit {
      let middle = (failed + excess) / 2
      if packing.pack(makespan: problem.lowerBound * (1 + middle), into: &attempt) {
        swap(&best, &attempt)
        excess = middle
      } else {
        failed = middle
      }
      attemptCount += 1
    }
    return best
  }

  /// Relative width at which the search ends; the lower bound itself is known to half of that.
  private static let tolerance = 0.0002
  /// Excess over the lower bound from which on it is doubled until an attempt succeeds.
  private static let firstStep = 0.004
  /// Tiles and workers that all attempts together may visit before the search settles for what it has.
  private static let attemptBudget = 3_000
}

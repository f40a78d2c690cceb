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
    var failed = problem.lowerBound
    if packing.pack(makespan: failed, into: &best) { return best }

    var attempt: [PieceAssignment] = []
    var excess = Self.tolerance
    var attemptCount = 2
    while !packing.pack(makespan: problem.lowerBound * (1 + excess), into: &best) {
      failed = problem.lowerBound * (1 + excess)
      excess = max(2 * excess, Self.firstStep)
      attemptCount += 1
    }
    var makespan = problem.lowerBound * (1 + excess)
    let attemptLimit = Self.attemptBudget / (problem.tiles.count + problem.workerCount)
    while makespan - failed > Self.tolerance * makespan, attemptCount < attemptLimit {
      let middle = (failed + makespan) / 2
      if packing.pack(makespan: middle, into: &attempt) {
        swap(&best, &attempt)
        makespan = middle
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
  private static let attemptBudget = 5_000
}

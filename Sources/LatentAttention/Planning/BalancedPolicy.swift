/// A makespan close to the lower bound, with few splits: the default.
///
/// The policy first places whole tiles, dearest first (R. L. Graham, "Bounds on multiprocessing timing
/// anomalies", 1969). Where that is not good enough it tries makespans from the lower bound upwards, as
/// MULTIFIT does for whole jobs (E. G. Coffman, M. R. Garey, D. S. Johnson, "An application of bin-packing
/// to multiprocessor scheduling", 1978). For a makespan `τ`
/// 1. a tile that costs more than `τ` fills workers with pieces as long as `τ` allows, and leaves a rest;
/// 2. the rests and all other tiles go, dearest first, where they leave the smallest gap
///    (best-fit decreasing);
/// 3. what fits nowhere is cut over the largest gaps, as in the wrap-around rule of R. McNaughton
///    ("Scheduling with deadlines and loss functions", 1959).
///
/// Every piece of a cut tile pays for its start and its partial, so a tile is cut only where that shortens
/// the makespan with the costs of the cut counted, by more than the second stage takes that cuts make necessary.
public struct BalancedPolicy: PlanningPolicy {
  /// Makes the policy.
  public init() {}

  /// `balanced`.
  public var name: String { PolicyName.balanced.rawValue }

  /// Searches the makespan. O(n log n) to sort and place `n` tiles, O(n + workers) for each makespan tried.
  public func assignPieces(_ problem: PlanningProblem) -> [PieceAssignment] {
    // Relative to the lower bound, as all makespans here.
    let (whole, excessOfWhole) = Self.placeWhole(problem)
    var (best, excess) = (whole, excessOfWhole)
    var failed = 0.0
    var attempt: [PieceAssignment] = []
    var packing = BalancedPacking(problem)
    var attemptCount = 0
    var next = Self.boundTolerance
    let attemptLimit = Self.attemptBudget / (problem.tiles.count + problem.workerCount)
    while excess - failed > Self.tolerance, attemptCount < attemptLimit || excess == .infinity {
      if let makespan = packing.pack(makespan: problem.lowerBound * (1 + next), into: &attempt) {
        swap(&best, &attempt)
        excess = min(next, makespan / problem.lowerBound - 1)
      } else {
        failed = Self.nextPossible(after: next, problem)
      }
      let doubled = max(2 * failed, Self.firstStep)
      next = doubled < excess ? doubled : (failed + excess) / 2
      attemptCount += 1
    }
    Self.scan(problem, &packing, &best, excess: excess)
    // Whole tiles dearest first also go to neighbours at the same time where they share keys.
    let saved = excessOfWhole - excess
    let isCut = best.count > problem.tiles.count
    let leastSaving = isCut ? problem.costModel.secondStage / problem.lowerBound : 0
    return saved < max(leastSaving, Self.boundTolerance) ? whole : best
  }

  /// All between a failed makespan and the next possible load would fail in the same way.
  private static func nextPossible(after failed: Double, _ problem: PlanningProblem) -> Double {
    guard let loads = problem.loads else { return failed }
    let next = loads.smallestLoad(atLeast: problem.lowerBound * (1 + failed)) / problem.lowerBound - 1
    return max(failed, next - tolerance)
  }

  /// Where the best makespan is still far from the bound, tries from the bound upwards with short rests put
  /// off: packing is not monotone, so one can succeed where a larger one failed.
  private static func scan(
    _ problem: PlanningProblem, _ packing: inout BalancedPacking, _ best: inout [PieceAssignment],
    excess: Double
  ) {
    guard excess > goodExcess else { return }
    var attempt: [PieceAssignment] = []
    var next = scanStep
    var attemptCount = scanBudget / (problem.tiles.count + problem.workerCount)
    while next < excess, attemptCount > 0 {
      let makespan = problem.lowerBound * (1 + next)
      if packing.pack(makespan: makespan, poursShortRests: true, into: &attempt) != nil {
        best = attempt
        return
      }
      next += scanStep
      attemptCount -= 1
    }
  }

  /// Every tile in one piece, dearest first to the least-loaded worker; that alone is often enough where
  /// tiles are many, or come in equal ones. Nothing, and an infinite excess, where one tile is too dear.
  private static func placeWhole(_ problem: PlanningProblem) -> ([PieceAssignment], excess: Double) {
    guard let dearest = problem.tilesByCost.first else { return ([], 0) }
    guard problem.tileCosts[dearest] <= problem.lowerBound * (1 + boundTolerance) else {
      return ([], .infinity)
    }
    var queue = LeastLoadedQueue(workerCount: problem.workerCount)
    let assignments = problem.tilesByCost.map { tile in
      PieceAssignment(
        tile: tile, keyStart: 0, keyEnd: problem.tiles[tile].keyCount,
        worker: queue.addToLeastLoaded(problem.tileCosts[tile]))
    }
    guard problem.lowerBound > 0 else { return (assignments, 0) }
    return (assignments, max(0, queue.makespan / problem.lowerBound - 1))
  }

  /// The lower bound is known to half of this, so a makespan nearer to it may be the best there is.
  private static let boundTolerance = 0.0002
  /// Relative width at which the search ends.
  private static let tolerance = 0.00002
  /// Excess over the lower bound from which on it is doubled until an attempt succeeds.
  private static let firstStep = 0.004
  /// Tiles and workers that all attempts together may visit before the search settles for what it has.
  private static let attemptBudget = 3_600
  /// Excess that is not worth a scan.
  private static let goodExcess = 0.02
  /// Step of the scan.
  private static let scanStep = 0.002
  /// Tiles and workers that a scan may visit.
  private static let scanBudget = 7_200
}

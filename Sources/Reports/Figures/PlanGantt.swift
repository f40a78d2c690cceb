import LatentAttention

/// A plan drawn as a Gantt chart: a lane for each worker, its pieces one after another, as wide as they
/// cost; after the barrier, who merges how much.
///
/// Colours tell requests apart; a hatched piece writes a partial, a plain one the final output. The cost
/// model charges merging to the pieces that make it necessary, so the part behind the barrier has a scale
/// of its own: partial rows read.
public struct PlanGantt: Sendable {
  /// What the chart is called.
  public let title: String
  /// The plan that is drawn.
  public let plan: AttentionPlan
  /// The model that the widths come from.
  public let costModel: CostModel

  private static let largestGranularity = 1 << 20

  /// A chart of `plan` with costs, in nanoseconds, under `costModel`, which need not be the model that the
  /// plan was made with.
  ///
  /// - Throws: `ProblemError` for a cost outside 0…10⁹ ns, or a granularity outside 1…2²⁰.
  public init(title: String, plan: AttentionPlan, costModel: CostModel) throws(ProblemError) {
    let costs = [
      ("perPiece", costModel.perPiece), ("perKey", costModel.perKey), ("perKeyRow", costModel.perKeyRow),
      ("perPartialRow", costModel.perPartialRow),
    ]
    for (name, cost) in costs {
      // A second is past any sense for one key or row, and sums of such costs stay finite.
      guard cost >= 0, cost <= 1e9 else {
        throw ProblemError(
          cost.isFinite ? .outOfRange : .notFinite, "costModel.\(name)", value: cost,
          requirement: "must be 0 to 1e9 nanoseconds")
      }
    }
    let granularities = [
      ("rowGranularity", costModel.rowGranularity), ("keyGranularity", costModel.keyGranularity),
    ]
    for (name, granularity) in granularities where !(1...Self.largestGranularity).contains(granularity) {
      throw ProblemError(
        granularity < 1 ? .notPositive : .outOfRange, "costModel.\(name)", value: granularity,
        requirement: "must be 1 to \(Self.largestGranularity)")
    }
    self.title = title
    self.plan = plan
    self.costModel = costModel
  }

  /// Draws the chart: lanes are 3 to 18 pixels high, so that 1000 of them are still told apart.
  ///
  /// - Complexity: O(workers + pieces + merge jobs).
  public func svg() -> SVGImage { GanttDrawing(self).image() }
}

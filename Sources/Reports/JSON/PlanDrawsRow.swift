import LatentAttention

/// How good one policy's plans are over many drawn batches. The properties' names are the keys in JSON.
public struct PlanDrawsRow: Hashable, Sendable, Encodable {
  /// The planning policy.
  public var policy: String
  /// Workers the plans were made for.
  public var workers: Int
  /// Requests of each batch.
  public var batch: Int
  /// Batches.
  public var draws: Int
  /// Mean of makespan ÷ lower bound; at least 1.
  public var makespanRatioMean: Double
  /// The worst batch's makespan ÷ lower bound.
  public var makespanRatioWorst: Double
  /// The worst batch's makespan ÷ that of `flashInfer` for the same batch; at most 1 where it is never behind.
  public var overFlashInferWorst: Double
  /// The worst batch's makespan ÷ that of `flashMLA` for the same batch.
  public var overFlashMLAWorst: Double
  /// Median time of a plan, in microseconds.
  public var planMicroseconds: Double

  /// The numbers of a policy's plans for batches of `batch` requests.
  ///
  /// - Parameters:
  ///   - statistics: of one plan per batch; at least one.
  ///   - flashInfer: the makespans of `flashInfer` for the same batches, in the same order.
  ///   - flashMLA: those of `flashMLA`.
  public init(
    _ statistics: [PlanStatistics], flashInfer: [Double], flashMLA: [Double], batch: Int,
    planMicroseconds: Double
  ) {
    func worstOver(_ others: [Double]) -> Double {
      zip(statistics, others).map { $1 > 0 ? $0.makespan / $1 : 1 }.max() ?? 1
    }
    policy = statistics.first?.policy ?? ""
    workers = statistics.first?.workerCount ?? 0
    self.batch = batch
    draws = statistics.count
    makespanRatioMean = statistics.reduce(0) { $0 + $1.makespanRatio } / Double(max(1, statistics.count))
    makespanRatioWorst = statistics.map(\.makespanRatio).max() ?? 1
    overFlashInferWorst = worstOver(flashInfer)
    overFlashMLAWorst = worstOver(flashMLA)
    self.planMicroseconds = planMicroseconds
  }

  /// Rows as a table for people.
  public static func table(_ rows: [PlanDrawsRow]) -> TextTable {
    var table = TextTable(columns: [
      .text("policy"), .number("workers"), .number("batch"), .number("draws"),
      .number("makespan ÷ bound: mean"), .number("worst"), .number("worst ÷ flashInfer"),
      .number("worst ÷ flashMLA"), .number("plan µs"),
    ])
    for row in rows {
      let ratios = [
        row.makespanRatioMean, row.makespanRatioWorst, row.overFlashInferWorst, row.overFlashMLAWorst,
      ]
      table.append(
        [row.policy, "\(row.workers)", "\(row.batch)", "\(row.draws)"]
          + ratios.map { NumberFormat.significant($0, digits: 4) }
          + [NumberFormat.significant(row.planMicroseconds)])
    }
    return table
  }
}

import LatentAttention

/// How good one plan is. The properties' names are the keys in JSON.
public struct PlanRow: Hashable, Sendable, Encodable {
  /// The planning policy.
  public var policy: String
  /// Workers the plan was made for.
  public var workers: Int
  /// Requests.
  public var batch: Int
  /// Load of the busiest worker ÷ the least that any plan for the batch could reach; at least 1.
  public var makespanRatio: Double
  /// 1 − mean load ÷ load of the busiest worker.
  public var idleShare: Double
  /// Bytes of partial outputs and LSEs.
  public var partialBytes: Int
  /// Rows that the second stage combines.
  public var mergeRows: Int
  /// Time that planning took, in microseconds.
  public var planMicroseconds: Double

  /// The numbers of a plan for `batch` requests that took `planMicroseconds` to make.
  public init(_ statistics: PlanStatistics, batch: Int, planMicroseconds: Double) {
    self.policy = statistics.policy
    self.workers = statistics.workerCount
    self.batch = batch
    self.makespanRatio = statistics.makespanRatio
    self.idleShare = statistics.idleShare
    self.partialBytes = statistics.partialBytes
    self.mergeRows = statistics.mergeRowCount
    self.planMicroseconds = planMicroseconds
  }

  /// Rows as a table for people.
  public static func table(_ rows: [PlanRow]) -> TextTable {
    var table = TextTable(columns: [
      .text("policy"), .number("workers"), .number("batch"), .number("makespan ÷ bound"), .number("idle"),
      .number("partials"), .number("merge rows"), .number("plan µs"),
    ])
    for row in rows {
      table.append([
        row.policy, "\(row.workers)", "\(row.batch)", NumberFormat.significant(row.makespanRatio),
        NumberFormat.percent(row.idleShare), NumberFormat.si(Double(row.partialBytes), unit: "B"),
        NumberFormat.grouped(row.mergeRows), NumberFormat.significant(row.planMicroseconds),
      ])
    }
    return table
  }
}

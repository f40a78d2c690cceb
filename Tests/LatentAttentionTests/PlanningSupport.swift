import Foundation
import LatentAttention

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A length from a log-normal distribution, at least 1.
  mutating func logNormalLength(median: Double, sigma: Double) -> Int {
    // The sum of twelve uniform numbers is close to normal.
    let normal = (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &self) }
    return max(1, Int(median * exp(sigma * normal)))
  }
}

/// A batch whose page lists are just long enough.
func makeBatch(
  queryCounts: [Int], keyLengths: [Int], pageSize: Int = 64, isCausal: Bool = false
) throws -> Batch {
  var next: Int32 = 0
  let pageLists = keyLengths.map { length in
    let count = Int32((length + pageSize - 1) / pageSize)
    defer { next += count }
    return Array(next..<next + count)
  }
  return try Batch(
    queryCounts: queryCounts, pageLists: pageLists, keyLengths: keyLengths, pageSize: pageSize,
    poolPageCount: Int(next), isCausal: isCausal)
}

/// A plan for one decode token per request.
func decodePlan(
  _ keyLengths: [Int], headCount: Int, workerCount: Int, policy: any PlanningPolicy = BalancedPolicy(),
  tileRows: Int = 64, costModel: CostModel = .hopperEstimate
) throws -> AttentionPlan {
  let batch = try makeBatch(
    queryCounts: Array(repeating: 1, count: keyLengths.count), keyLengths: keyLengths)
  let planner = try Planner(
    policy: policy, workerCount: workerCount, tileRows: tileRows, costModel: costModel)
  return try planner.plan(batch, geometry: .deepSeek(headCount: headCount))
}

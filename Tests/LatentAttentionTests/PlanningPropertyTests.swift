import LatentAttention
import Testing

@Suite("Plans of random batches")
struct PlanningPropertyTests {
  /// One random planning call.
  private struct Case {
    var batch: Batch
    var geometry: AttentionGeometry
    var planner: Planner

    init(policy: any PlanningPolicy, generator: inout SeededGenerator) throws {
      let count = Int.random(in: 0...24, using: &generator)
      let longest = [3, 100, 5_000, 60_000].randomElement(using: &generator) ?? 3
      let queryCounts = (0..<count).map { _ in Int.random(in: 0...5, using: &generator) }
      let keyLengths = (0..<count).map { _ in
        Int.random(in: 0...5, using: &generator) == 0 ? 0 : Int.random(in: 0...longest, using: &generator)
      }
      batch = try makeBatch(
        queryCounts: queryCounts, keyLengths: keyLengths,
        pageSize: [1, 7, 64].randomElement(using: &generator) ?? 1, isCausal: .random(using: &generator))
      let heads = [1, 3, 20, 24, 40, 48, 96, 126, 128, 256].randomElement(using: &generator) ?? 1
      geometry = try .deepSeek(headCount: heads)
      let costModel = CostModel(
        perPiece: .random(in: 0...5_000, using: &generator), perKey: .random(in: 0...50, using: &generator),
        perKeyRow: .random(in: 0...2, using: &generator),
        perPartialRow: .random(in: 0...100, using: &generator),
        rowGranularity: [1, 8, 64].randomElement(using: &generator) ?? 1,
        keyGranularity: [1, 16, 48, 64].randomElement(using: &generator) ?? 1)
      planner = try Planner(
        policy: policy, workerCount: .random(in: 1...200, using: &generator),
        tileRows: [1, 16, 33, 64, 128].randomElement(using: &generator) ?? 1, costModel: costModel)
    }
  }

  @Test("every pair once, slots dense, merges complete", arguments: PolicyName.allCases)
  func plansAreWhole(name: PolicyName) throws {
    var generator = SeededGenerator(seed: 1)
    for round in 0..<300 {
      let sample = try Case(policy: name.policy, generator: &generator)
      let plan = try sample.planner.plan(sample.batch, geometry: sample.geometry)
      #expect(PlanChecker(plan).findings() == [], "round \(round)")
      let again = try sample.planner.plan(sample.batch, geometry: sample.geometry)
      #expect(plan == again, "round \(round)")
      #expect(plan.statistics.makespan >= plan.statistics.lowerBound * (1 - 1e-9), "round \(round)")
    }
  }

  @Test(
    "every (row, visible key) pair is computed once, counted pair by pair", arguments: PolicyName.allCases)
  func pairsAreCountedOnce(name: PolicyName) throws {
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<40 {
      let queryCounts = (0..<4).map { _ in Int.random(in: 0...4, using: &generator) }
      let keyLengths = (0..<4).map { _ in Int.random(in: 0...90, using: &generator) }
      let batch = try makeBatch(
        queryCounts: queryCounts, keyLengths: keyLengths, pageSize: 7, isCausal: .random(using: &generator))
      let heads = [1, 3, 5, 8].randomElement(using: &generator) ?? 1
      let costModel = CostModel(
        perPiece: 1, perKey: 1, perKeyRow: 1, perPartialRow: 0.1, rowGranularity: 1, keyGranularity: 4)
      let planner = try Planner(
        policy: name == .batchInvariant ? BatchInvariantPolicy(chunkKeys: 16) : name.policy,
        workerCount: 7, tileRows: 6, costModel: costModel)
      let plan = try planner.plan(batch, geometry: .deepSeek(headCount: heads))
      for request in 0..<4 {
        for token in 0..<queryCounts[request] {
          let position = keyLengths[request] - queryCounts[request] + token
          for key in 0..<keyLengths[request] where !batch.isCausal || key <= position {
            for head in 0..<heads {
              let row = token * heads + head
              let hits = plan.pieces.count {
                $0.request == request && ($0.firstRow..<$0.firstRow + $0.rowCount).contains(row)
                  && ($0.keyStart..<$0.keyEnd).contains(key)
              }
              #expect(hits == 1, "request \(request) token \(token) head \(head) key \(key)")
            }
          }
        }
      }
    }
  }

  @Test(
    "the newest key is seen where heads do not divide the tile",
    arguments: [(96, 2), (48, 3), (40, 4), (24, 6), (20, 7)])
  func causalBound(heads: Int, queries: Int) throws {
    for name in PolicyName.allCases {
      let batch = try makeBatch(queryCounts: [queries], keyLengths: [65], isCausal: true)
      let planner = try Planner(
        policy: name.policy, workerCount: 132, tileRows: 64, costModel: .hopperEstimate)
      let plan = try planner.plan(batch, geometry: .deepSeek(headCount: heads))
      #expect(PlanChecker(plan).findings() == [])
      for token in 0..<queries {
        let lastVisible = 65 - queries + token
        for head in 0..<heads {
          let row = token * heads + head
          let seen = plan.pieces.filter { ($0.firstRow..<$0.firstRow + $0.rowCount).contains(row) }
            .map(\.keyEnd).max()
          #expect((seen ?? 0) > lastVisible, "\(name) token \(token) head \(head)")
        }
      }
    }
  }

  @Test("merge work is even over the workers")
  func mergeBalance() throws {
    let plan = try decodePlan([100_000, 50_000, 9_000, 300], headCount: 128, workerCount: 13)
    let work = (0..<13).map { worker in
      plan.mergeJobs[plan.mergeOffsets[worker]..<plan.mergeOffsets[worker + 1]]
        .reduce(0) { $0 + $1.rowCount * $1.partialCount }
    }
    let total = plan.mergeJobs.reduce(0) { $0 + $1.rowCount * $1.partialCount }
    let dearestRow = plan.mergeJobs.map(\.partialCount).max() ?? 0
    #expect(total > 0)
    for share in work { #expect(abs(share - total / 13) <= dearestRow + 1) }
  }
}

import LatentAttention
import Testing

@Suite("Planning policies")
struct PlanningPolicyTests {
  /// Roughly a CPU thread: arithmetic counts, starting a piece hardly does.
  private static let cpuLike = CostModel(
    perPiece: 2_000, perKey: 20, perKeyRow: 5, perPartialRow: 200, rowGranularity: 16, keyGranularity: 32)

  private static func ranges(_ plan: AttentionPlan, worker: Int) -> [String] {
    plan.pieces[plan.pieceOffsets[worker]..<plan.pieceOffsets[worker + 1]]
      .map { "\($0.request):\($0.keyStart)..<\($0.keyEnd)" }
  }

  @Test("names are those of the policies")
  func names() {
    for name in PolicyName.allCases { #expect(name.policy.name == name.rawValue) }
  }

  @Test("balanced: one long request is halved between two workers")
  func halves() throws {
    let plan = try decodePlan(
      [4_096], headCount: 128, workerCount: 2, tileRows: 128, costModel: Self.cpuLike)
    #expect(plan.pieces.map(\.keyStart).sorted() == [0, 2_048])
    #expect(plan.pieces.map(\.keyEnd).sorted() == [2_048, 4_096])
    #expect(plan.pieceOffsets == [0, 1, 2])
    #expect(plan.mergeJobs.map(\.rowCount) == [64, 64])
    #expect(plan.partialRowCount == 256)
    #expect(plan.statistics.partialBytes == 256 * 513 * 4)
  }

  @Test("balanced: what divides evenly is not cut")
  func evenBatchIsNotCut() throws {
    for workers in [1, 2, 4, 8] {
      let plan = try decodePlan(
        Array(repeating: 4_096, count: 8), headCount: 128, workerCount: workers, tileRows: 128,
        costModel: Self.cpuLike)
      #expect(plan.pieces.count == 8)
      #expect(plan.partialRowCount == 0)
      #expect(plan.mergeJobs.isEmpty)
      #expect(plan.statistics.makespanRatio <= 1 + 1e-9)
      #expect(abs(plan.statistics.idleShare) < 1e-9)
    }
  }

  @Test("balanced: a split that does not pay is not made")
  func splitMustPay() throws {
    let dear = CostModel(
      perPiece: 2_000, perKey: 20, perKeyRow: 5, perPartialRow: 50_000, rowGranularity: 16,
      keyGranularity: 32)
    let whole = try decodePlan([4_096], headCount: 128, workerCount: 2, tileRows: 128, costModel: dear)
    #expect(whole.pieces.count == 1)
    let three = Array(repeating: 4_096, count: 3)
    let uncut = try decodePlan(three, headCount: 128, workerCount: 2, tileRows: 128, costModel: dear)
    #expect(uncut.pieces.count == 3)
    let cut = try decodePlan(three, headCount: 128, workerCount: 2, tileRows: 128, costModel: Self.cpuLike)
    #expect(cut.pieces.count == 4)
    #expect(cut.statistics.makespanRatio < 1.02)
  }

  @Test("balanced is never behind the others on heavy-tailed batches, and close to the bound")
  func balancedIsBest() throws {
    var generator = SeededGenerator(seed: 21)
    for heads in [16, 128] {
      for batch in [1, 4, 16, 64, 256] {
        var ratios: [Double] = []
        for _ in 0..<20 {
          let (median, sigma) =
            Bool.random(using: &generator) ? (6_900.0, 1.1) : (800.0, 1.0)
          let lengths = (0..<batch).map { _ in
            min(130_000, generator.logNormalLength(median: median, sigma: sigma))
          }
          func makespan(_ policy: any PlanningPolicy) throws -> Double {
            try decodePlan(lengths, headCount: heads, workerCount: 132, policy: policy).statistics.makespan
          }
          let plan = try decodePlan(lengths, headCount: heads, workerCount: 132)
          let others = min(try makespan(FlashInferPolicy()), try makespan(FlashMLAPolicy()))
          #expect(plan.statistics.makespan <= others * (1 + 1e-9), "\(heads) heads: \(lengths)")
          ratios.append(plan.statistics.makespanRatio)
        }
        #expect(ratios.reduce(0, +) / 20 < 1.025, "\(heads) heads, batch \(batch)")
        #expect((ratios.max() ?? 0) < 1.06, "\(heads) heads, batch \(batch)")
      }
    }
  }

  @Test("balanced on two workers: within 0.5 % of the others at worst, and close to the bound")
  func balancedOnTwoWorkers() throws {
    var generator = SeededGenerator(seed: 23)
    for costModel in [Self.cpuLike, .hopperEstimate] {
      for batch in [2, 3, 8, 32] {
        for _ in 0..<20 {
          let lengths = (0..<batch).map { _ in generator.logNormalLength(median: 3_000, sigma: 1) }
          func statistics(_ policy: any PlanningPolicy) throws -> PlanStatistics {
            try decodePlan(
              lengths, headCount: 128, workerCount: 2, policy: policy, tileRows: 128, costModel: costModel
            ).statistics
          }
          let balanced = try statistics(BalancedPolicy())
          let others = min(
            try statistics(FlashInferPolicy()).makespan, try statistics(FlashMLAPolicy()).makespan)
          #expect(balanced.makespan <= others * 1.005, "\(lengths)")
          #expect(balanced.makespanRatio < 1.1, "\(lengths)")
          #expect(balanced.partialPieceCount <= 4, "\(lengths)")
        }
      }
    }
  }

  /// Three tiles of 100 units on two workers: 200 whole, and 150 with the third one cut, for which nothing is paid.
  @Test("balanced cuts only where that saves more than the second stage takes", arguments: [49.0, 51])
  func secondStage(cost: Double) throws {
    let costModel = CostModel(
      perPiece: 0, perKey: 1, perKeyRow: 0, perPartialRow: 0, secondStage: cost, rowGranularity: 1,
      keyGranularity: 1)
    let plan = try decodePlan(
      [100, 100, 100], headCount: 16, workerCount: 2, policy: BalancedPolicy(), costModel: costModel)
    #expect(plan.pieces.count == (cost < 50 ? 4 : 3))
    #expect(abs(plan.statistics.makespan - (cost < 50 ? 150 : 200)) < 1)
  }

  @Test("FlashInfer: one limit for all, each chunk to the least-loaded worker")
  func flashInfer() throws {
    // 700 keys on 2 workers: 350 on average, so chunks of 512.
    let plan = try decodePlan([600, 100], headCount: 16, workerCount: 2, policy: FlashInferPolicy())
    #expect(Self.ranges(plan, worker: 0) == ["0:0..<512"])
    #expect(Self.ranges(plan, worker: 1) == ["0:512..<600", "1:0..<100"])
    // 40 keys on 5 workers: 8 on average, so chunks of 32.
    let short = try decodePlan([40], headCount: 16, workerCount: 5, policy: FlashInferPolicy())
    #expect(Self.ranges(short, worker: 0) == ["0:0..<32"])
    #expect(Self.ranges(short, worker: 1) == ["0:32..<40"])
  }

  @Test("FlashInfer: the last tile of a request comes first")
  func flashInferTileOrder() throws {
    let plan = try decodePlan([64], headCount: 128, workerCount: 1, policy: FlashInferPolicy())
    #expect(plan.pieces.map(\.firstRow) == [64, 0])
  }

  @Test("FlashMLA: one contiguous range of blocks per worker")
  func flashMLA() throws {
    // 10 and 2 blocks, 5 more for each: ⌈22 / 3⌉ + 5 = 13 per worker.
    let plan = try decodePlan([640, 128], headCount: 16, workerCount: 3, policy: FlashMLAPolicy())
    #expect(Self.ranges(plan, worker: 0) == ["0:0..<512"])
    #expect(Self.ranges(plan, worker: 1) == ["0:512..<640", "1:0..<64"])
    #expect(Self.ranges(plan, worker: 2) == ["1:64..<128"])
  }

  @Test("batch invariant: a request's cuts are the same alone and in any batch")
  func batchInvariance() throws {
    var generator = SeededGenerator(seed: 22)
    for _ in 0..<30 {
      let lengths = (0..<12).map { _ in generator.logNormalLength(median: 3_000, sigma: 1.5) }
      let queryCounts = (0..<12).map { _ in Int.random(in: 1...3, using: &generator) }
      func cuts(_ requests: [Int], workers: Int) throws -> [[[Int]]] {
        let planner = try Planner(
          policy: BatchInvariantPolicy(), workerCount: workers, tileRows: 64, costModel: .hopperEstimate)
        let batch = try makeBatch(
          queryCounts: requests.map { queryCounts[$0] }, keyLengths: requests.map { lengths[$0] },
          isCausal: true)
        let plan = try planner.plan(batch, geometry: .deepSeek(headCount: 40))
        return requests.indices.map { position in
          // Partials are merged in the order of their slots, so that order counts too.
          plan.pieces.filter { $0.request == position }
            .sorted { ($0.firstRow, $0.partialRow ?? 0) < ($1.firstRow, $1.partialRow ?? 0) }
            .map { [$0.firstRow, $0.rowCount, $0.keyStart, $0.keyEnd] }
        }
      }
      let together = try cuts(Array(0..<12), workers: 132)
      for request in 0..<12 {
        #expect(try cuts([request], workers: 7) == [together[request]])
      }
    }
  }

  @Test("batch invariant: pieces follow the chunk length, up to a number of pieces")
  func batchInvariantPieces() throws {
    let policy = BatchInvariantPolicy(chunkKeys: 100)
    for (keys, pieces) in [(0, 1), (64, 1), (100, 1), (101, 2), (1_000, 8), (10_000_000, 256)] {
      let plan = try decodePlan([keys], headCount: 16, workerCount: 10, policy: policy)
      #expect(plan.pieces.count == pieces, "\(keys) keys")
    }
  }
}

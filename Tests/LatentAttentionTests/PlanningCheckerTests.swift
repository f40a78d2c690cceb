import LatentAttention
import Testing

@Suite("Plan checker and limits")
struct PlanningCheckerTests {
  /// A good plan with cut and whole tiles, and its parts to break.
  private struct Parts {
    var geometry: AttentionGeometry
    var batch: Batch
    var pieces: [Piece]
    var pieceOffsets: [Int]
    var mergeJobs: [MergeJob]
    var mergeOffsets: [Int]
    var partialRowCount: Int
    var statistics: PlanStatistics

    init() throws {
      let plan = try decodePlan([40_000, 300, 0, 9_000], headCount: 20, workerCount: 11)
      geometry = plan.geometry
      batch = plan.batch
      pieces = plan.pieces
      pieceOffsets = plan.pieceOffsets
      mergeJobs = plan.mergeJobs
      mergeOffsets = plan.mergeOffsets
      partialRowCount = plan.partialRowCount
      statistics = plan.statistics
    }

    var findings: [String] {
      PlanChecker(
        AttentionPlan(
          geometry: geometry, batch: batch, pieces: pieces, pieceOffsets: pieceOffsets,
          mergeJobs: mergeJobs, mergeOffsets: mergeOffsets, partialRowCount: partialRowCount,
          statistics: statistics)
      ).findings()
    }

    /// The first piece of some kind.
    func index(_ isWanted: (Piece) -> Bool) -> Int { pieces.firstIndex(where: isWanted) ?? -1 }

    mutating func removeLastMerge() {
      mergeJobs.removeLast()
      for worker in mergeOffsets.indices {
        mergeOffsets[worker] = min(mergeOffsets[worker], mergeJobs.count)
      }
    }

    mutating func remove(piece index: Int) {
      pieces.remove(at: index)
      for worker in pieceOffsets.indices where pieceOffsets[worker] > index { pieceOffsets[worker] -= 1 }
    }
  }

  /// One way to break a plan.
  private static let mutations: [(name: String, apply: @Sendable (inout Parts) -> Void)] = [
    ("a partial piece is missing", { $0.remove(piece: $0.index { $0.partialRow != nil }) }),
    ("a write-through piece is missing", { $0.remove(piece: $0.index { $0.partialRow == nil }) }),
    ("a piece without keys is missing", { $0.remove(piece: $0.index { $0.keyEnd == 0 }) }),
    ("two pieces overlap", { $0.pieces[$0.index { $0.keyStart > 0 }].keyStart -= 1 }),
    ("a key is left out", { $0.pieces[$0.index { $0.keyStart > 0 }].keyStart += 1 }),
    ("the last key is left out", { $0.pieces[$0.index { $0.keyEnd == 40_000 }].keyEnd -= 1 }),
    ("a piece reads past the keys", { $0.pieces[$0.index { $0.keyEnd == 40_000 }].keyEnd += 1 }),
    ("a row is left out", { $0.pieces[$0.index { $0.keyEnd == 300 }].rowCount -= 1 }),
    ("rows outside the batch", { $0.pieces[$0.index { $0.keyEnd == 300 }].rowCount += 1 }),
    ("a slot is shifted", { $0.pieces[$0.index { $0.partialRow == 20 }].partialRow = 21 }),
    ("a slot is used twice", { $0.pieces[$0.index { $0.partialRow == 20 }].partialRow = 0 }),
    ("a partial is written through", { $0.pieces[$0.index { $0.partialRow == 20 }].partialRow = nil }),
    ("too many partial rows", { $0.partialRowCount += 1 }),
    ("a merge is missing", { $0.removeLastMerge() }),
    ("a merge reads the wrong slot", { $0.mergeJobs[0].partialRow += 1 }),
    ("a merge has the wrong stride", { $0.mergeJobs[0].partialStride += 1 }),
    ("a merge leaves out a partial", { $0.mergeJobs[0].partialCount -= 1 }),
    ("a merge leaves out a row", { $0.mergeJobs[0].rowCount -= 1 }),
    ("a row is merged twice", { $0.mergeJobs[0].rowCount += 1 }),
    ("offsets go down", { $0.pieceOffsets[1] = $0.pieceOffsets[2] + 1 }),
    ("offsets end early", { $0.pieceOffsets[$0.pieceOffsets.count - 1] -= 1 }),
  ]

  @Test("a good plan has no findings, each broken one has")
  func mutationsAreFound() throws {
    let whole = try Parts()
    #expect(whole.findings == [])
    for mutation in Self.mutations {
      var broken = whole
      mutation.apply(&broken)
      #expect(!broken.findings.isEmpty, "\(mutation.name)")
    }
  }

  /// Answers with whatever it is made with.
  private struct ScriptedPolicy: PlanningPolicy {
    let name = "scripted"
    var assignments: [PieceAssignment]
    func assignPieces(_ problem: PlanningProblem) -> [PieceAssignment] { assignments }
  }

  @Test("a policy that does not cover the tiles once is refused")
  func badPolicies() throws {
    func plan(_ pieces: [(tile: Int, keys: Range<Int>, worker: Int)]) throws -> AttentionPlan {
      let assignments = pieces.map {
        PieceAssignment(
          tile: $0.tile, keyStart: $0.keys.lowerBound, keyEnd: $0.keys.upperBound, worker: $0.worker)
      }
      return try decodePlan(
        [100, 0], headCount: 16, workerCount: 2, policy: ScriptedPolicy(assignments: assignments))
    }
    #expect(try plan([(1, 0..<0, 1), (0, 64..<100, 0), (0, 0..<64, 1)]).pieces.count == 3)
    let bad: [(ProblemError.Code, [(tile: Int, keys: Range<Int>, worker: Int)])] = [
      (.mismatch, [(0, 0..<100, 0)]),
      (.mismatch, [(0, 0..<64, 0), (1, 0..<0, 0)]),
      (.mismatch, [(0, 0..<65, 0), (0, 64..<100, 0), (1, 0..<0, 0)]),
      (.mismatch, [(0, 0..<100, 0), (0, 100..<100, 0), (1, 0..<0, 0)]),
      (.mismatch, [(0, 0..<100, 0), (1, 0..<0, 0), (1, 0..<0, 1)]),
      (.mismatch, [(0, 0..<101, 0), (1, 0..<0, 0)]),
      (.outOfRange, [(0, 0..<100, 2), (1, 0..<0, 0)]),
      (.outOfRange, [(0, 0..<100, -1), (1, 0..<0, 0)]),
      (.outOfRange, [(0, 0..<100, 0), (2, 0..<0, 0)]),
    ]
    for (code, pieces) in bad {
      let error = #expect(throws: ProblemError.self) { try plan(pieces) }
      #expect(error?.code == code, "\(pieces)")
    }
  }

  @Test("planners are checked when made")
  func badPlanners() throws {
    func error(
      workerCount: Int = 1, tileRows: Int = 64, perPiece: Double = 1, perKeyRow: Double = 1,
      keyGranularity: Int = 1
    ) -> String? {
      do throws(ProblemError) {
        _ = try Planner(
          workerCount: workerCount, tileRows: tileRows,
          costModel: CostModel(
            perPiece: perPiece, perKey: 1, perKeyRow: perKeyRow, perPartialRow: 1, rowGranularity: 1,
            keyGranularity: keyGranularity))
        return nil
      } catch {
        return error.field
      }
    }
    #expect(error() == nil)
    #expect(error(workerCount: 0) == "workerCount")
    #expect(error(workerCount: .max) == "workerCount")
    #expect(error(tileRows: 0) == "tileRows")
    #expect(error(perPiece: -1) == "costModel.perPiece")
    #expect(error(perPiece: 1e300) == "costModel.perPiece")
    #expect(error(perKeyRow: .nan) == "costModel.perKeyRow")
    #expect(error(keyGranularity: 0) == "costModel.keyGranularity")
  }

  @Test("batches without rows, and batches too large to count")
  func extremes() throws {
    for name in PolicyName.allCases {
      let planner = try Planner(
        policy: name.policy, workerCount: 3, tileRows: 64, costModel: .hopperEstimate)
      for batch in [
        try makeBatch(queryCounts: [], keyLengths: []),
        try makeBatch(queryCounts: [0, 0], keyLengths: [5, 0]),
      ] {
        let plan = try planner.plan(batch, geometry: .deepSeek(headCount: 128))
        #expect(plan.pieces.isEmpty && plan.mergeJobs.isEmpty && plan.partialRowCount == 0)
        #expect(plan.pieceOffsets == [0, 0, 0, 0] && plan.mergeOffsets == [0, 0, 0, 0])
        #expect(plan.statistics.makespan == 0 && plan.statistics.idleShare == 0)
        #expect(plan.statistics.makespanRatio == 1)
        #expect(PlanChecker(plan).findings() == [])
      }
      // One page may hold any number of keys.
      let long = try Batch(
        queryCounts: [1], pageLists: [[0]], keyLengths: [1 << 52], pageSize: 1 << 52, poolPageCount: 1,
        isCausal: false)
      #expect(PlanChecker(try planner.plan(long, geometry: .deepSeek(headCount: 128))).findings() == [])
      let tooLong = try Batch(
        queryCounts: [1], pageLists: [[0]], keyLengths: [.max], pageSize: .max, poolPageCount: 1,
        isCausal: true)
      #expect(throws: ProblemError.self) { try planner.plan(tooLong, geometry: .deepSeek(headCount: 128)) }
      for queryCount in [1 << 40, .max] {
        let tooMany = try makeBatch(queryCounts: [queryCount], keyLengths: [1])
        #expect(throws: ProblemError.self) { try planner.plan(tooMany, geometry: .deepSeek(headCount: 1)) }
      }
    }
  }

  @Test("costs of any size", arguments: PolicyName.allCases)
  func extremeCosts(name: PolicyName) throws {
    let sizes = [0, 1e-9, 1, 1e12]
    for perPiece in sizes {
      for perKey in sizes {
        for perPartialRow in sizes {
          let costModel = CostModel(
            perPiece: perPiece, perKey: perKey, perKeyRow: 0, perPartialRow: perPartialRow,
            rowGranularity: 1, keyGranularity: 64)
          let plan = try decodePlan(
            [0, 1, 5_000, 70_000, 300], headCount: 20, workerCount: 9, policy: name.policy,
            costModel: costModel)
          #expect(PlanChecker(plan).findings() == [], "\(costModel)")
          #expect(plan.statistics.makespan >= plan.statistics.lowerBound * (1 - 1e-9), "\(costModel)")
        }
      }
    }
  }

  @Test("more than 16,384 pieces", arguments: PolicyName.allCases)
  func manyPieces(name: PolicyName) throws {
    var generator = SeededGenerator(seed: 31)
    let lengths = (0..<20_000).map { _ in Int.random(in: 0...3_000, using: &generator) }
    let plan = try decodePlan(lengths, headCount: 16, workerCount: 132, policy: name.policy)
    #expect(plan.pieces.count >= 20_000)
    #expect(PlanChecker(plan).findings() == [])
  }

  @Test("more than a million pieces")
  func millionPieces() throws {
    let batch = try makeBatch(
      queryCounts: [70_000, 70_000], keyLengths: [70_000, 80_000], isCausal: true)
    let planner = try Planner(workerCount: 200, tileRows: 16, costModel: .hopperEstimate)
    let plan = try planner.plan(batch, geometry: .deepSeek(headCount: 128))
    #expect(plan.pieces.count >= 1_120_000)
    #expect(plan.statistics.makespanRatio < 1.001)
    #expect(PlanChecker(plan).findings() == [])
  }
}

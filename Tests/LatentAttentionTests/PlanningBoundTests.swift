import LatentAttention
import Testing

@Suite("Lower bound of the makespan")
struct PlanningBoundTests {
  /// The best makespan of all plans, cuts between any two keys included, by trying them all.
  private struct ExhaustiveSearch {
    let tiles: [RowTile]
    let costModel: CostModel
    var loads: [Double]
    var best = Double.infinity

    static func optimum(of problem: PlanningProblem) -> Double {
      var search = ExhaustiveSearch(
        tiles: problem.tiles, costModel: problem.costModel,
        loads: Array(repeating: 0, count: problem.workerCount))
      search.place(tile: 0)
      return search.best
    }

    private mutating func place(tile: Int) {
      guard tile < tiles.count else {
        best = min(best, loads.max() ?? 0)
        return
      }
      give(tile: tile, keys: tiles[tile].keyCount, isPartial: false, then: 0, largest: 0)
      let keyCount = tiles[tile].keyCount
      if keyCount > 1 {
        // A tile in several pieces: their lengths in descending order, so that each set is tried once.
        for keys in 1..<keyCount {
          give(tile: tile, keys: keys, isPartial: true, then: keyCount - keys, largest: keys)
        }
      }
    }

    private mutating func give(tile: Int, keys: Int, isPartial: Bool, then rest: Int, largest: Int) {
      let cost = costModel.cost(rows: tiles[tile].rowCount, keys: keys, isPartial: isPartial)
      for worker in loads.indices where loads[worker] + cost < best {
        let load = loads[worker]
        loads[worker] += cost
        if rest == 0 {
          place(tile: tile + 1)
        } else {
          for next in 1...min(rest, largest) {
            give(tile: tile, keys: next, isPartial: true, then: rest - next, largest: next)
          }
        }
        loads[worker] = load
      }
    }
  }

  private static func randomProblem(_ generator: inout SeededGenerator) -> PlanningProblem {
    let haveSameRows = Bool.random(using: &generator)
    let tiles = (0..<Int.random(in: 1...4, using: &generator)).map { request in
      RowTile(
        request: request, firstRow: 0,
        rowCount: haveSameRows ? 4 : Int.random(in: 1...4, using: &generator),
        keyCount: Int.random(in: 0...6, using: &generator))
    }
    let costModel = CostModel(
      perPiece: [0, 1, 3].randomElement(using: &generator) ?? 0,
      perKey: .random(in: 0...2, using: &generator), perKeyRow: .random(in: 0...1, using: &generator),
      perPartialRow: [0, 0.1, 0.5].randomElement(using: &generator) ?? 0,
      rowGranularity: [1, 4].randomElement(using: &generator) ?? 1,
      keyGranularity: [1, 2].randomElement(using: &generator) ?? 1)
    return PlanningProblem(
      tiles: tiles, tileRows: 4, workerCount: .random(in: 1...4, using: &generator), costModel: costModel)
  }

  @Test("no plan of a small problem beats it or the tightened one, and they are not far below the best")
  func boundsHoldForAllPlans() {
    var generator = SeededGenerator(seed: 11)
    var ratios: [Double] = []
    var tightenedCount = 0
    for round in 0..<600 {
      let problem = Self.randomProblem(&generator)
      let optimum = ExhaustiveSearch.optimum(of: problem)
      // Well above the best makespan, so that what is found is what is proved.
      let tightened = problem.tightenedBound(below: 2 * optimum)
      #expect(problem.lowerBound <= tightened, "round \(round): \(problem)")
      #expect(tightened <= optimum * (1 + 1e-9), "round \(round): \(problem)")
      if optimum > 0 { ratios.append(problem.lowerBound / optimum) }
      if tightened > problem.lowerBound { tightenedCount += 1 }
    }
    #expect(ratios.reduce(0, +) / Double(ratios.count) > 0.95)
    #expect(tightenedCount > 0)
  }

  @Test("a tile that must be cut for want of room is not counted again for the gap that it would leave")
  func cutCountsOnce() {
    let tiles = [(2, 1), (1, 4), (2, 2)].enumerated().map { request, tile in
      RowTile(request: request, firstRow: 0, rowCount: tile.0, keyCount: tile.1)
    }
    let problem = PlanningProblem(
      tiles: tiles, tileRows: 4, workerCount: 2,
      costModel: CostModel(
        perPiece: 0, perKey: 2, perKeyRow: 0.5, perPartialRow: 0.1, rowGranularity: 1, keyGranularity: 2))
    // The tiles of one group cost 6 each; half of the other one, 5.1, goes to each.
    #expect(ExhaustiveSearch.optimum(of: problem) == 11.1)
    #expect(problem.lowerBound <= 11.1 * (1 + 1e-9))
  }

  @Test("a batch whose plan looks six per cent from the bound is proved to have the best plan")
  func tightenedBoundProvesPlan() throws {
    let lengths = [
      52, 1313, 1844, 218, 197, 983, 1295, 5787, 1970, 1313, 1151, 1135, 397, 421, 44, 1137, 1090, 1142, 397,
      1122, 1102, 1080, 386, 4083, 1950, 209, 4090, 1317, 1316, 2631, 1147, 406, 398, 380, 680, 1157, 1128,
      1106, 431, 395, 2893, 181, 1074, 1084, 1041, 1047, 1320, 1098, 1123, 1821, 1261, 414, 203, 1201, 334,
      1104, 391, 127, 398, 963, 1099, 1313, 1025, 994,
    ]
    let planner = try Planner(workerCount: 132, tileRows: 64, costModel: .hopperEstimate)
    let plan = try decodePlan(lengths, headCount: 16, workerCount: 132)
    let makespan = plan.statistics.makespan
    #expect(plan.statistics.makespanRatio > 1.05)
    let bound = try planner.tightenedBound(plan.batch, geometry: plan.geometry, below: 2 * makespan)
    #expect(abs(bound - makespan) < 1e-6 * makespan)
  }

  @Test("the balanced policy is close to the best plan of a small problem")
  func balancedIsNearOptimum() {
    var generator = SeededGenerator(seed: 12)
    var ratios: [Double] = []
    for round in 0..<600 {
      let problem = Self.randomProblem(&generator)
      let optimum = ExhaustiveSearch.optimum(of: problem)
      let makespan = Self.makespan(of: BalancedPolicy().assignPieces(problem), problem)
      #expect(makespan >= optimum * (1 - 1e-9), "round \(round): \(problem)")
      if optimum > 0 { ratios.append(makespan / optimum) }
    }
    #expect((ratios.max() ?? 0) < 1.34)
    #expect(ratios.reduce(0, +) / Double(ratios.count) < 1.02)
  }

  private static func makespan(of assignments: [PieceAssignment], _ problem: PlanningProblem) -> Double {
    var loads = Array(repeating: 0.0, count: problem.workerCount)
    for assignment in assignments {
      let tile = problem.tiles[assignment.tile]
      let keys = assignment.keyEnd - assignment.keyStart
      loads[assignment.worker] += problem.costModel.cost(
        rows: tile.rowCount, keys: keys, isPartial: keys < tile.keyCount)
    }
    return loads.max() ?? 0
  }

  @Test("one tile on many workers: the bound is the best even cut")
  func oneTile() throws {
    let statistics = try decodePlan([32_768], headCount: 16, workerCount: 132).statistics
    // 512 groups of 64 keys; with 4 in a piece 128 workers are busy, with 3 there would be 171 pieces.
    let best = CostModel.hopperEstimate.cost(rows: 16, keys: 256, isPartial: true)
    #expect(abs(statistics.makespan - best) < 1e-6 * best)
    #expect(statistics.makespanRatio < 1.001)
  }
}

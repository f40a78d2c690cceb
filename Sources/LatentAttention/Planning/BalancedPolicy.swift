/// A makespan close to the lower bound, with few splits: the default.
///
/// The policy tries makespans from the lower bound upwards. For a makespan `τ`
/// 1. a tile that costs more than `τ` fills workers with pieces as long as `τ` allows, and leaves a rest;
/// 2. the rests and all other tiles go, dearest first, where they leave the smallest gap
///    (best-fit decreasing);
/// 3. what fits nowhere is cut over the largest gaps (the wrap-around rule of R. McNaughton, "Scheduling
///    with deadlines and loss functions", 1959), where every piece pays for its start and its partial.
///
/// A split is thus made only where it shortens the makespan with its own costs counted.
public struct BalancedPolicy: PlanningPolicy {
  /// Makes the policy.
  public init() {}

  /// `balanced`.
  public var name: String { PolicyName.balanced.rawValue }

  /// Searches the makespan. O(n log n) to sort `n` tiles, and O(n + workers) for each makespan tried.
  public func assignPieces(_ problem: PlanningProblem) -> [PieceAssignment] {
    guard !problem.tiles.isEmpty else { return [] }
    var packing = BalancedPacking(problem)
    var failed = problem.lowerBound
    if packing.pack(makespan: failed) { return packing.assignments }
    var step = 0.01
    var makespan = failed * (1 + step)
    while !packing.pack(makespan: makespan) {
      failed = makespan
      step *= 2
      makespan = problem.lowerBound * (1 + step)
    }
    var best = packing.assignments
    while makespan - failed > Self.tolerance * makespan {
      let middle = (failed + makespan) / 2
      if packing.pack(makespan: middle) {
        makespan = middle
        best = packing.assignments
      } else {
        failed = middle
      }
    }
    return best
  }

  /// Relative width of the search's last bracket.
  private static let tolerance = 0.003
}

/// One attempt after another to pack all tiles into workers of a given capacity.
private struct BalancedPacking {
  private let problem: PlanningProblem
  /// Tiles, dearest first.
  private let order: [Int]
  private var gaps: GapTable
  private var rests: [Item] = []
  private var leftovers: [Item] = []
  private(set) var assignments: [PieceAssignment] = []

  /// What is left of a tile: its key groups from `start` on.
  private struct Item {
    var tile: Int
    var start: Int
    var groups: Int
  }

  /// Prices of one tile's pieces.
  private struct Prices {
    var perPiece: Double
    var perPartial: Double
    var perGroup: Double

    func cost(_ item: Item) -> Double {
      (item.start > 0 ? perPartial : perPiece) + Double(item.groups) * perGroup
    }

    /// Key groups that a partial piece in a gap can have.
    func groups(in gap: Double) -> Int {
      let room = gap - perPartial
      return room < perGroup ? 0 : perGroup > 0 ? Int(min(room / perGroup, 0x1p62)) : .max
    }
  }

  init(_ problem: PlanningProblem) {
    self.problem = problem
    order = problem.tilesByCost
    gaps = GapTable(workerCount: problem.workerCount)
  }

  private func prices(_ tile: Int) -> Prices {
    let rows = problem.tiles[tile].rowCount
    let model = problem.costModel
    return Prices(
      perPiece: model.perPiece, perPartial: model.perPiece + model.perPartialRow * Double(rows),
      perGroup: model.keyGroupCost(rows: rows))
  }

  private func wholeTile(_ tile: Int) -> Item {
    let keys = problem.tiles[tile].keyCount
    return Item(
      tile: tile, start: 0, groups: keys.dividedRoundingUp(by: problem.costModel.keyGranularity))
  }

  /// Tries to give all tiles to workers so that no load exceeds `makespan`; on success `assignments` says
  /// how.
  mutating func pack(makespan: Double) -> Bool {
    assignments.removeAll(keepingCapacity: true)
    rests.removeAll(keepingCapacity: true)
    leftovers.removeAll(keepingCapacity: true)
    // Costs are sums of a few products; this much covers their rounding.
    let capacity = makespan * (1 + 1e-9)
    var bigCount = 0
    var nextWorker = 0
    while bigCount < order.count, problem.tileCosts[order[bigCount]] > capacity {
      guard cutBigTile(order[bigCount], capacity: capacity, nextWorker: &nextWorker) else { return false }
      bigCount += 1
    }
    gaps.reset(capacity: capacity, workers: nextWorker..<problem.workerCount)
    placeInOrder(tiles: order[bigCount...])
    for item in leftovers {
      guard spread(item) else { return false }
    }
    return true
  }

  /// Gives whole workers to the tile as long as it fills them.
  private mutating func cutBigTile(_ tile: Int, capacity: Double, nextWorker: inout Int) -> Bool {
    let full = prices(tile).groups(in: capacity)
    guard full > 0 else { return false }
    var item = wholeTile(tile)
    while item.groups >= full {
      guard nextWorker < problem.workerCount else { return false }
      assign(&item, groups: full, worker: nextWorker)
      nextWorker += 1
    }
    if item.groups > 0 { rests.append(item) }
    return true
  }

  /// Best-fit decreasing of the rests and of the tiles that are not big.
  private mutating func placeInOrder(tiles: ArraySlice<Int>) {
    let restCosts = rests.map { prices($0.tile).cost($0) }
    let restOrder = indicesByDescendingCost(restCosts)
    var rest = 0
    for tile in tiles {
      let cost = problem.tileCosts[tile]
      while rest < restOrder.count, restCosts[restOrder[rest]] >= cost {
        place(rests[restOrder[rest]], cost: restCosts[restOrder[rest]])
        rest += 1
      }
      place(wholeTile(tile), cost: cost)
    }
    for index in restOrder[rest...] { place(rests[index], cost: restCosts[index]) }
  }

  private mutating func place(_ item: Item, cost: Double) {
    guard let worker = gaps.takeSmallest(atLeast: cost) else {
      leftovers.append(item)
      return
    }
    var item = item
    assign(&item, groups: item.groups, worker: worker)
  }

  /// Cuts an item over the largest gaps; its last piece goes where it leaves the smallest one.
  private mutating func spread(_ item: Item) -> Bool {
    // A tile without keys cannot be cut.
    guard item.groups > 0 else { return false }
    let prices = prices(item.tile)
    var item = item
    while item.groups > 0 {
      if item.start > 0, let worker = gaps.takeSmallest(atLeast: prices.cost(item)) {
        assign(&item, groups: item.groups, worker: worker)
        return true
      }
      guard let (worker, gap) = gaps.largest else { return false }
      let groups = min(prices.groups(in: gap), item.groups)
      guard groups > 0 else { return false }
      gaps.takeLargest(prices.perPartial + Double(groups) * prices.perGroup)
      assign(&item, groups: groups, worker: worker)
    }
    return true
  }

  /// Cuts `groups` off the front of the item and gives them to the worker.
  private mutating func assign(_ item: inout Item, groups: Int, worker: Int) {
    let granularity = problem.costModel.keyGranularity
    let keyCount = problem.tiles[item.tile].keyCount
    let keyStart = item.start * granularity
    let keyEnd = groups == item.groups ? keyCount : (item.start + groups) * granularity
    assignments.append(
      PieceAssignment(tile: item.tile, keyStart: keyStart, keyEnd: keyEnd, worker: worker))
    item.start += groups
    item.groups -= groups
  }
}

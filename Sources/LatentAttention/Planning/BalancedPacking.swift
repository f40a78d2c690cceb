/// Attempts to pack all tiles of a problem into workers of a given capacity.
struct BalancedPacking {
  private let problem: PlanningProblem
  private var gaps: GapTable
  /// What is left of tiles too dear for one worker, dearest first.
  private var rests: [Item] = []
  /// What found no gap.
  private var leftovers: [Item] = []

  /// The key groups of a tile from `start` on, and what they cost in one piece.
  private struct Item {
    var tile: Int
    var start: Int
    var groups: Int
    var cost: Double
  }

  init(_ problem: PlanningProblem) {
    self.problem = problem
    gaps = GapTable(workerCount: problem.workerCount)
  }

  /// Tries to give all tiles to workers so that no load exceeds `makespan`, and returns the largest one. Where
  /// that fails, what is in `assignments` then has no meaning.
  ///
  /// - Parameter poursShortRests: whether rests of at most half a full piece wait for the end, to be cut into
  ///   what gaps the others leave.
  mutating func pack(
    makespan: Double, poursShortRests: Bool = false, into assignments: inout [PieceAssignment]
  ) -> Double? {
    assignments.removeAll(keepingCapacity: true)
    assignments.reserveCapacity(problem.tiles.count + problem.workerCount)
    rests.removeAll(keepingCapacity: true)
    leftovers.removeAll(keepingCapacity: true)
    // Loads are sums of rounded products; this much covers their rounding.
    let capacity = makespan * (1 + 1e-9)
    gaps.reset(capacity: capacity)
    var bigCount = 0
    var filledWorkers = 0
    while bigCount < problem.tiles.count, problem.tileCosts[problem.tilesByCost[bigCount]] > capacity {
      let tile = problem.tilesByCost[bigCount]
      guard fillWorkers(tile, capacity: capacity, from: &filledWorkers, &assignments) else { return nil }
      bigCount += 1
    }
    for worker in (filledWorkers..<problem.workerCount).reversed() { gaps.add(worker, gap: capacity) }
    rests.sort { $0.cost > $1.cost }
    var shortRests: ArraySlice<Item> = []
    if poursShortRests, let longest = rests.first {
      let full = prices(longest.tile).partialGroups(within: capacity)
      let firstShort = rests.firstIndex { 2 * $0.groups <= full } ?? rests.endIndex
      shortRests = rests[firstShort...]
      rests.removeSubrange(firstShort...)
    }
    placeDearestFirst(tiles: problem.tilesByCost[bigCount...], &assignments)
    leftovers += shortRests
    for item in leftovers {
      guard spread(item, &assignments) else { return nil }
    }
    return capacity - gaps.smallest
  }

  private func prices(_ tile: Int) -> PiecePrices {
    PiecePrices(problem.costModel, rows: problem.tiles[tile].rowCount)
  }

  private func wholeTile(_ tile: Int) -> Item {
    Item(tile: tile, start: 0, groups: problem.tileGroups[tile], cost: problem.tileCosts[tile])
  }

  /// Gives whole workers to the tile as long as it fills them; the rest goes to `rests`.
  private mutating func fillWorkers(
    _ tile: Int, capacity: Double, from worker: inout Int, _ assignments: inout [PieceAssignment]
  ) -> Bool {
    let prices = prices(tile)
    let most = prices.partialGroups(within: capacity)
    guard most > 0 else { return false }
    var item = wholeTile(tile)
    let gap = capacity - prices.partialCost(groups: most)
    while item.groups >= most {
      guard worker < problem.workerCount else { return false }
      gaps.add(worker, gap: gap)
      assign(&item, groups: most, worker: worker, &assignments)
      worker += 1
    }
    if item.groups > 0 {
      item.cost = prices.partialCost(groups: item.groups)
      rests.append(item)
    }
    return true
  }

  /// Best-fit decreasing of `rests` and `tiles`, both sorted.
  private mutating func placeDearestFirst(
    tiles: ArraySlice<Int>, _ assignments: inout [PieceAssignment]
  ) {
    var rest = 0
    for tile in tiles {
      while rest < rests.count, rests[rest].cost >= problem.tileCosts[tile] {
        place(rests[rest], &assignments)
        rest += 1
      }
      place(wholeTile(tile), &assignments)
    }
    while rest < rests.count {
      place(rests[rest], &assignments)
      rest += 1
    }
  }

  private mutating func place(_ item: Item, _ assignments: inout [PieceAssignment]) {
    guard let worker = gaps.takeSmallest(atLeast: item.cost) else {
      leftovers.append(item)
      return
    }
    var item = item
    assign(&item, groups: item.groups, worker: worker, &assignments)
  }

  /// Cuts an item over the largest gaps; its last piece goes where it leaves the smallest one.
  private mutating func spread(_ item: Item, _ assignments: inout [PieceAssignment]) -> Bool {
    // A tile without keys cannot be cut.
    guard item.groups > 0 else { return false }
    let prices = prices(item.tile)
    var item = item
    while item.groups > 0 {
      let cost = prices.partialCost(groups: item.groups)
      if item.start > 0, let worker = gaps.takeSmallest(atLeast: cost) {
        assign(&item, groups: item.groups, worker: worker, &assignments)
      } else {
        guard let gap = gaps.largest else { return false }
        let groups = min(prices.partialGroups(within: gap), item.groups)
        guard groups > 0 else { return false }
        let worker = gaps.takeLargest(prices.partialCost(groups: groups))
        assign(&item, groups: groups, worker: worker, &assignments)
      }
    }
    return true
  }

  /// Cuts `groups` off the front of the item and gives them to the worker.
  private func assign(
    _ item: inout Item, groups: Int, worker: Int, _ assignments: inout [PieceAssignment]
  ) {
    let granularity = problem.costModel.keyGranularity
    // The last group of a tile may be short.
    let keyEnd =
      groups == item.groups
      ? problem.tiles[item.tile].keyCount : (item.start + groups) * granularity
    assignments.append(
      PieceAssignment(
        tile: item.tile, keyStart: item.start * granularity, keyEnd: keyEnd, worker: worker))
    item.start += groups
    item.groups -= groups
  }
}

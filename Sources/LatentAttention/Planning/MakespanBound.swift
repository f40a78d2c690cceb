/// A makespan that no assignment of pieces to workers can beat.
struct MakespanBound {
  private let tiles: [RowTile]
  private let tileCosts: [Double]
  /// Tiles, dearest first.
  private let order: [Int]
  private let workerCount: Int
  private let costModel: CostModel
  private var totalCost = 0.0
  private var totalGroups = 0
  /// What the cheapest cut of any tile adds.
  private let cheapestCut: Double
  /// What the smallest piece of a cut tile costs.
  private let cheapestPartial: Double
  /// Cost of all whole tiles below `cheapestPartial`.
  private var tinyCost = 0.0
  /// Prices of all tiles, where they have the same rows and none lacks keys.
  private let commonPrices: PiecePrices?

  /// Takes `order`, the positions of `tiles` by descending `tileCosts`.
  init(tiles: [RowTile], tileCosts: [Double], order: [Int], workerCount: Int, costModel: CostModel) {
    self.tiles = tiles
    self.tileCosts = tileCosts
    self.order = order
    self.workerCount = workerCount
    self.costModel = costModel
    var fewestRows = Int.max
    var mostRows = 0
    var fewestKeys = Int.max
    for tile in tiles {
      fewestRows = min(fewestRows, tile.rowCount)
      mostRows = max(mostRows, tile.rowCount)
      fewestKeys = min(fewestKeys, tile.keyCount)
      totalGroups += costModel.keyGroups(tile.keyCount)
    }
    let prices = PiecePrices(costModel, rows: tiles.isEmpty ? 0 : fewestRows)
    cheapestCut = 2 * prices.partial - prices.whole
    cheapestPartial = prices.partial + prices.group
    commonPrices = fewestRows == mostRows && fewestKeys > 0 ? prices : nil
    for cost in tileCosts {
      totalCost += cost
      if cost < cheapestPartial { tinyCost += cost }
    }
  }

  /// The bound, to a relative width of 1e-4 below the best that the argument gives; 0 without tiles.
  var value: Double {
    let average = totalCost / Double(workerCount)
    if isConceivable(average) { return average }
    var impossible = average
    var step = 1.0 / 64
    while !isConceivable(average * (1 + step)) {
      impossible = average * (1 + step)
      step *= 2
    }
    var conceivable = average * (1 + step)
    while conceivable - impossible > 1e-4 * conceivable {
      let middle = (impossible + conceivable) / 2
      if isConceivable(middle) { conceivable = middle } else { impossible = middle }
    }
    return impossible
  }

  /// False where the argument rules the makespan out.
  private func isConceivable(_ makespan: Double) -> Bool {
    // Costs are sums of a few products; this much covers their rounding.
    let capacity = makespan * (1 + 1e-9)
    var work = totalCost
    var waste = -tinyCost
    var partials = 0
    var position = 0
    while position < order.count, tileCosts[order[position]] > capacity {
      let tile = tiles[order[position]]
      let prices = PiecePrices(costModel, rows: tile.rowCount)
      let most = prices.groups(in: capacity)
      guard most > 0, tile.keyCount > 0 else { return false }
      let groups = costModel.keyGroups(tile.keyCount)
      let pieces = Double(max(2, groups.dividedRoundingUp(by: most)))
      work += pieces * prices.partial - prices.whole
      let slack = pieces * (capacity - prices.partial) - Double(groups) * prices.group
      if slack < cheapestPartial { waste += min(slack, prices.partial) }
      partials += Int(pieces)
      position += 1
    }
    let wholes = order.count - position
    if position == 0, wholeTilesCollide(capacity) { work += cheapestCut }
    if capacity > 2 * cheapestPartial {
      while position < order.count, tileCosts[order[position]] > capacity - cheapestPartial {
        let prices = PiecePrices(costModel, rows: tiles[order[position]].rowCount)
        waste += min(capacity - tileCosts[order[position]], 2 * prices.partial - prices.whole)
        position += 1
      }
    }
    guard work + max(0, waste) <= capacity * Double(workerCount) else { return false }
    return fits(wholes: wholes, partials: partials, capacity: capacity)
  }

  private func wholeTilesCollide(_ capacity: Double) -> Bool {
    var rounds = 1
    while rounds * workerCount < order.count {
      if Double(rounds + 1) * tileCosts[order[rounds * workerCount]] > capacity { return true }
      rounds += 1
    }
    return false
  }

  /// Whether the pieces fit by number and groups, where all tiles have the same rows.
  private func fits(wholes: Int, partials: Int, capacity: Double) -> Bool {
    guard let prices = commonPrices, capacity < 8 * (prices.whole + prices.group) else { return true }
    let step = Double(Int((prices.partial - prices.whole) / prices.group) + 1) * prices.group
    if !fits(wholes, partials, capacity, prices, prices.whole, prices.partial) { return false }
    for weight in 0..<3 {
      let partialWeight = Double(weight) * prices.group
      if !fits(wholes, partials, capacity, prices, partialWeight - step, partialWeight) { return false }
    }
    return true
  }

  private func fits(
    _ wholes: Int, _ partials: Int, _ capacity: Double, _ prices: PiecePrices, _ wholeWeight: Double,
    _ partialWeight: Double
  ) -> Bool {
    var best = 0.0
    var a = 0
    while Double(a) * (prices.whole + prices.group) <= capacity {
      var b = a == 0 ? 1 : 0
      while true {
        let room = capacity - Double(a) * prices.whole - Double(b) * prices.partial
        guard room >= Double(a + b) * prices.group else { break }
        let groups = Int(room / prices.group)
        best = max(best, Double(groups) * prices.group + Double(a) * wholeWeight + Double(b) * partialWeight)
        b += 1
      }
      a += 1
    }
    return best * Double(workerCount) >= Double(totalGroups) * prices.group + Double(wholes) * wholeWeight + Double(partials) * partialWeight - 1e-6
  }
}

/// Prices of the pieces of one tile.
struct PiecePrices {
  /// Fixed cost of the tile in one piece.
  var whole: Double
  /// Fixed cost of a piece with a partial.
  var partial: Double
  /// Cost of a group of keys.
  var group: Double

  init(_ costModel: CostModel, rows: Int) {
    whole = costModel.perPiece
    partial = costModel.perPiece + costModel.perPartialRow * Double(rows)
    group = costModel.keyGroupCost(rows: rows)
  }

  /// Key groups that a partial piece can have in a gap.
  func groups(in gap: Double) -> Int {
    let room = gap - partial
    return room < group ? 0 : group > 0 ? Int(min(room / group, 0x1p60)) : 1 << 60
  }
}

extension CostModel {
  /// Groups of keys in which `keys` are computed.
  func keyGroups(_ keys: Int) -> Int { keys.dividedRoundingUp(by: keyGranularity) }
}

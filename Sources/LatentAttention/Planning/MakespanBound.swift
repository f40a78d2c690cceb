/// A makespan that no assignment of pieces to workers can beat.
///
/// A makespan `τ` is refuted if the work that it forces does not fit into `W` loads of at most `τ`. Cuts
/// elsewhere than between groups of keys, and more of them than forced, never cost less, so it is enough
/// to count these:
/// - *Cuts.* A tile that costs more than `τ` as one piece must be cut. No piece can hold more than
///   `k = ⌊(τ − partial) / group⌋` groups, so there are at least `n = ⌈groups / k⌉`, all on different
///   workers.
/// - *Collisions.* If no tile must be cut, but `j + 1` of the `j · W + 1` dearest tiles exceed `τ` whichever
///   they are, one worker has too many of them (pigeonhole), unless at least one is cut.
/// - *Waste.* A gap smaller than any piece of a cut tile takes only *tiny* tiles, those that cost less than
///   such a piece. So a whole tile that leaves such a gap wastes it, or is cut after all; and the `n` pieces
///   of a tile waste what they leave together if it is such a gap, or there are more of them. All tiny tiles
///   together win back at most what they cost.
/// - *Whole groups.* Where all tiles have the same rows, a worker with `a` whole tiles and `b` pieces of cut
///   tiles has at most `⌊(τ − a · whole − b · partial) / group⌋` groups. `Loads` weighs these patterns.
///
/// `whole`, `partial` and `group` are the prices in `PiecePrices`. Whatever is refuted is truly impossible,
/// so the bound holds even where the conditions are not monotone in `τ`; bisection only finds a good one.
struct MakespanBound {
  private let tiles: [RowTile]
  private let tileGroups: [Int]
  private let tileCosts: [Double]
  private let tilesByCost: [Int]
  private let workerCount: Int
  private let costModel: CostModel
  private let totalCost: Double
  /// Prices of the tile with the fewest rows.
  private let lowestPrices: PiecePrices
  /// Cost of the smallest piece of any cut tile.
  private let smallestPiece: Double
  /// Cost of all tiles below `smallestPiece`.
  private let tinyCost: Double
  /// How whole groups fill workers, where all tiles have the same rows.
  private let loads: Loads?

  /// Takes a problem's tiles with their groups and costs; `tilesByCost` are positions, dearest first.
  init(
    tiles: [RowTile], tileGroups: [Int], tileCosts: [Double], tilesByCost: [Int], workerCount: Int,
    costModel: CostModel
  ) {
    self.tiles = tiles
    self.tileGroups = tileGroups
    self.tileCosts = tileCosts
    self.tilesByCost = tilesByCost
    self.workerCount = workerCount
    self.costModel = costModel
    var fewestRows = Int.max
    var mostRows = 0
    for tile in tiles {
      fewestRows = min(fewestRows, tile.rowCount)
      mostRows = max(mostRows, tile.rowCount)
    }
    let prices = PiecePrices(costModel, rows: min(fewestRows, mostRows))
    lowestPrices = prices
    smallestPiece = prices.partialCost(groups: 1)
    var totalCost = 0.0
    var tinyCost = 0.0
    for cost in tileCosts {
      totalCost += cost
      if cost < smallestPiece { tinyCost += cost }
    }
    self.totalCost = totalCost
    self.tinyCost = tinyCost
    loads =
      fewestRows == mostRows
      ? Loads(workerCount: workerCount, tileGroups: tileGroups, prices: prices) : nil
  }

  /// The bound, to a relative width of 1e-4; 0 without tiles.
  var value: Double {
    let average = totalCost / Double(workerCount)
    if !isRefuted(average) { return average }
    var refuted = average
    var excess = 1.0 / 64
    while isRefuted(average * (1 + excess)) {
      refuted = average * (1 + excess)
      excess *= 2
    }
    var open = average * (1 + excess)
    while open - refuted > 1e-4 * open {
      let middle = (refuted + open) / 2
      if isRefuted(middle) { refuted = middle } else { open = middle }
    }
    return refuted
  }

  private func isRefuted(_ makespan: Double) -> Bool {
    // Costs are sums of rounded products; this much covers their rounding.
    let capacity = makespan * (1 + 1e-9)
    var work = totalCost
    var waste = -tinyCost
    var pieceCount = 0
    var position = 0
    while position < tilesByCost.count, tileCosts[tilesByCost[position]] > capacity {
      let tile = tilesByCost[position]
      let prices = PiecePrices(costModel, rows: tiles[tile].rowCount)
      let most = prices.partialGroups(within: capacity)
      guard most > 0, tileGroups[tile] > 0 else { return true }
      let pieces = max(2, tileGroups[tile].dividedRoundingUp(by: most))
      work += Double(pieces) * prices.partial - prices.whole
      let gap = Double(pieces) * (capacity - prices.partial) - Double(tileGroups[tile]) * prices.group
      if gap < smallestPiece { waste += min(gap, prices.partial) }
      pieceCount += pieces
      position += 1
    }
    let wholeCount = tilesByCost.count - position
    if pieceCount == 0, tilesCollide(capacity) { work += lowestPrices.cut }
    work += max(0, waste + wasteOfWholeTiles(from: position, capacity: capacity))
    // Where all gaps are wasted, both sides are the same but for their own rounding.
    guard work <= capacity * Double(workerCount) * (1 + 1e-9) else { return true }
    return loads?.isRefuted(capacity: capacity, wholeCount: wholeCount, pieceCount: pieceCount) ?? false
  }

  private func tilesCollide(_ capacity: Double) -> Bool {
    var rounds = 1
    while rounds * workerCount < tilesByCost.count {
      let cost = tileCosts[tilesByCost[rounds * workerCount]]
      if Double(rounds + 1) * cost > capacity { return true }
      rounds += 1
    }
    return false
  }

  private func wasteOfWholeTiles(from first: Int, capacity: Double) -> Double {
    // Below this, two of the tiles might share a worker.
    guard capacity > 2 * smallestPiece else { return 0 }
    var waste = 0.0
    for tile in tilesByCost[first...] {
      let gap = capacity - tileCosts[tile]
      guard gap < smallestPiece else { break }
      waste += min(gap, lowestPrices.cut)
    }
    return waste
  }
}

/// How many groups of keys workers can hold, by the number of pieces that they have.
private struct Loads {
  private let workerCount: Int
  private let totalGroups: Int
  private let fewestGroups: Int
  private let prices: PiecePrices

  /// Nil where a group costs nothing or a tile has none: then groups do not limit the pieces.
  init?(workerCount: Int, tileGroups: [Int], prices: PiecePrices) {
    self.workerCount = workerCount
    self.prices = prices
    var totalGroups = 0
    var fewestGroups = Int.max
    for groups in tileGroups {
      totalGroups += groups
      fewestGroups = min(fewestGroups, groups)
    }
    guard prices.group > 0, fewestGroups > 0 else { return nil }
    self.totalGroups = totalGroups
    self.fewestGroups = fewestGroups
  }

  /// Whether workers of this capacity cannot hold all groups in `wholeCount` whole tiles and at least
  /// `pieceCount` pieces.
  ///
  /// For any weights `x` of a whole tile and `y ≥ 0` of a piece, the workers together hold at most
  /// `W · max(groups + x · a + y · b)` over the patterns `(a, b)`, and must hold at least
  /// `totalGroups + x · wholeCount + y · pieceCount`. That stays true if more tiles are cut, since a whole
  /// tile then becomes two pieces or more, as long as `x ≤ 2y` (Lagrange relaxation of the counts).
  func isRefuted(capacity: Double, wholeCount: Int, pieceCount: Int) -> Bool {
    // With many pieces the possible loads lie so dense that rounding to groups gains little.
    guard capacity < 8 * (prices.whole + prices.group) else { return false }
    // The fixed costs themselves as weights: how full a worker can be.
    var weights = (whole: prices.whole / prices.group, piece: prices.partial / prices.group)
    if refutes(weights, capacity: capacity, wholeCount: wholeCount, pieceCount: pieceCount) { return true }
    // Groups that a whole tile can have more than a piece, in the same gap.
    let advantage = Double(prices.groups(costing: prices.partial - prices.whole) + 1)
    weights = (-advantage, 0)
    while weights.piece <= 32 {
      if refutes(weights, capacity: capacity, wholeCount: wholeCount, pieceCount: pieceCount) { return true }
      weights.piece = max(1, 2 * weights.piece)
      weights.whole = weights.piece - advantage
    }
    return false
  }

  private func refutes(
    _ weights: (whole: Double, piece: Double), capacity: Double, wholeCount: Int, pieceCount: Int
  ) -> Bool {
    var heaviest = -Double.infinity
    var wholes = 0
    while true {
      // A worker without pieces holds no groups, so the pattern (0, 0) only weighs 0.
      var pieces = 0
      while true {
        let fixed = Double(wholes) * prices.whole + Double(pieces) * prices.partial
        let groups = prices.groups(costing: capacity - fixed)
        guard groups >= wholes * fewestGroups + pieces, fixed <= capacity else { break }
        let weight = Double(wholes) * weights.whole + Double(pieces) * weights.piece
        heaviest = max(heaviest, weight + (wholes + pieces > 0 ? Double(groups) : 0))
        pieces += 1
      }
      if pieces == 0 { break }
      wholes += 1
    }
    let room = heaviest * Double(workerCount)
    let wholeNeed = weights.whole * Double(wholeCount)
    let pieceNeed = weights.piece * Double(pieceCount)
    let rounding = 1e-9 * (abs(room) + Double(totalGroups) + abs(wholeNeed) + pieceNeed)
    return room + rounding < Double(totalGroups) + wholeNeed + pieceNeed
  }
}

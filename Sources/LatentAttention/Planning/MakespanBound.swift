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
/// - *Whole groups.* Where all tiles have the same rows, what a worker can hold is a matter of whole groups:
///   `WorkerLoads` weighs it. No worker then has a load between two possible ones, so the bound is the
///   smallest possible load that is not refuted.
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
  private let loads: WorkerLoads?

  /// Takes a problem's tiles with their groups and costs; `tilesByCost` are positions, dearest first.
  init(
    tiles: [RowTile], tileGroups: [Int], tileCosts: [Double], tilesByCost: [Int], workerCount: Int,
    costModel: CostModel, loads: WorkerLoads?
  ) {
    self.tiles = tiles
    self.tileGroups = tileGroups
    self.tileCosts = tileCosts
    self.tilesByCost = tilesByCost
    self.workerCount = workerCount
    self.costModel = costModel
    let fewestRows = tiles.reduce(Int.max) { min($0, $1.rowCount) }
    lowestPrices = PiecePrices(costModel, rows: tiles.isEmpty ? 0 : fewestRows)
    smallestPiece = lowestPrices.partialCost(groups: 1)
    var totalCost = 0.0
    var tinyCost = 0.0
    for cost in tileCosts {
      totalCost += cost
      if cost < smallestPiece { tinyCost += cost }
    }
    self.totalCost = totalCost
    self.tinyCost = tinyCost
    self.loads = loads
  }

  /// The bound, to a relative width of 1e-4 or the next possible load; 0 without tiles.
  var value: Double {
    let refuted = refutedMakespan
    guard refuted > 0, let loads else { return refuted }
    // An average that is a possible load must not be rounded past it.
    return max(refuted, loads.smallestLoad(atLeast: refuted * (1 - 1e-9)))
  }

  private var refutedMakespan: Double {
    let average = totalCost / Double(workerCount)
    if !isRefuted(average) { return average }
    var refuted = average
    var excess = 1.0 / 64
    while isRefuted(average * (1 + excess)) {
      refuted = average * (1 + excess)
      excess *= 2
    }
    var open = average * (1 + excess)
    while open - refuted > 1e-4 * open, loads?.smallestLoad(atLeast: refuted) ?? 0 < open {
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
    let wasteOfWholes = wasteOfWholeTiles(from: position, capacity: capacity)
    waste += wasteOfWholes.total
    if pieceCount == 0, tilesCollide(capacity) {
      work += lowestPrices.cut
      // The tile that is cut may be one whose cut or waste is counted.
      waste -= wasteOfWholes.largest
    }
    work += max(0, waste)
    // Where all gaps are wasted, both sides are the same but for their own rounding.
    guard work <= capacity * Double(workerCount) * (1 + 1e-9) else { return true }
    return loads?.areOverfull(capacity: capacity) ?? false
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

  private func wasteOfWholeTiles(
    from first: Int, capacity: Double
  ) -> (total: Double, largest: Double) {
    // Below this, two of the tiles might share a worker.
    guard capacity > 2 * smallestPiece else { return (0, 0) }
    var total = 0.0
    var largest = 0.0
    for tile in tilesByCost[first...] {
      let gap = capacity - tileCosts[tile]
      guard gap < smallestPiece else { break }
      let waste = min(gap, lowestPrices.cut)
      total += waste
      largest = max(largest, waste)
    }
    return (total, largest)
  }
}

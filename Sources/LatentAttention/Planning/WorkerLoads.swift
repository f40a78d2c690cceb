/// What a worker can hold where all tiles have the same rows, and so the same prices: some whole tiles, some
/// pieces of cut ones, and the groups of keys in them.
///
/// A *pattern* `(a, b)` is the number of whole tiles and of pieces on a worker. Within a load `τ` it has room
/// for `⌊(τ − a · whole − b · partial) / group⌋` groups. Few patterns are possible where `τ` is a small number
/// of groups, and that is where whole groups matter.
struct WorkerLoads {
  private let prices: PiecePrices
  private let workerCount: Int
  /// Tiles by their number of groups, fewest first.
  private let sizes: [(groups: Int, count: Int)]

  /// Past this many groups in a piece, possible loads lie so dense that whole groups hardly matter.
  private static let mostGroups = 32
  /// Steps of a worker that are tried.
  private static let mostSteps = 12
  /// Tiles with more groups than this count the steps of the best pieces, without what the last one wastes.
  private static let tableGroups = 128
  /// Kinds of smallest tiles that are left out, one after another, when tiles are weighed.
  private static let omittedSizes = 6

  /// Nil where tiles differ in rows, a group costs nothing, or a tile has none: then groups limit nothing.
  ///
  /// - Parameter tilesByCost: positions, dearest first.
  init?(
    tiles: [RowTile], tileGroups: [Int], tilesByCost: [Int], workerCount: Int, costModel: CostModel
  ) {
    guard let dearest = tilesByCost.first, let cheapest = tilesByCost.last else { return nil }
    let rows = tiles[dearest].rowCount
    prices = PiecePrices(costModel, rows: rows)
    guard prices.group > 0, tileGroups[cheapest] > 0, tiles.allSatisfy({ $0.rowCount == rows }) else {
      return nil
    }
    self.workerCount = workerCount
    var sizes: [(groups: Int, count: Int)] = []
    for tile in tilesByCost.reversed() {
      if let last = sizes.last, last.groups == tileGroups[tile] {
        sizes[sizes.count - 1].count += 1
      } else {
        sizes.append((tileGroups[tile], 1))
      }
    }
    self.sizes = sizes
  }

  /// The smallest load of any worker that is at least `load`: `a · whole + b · partial + g · group` for whole
  /// numbers, with a group at least in each piece, and those of the smallest tile in each whole one. `load` itself
  /// where possible loads lie dense.
  func smallestLoad(atLeast load: Double) -> Double {
    guard load < Double(Self.mostGroups) * prices.group else { return load }
    var smallest = Double.infinity
    var wholes = 0
    while true {
      var pieces = wholes == 0 ? 1 : 0
      while true {
        let fixed = Double(wholes) * prices.whole + Double(pieces) * prices.partial
        let fewest = wholes * sizes[0].groups + pieces
        let missing = ((load - fixed) / prices.group).rounded(.up)
        smallest = min(smallest, fixed + max(Double(fewest), missing) * prices.group)
        // More pieces only cost more once there is room for no further group.
        guard missing > Double(fewest), prices.partial > 0 else { break }
        pieces += 1
      }
      wholes += 1
      let fixed = Double(wholes) * (prices.whole + Double(sizes[0].groups) * prices.group)
      guard fixed < smallest else { return smallest }
    }
  }

  /// Whether workers of this capacity cannot hold all tiles.
  ///
  /// `capacity` must be a little more than the makespan in question, to cover the rounding of loads.
  func areOverfull(capacity: Double) -> Bool {
    let most = prices.partialGroups(within: capacity)
    guard (1...Self.mostGroups).contains(most) else { return false }
    return areOverfullByWeight(capacity: capacity, most: most)
      || areOverfullBySteps(capacity: capacity, most: most)
  }

  /// Whether the tiles weigh more than workers can carry.
  ///
  /// A whole tile of `n` groups weighs `min(1, (x + n) / K)`, a piece of `s` groups `min(1, (y + s) / K)`,
  /// where `K` is at least `a · x + b · y + groups` of every pattern of two or more. So one worker carries at
  /// most 1, whether it has one piece or tile or several, and all of them at most their number. The weight of a
  /// piece is concave in `s`, so a cut tile weighs least in the fewest pieces, all but one as long as fits. The
  /// smallest tiles may be left out: what then remains must fit all the same.
  private func areOverfullByWeight(capacity: Double, most: Int) -> Bool {
    for omitted in 0..<min(Self.omittedSizes, sizes.count) {
      let fewest = sizes[omitted].groups
      if omitted > 0, sizes[omitted - 1].groups > most { break }
      let patterns = patterns(capacity: capacity, fewest: fewest)
      for weight in [0, 0.5, 1, 1.5, 2, 3, prices.partial / prices.group] {
        let several = patterns.filter { $0.wholes == 0 }
          .reduce(0.0) { max($0, Double($1.pieces) * weight + Double($1.groups)) }
        for whole in [several, Double(most), Double(most) + weight] where whole >= several && whole > 0 {
          let weights = Weights(piece: weight, full: whole, patterns: patterns)
          if weights.whole + Double(fewest) >= 0,
            weigh(sizes[omitted...], weights, most: most, capacity: capacity)
              > Double(workerCount) * (1 + 1e-9)
          {
            return true
          }
        }
      }
    }
    return false
  }

  /// Whether the tiles have more steps than workers do.
  ///
  /// A worker of capacity `C` counts `k` steps, an item of cost `c` on it `⌊(k + 1) · c / C⌋`. The items of a
  /// worker cost less than `C` together, so they have fewer than `k + 1` steps (S. P. Fekete, J. Schepers, "New
  /// classes of fast lower bounds for bin packing problems", 2001). A cut tile has the steps of those pieces that
  /// have fewest.
  private func areOverfullBySteps(capacity: Double, most: Int) -> Bool {
    // With fewer steps, the smallest piece counts nothing.
    let fewest = max(1, Int((capacity / prices.partialCost(groups: 1)).rounded(.up)) - 1)
    guard fewest <= Self.mostSteps else { return false }
    return (fewest...Self.mostSteps).contains { steps in
      countSteps(steps, capacity: capacity, most: most) > steps * workerCount
    }
  }

  private func countSteps(_ steps: Int, capacity: Double, most: Int) -> Int {
    func count(_ cost: Double) -> Int { Int(Double(steps + 1) * cost / capacity) }
    // The most groups in a piece, for each of its counts.
    var longest: [(steps: Int, groups: Int)] = []
    for groups in 1...most {
      let count = count(prices.partialCost(groups: groups))
      if let last = longest.last, last.steps == count { longest.removeLast() }
      longest.append((count, groups))
    }
    let table = longest[0].steps > 0 ? min(sizes[sizes.count - 1].groups, Self.tableGroups) : 0
    guard table > 0 else { return 0 }
    // The fewest steps of any pieces that have so many groups.
    var fewest = Array(repeating: Int.max, count: table + 1)
    fewest[0] = 0
    for groups in 1...table {
      for piece in longest {
        fewest[groups] = min(fewest[groups], fewest[max(0, groups - piece.groups)] + piece.steps)
      }
    }
    let rate = longest.reduce(Double.infinity) { min($0, Double($1.steps) / Double($1.groups)) }
    let wholeGroups = prices.groups(costing: capacity - prices.whole)
    var total = 0
    for size in sizes {
      var number = size.groups <= table ? fewest[size.groups] : Int(rate * Double(size.groups) * (1 - 1e-9))
      if size.groups <= wholeGroups {
        number = min(number, count(prices.whole + Double(size.groups) * prices.group))
      }
      total += size.count * number
    }
    return total
  }

  private func weigh(
    _ sizes: ArraySlice<(groups: Int, count: Int)>, _ weights: Weights, most: Int, capacity: Double
  ) -> Double {
    let wholeGroups = prices.groups(costing: capacity - prices.whole)
    var total = 0.0
    for size in sizes {
      let (full, rest) = size.groups.quotientAndRemainder(dividingBy: most)
      var weight =
        size.groups > most
        ? Double(full) * weights.ofPiece(most) + (rest > 0 ? weights.ofPiece(rest) : 0)
        : weights.ofPiece(max(1, size.groups - 1)) + weights.ofPiece(1)
      if size.groups <= wholeGroups { weight = min(weight, weights.ofTile(size.groups)) }
      total += Double(size.count) * weight
    }
    return total
  }

  /// The patterns of two or more that fit, of tiles with at least `fewest` groups.
  private func patterns(capacity: Double, fewest: Int) -> [Pattern] {
    var patterns: [Pattern] = []
    var wholes = 0
    while true {
      var pieces = 0
      while true {
        let fixed = Double(wholes) * prices.whole + Double(pieces) * prices.partial
        let groups = prices.groups(costing: capacity - fixed)
        guard groups >= wholes * fewest + pieces, fixed <= capacity else { break }
        if wholes + pieces >= 2 { patterns.append(Pattern(wholes: wholes, pieces: pieces, groups: groups)) }
        pieces += 1
      }
      guard pieces > 0 else { return patterns }
      wholes += 1
    }
  }

  /// The largest bound that `PatternProgramme` proves: at least `bound`, which must be one, and at most `makespan`,
  /// which a plan must have. O(log loads) programmes.
  func tightened(_ bound: Double, below makespan: Double) -> Double {
    var possible: [Double] = []
    var load = smallestLoad(atLeast: bound * (1 - 1e-9))
    while load < makespan * (1 - 1e-9), load < Double(Self.mostGroups) * prices.group {
      possible.append(load)
      load = smallestLoad(atLeast: load * (1 + 1e-7))
    }
    // What fits into a load fits into a larger one too, but for cuts that end where a piece may: each refutation
    // holds by itself.
    var refuted = -1
    var open = possible.count
    while open - refuted > 1 {
      let middle = (refuted + open) / 2
      var programme = PatternProgramme(
        sizes: sizes, prices: prices, workerCount: workerCount, capacity: possible[middle] * (1 + 1e-9))
      if programme?.areTooMany() ?? false { refuted = middle } else { open = middle }
    }
    guard refuted >= 0 else { return bound }
    return open < possible.count ? possible[open] : min(makespan, load)
  }

  /// What a worker has, and the groups that it then has room for.
  private struct Pattern {
    let wholes: Int
    let pieces: Int
    let groups: Int
  }

  /// `x`, `y` and `K` of `areOverfull`.
  private struct Weights {
    let whole: Double
    let piece: Double
    let full: Double

    /// With the largest `x` that `y` and `K` allow.
    init(piece: Double, full: Double, patterns: [Pattern]) {
      self.piece = piece
      self.full = full
      var whole = Double.infinity
      for pattern in patterns where pattern.wholes > 0 {
        let left = full - Double(pattern.pieces) * piece - Double(pattern.groups)
        whole = min(whole, left / Double(pattern.wholes))
      }
      self.whole = whole
    }

    func ofTile(_ groups: Int) -> Double { min(1, (whole + Double(groups)) / full) }
    func ofPiece(_ groups: Int) -> Double { min(1, (piece + Double(groups)) / full) }
  }
}

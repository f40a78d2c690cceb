/// The linear programme that tells how many workers of one capacity the tiles need at least.
///
/// Give each length of piece a price and each size of whole tile another, so that nothing that fits into one worker
/// is worth more than 1. A tile is worth at least the less of its price in one piece and of its cheapest cut; where
/// all tiles together are worth more than there are workers, they do not fit. The best such prices are the dual
/// variables of the cutting-stock programme (P. C. Gilmore, R. E. Gomory, "A linear programming approach to the
/// cutting-stock problem", 1961), here with a second kind of column: the ways to cut a tile.
///
/// Any prices prove what they prove, so nothing rests on the programme's being solved to the end or on its rounding.
struct PatternProgramme {
  private let sizes: [(groups: Int, count: Int)]
  private let workerCount: Int
  /// Rows: a piece of `s` groups is row `s − 1`; then the sizes as whole tiles; then the sizes, to be covered.
  private var basis: SimplexBasis
  private let knapsack: PatternKnapsack
  /// Most groups of a piece.
  private let longest: Int
  /// Sizes that fit as whole tiles.
  private let wholeCount: Int

  /// Columns that are tried before the question is left open.
  private static let mostColumns = 4000
  /// A column that gains less is not worth a step.
  private static let leastGain = 1e-7
  /// Moves the right side off 0, row by row another little: without it steps may change nothing for ever.
  private static let nudge = 1e-7

  /// Nil where no piece fits, so that no tile can be cut.
  ///
  /// - Parameters:
  ///   - sizes: groups of the tiles, fewest first, at least 1.
  ///   - capacity: a little more than the makespan in question, to cover the rounding of loads.
  init?(
    sizes: [(groups: Int, count: Int)], prices: PiecePrices, workerCount: Int, capacity: Double
  ) {
    longest = prices.partialGroups(within: capacity)
    guard longest > 0 else { return nil }
    self.sizes = sizes
    self.workerCount = workerCount
    let wholeGroups = prices.groups(costing: capacity - prices.whole)
    wholeCount = sizes.prefix { $0.groups <= wholeGroups }.count
    knapsack = PatternKnapsack(
      prices: prices, capacity: capacity, longest: longest, wholes: sizes[..<wholeCount].map(\.groups))
    let itemCount = longest + wholeCount
    // At first each item has a worker of its own, and each tile as many as it has groups.
    basis = SimplexBasis(
      values: (0..<itemCount).map { Self.nudge * Double($0 + 1) } + sizes.map { Double($0.count) },
      costs: Array(repeating: 1, count: itemCount) + sizes.map { Double($0.groups) })
  }

  /// Whether the tiles need more than `workerCount` workers; false where that is not proved.
  mutating func areTooMany() -> Bool {
    for _ in 0..<Self.mostColumns {
      let prices = basis.rowPrices
      var entered = false
      if let cut = bestCut(prices) { entered = basis.enter(cut, cost: 0) }
      if !entered {
        let pattern = knapsack.dearest(prices.map { max(0, $0) })
        if worth(prices) > pattern.worth * Double(workerCount) * (1 + 1e-9) { return true }
        guard pattern.worth > 1 + Self.leastGain else { return false }
        guard basis.enter(column(pattern.items), cost: 1) else { return false }
      }
      if basis.cost <= Double(workerCount) { return false }
    }
    return false
  }

  /// The column of a size whose price exceeds that of its cheapest cut, or of the whole tile, the most.
  private func bestCut(_ prices: [Double]) -> SimplexBasis.Column? {
    let cuts = CheapestCuts(prices[..<longest], most: sizes[sizes.count - 1].groups)
    var best: SimplexBasis.Column?
    var gain = Self.leastGain
    for (position, size) in sizes.enumerated() {
      let cover = longest + wholeCount + position
      if position < wholeCount, prices[cover] - prices[longest + position] > gain {
        gain = prices[cover] - prices[longest + position]
        best = [(longest + position, -1), (cover, 1)]
      }
      if prices[cover] - cuts.prices[size.groups] > gain {
        gain = prices[cover] - cuts.prices[size.groups]
        best = column(cuts.pieces(of: size.groups)).map { ($0.row, -$0.value) } + [(cover, 1)]
      }
    }
    return best
  }

  /// What all tiles are worth at least.
  private func worth(_ prices: [Double]) -> Double {
    let prices = prices.map { max(0, $0) }
    let cuts = CheapestCuts(prices[..<longest], most: sizes[sizes.count - 1].groups)
    return sizes.enumerated().reduce(0) { sum, entry in
      let (position, size) = entry
      let cut = cuts.prices[size.groups]
      let worth = position < wholeCount ? min(cut, prices[longest + position]) : cut
      return sum + Double(size.count) * worth
    }
  }

  /// How often each row occurs.
  private func column(_ rows: [Int]) -> SimplexBasis.Column {
    var column: SimplexBasis.Column = []
    for row in rows.sorted() {
      if column.last?.row == row { column[column.count - 1].value += 1 } else { column.append((row, 1)) }
    }
    return column
  }
}

/// The cheapest way to cut any number of groups into pieces.
///
/// One piece counts as a cut: it never costs less than the whole tile, so that proves nothing wrong.
private struct CheapestCuts {
  /// By groups; 0 for none.
  private(set) var prices: [Double]
  /// A piece of the cheapest cut.
  private var piece: [Int]

  /// - Parameter piecePrices: of 1, 2, … groups.
  init(_ piecePrices: ArraySlice<Double>, most: Int) {
    prices = Array(repeating: .infinity, count: most + 1)
    piece = Array(repeating: 0, count: most + 1)
    prices[0] = 0
    for groups in 1...most {
      for length in 1...min(groups, piecePrices.count) {
        let price = prices[groups - length] + piecePrices[piecePrices.startIndex + length - 1]
        if price < prices[groups] {
          prices[groups] = price
          piece[groups] = length
        }
      }
    }
  }

  /// The rows of the pieces of the cheapest cut.
  func pieces(of groups: Int) -> [Int] {
    var rows: [Int] = []
    var left = groups
    while left > 0 {
      rows.append(piece[left] - 1)
      left -= piece[left]
    }
    return rows
  }
}

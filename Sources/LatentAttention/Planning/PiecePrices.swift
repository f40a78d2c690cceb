/// What pieces of a tile cost, with the tile's rows put in.
struct PiecePrices {
  /// Fixed cost of the tile in one piece.
  let whole: Double
  /// Fixed cost of a piece that writes a partial.
  let partial: Double
  /// Cost of a group of keys.
  let group: Double

  init(_ costModel: CostModel, rows: Int) {
    whole = costModel.perPiece
    partial = costModel.perPiece + costModel.perPartialRow * Double(rows)
    group = costModel.keyGroupCost(rows: rows)
  }

  /// Least that cutting a tile once adds to its cost.
  var cut: Double { 2 * partial - whole }

  /// Cost of a piece of `groups` groups of keys that writes a partial.
  func partialCost(groups: Int) -> Double { partial + Double(groups) * group }

  /// Key groups that a piece with a partial can have at most within `capacity`; 0 where none fits.
  func partialGroups(within capacity: Double) -> Int { groups(costing: capacity - partial) }

  /// Key groups that cost at most `cost` without anything fixed; 0 if `cost` is negative.
  func groups(costing cost: Double) -> Int {
    guard cost >= group else { return 0 }
    // Groups may cost nothing; no tile has 2^60 of them.
    return Int(min(cost / group, 0x1p60))
  }
}

extension CostModel {
  /// Groups in which `keys` keys are computed.
  func keyGroups(_ keys: Int) -> Int { keys.dividedRoundingUp(by: keyGranularity) }
}

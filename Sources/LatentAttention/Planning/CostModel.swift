/// What a worker pays for a piece, in nanoseconds: the planner balances these, an engine fits them.
///
///     cost(piece) = perPiece + keys↑ · (perKey + perKeyRow · rows↑) + [partial] perPartialRow · rows
///
/// where `↑` rounds up to `keyGranularity` and `rowGranularity`. `perPartialRow` is paid for each
/// row of a piece that does not write through: writing the partial, and later reading it in the merge.
public struct CostModel: Hashable, Sendable, Codable {
  /// Fixed cost of starting and finishing a piece.
  public var perPiece: Double
  /// Cost of bringing in one key, whatever the number of rows.
  public var perKey: Double
  /// Cost of one (row, key) pair.
  public var perKeyRow: Double
  /// Cost of writing one row of a partial and reading it back when merging.
  public var perPartialRow: Double
  /// Fixed cost of combining partials, paid once by all workers where any tile is cut.
  public var secondStage: Double
  /// Rows are computed in groups of this many.
  public var rowGranularity: Int
  /// Keys are computed in groups of this many; pieces are cut at multiples of it.
  public var keyGranularity: Int

  /// Makes a model. Costs must not be negative, granularities at least 1 (checked by `Planner`).
  public init(
    perPiece: Double, perKey: Double, perKeyRow: Double, perPartialRow: Double, secondStage: Double = 0,
    rowGranularity: Int, keyGranularity: Int
  ) {
    self.perPiece = perPiece
    self.perKey = perKey
    self.perKeyRow = perKeyRow
    self.perPartialRow = perPartialRow
    self.secondStage = secondStage
    self.rowGranularity = rowGranularity
    self.keyGranularity = keyGranularity
  }

  /// Cost of one group of `keyGranularity` keys for `rows` rows.
  public func keyGroupCost(rows: Int) -> Double {
    let roundedRows = (rows + rowGranularity - 1) / rowGranularity * rowGranularity
    return Double(keyGranularity) * (perKey + perKeyRow * Double(roundedRows))
  }

  /// Cost of a piece of `rows` rows and `keys` keys.
  public func cost(rows: Int, keys: Int, isPartial: Bool) -> Double {
    let groups = keys.dividedRoundingUp(by: keyGranularity)
    return perPiece + Double(groups) * keyGroupCost(rows: rows)
      + (isPartial ? perPartialRow * Double(rows) : 0)
  }

  /// A CTA of an H100 with row tiles of 64: an estimate, not fitted to a measurement of this package.
  ///
  /// ThunderMLA's authors publish, for 64 rows on an H100, 3.0 µs to start a piece, 4.5 µs to write its
  /// partial, and 1.49 µs per 32 keys (Hazy Research, "ThunderMLA", 2025). The time per key is divided
  /// between fetching and arithmetic by FlashMLA's published 660 TFLOP/s over 132 SMs: 64 rows of
  /// 2 · (576 + 512) operations take 27.8 ns, the other 18.8 ns are the key's own. Rows are rounded to the
  /// 64 of a `wgmma`, keys to blocks of 64.
  public static let hopperEstimate = CostModel(
    perPiece: 3000, perKey: 18.8, perKeyRow: 27.8 / 64, perPartialRow: 4500.0 / 64, rowGranularity: 64,
    keyGranularity: 64)
}

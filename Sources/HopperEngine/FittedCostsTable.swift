extension FittedCosts {
  /// Nanoseconds, one row for each device and kind of request. Written by `mla fit --write`.
  public static let table = [
    FittedCosts(
      device: "h100", sharing: .none, perPiece: 6732.2, perKeyTile: 3240.0, perPartialRow: 171.1,
      secondStage: 0.0),
    FittedCosts(
      device: "h100", sharing: .l2, perPiece: 7482.4, perKeyTile: 1718.3, perPartialRow: 177.2,
      secondStage: 1197.2),
    FittedCosts(
      device: "h100", sharing: .cluster, perPiece: 7724.8, perKeyTile: 1610.7, perPartialRow: 88.5,
      secondStage: 234.9),
  ]
}

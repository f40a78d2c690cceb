extension FittedCosts {
  /// Nanoseconds, one row for each device and kind of request. Written by `mla fit --write`.
  public static let table = [
    FittedCosts(
      device: "h100", sharing: .none, perPiece: 5857.3, perKeyTile: 3285.0, perPartialRow: 262.4,
      secondStage: 0.0),
    FittedCosts(
      device: "h100", sharing: .l2, perPiece: 6605.3, perKeyTile: 1801.7, perPartialRow: 275.5,
      secondStage: 0.0),
    FittedCosts(
      device: "h100", sharing: .cluster, perPiece: 6619.9, perKeyTile: 1918.9, perPartialRow: 137.0,
      secondStage: 0.0),
    FittedCosts(
      device: "h800", sharing: .none, perPiece: 5352.1, perKeyTile: 3294.3, perPartialRow: 129.6,
      secondStage: 0.0),
    FittedCosts(
      device: "h800", sharing: .l2, perPiece: 5883.3, perKeyTile: 1706.2, perPartialRow: 142.5,
      secondStage: 0.0),
    FittedCosts(
      device: "h800", sharing: .cluster, perPiece: 5556.9, perKeyTile: 1622.8, perPartialRow: 69.9,
      secondStage: 0.0),
    FittedCosts(
      device: "h200", sharing: .none, perPiece: 4383.2, perKeyTile: 2292.4, perPartialRow: 143.4,
      secondStage: 0.0),
    FittedCosts(
      device: "h200", sharing: .l2, perPiece: 4948.5, perKeyTile: 1699.5, perPartialRow: 151.5,
      secondStage: 0.0),
    FittedCosts(
      device: "h200", sharing: .cluster, perPiece: 4923.0, perKeyTile: 1414.7, perPartialRow: 66.0,
      secondStage: 1775.0),
    FittedCosts(
      device: "h20", sharing: .none, perPiece: 4785.4, perKeyTile: 4962.2, perPartialRow: 131.1,
      secondStage: 0.0),
    FittedCosts(
      device: "h20", sharing: .l2, perPiece: 4559.6, perKeyTile: 4946.2, perPartialRow: 127.6,
      secondStage: 0.0),
    FittedCosts(
      device: "h20", sharing: .cluster, perPiece: 4164.7, perKeyTile: 4928.2, perPartialRow: 64.7,
      secondStage: 0.0),
  ]
}

extension FittedCosts {
  /// Nanoseconds, one row for each device and kind of request. Written by `mla fit --write`.
  public static let table = [
    FittedCosts(
      device: "h100", sharing: .none, perPiece: 6692.6, perKeyTile: 3222.8, perPartialRow: 118.2,
      secondStage: 0.0),
    FittedCosts(
      device: "h100", sharing: .l2, perPiece: 7553.0, perKeyTile: 1779.8, perPartialRow: 111.8,
      secondStage: 0.0),
    FittedCosts(
      device: "h100", sharing: .cluster, perPiece: 6926.7, perKeyTile: 1882.5, perPartialRow: 60.1,
      secondStage: 534.2),
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

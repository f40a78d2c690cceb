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
      device: "h800", sharing: .none, perPiece: 4972.3, perKeyTile: 3234.7, perPartialRow: 52.9,
      secondStage: 0.0),
    FittedCosts(
      device: "h800", sharing: .l2, perPiece: 6410.4, perKeyTile: 1788.3, perPartialRow: 61.2,
      secondStage: 0.0),
    FittedCosts(
      device: "h800", sharing: .cluster, perPiece: 6189.2, perKeyTile: 1872.1, perPartialRow: 32.1,
      secondStage: 0.0),
    FittedCosts(
      device: "h200", sharing: .none, perPiece: 5206.9, perKeyTile: 2328.8, perPartialRow: 103.1,
      secondStage: 0.0),
    FittedCosts(
      device: "h200", sharing: .l2, perPiece: 5434.4, perKeyTile: 1733.1, perPartialRow: 101.9,
      secondStage: 0.0),
    FittedCosts(
      device: "h200", sharing: .cluster, perPiece: 5543.6, perKeyTile: 1753.4, perPartialRow: 55.1,
      secondStage: 0.0),
    FittedCosts(
      device: "h20", sharing: .none, perPiece: 4558.7, perKeyTile: 4425.6, perPartialRow: 64.3,
      secondStage: 0.0),
    FittedCosts(
      device: "h20", sharing: .l2, perPiece: 4062.8, perKeyTile: 4471.1, perPartialRow: 64.8,
      secondStage: 0.0),
    FittedCosts(
      device: "h20", sharing: .cluster, perPiece: 4355.8, perKeyTile: 4403.9, perPartialRow: 32.8,
      secondStage: 0.0),
  ]
}

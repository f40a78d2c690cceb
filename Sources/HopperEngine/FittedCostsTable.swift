extension FittedCosts {
  /// Nanoseconds, one row for each device and kind of request. Written by `mla fit --write`.
  public static let table = [
    FittedCosts(
      device: "h100", sharing: .none, perPiece: 5563.7, perKeyTile: 3202.7, perPartialRow: 102.6,
      secondStage: 0.0),
    FittedCosts(
      device: "h100", sharing: .l2, perPiece: 6402.0, perKeyTile: 1737.9, perPartialRow: 101.6,
      secondStage: 0.0),
    FittedCosts(
      device: "h100", sharing: .cluster, perPiece: 6287.2, perKeyTile: 1780.0, perPartialRow: 54.0,
      secondStage: 0.0),
    FittedCosts(
      device: "h800", sharing: .none, perPiece: 4605.5, perKeyTile: 3298.1, perPartialRow: 54.3,
      secondStage: 0.0),
    FittedCosts(
      device: "h800", sharing: .l2, perPiece: 6758.0, perKeyTile: 1817.2, perPartialRow: 68.9,
      secondStage: 0.0),
    FittedCosts(
      device: "h800", sharing: .cluster, perPiece: 6975.4, perKeyTile: 1851.6, perPartialRow: 35.4,
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
      device: "h20", sharing: .none, perPiece: 5809.9, perKeyTile: 4482.3, perPartialRow: 68.7,
      secondStage: 0.0),
    FittedCosts(
      device: "h20", sharing: .l2, perPiece: 5501.2, perKeyTile: 4524.3, perPartialRow: 69.9,
      secondStage: 0.0),
    FittedCosts(
      device: "h20", sharing: .cluster, perPiece: 5669.6, perKeyTile: 4462.5, perPartialRow: 34.0,
      secondStage: 0.0),
  ]
}

extension FittedCosts {
  /// Nanoseconds, one row for each device and kind of request. Written by `mla fit --write`.
  public static let table = [
    FittedCosts(
      device: "h100", sharesKeys: false, perPiece: 6561.2, perKeyTile: 3250.7, perPartialRow: 174.1,
      secondStage: 0.0),
    FittedCosts(
      device: "h100", sharesKeys: true, perPiece: 7840.5, perKeyTile: 1682.5, perPartialRow: 177.5,
      secondStage: 1110.6),
  ]
}

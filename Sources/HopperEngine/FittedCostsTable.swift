extension FittedCosts {
  /// Nanoseconds, one row for each device and kind of request. Written by `mla fit --write`.
  public static let table = [
    FittedCosts(
      device: "h100", sharesKeys: false, perPiece: 3000, perKeyTile: 3158, perPartialRow: 70,
      secondStage: 1000),
    FittedCosts(
      device: "h100", sharesKeys: true, perPiece: 3000, perKeyTile: 1721, perPartialRow: 93, secondStage: 1000
    ),
  ]
}

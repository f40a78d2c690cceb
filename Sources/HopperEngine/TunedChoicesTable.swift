extension TunedChoice {
  /// What was fastest in simulated runs. Written by `mla tune --write`.
  public static let table: [TunedChoice] = []
}

import LatentAttention

extension CostModel {
  /// What a CPU worker pays, in nanoseconds.
  ///
  /// Only ratios matter to the planner. Products run at a rate typical of the instruction set on server cores
  /// (`mla bench --limits` measures them); finding a key's row, and what of its way from memory is not hidden
  /// behind the products, is a small constant; a row of a partial costs two passes over it and its share of the second stage's start.
  public static func cpu(geometry: AttentionGeometry, instructionSet: InstructionSet) -> CostModel {
    let flopsPerNanosecond: Double =
      switch instructionSet {
      case .avx512bf16: 200
      case .avx512f, .avx2: 100
      case .portable: 25
      }
    return CostModel(
      perPiece: 3000, perKey: 10, perKeyRow: Double(geometry.flopsPerPair) / flopsPerNanosecond,
      perPartialRow: 400 * Double(geometry.latentWidth) / 512, rowGranularity: Workspace.rowPadding,
      keyGranularity: 24)
  }
}

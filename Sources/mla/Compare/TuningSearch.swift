import HopperKernels

/// Searches the parameters of a pipeline for values with which a call is faster than with its own: one parameter after the
/// other, each with what was fastest of those before. What is faster by no more than times differ is not taken.
struct TuningSearch {
  private let spread: Double
  /// The parameters that are searched, in this order.
  let parameters: [DecodeVariant.Pipeline.Parameter]

  /// How many registers a warpgroup has makes no difference to the simulator's clock: they are searched on a GPU only.
  init(_ timer: any CallTimer) {
    spread = timer.spread
    parameters = DecodeVariant.Pipeline.Parameter.allCases.filter { $0 != .registers || !timer.isSimulated }
  }

  /// The fastest variant that was found, from a variant and its row on, with its row. Where that is predicted it is the
  /// variant itself: predictions err by more than parameters change.
  func fastest(
    _ shape: DecodeCall.Shape, from variant: ComparedVariant, _ row: VariantComparison.Row,
    _ comparison: inout VariantComparison
  ) throws -> (variant: ComparedVariant, row: VariantComparison.Row) {
    var best = (variant: variant, row: row)
    guard row.source != .predicted else { return best }
    for parameter in parameters {
      let candidates = variant.pipeline.alternatives(parameter).compactMap { best.variant.tuned($0) }
      let rows = try comparison.rows(shape, of: candidates, predicts: false)
      for row in rows where isFaster(row, than: best.row) {
        guard let found = candidates.first(where: { $0.name == row.variant }) else { continue }
        best = (found, row)
      }
    }
    return best
  }

  /// The row of a call that is to be searched from: the first, unless another is faster.
  func start(_ rows: [VariantComparison.Row]) -> VariantComparison.Row? {
    rows.reduce(rows.first) { best, row in best.map { isFaster(row, than: $0) ? row : $0 } }
  }

  private func isFaster(_ row: VariantComparison.Row, than other: VariantComparison.Row) -> Bool {
    row.microseconds < other.microseconds * (1 - spread)
  }
}

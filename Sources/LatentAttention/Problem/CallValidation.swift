/// Checks of what may change from one run of a plan to the next: the tensors.
///
/// The batch itself was checked when it was made; nothing here looks at pages or lengths again.
package enum CallValidation {
  /// Checks tensors against a plan's batch and geometry; writes nothing.
  ///
  /// - Throws: `ProblemError` that names the tensor and the dimension: mismatched shapes, types or page
  ///   counts, an output that shares memory with an input or with the LSEs.
  package static func check(
    batch: Batch, geometry: AttentionGeometry, queries: QueryView, cache: CacheView, output: OutputView
  ) throws(ProblemError) {
    try checkInputs(batch: batch, geometry: geometry, queries: queries, cache: cache)
    let rows = (batch.queryTokenCount, geometry.headCount)
    try checkOutput(output, queries: queries, rows: rows, width: geometry.latentWidth)
    try checkOverlap(output, queries: queries, cache: cache)
  }

  /// Checks the tensors that a run reads.
  ///
  /// - Throws: `ProblemError` that names the tensor and the dimension.
  package static func checkInputs(
    batch: Batch, geometry: AttentionGeometry, queries: QueryView, cache: CacheView
  ) throws(ProblemError) {
    let rows = (batch.queryTokenCount, geometry.headCount)
    try checkShape(queries.latent, "queries.latent", rows.0, rows.1, geometry.latentWidth)
    try checkRope(queries.rope, "queries.rope", rows.0, rows.1, geometry, type: queries.latent.elementType)
    if cache.isCoded {
      return try checkCoded(cache, batch: batch, geometry: geometry, queryType: queries.latent.elementType)
    }
    try checkShape(
      cache.latent, "cache.latent", batch.cachePageCount, batch.cachePageSize, geometry.latentWidth)
    try checkRope(
      cache.rope, "cache.rope", batch.cachePageCount, batch.cachePageSize, geometry,
      type: cache.latent.elementType)
    guard cache.latentTail == nil, cache.scales == nil else {
      throw ProblemError(
        .mismatch, cache.scales == nil ? "cache.latentTail" : "cache.scales", value: "given",
        requirement: "must be nil where the cache is not of 8 bits")
    }
    guard cache.latent.elementType == queries.latent.elementType else {
      throw ProblemError(
        .mismatch, "cache.latent.elementType", value: cache.latent.elementType.rawValue,
        requirement: "must be the queries' type, \(queries.latent.elementType.rawValue)")
    }
  }

  static func checkShape(
    _ view: TensorView, _ field: String, _ outer: Int, _ inner: Int, _ width: Int
  ) throws(ProblemError) {
    let found = (view.outerCount, view.innerCount, view.width)
    guard found == (outer, inner, width) else {
      throw ProblemError(
        .mismatch, "\(field).shape", value: "\(found)",
        requirement: "the plan was made for \((outer, inner, width))")
    }
  }

  static func checkRope(
    _ rope: TensorView?, _ field: String, _ outer: Int, _ inner: Int, _ geometry: AttentionGeometry,
    type: ElementType
  ) throws(ProblemError) {
    guard let rope else {
      guard geometry.ropeWidth == 0 else {
        throw ProblemError(
          .mismatch, field, value: "nil", requirement: "must be given, rope width is \(geometry.ropeWidth)")
      }
      return
    }
    guard geometry.ropeWidth > 0 else {
      throw ProblemError(
        .mismatch, "\(field).width", value: rope.width, requirement: "must be nil, rope width is 0")
    }
    try checkShape(rope, field, outer, inner, geometry.ropeWidth)
    guard rope.elementType == type else {
      throw ProblemError(
        .mismatch, "\(field).elementType", value: rope.elementType.rawValue,
        requirement: "must be the latent part's type, \(type.rawValue)")
    }
  }

  private static func checkOutput(
    _ output: OutputView, queries: QueryView, rows: (Int, Int), width: Int
  ) throws(ProblemError) {
    let view = output.output.view
    try checkShape(view, "output", rows.0, rows.1, width)
    guard view.elementType == queries.latent.elementType || view.elementType == .float32 else {
      throw ProblemError(
        .mismatch, "output.elementType", value: view.elementType.rawValue,
        requirement: "must be fp32 or the queries' type, \(queries.latent.elementType.rawValue)")
    }
    try checkRowNumbers(output.lse?.view, "lse", rows)
    try checkRowNumbers(output.maximumScores?.view, "maximumScores", rows)
    guard output.sinks == nil || output.sinks?.count == rows.1 else {
      throw ProblemError(
        .mismatch, "sinks.count", value: output.sinks?.count ?? 0,
        requirement: "must be \(rows.1), one per head")
    }
  }

  private static func checkRowNumbers(
    _ view: TensorView?, _ field: String, _ rows: (Int, Int)
  ) throws(ProblemError) {
    guard let view else { return }
    try checkShape(view, field, rows.0, rows.1, 1)
    guard view.elementType == .float32 else {
      throw ProblemError(
        .mismatch, "\(field).elementType", value: view.elementType.rawValue, requirement: "must be fp32")
    }
  }

  private static func checkOverlap(
    _ output: OutputView, queries: QueryView, cache: CacheView
  ) throws(ProblemError) {
    try checkApart(output.output.view, "output", queries: queries, cache: cache)
    if let lse = output.lse?.view {
      try checkApart(lse, "lse", queries: queries, cache: cache)
      try checkApart(lse, "lse", from: output.output.view, "output")
    }
    if let scores = output.maximumScores?.view {
      try checkApart(scores, "maximumScores", queries: queries, cache: cache)
      try checkApart(scores, "maximumScores", from: output.output.view, "output")
      try checkApart(scores, "maximumScores", from: output.lse?.view, "lse")
    }
  }

  private static func checkApart(
    _ written: TensorView, _ field: String, queries: QueryView, cache: CacheView
  ) throws(ProblemError) {
    try checkApart(written, field, from: queries.latent, "queries.latent")
    try checkApart(written, field, from: queries.rope, "queries.rope")
    try checkApart(written, field, from: cache.latent, "cache.latent")
    try checkApart(written, field, from: cache.latentTail, "cache.latentTail")
    try checkApart(written, field, from: cache.rope, "cache.rope")
    try checkApart(written, field, from: cache.scales?.groups?.scales, "cache.scales")
  }

  private static func checkApart(
    _ written: TensorView, _ field: String, from other: TensorView?, _ otherField: String
  ) throws(ProblemError) {
    guard let other, written.overlaps(other) else { return }
    throw ProblemError(
      .overlap, field, value: "bytes \(written.addresses)",
      requirement: "must not overlap \(otherField), bytes \(other.addresses)")
  }
}

extension CallValidation {
  /// What codes of 8 bits are read in groups of; a group of scales has as many, or a multiple.
  package static let codeGranularity = 64
  /// What the widths of bf16 and 8-bit parts behind the codes are multiples of.
  package static let tailGranularity = 64

  /// Checks an 8-bit cache.
  ///
  /// - Throws: `ProblemError` that names the part and the dimension.
  static func checkCoded(
    _ cache: CacheView, batch: Batch, geometry: AttentionGeometry, queryType: ElementType
  ) throws(ProblemError) {
    guard queryType == .bfloat16 else {
      throw ProblemError(
        .mismatch, "queries.latent.elementType", value: queryType.rawValue,
        requirement: "must be bf16 where the cache is of 8 bits")
    }
    let (pages, slots) = (batch.cachePageCount, batch.cachePageSize)
    let tailWidth = cache.latentTail?.width ?? 0
    try checkShape(cache.latent, "cache.latent", pages, slots, geometry.latentWidth - tailWidth)
    try checkMultiple(cache.latent.width, "cache.latent.width", of: codeGranularity)
    if let tail = cache.latentTail {
      try checkShape(tail, "cache.latentTail", pages, slots, tailWidth)
      try checkMultiple(tailWidth, "cache.latentTail.width", of: tailGranularity)
      try checkType(tail, "cache.latentTail", [.bfloat16])
      guard geometry.ropeWidth == 0 else {
        throw ProblemError(
          .mismatch, "ropeWidth", value: geometry.ropeWidth, requirement: "must be 0 with a latent tail")
      }
    }
    try checkRope(
      cache.rope, "cache.rope", pages, slots, geometry, type: cache.rope?.elementType ?? .float8)
    if let rope = cache.rope {
      try checkMultiple(rope.width, "cache.rope.width", of: tailGranularity)
      try checkType(rope, "cache.rope", [.bfloat16, .float8])
    }
    try checkScales(cache, pages, slots)
  }

  private static func checkScales(_ cache: CacheView, _ pages: Int, _ slots: Int) throws(ProblemError) {
    guard let scales = cache.scales else {
      throw ProblemError(
        .mismatch, "cache.scales", value: "nil", requirement: "must be given where the cache is of 8 bits")
    }
    guard let (view, width) = scales.groups else { return }
    guard width > 0, width % codeGranularity == 0 else {
      throw ProblemError(
        .outOfRange, "cache.scales.width", value: width,
        requirement: "must be a positive multiple of \(codeGranularity)")
    }
    try checkShape(view, "cache.scales", pages, slots, (cache.latent.width - 1) / width + 1)
    if case .exponents = scales.latent {
      try checkType(view, "cache.scales", [.float8])
    } else {
      try checkType(view, "cache.scales", [.float32])
    }
  }

  private static func checkMultiple(_ width: Int, _ field: String, of step: Int) throws(ProblemError) {
    guard width > 0, width % step == 0 else {
      throw ProblemError(
        .outOfRange, field, value: width, requirement: "must be a positive multiple of \(step)")
    }
  }

  private static func checkType(
    _ view: TensorView, _ field: String, _ types: [ElementType]
  ) throws(ProblemError) {
    guard types.contains(view.elementType) else {
      throw ProblemError(
        .mismatch, "\(field).elementType", value: view.elementType.rawValue,
        requirement: "must be \(types.map(\.rawValue).joined(separator: " or "))")
    }
  }
}

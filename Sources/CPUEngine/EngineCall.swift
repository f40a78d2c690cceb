import LatentAttention

/// One run: everything that workers read, fixed before they start.
@safe struct EngineCall: Sendable {
  let plan: AttentionPlan
  let queries: QueryView
  let cache: CacheView
  let output: OutputView
  let kernels: MicrokernelSet
  /// Whether keys are widened to fp32 before they are used.
  let widens: Bool

  init(
    plan: AttentionPlan, queries: QueryView, cache: CacheView, output: OutputView, limit: InstructionSet
  ) {
    self.plan = plan
    self.queries = queries
    self.cache = cache
    self.output = output
    let (latentWidth, ropeWidth) = (plan.geometry.latentWidth, plan.geometry.ropeWidth)
    kernels = MicrokernelTable.set(
      for: queries.latent.elementType, latentWidth: latentWidth, ropeWidth: ropeWidth, limit: limit)
    // What is decoded is read in place.
    widens = !cache.isCoded && !kernels.readsInPlace(latentWidth: latentWidth, ropeWidth: ropeWidth)
  }

  /// Whether the products read rows of the workspace, decoded or widened, and not the cache's.
  var bringsRows: Bool { widens || cache.isCoded }

  /// What the products read.
  var productType: ElementType {
    if cache.isCoded { return kernels.decodedType }
    return widens ? .float32 : kernels.elementType
  }

  var geometry: AttentionGeometry { plan.geometry }

  /// Latent width as the micro-kernels see it.
  var paddedLatentWidth: Int {
    widens ? geometry.latentWidth.roundedUp(to: kernels.columnChunk) : geometry.latentWidth
  }

  /// The query token (of the whole batch) and head of a packed row.
  func place(request: Int, row: Int) -> (token: Int, head: Int) {
    (plan.batch.queryOffsets[request] + row / geometry.headCount, row % geometry.headCount)
  }
}

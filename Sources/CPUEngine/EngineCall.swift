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

  /// Bytes from the start of a latent row in the cache that are worth a prefetch. Rows need not start on a line; where
  /// the tail of a token follows its codes, what lies between belongs to it.
  var prefetchedByteCount: Int {
    let latent = cache.latent
    let rowBytes = latent.width * latent.elementType.byteCount
    guard cache.isCoded else { return rowBytes }
    guard let tail = cache.rope ?? cache.latentTail,
      tail.addresses.lowerBound > latent.addresses.lowerBound
    else { return rowBytes + Self.lineBytes - 1 }
    let tailStart = Int(tail.addresses.lowerBound - latent.addresses.lowerBound)
    let tokenBytes = tailStart + tail.width * tail.elementType.byteCount
    return (tokenBytes <= latent.innerStride ? tokenBytes : rowBytes) + Self.lineBytes - 1
  }

  private static let lineBytes = 64

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

  /// Lanes that each row of a piece takes in the score product: several, where there are fewer rows than lanes, so that
  /// a product takes as many words of a key. Lanes without a row would cost what the others do.
  func lanesPerRow(rowCount: Int) -> Int {
    let elementsPerWord = productType == .bfloat16 ? 2 : 1
    let words = (paddedLatentWidth / elementsPerWord, geometry.ropeWidth / elementsPerWord)
    let fitting = [4, 2].first {
      rowCount * $0 <= kernels.rowLanes && words.0.isMultiple(of: $0) && words.1.isMultiple(of: $0)
    }
    return fitting ?? 1
  }

  /// The query token (of the whole batch) and head of a packed row.
  func place(request: Int, row: Int) -> (token: Int, head: Int) {
    (plan.batch.queryOffsets[request] + row / geometry.headCount, row % geometry.headCount)
  }
}

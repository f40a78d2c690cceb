import PTX

/// What the loading warpgroup does: it walks the block's pieces ahead of the warpgroups that multiply, as far as free memory
/// lets it.
///
/// A warpgroup of its own, and not a thread of those that multiply: rows that TMA cannot fetch take 128 threads, which
/// must not wait behind products; and it gives its registers to the others.
struct Loader<Element: DecodeElement> {
  private let k: KernelBuilder
  private let call: ParameterStruct
  private let boxes: KeyBoxLoader<Element>?
  private let queries: QueryLoader<Element>
  private let rows: KeyRowLoader<Element>
  private let thread: Value<U32>
  private let isIssuer: Value<Pred>
  /// Places for tiles.
  private let stages: Int
  /// Parities of the phases in which the places become free, a bit for each.
  private let phases: Mutable<U32>
  /// Where the boxes of the next tiles, as many as there are places, and their rows of this thread, lie.
  private let boxPages: [Fragment<S32>]
  private let rowPlaces: [KeyRowLoader<Element>.Places]

  init(
    _ k: KernelBuilder, _ call: ParameterStruct, _ memory: DecodeMemory<Element>, _ variant: DecodeVariant,
    boxes: KeyBoxLoader<Element>?
  ) {
    self.k = k
    self.call = call
    self.boxes = boxes
    stages = variant.parameters.keyStages
    thread = k.let("loader_thread", k.threadIndex() % Value(Kernel.warpgroupThreadCount))
    isIssuer = k.let("is_issuer", thread == 0)
    let copy = RowCopy<Element>(k, thread: thread, tile: memory.queries)
    queries = QueryLoader(
      k: k, call: call, memory: memory, copy: copy, panelCount: variant.panelCount,
      phase: k.variable("queries_phase", 1))
    rows = KeyRowLoader(
      k: k, call: call, memory: memory, copy: copy, panelCount: variant.panelCount, thread: thread)
    phases = k.variable("phases", Value((1 << stages) - 1))
    let tiles = ["this", "next"].prefix(stages)
    boxPages = tiles.map { k.fragment("\($0)_pages", S32.self, count: boxes?.boxCount ?? 1) }
    rowPlaces = tiles.map { KeyRowLoader.Places(k, $0) }
  }

  /// Loads all pieces of the block.
  func run() {
    if let boxes {
      k.when(isIssuer) {
        k.prefetch(boxes.latentMap)
        if let map = boxes.ropeMap { k.prefetch(map) }
      }
    }
    forEachPiece(k, call) { piece in
      k.if(piece.tileCount > 0, isUniform: true) { load(piece) }
    }
  }

  /// Boxes of the first tile, which one thread asks for, go ahead of the queries, which all copy.
  private func load(_ piece: LoadedPiece) {
    let boxesGoAhead = boxes != nil
    if !boxesGoAhead { queries.start(piece) }
    for ahead in 0..<stages {
      lookUpPages(piece, from: piece.keyStart + ahead * HopperKernels.tileRows, ahead)
    }
    k.for("tile", from: 0, to: piece.tileCount, isUniform: true) { tile in
      load(piece, tile: tile)
      if boxesGoAhead { k.if(tile == 0, isUniform: true) { queries.start(piece) } }
    }
  }

  private func load(_ piece: LoadedPiece, tile: Value<S32>) {
    let start = k.let("tile_start", piece.keyStart + tile * HopperKernels.tileRows)
    k.region("load_keys") {
      let stage = k.let("stage", tile.to(U32.self) % Value(stages))
      let phase = k.let("phase", phases.value >> stage & 1)
      if let boxes {
        k.if(
          boxes.canLoad(piece, from: start), isUniform: true,
          { k.if(isIssuer) { boxes.load(from: start, stage: stage, phase: phase, pages: boxPages[0]) } },
          else: { loadRows(piece, from: start, stage: stage, phase: phase, isAfterBoxes: true) })
      } else {
        loadRows(piece, from: start, stage: stage, phase: phase, isAfterBoxes: false)
      }
      phases ^= Value<U32>(1) << stage
    }
    for ahead in 1..<stages { goOn(to: ahead) }
    lookUpPages(piece, from: start + stages * HopperKernels.tileRows, stages - 1)
    // The issuer's lane waits for places: the others of its warp must not go on to where all decide alike.
    if boxes != nil { k.syncWarp() }
  }

  /// With boxes, pages of rows are looked up only now: few tiles are not full.
  private func loadRows(
    _ piece: LoadedPiece, from start: Value<S32>, stage: Value<U32>, phase: Value<U32>, isAfterBoxes: Bool
  ) {
    if isAfterBoxes {
      // A parity tells two phases apart, no more: only the issuer has waited for the places of the tiles before.
      k.syncThreads(NamedBarrier.loader, count: Kernel.warpgroupThreadCount)
      rows.lookUp(piece, from: start, into: rowPlaces[0])
    }
    rows.load(piece, from: start, stage: stage, phase: phase, places: rowPlaces[0])
  }

  /// Starts to look up the pages of a tile, as many tiles ahead as there are places: behind the tiles that are on their way
  /// they take longer than the loader waits for a place.
  private func lookUpPages(_ piece: LoadedPiece, from start: Value<S32>, _ ahead: Int) {
    if let boxes {
      k.if(isIssuer) { boxes.lookUpPages(piece, from: start, into: boxPages[ahead]) }
    } else {
      rows.lookUp(piece, from: start, into: rowPlaces[ahead])
    }
  }

  /// What has been looked up for tile `ahead` is now the tile before's.
  private func goOn(to ahead: Int) {
    for (this, next) in zip(looked(ahead - 1), looked(ahead)) {
      for index in this.indices { this[index] = next[index] }
    }
  }

  private func looked(_ ahead: Int) -> [Fragment<S32>] {
    boxes == nil ? [rowPlaces[ahead].pages, rowPlaces[ahead].slots] : [boxPages[ahead]]
  }
}

/// Records what is done for each piece of the block, in order.
func forEachPiece(_ k: KernelBuilder, _ call: ParameterStruct, _ body: (LoadedPiece) -> Void) {
  let block = k.blockIndex().to(S32.self)
  let ofBlock = LoadedRecord(
    k, call[CallLayout.standard.pieces], block, wordCount: PieceRecord.wordCount,
    words: PieceRecord.wordsOfBlock)
  let (count, second) = (ofBlock[0], ofBlock[1])
  k.for("piece", from: 0, to: count, isUniform: true) { index in
    body(LoadedPiece(k, call, k.select(index == 0, block, second + index - 1)))
  }
}

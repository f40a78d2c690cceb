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
  /// Parity of the phase in which each tile's place becomes free.
  private let phases: [Mutable<U32>]
  /// Where the boxes of the next even and of the next odd tile, and their rows of this thread, lie.
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
    thread = k.let("loader_thread", k.threadIndex() % 128)
    isIssuer = k.let("is_issuer", thread == 0)
    let copy = RowCopy<Element>(k, thread: thread)
    queries = QueryLoader(
      k: k, call: call, memory: memory, copy: copy, panelCount: variant.panelCount,
      phase: k.variable("queries_phase", 1))
    rows = KeyRowLoader(
      k: k, call: call, memory: memory, copy: copy, panelCount: variant.panelCount, thread: thread)
    let places = ["even", "odd"].prefix(stages)
    phases = places.map { k.variable("\($0)_phase", 1) }
    boxPages = places.map {
      k.fragment("\($0)_pages", S32.self, count: boxes?.boxCount ?? 1)
    }
    rowPlaces = places.map { KeyRowLoader.Places(k, $0) }
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

  /// The queries come first where the threads that copy them then wait for the first tile's rows; boxes keep nobody
  /// waiting, and go ahead of them.
  private func load(_ piece: LoadedPiece) {
    let boxesGoAhead = boxes != nil
    if !boxesGoAhead { queries.start(piece) }
    for side in 0..<stages { lookUpPages(piece, from: piece.keyStart + side * HopperKernels.tileRows, side) }
    k.for("pair", from: 0, to: piece.tileCount, step: Value(stages), isUniform: true) { first in
      load(piece, tile: first, side: 0)
      if boxesGoAhead { k.if(first == 0, isUniform: true) { queries.start(piece) } }
      for side in 1..<stages {
        k.if(first + side < piece.tileCount, isUniform: true) { load(piece, tile: first + side, side: side) }
      }
      k.if(first == 0, isUniform: true) { queries.finish(thread: thread) }
    }
  }

  private func load(_ piece: LoadedPiece, tile: Value<S32>, side: Int) {
    let start = k.let("tile_start", piece.keyStart + tile * HopperKernels.tileRows)
    k.region("load_keys") {
      let phase = phases[side].value
      if let boxes {
        k.if(
          boxes.canLoad(piece, from: start), isUniform: true,
          { k.if(isIssuer) { boxes.load(from: start, side: side, phase: phase, pages: boxPages[side]) } },
          else: { loadRows(piece, from: start, side: side, phase: phase, isAfterBoxes: true) })
      } else {
        loadRows(piece, from: start, side: side, phase: phase, isAfterBoxes: false)
      }
      phases[side] ^= 1
    }
    lookUpPages(piece, from: start + stages * HopperKernels.tileRows, side)
  }

  /// With boxes, pages of rows are looked up only now: few tiles are not full.
  private func loadRows(
    _ piece: LoadedPiece, from start: Value<S32>, side: Int, phase: Value<U32>, isAfterBoxes: Bool
  ) {
    if isAfterBoxes {
      // A parity tells two phases apart, no more: only the issuer has waited for the places of the tiles before.
      k.syncThreads(NamedBarrier.loader, count: 128)
      rows.lookUp(piece, from: start, into: rowPlaces[side])
    }
    rows.load(piece, from: start, side: side, phase: phase, places: rowPlaces[side])
  }

  /// Starts to look up the pages of a tile, as many tiles ahead as there are places: behind the tiles that are on their way
  /// they take longer than the loader waits for a place.
  private func lookUpPages(_ piece: LoadedPiece, from start: Value<S32>, _ side: Int) {
    if let boxes {
      k.if(isIssuer) { boxes.lookUpPages(piece, from: start, into: boxPages[side]) }
    } else {
      rows.lookUp(piece, from: start, into: rowPlaces[side])
    }
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

import PTX

/// Brings full tiles of keys into shared memory by TMA: one thread issues a box for each panel and each run of tokens that
/// lies within a page. With multicast it issues those of half of the rows, which go to both blocks; the other block's thread
/// issues the rest.
struct KeyBoxLoader<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  let panelCount: Int
  /// Tokens of a box.
  let tokens: Int
  let latentMap: TensorMap<Element>
  let ropeMap: TensorMap<Element>?

  /// The other block that boxes go to as well; nil without multicast.
  private var pair: BlockPair? { memory.pair.flatMap { $0.isMulticast ? $0 : nil } }

  /// Boxes along the rows of a tile that this block loads.
  var boxCount: Int { HopperKernels.tileRows / tokens / (pair == nil ? 1 : 2) }

  /// Declares the tensor maps: `latent_map` and, with a rope part, `rope_map`, both `[column, slot, page]` with boxes of
  /// 64 × `tokens` × 1 and 128-byte swizzle.
  init(
    _ k: KernelBuilder, _ call: ParameterStruct, _ memory: DecodeMemory<Element>, panelCount: Int, tokens: Int
  ) {
    self.k = k
    self.call = call
    self.memory = memory
    self.panelCount = panelCount
    self.tokens = tokens
    latentMap = k.parameter("latent_map", tensorMapOf: Element.self, rank: 3)
    ropeMap = panelCount < 9 ? nil : k.parameter("rope_map", tensorMapOf: Element.self, rank: 3)
  }

  /// Whether the tile that begins at key `start` is whole boxes.
  func canLoad(_ piece: LoadedPiece, from start: Value<S32>) -> Value<Pred> {
    start + HopperKernels.tileRows <= piece.keyEnd && start % tokens == 0
  }

  /// Loads the tile that begins at key `start` into a place when that is free: parity `phase`. One thread comes here.
  ///
  /// Each panel has a barrier, so that products can start with the first. `pages` are those of the boxes.
  ///
  /// A barrier expects the bytes of a whole panel, whoever loads them. What the other block loads may come before that is
  /// said, yet not before the panel has been released here.
  func load(from start: Value<S32>, stage: Value<U32>, phase: Value<U32>, pages: Fragment<S32>) {
    let slots = (0..<boxCount).map { box in
      k.let("slot", firstKey(of: box, from: start) % call[CallLayout.standard.pageSize])
    }
    func load(
      _ panel: Int, of rows: SharedTile<Element>, _ map: TensorMap<Element>, column: Value<S32>,
      _ full: MemoryBarrier
    ) {
      full.arrive(expecting: Value(rows.panelByteCount))
      for box in 0..<boxCount {
        k.loadTensor(
          map, at: [column, slots[box], pages[box]],
          to: rows.panel(panel).advanced(byBytes: box * tokens * rows.swizzle.span), signalling: full,
          multicast: pair == nil ? nil : BlockPair.mask)
      }
    }
    for part in memory.parts(k, of: stage, panelCount: panelCount) {
      part.empty.wait(parity: phase)
      let (latent, firstColumn) = (rows(of: part.latent), part.firstColumn.to(S32.self))
      for (panel, full) in part.full.enumerated() {
        load(panel, of: latent, latentMap, column: firstColumn + 64 * panel, full)
      }
      if let rope = part.rope, let ropeMap { load(0, of: rows(of: rope), ropeMap, column: 0, part.ropeFull) }
    }
  }

  /// The rows of a tile that this block loads.
  private func rows(of tile: SharedTile<Element>) -> SharedTile<Element> { pair?.half(of: tile) ?? tile }

  /// The first key of one of the block's boxes of the tile that begins at key `start`.
  private func firstKey(of box: Int, from start: Value<S32>) -> Value<S32> {
    (pair.map { start + $0.firstRow } ?? start) + box * tokens
  }

  /// Looks up the pages of the tile that begins at key `start`, if it is whole boxes.
  func lookUpPages(_ piece: LoadedPiece, from start: Value<S32>, into pages: Fragment<S32>) {
    let pageSize = call[CallLayout.standard.pageSize]
    k.if(canLoad(piece, from: start)) {
      for box in 0..<boxCount {
        let position = piece.firstPage + firstKey(of: box, from: start) / pageSize
        pages[box] = k.load(call[CallLayout.standard.pages] + position, isReadOnly: true)
      }
    }
  }
}

import PTX

/// Brings full tiles of keys into shared memory by TMA: one thread issues a box for each panel and each run of tokens that
/// lies within a page.
struct KeyBoxLoader<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  let panelCount: Int
  /// Tokens of a box.
  let tokens: Int
  let latentMap: TensorMap<Element>
  let ropeMap: TensorMap<Element>?

  /// Boxes along a tile's rows.
  var boxCount: Int { HopperKernels.tileRows / tokens }

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

  /// Loads the tile that begins at key `start` as tile `side`, when its place is free: parity `phase`. One thread comes
  /// here.
  ///
  /// Each panel has a barrier, so that products can start with the first. `pages` are those of the boxes.
  func load(from start: Value<S32>, side: Int, phase: Value<U32>, pages: Fragment<S32>) {
    let tile = memory.keys[side]
    let slots = (0..<boxCount).map { box in
      k.let("slot", (start + box * tokens) % call[CallLayout.standard.pageSize])
    }
    for reader in [side, 1 - side] {
      memory.empty(side, reader: reader).wait(parity: phase)
      for panel in DecodeMemory<Element>.panels(of: side, reader: reader, count: panelCount) {
        let full = memory.full(side, panel: panel)
        full.arrive(expecting: Value(tile.panelByteCount))
        let (map, column) = place(panel)
        for box in 0..<boxCount {
          k.loadTensor(
            map, at: [Value(column), slots[box], pages[box]],
            to: tile.panel(panel).advanced(byBytes: box * tokens * tile.swizzle.span), signalling: full)
        }
      }
    }
  }

  /// Looks up the pages of the tile that begins at key `start`, if it is whole boxes.
  func lookUpPages(_ piece: LoadedPiece, from start: Value<S32>, into pages: Fragment<S32>) {
    let pageSize = call[CallLayout.standard.pageSize]
    k.if(canLoad(piece, from: start)) {
      for box in 0..<boxCount {
        let position = piece.firstPage + (start + box * tokens) / pageSize
        pages[box] = k.load(call[CallLayout.standard.pages] + position, isReadOnly: true)
      }
    }
  }

  private func place(_ panel: Int) -> (map: TensorMap<Element>, column: Int) {
    if let ropeMap, panel == 8 { return (ropeMap, 0) }
    return (latentMap, 64 * panel)
  }
}

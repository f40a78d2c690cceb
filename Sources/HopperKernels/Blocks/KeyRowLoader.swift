import PTX

/// Brings tiles of keys into shared memory row by row, by all threads of the loading warpgroup: any page size, and tiles
/// that are not full, whose missing rows become zeros.
struct KeyRowLoader<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  let copy: RowCopy<Element>
  let panelCount: Int
  let thread: Value<U32>

  /// Where the thread's rows of a tile lie.
  struct Places {
    /// Pages, and slots in them; those of rows past the end are any that there are.
    let pages, slots: Fragment<S32>

    init(_ k: KernelBuilder, _ name: String) {
      pages = k.fragment("\(name)_page", S32.self, count: RowCopy<Element>.rowsOfThread)
      slots = k.fragment("\(name)_slot", S32.self, count: RowCopy<Element>.rowsOfThread)
    }
  }

  /// Looks up the thread's rows of the tile that begins at key `start`.
  func lookUp(_ piece: LoadedPiece, from start: Value<S32>, into places: Places) {
    let pageSize = call[CallLayout.standard.pageSize]
    for index in 0..<RowCopy<Element>.rowsOfThread {
      let key = start + copy.row(index)
      let position = key / pageSize
      let entry = call[CallLayout.standard.pages] + (piece.firstPage + position)
      places.slots[index] = key - position * pageSize
      places.pages[index] = 0
      k.when(key < piece.keyEnd) { places.pages[index] = k.load(entry, isReadOnly: true) }
    }
  }

  /// Loads the tile that begins at key `start` as tile `side`, when its place is free: parity `phase`.
  func load(
    _ piece: LoadedPiece, from start: Value<S32>, side: Int, phase: Value<U32>, places: Places
  ) {
    let readers = [side, 1 - side]
    for reader in readers {
      memory.waitUntilFree(side, reader: reader, parity: phase)
      copy.start(
        to: memory.keys[side], panels: panels(side, reader),
        isAligned: call[CallLayout.standard.cacheIsAligned] != 0
      ) { source(places, $0, isThere: start + copy.row($0) < piece.keyEnd) }
      k.commitCopies()
    }
    for (index, reader) in readers.enumerated() {
      k.waitCopies(pending: 1 - index)
      k.fenceAsyncProxy()
      k.syncThreads(NamedBarrier.loader, count: 128)
      k.when(thread == 0) {
        for panel in panels(side, reader) { memory.full(side, panel: panel).arrive() }
      }
    }
  }

  private func panels(_ side: Int, _ reader: Int) -> [Int] {
    DecodeMemory<Element>.panels(of: side, reader: reader, count: panelCount)
  }

  private func source(_ places: Places, _ index: Int, isThere: Value<Pred>) -> RowCopy<Element>.Source {
    let fields = CallLayout.standard
    func start(
      _ base: ParameterLayout.PointerField<U16>, _ pageStride: ParameterLayout.Field<U64>,
      _ slotStride: ParameterLayout.Field<U64>
    ) -> Pointer<U16, Global> {
      let page = places.pages[index].to(U64.self) * call[pageStride]
      return call[base].advanced(by: page + places.slots[index].to(U64.self) * call[slotStride], k)
    }
    return RowCopy<Element>.Source(
      latent: start(fields.cacheLatent, fields.cacheLatentPage, fields.cacheLatentSlot),
      rope: panelCount < 9 ? nil : start(fields.cacheRope, fields.cacheRopePage, fields.cacheRopeSlot),
      isThere: isThere)
  }
}

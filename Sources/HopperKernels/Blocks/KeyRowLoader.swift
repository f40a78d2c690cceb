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
    for index in 0..<RowCopy<Element>.rowsOfThread {
      let key = start + copy.row(index)
      let (entry, slot) = place(of: key, piece)
      places.slots[index] = slot
      places.pages[index] = 0
      k.when(key < piece.keyEnd) { places.pages[index] = k.load(entry, isReadOnly: true) }
    }
  }

  /// Where a key's page is looked up, and its slot.
  private func place(of key: Value<S32>, _ piece: LoadedPiece) -> (Pointer<S32, Global>, Value<S32>) {
    let pageSize = call[CallLayout.standard.pageSize]
    let position = key / pageSize
    return (call[CallLayout.standard.pages] + (piece.firstPage + position), key - position * pageSize)
  }

  /// Loads the tile that begins at key `start` into a place when that is free: parity `phase`. Where all tiles come so, the
  /// next one's copies start before this one's are done.
  func load(
    _ piece: LoadedPiece, from start: Value<S32>, stage: Value<U32>, phase: Value<U32>, places: Places
  ) {
    let parts = memory.parts(k, of: stage, panelCount: panelCount)
    for part in parts {
      part.empty.wait(parity: phase)
      copy.start(
        to: .init(latent: part.latent, firstColumn: part.firstColumn, rope: part.rope),
        isAligned: call[CallLayout.standard.cacheIsAligned] != 0,
        arrivingAt: memory.copiesRows ? part.full[0] : nil
      ) {
        source(places.pages[$0], places.slots[$0], isThere: start + copy.row($0) < piece.keyEnd)
      } sourceOfRow: {
        source(piece, key: start + $0)
      }
      if !memory.copiesRows { k.commitCopies() }
    }
    if !memory.copiesRows { tellOf(parts) }
  }

  /// Waits for the copies of a tile, and says that its panels are there.
  private func tellOf(_ parts: [KeyPart<Element>]) {
    for (index, part) in parts.enumerated() {
      k.waitCopies(pending: 1 - index)
      k.fenceAsyncProxy()
      k.syncThreads(NamedBarrier.loader, count: Kernel.warpgroupThreadCount)
      k.when(thread == 0) {
        for barrier in part.full { barrier.arrive() }
        if part.rope != nil { part.ropeFull.arrive() }
      }
    }
  }

  /// Where a key lies that has not been looked up.
  private func source(_ piece: LoadedPiece, key: Value<S32>) -> RowCopy<Element>.Source {
    let (entry, slot) = place(of: key, piece)
    let isThere = k.let("is_key", key < piece.keyEnd)
    let page = k.variable("page", Value<S32>(0))
    k.when(isThere) { page.set(k.load(entry, isReadOnly: true)) }
    return source(page.value, slot, isThere: isThere)
  }

  private func source(_ page: Value<S32>, _ slot: Value<S32>, isThere: Value<Pred>) -> RowCopy<Element>.Source
  {
    let fields = CallLayout.standard
    func start(
      _ base: ParameterLayout.PointerField<U16>, _ pageStride: ParameterLayout.Field<U64>,
      _ slotStride: ParameterLayout.Field<U64>
    ) -> Pointer<U16, Global> {
      let offset = page.to(U64.self) * call[pageStride] + slot.to(U64.self) * call[slotStride]
      return call[base].advanced(by: offset, k)
    }
    return RowCopy<Element>.Source(
      latent: start(fields.cacheLatent, fields.cacheLatentPage, fields.cacheLatentSlot),
      rope: panelCount < 9 ? nil : start(fields.cacheRope, fields.cacheRopePage, fields.cacheRopeSlot),
      isThere: isThere)
  }
}

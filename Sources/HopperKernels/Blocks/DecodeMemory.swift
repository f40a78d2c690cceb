import PTX

/// Shared memory of a block with two tiles of keys in flight, or one:
///
///     queries         64 rows × 8 or 9 panels of 128 bytes     65,536 or 73,728 bytes
///     keys 0, keys 1  64 rows × 9 panels each                 147,456 bytes
///     maxima          64 fp32 of each warpgroup                   512
///     row sums        64 fp32 of each, two pieces' worth        1,024
///     barriers        2 × 9 full, 2 × 2 empty, queries            192
///
/// At most 222,912 of the 232,448 bytes that a block can have, before the tiles are aligned to 1024. The panels are 64
/// columns wide and swizzled over 128 bytes. The first eight panels of a key are its latent part: as the rows of K they
/// are contiguous along the product's depth, as the rows of V along its columns, so V needs no copy.
///
/// The ninth panel has two lives. It is loaded with the rope part; when the scores of the tile are done nobody
/// needs that any more, and the probabilities of the tile, 64 × 64 of 16 bits, take its place for the warpgroups that did
/// not compute them.
struct DecodeMemory<Element: DecodeElement> {
  /// Panels of a key, the ninth included.
  static var panelCount: Int { 9 }
  /// Panels of half of the latent part.
  static var halfPanelCount: Int { 4 }

  let queries: SharedTile<Element>
  let keys: SharedTiles<Element>
  /// Of the scores seen so far, in base 2; the even tile's first.
  let maxima: Pointer<F32, Shared>
  /// Sums of probabilities.
  let rowSums: Pointer<F32, Shared>
  /// A panel of keys has been loaded: nine for each tile in flight.
  let full: MemoryBarriers
  /// Whether all tiles are copied row by row: then nobody waits for copies to tell of them, but each thread that copies
  /// arrives when its copies are done, once for all panels of a `KeyPart`, at the barrier of the first.
  let copiesRows: Bool
  /// Panels may be loaded again: for each tile in flight those that its own warpgroup reads as values, and the others.
  let empty: MemoryBarriers
  let queriesFull, queriesEmpty: MemoryBarrier
  /// Places for tiles of keys.
  private let stages: Int
  private let readers: DecodeReaders
  /// The other block that loads the same keys, and what `empty` is there; nil without clusters. One address serves for all of
  /// them: `ptxas` would spill several.
  let pair: BlockPair?
  private let emptyOfOther: RemoteBarriers?

  /// `stages` places for tiles of keys.
  init(
    _ k: KernelBuilder, panelCount: Int, stages: Int, readers: DecodeReaders, copiesRows: Bool,
    pair: BlockPair?
  ) {
    self.stages = stages
    self.copiesRows = copiesRows
    self.readers = readers
    self.pair = pair
    queries = k.tile(Element.self, rows: 64, columns: 64 * panelCount)
    keys = k.tiles(Element.self, rows: 64, columns: 64 * Self.panelCount, count: stages)
    maxima = k.shared("maxima", F32.self, count: 2 * 64)
    rowSums = k.shared("row_sums", F32.self, count: 2 * 2 * 64)
    full = k.barriers("full", count: stages * Self.panelCount)
    empty = k.barriers("empty", count: stages * 2)
    emptyOfOther = pair.map { [empty] in empty.ofBlock($0.otherRank) }
    queriesFull = k.barrier("queries_full")
    queriesEmpty = k.barrier("queries_empty")
  }

  /// Bytes for keys of so many panels with so many places, the tiles aligned to 1024.
  static func byteCount(panelCount: Int, stages: Int) -> Int {
    let panelByteCount = 64 * 128
    let barriers = stages * (Self.panelCount + 2) + 2
    let beforeTiles = 4 * (2 * 64 + 2 * 2 * 64) + 8 * barriers
    return (beforeTiles + 1023) / 1024 * 1024 + (panelCount + stages * Self.panelCount) * panelByteCount
  }

  /// The barrier of a loaded panel.
  func full(_ side: Int, panel: Int) -> MemoryBarrier { full[side * Self.panelCount + panel] }

  /// Where in `empty` the barrier of those panels of tile `side` is that warpgroup `reader` reads as values.
  private static func place(_ side: Int, reader: Int) -> Int { side * 2 + reader }

  /// The latent part of the queries or of a tile of keys.
  func latent(of tile: SharedTile<Element>, _ k: KernelBuilder) -> SharedTile<Element> {
    k.tile(over: tile.panel(0), rows: tile.rows, columns: HopperKernels.latentWidth)
  }

  /// The rope part, the ninth panel.
  func rope(of tile: SharedTile<Element>, _ k: KernelBuilder) -> SharedTile<Element> {
    k.tile(over: tile.panel(Self.panelCount - 1), rows: tile.rows, columns: 64)
  }

  /// The place of the probabilities of tile `side`.
  func probabilities(_ k: KernelBuilder, _ side: Int) -> SharedTile<Element> { rope(of: keys[side], k) }

  /// Sets the barriers up; all threads of the block come here.
  ///
  /// One thread says that a panel is there, or all that copy rows do; the four warps of a warpgroup say that they no longer
  /// need one, in a pair of blocks those of both.
  func setUp(_ k: KernelBuilder) {
    k.if(k.threadIndex() == 0) {
      for index in 0..<full.count {
        full[index].initialize(arrivals: copiesRows ? Kernel.warpgroupThreadCount : 1)
      }
      let warps = pair == nil ? 4 : 8
      for side in 0..<stages {
        empty[Self.place(side, reader: side)].initialize(arrivals: warps)
        empty[Self.place(side, reader: 1 - side)].initialize(arrivals: warps * readers.ofProbabilities)
      }
      queriesFull.initialize(arrivals: Kernel.warpgroupThreadCount)
      queriesEmpty.initialize(arrivals: 4 * readers.ofQueries)
      k.fenceBarrierInit()
    }
    if pair == nil { k.syncBlock() } else { k.syncCluster() }
  }

  /// Warpgroup `reader` needs the values of tile `side` no longer, nor its probabilities.
  func release(_ k: KernelBuilder, tile side: Int, reader: Value<U32>, _ isFirstLane: Value<Pred>) {
    free(k, reader + Self.place(side, reader: 0), if: isFirstLane)
    // The probabilities are with the other's panels.
    if readers.ofProbabilities == 2 {
      free(k, Value(Self.place(side, reader: 1 - side)), if: isFirstLane && reader == Value(side))
    }
  }

  /// Arrives at the other block's barrier first, so that who sees the arrival here knows of the one there.
  ///
  /// The scope is the block's for both, and for who waits: what was read has been read when the products are done, and nothing
  /// that was written is told. At the cluster's scope hardware lets all of the thread's accesses to memory end first.
  private func free(_ k: KernelBuilder, _ place: Value<U32>, if isOne: Value<Pred>) {
    let (other, own) = (emptyOfOther?[place], empty[place])
    k.when(isOne) {
      other?.arrive(scope: .block)
      own.arrive()
    }
  }

  /// The panels of tile `side` in the order in which they become free: those that warpgroup `side` itself reads as
  /// values, then those of the other with the ninth panel, which the other reads too.
  static func panels(of side: Int, reader: Int, count: Int) -> [Int] {
    let first = reader * halfPanelCount
    let half = Array(first..<first + halfPanelCount)
    return reader == side || count < panelCount ? half : half + [panelCount - 1]
  }
}

/// How many warpgroups need what is in shared memory.
struct DecodeReaders {
  /// The queries.
  let ofQueries: Int
  /// A tile's probabilities.
  let ofProbabilities: Int
}

/// Named barriers of a block.
enum NamedBarrier {
  /// Probabilities and maxima of the even tile are in shared memory, of the odd one.
  static func ofTile(_ side: Int) -> Value<U32> { Value(1 + side) }
  /// Both halves of a tile's maxima are there, both halves of its probabilities.
  static var maxima: Value<U32> { 1 }
  static var probabilities: Value<U32> { 2 }
  /// Of the threads that load.
  static var loader: Value<U32> { 3 }
  /// Of both warpgroups that multiply.
  static var consumers: Value<U32> { 4 }
}

import PTX

/// Copies rows of 16-bit numbers into a tile of 64 rows by 128 threads, 16 bytes a time: each thread has one 16-byte
/// column of every panel and four rows.
struct RowCopy<Element: DecodeElement> {
  /// Where a row is copied from.
  struct Source {
    let latent: Pointer<U16, Global>
    let rope: Pointer<U16, Global>?
    /// Rows that are not become zeros, whatever lies there.
    let isThere: Value<Pred>
  }

  private let k: KernelBuilder
  /// The thread's 16-byte column in a panel.
  private let column: Value<U32>
  /// The first of the thread's rows; the others follow in steps of 16.
  private let firstRow: Value<U32>
  /// Where its numbers lie in a panel. Rows 16 apart have the same swizzle.
  private let offset: Value<U32>

  /// `thread` counts the 128 threads; tiles are laid out as `tile` is.
  init(_ k: KernelBuilder, thread: Value<U32>, tile: SharedTile<Element>) {
    self.k = k
    column = k.let("copy_column", thread % 8 * 8)
    firstRow = k.let("copy_row", thread / 8)
    offset = k.let("copy_offset", tile.offsetInPanel(row: firstRow, column: column))
  }

  /// Number `index` of the thread's rows.
  func row(_ index: Int) -> Value<S32> { (firstRow + 16 * index).to(S32.self) }

  static var rowsOfThread: Int { 4 }

  /// Where rows go: panels of their latent part, from column `firstColumn` on, and their rope part, if it is wanted.
  struct Target {
    let latent: SharedTile<Element>
    let firstColumn: Value<U32>
    let rope: SharedTile<Element>?
  }

  /// Starts copying the thread's rows. With 16-byte alignment by `cp.async`; else by loads of single numbers, which are
  /// done when it returns: loops over rows and panels, since what is seldom needed is not worth many instructions.
  ///
  /// If there is a barrier, the thread arrives at it when its rows are there; who waits for it has to fence for the
  /// asynchronous proxy.
  ///
  /// `source` records where row `index` of the thread's is copied from, just before that is done, and `sourceOfRow` where a
  /// row that is known when the kernel runs is.
  func start(
    to target: Target, isAligned: Value<Pred>, arrivingAt barrier: MemoryBarrier?,
    source: (_ index: Int) -> Source,
    sourceOfRow: (_ row: Value<S32>) -> Source
  ) {
    let latent = target.latent.pointer + offset
    let rope = target.rope.map { $0.pointer + offset }
    let firstColumn = k.let("first_column", target.firstColumn + column)
    let rowStep = 16 * target.latent.swizzle.span
    k.if(
      isAligned, isUniform: true,
      {
        for index in 0..<Self.rowsOfThread {
          let source = source(index)
          let byteCount = k.select(source.isThere, Value<U32>(16), 0)
          let numbers = source.latent + firstColumn
          for panel in 0..<target.latent.panelCount {
            let place = latent.advanced(byBytes: panel * target.latent.panelByteCount + index * rowStep)
            k.copyAsync(from: numbers + 64 * panel, to: place, byteCount: 16, onlyBytes: byteCount)
          }
          if let rope, let start = source.rope {
            k.copyAsync(
              from: start + column, to: rope.advanced(byBytes: index * rowStep), byteCount: 16,
              onlyBytes: byteCount)
          }
        }
        barrier?.arriveAfterCopies()
      },
      else: {
        k.for(0..<Self.rowsOfThread, name: "row", unroll: .never) { index in
          let source = sourceOfRow(firstRow.to(S32.self) + index * 16)
          let row = index * (rowStep / Element.byteCount)
          k.for(0..<target.latent.panelCount, name: "panel", unroll: .never) { panel in
            copyNumbers(
              from: source.latent + firstColumn + panel * 64, source.isThere,
              to: latent + row + panel * (target.latent.panelByteCount / Element.byteCount))
          }
          if let rope, let start = source.rope {
            copyNumbers(from: start + column, source.isThere, to: rope + row)
          }
        }
        barrier?.arrive()
      })
  }

  private func copyNumbers(
    from source: Pointer<U16, Global>, _ isThere: Value<Pred>, to target: Pointer<Element, Shared>
  ) {
    let numbers = k.fragment("numbers", U16.self, count: 8)
    numbers.fill(0)
    k.when(isThere) {
      for index in numbers.indices { numbers[index] = source[index] }
    }
    let words = (0..<4).map { k.join(B32.self, [numbers[2 * $0], numbers[2 * $0 + 1]]) }
    k.store(words, to: target.reinterpreted(as: B32.self))
  }
}

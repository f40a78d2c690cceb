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

  /// `thread` counts the 128 threads.
  init(_ k: KernelBuilder, thread: Value<U32>) {
    self.k = k
    column = k.let("copy_column", thread % 8 * 8)
    firstRow = k.let("copy_row", thread / 8)
  }

  /// Number `index` of the thread's rows.
  func row(_ index: Int) -> Value<S32> { (firstRow + 16 * index).to(S32.self) }

  static var rowsOfThread: Int { 4 }

  /// Starts copying some panels of the thread's rows. With 16-byte alignment by `cp.async`; else by loads of single
  /// numbers, which are done when it returns.
  ///
  /// `source` records where row `index` of the thread's is copied from, just before that is done.
  func start(
    to tile: SharedTile<Element>, panels: [Int], isAligned: Value<Pred>, source: (_ index: Int) -> Source
  ) {
    let target = tile.element(row: firstRow, column: column)
    k.if(
      isAligned, isUniform: true,
      {
        for index in 0..<Self.rowsOfThread {
          let source = source(index)
          let byteCount = k.select(source.isThere, Value<U32>(16), 0)
          for panel in panels {
            k.copyAsync(
              from: place(source, panel), to: place(target, tile, panel: panel, row: index), byteCount: 16,
              onlyBytes: byteCount)
          }
        }
      },
      else: {
        for index in 0..<Self.rowsOfThread {
          copyNumbers(source(index), to: place(target, tile, panel: 0, row: index), tile, panels)
        }
      })
  }

  private func place(_ source: Source, _ panel: Int) -> Pointer<U16, Global> {
    let latentPanels = HopperKernels.latentWidth / 64
    let start = panel < latentPanels ? source.latent + 64 * panel : source.rope ?? source.latent
    return start + column
  }

  /// Rows 16 apart have the same swizzle.
  private func place(
    _ target: Pointer<Element, Shared>, _ tile: SharedTile<Element>, panel: Int, row: Int
  ) -> Pointer<Element, Shared> {
    target.advanced(byBytes: panel * tile.panelByteCount + row * 16 * tile.swizzle.span)
  }

  /// A loop over panels: the slow way is not worth many instructions.
  private func copyNumbers(
    _ source: Source, to target: Pointer<Element, Shared>, _ tile: SharedTile<Element>, _ panels: [Int]
  ) {
    let latentPanels = panels.filter { $0 < HopperKernels.latentWidth / 64 }
    k.for(latentPanels[0]..<latentPanels[0] + latentPanels.count, name: "panel", unroll: .never) { panel in
      let numbers = source.latent + (panel * 64 + column.to(S32.self))
      copyNumbers(from: numbers, source.isThere, to: target + panel * (tile.panelByteCount / 2))
    }
    for panel in panels where panel >= HopperKernels.latentWidth / 64 {
      copyNumbers(
        from: place(source, panel), source.isThere, to: place(target, tile, panel: panel, row: 0))
    }
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

import PTX

/// What is loaded together of a tile of keys, since it becomes free together: the panels that a warpgroup reads as values,
/// first those of the tile's own warpgroup, then those of the other with the ninth panel, which the other reads too.
struct KeyPart<Element: DecodeElement> {
  /// The panels of the latent part, and the first of their columns.
  let latent: SharedTile<Element>
  let firstColumn: Value<U32>
  /// The ninth panel, if it is one of them and has keys.
  let rope: SharedTile<Element>?
  /// The panels may be loaded again: in a pair of blocks those of both.
  let empty: MemoryBarrier
  /// A panel of the latent part is there, the ninth is.
  let full: [MemoryBarrier]
  let ropeFull: MemoryBarrier
}

extension DecodeMemory {
  /// The parts of the tile in a place that is known when the kernel runs, in the order in which they become free.
  func parts(_ k: KernelBuilder, of stage: Value<U32>, panelCount: Int) -> [KeyPart<Element>] {
    (0..<2).map { turn in
      let reader = k.let("reader", stage ^ turn)
      let first = k.let("first_panel", stage * Self.panelCount + reader * Self.halfPanelCount)
      let columns = Self.halfPanelCount * 64
      return KeyPart(
        latent: latent(of: keys[stage], k).columnBlock(reader, of: columns), firstColumn: reader * columns,
        rope: turn == 0 || panelCount < Self.panelCount ? nil : rope(of: keys[stage], k),
        empty: empty[stage * 2 + reader], full: (0..<Self.halfPanelCount).map { full[first + $0] },
        ropeFull: full[stage * Self.panelCount + (Self.panelCount - 1)])
    }
  }
}

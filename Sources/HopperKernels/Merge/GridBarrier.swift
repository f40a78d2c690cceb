import PTX

/// Waits for all blocks of the grid, which must all be resident.
struct GridBarrier {
  let k: KernelBuilder
  /// Counts arrivals for ever: each use adds as many as the grid has blocks.
  let counter: Pointer<U64, Global>

  /// Some threads of the block come here, as many as their named barrier `barrier` counts. What all blocks wrote before is
  /// visible after it.
  func wait(_ barrier: Value<U32>, threads: Int) {
    k.syncThreads(barrier, count: threads)
    k.if(k.threadIndex() == 0) {
      let blocks = k.let("blocks", k.gridSize().to(U64.self))
      let before = k.atomic(.add, counter, 1, order: .acquireRelease(.device))
      let target = k.let("target", (before / blocks + 1) * blocks)
      k.while({ k.load(counter, order: .acquire(.device)) < target }) {}
    }
    k.syncThreads(barrier, count: threads)
  }
}

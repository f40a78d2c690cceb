import PTX

/// Scores of a tile: the 64 queries times the keys of tile `side`, or half of them, panel by panel as they come in.
struct ScoreProduct<Element: DecodeElement> {
  let k: KernelBuilder
  let memory: DecodeMemory<Element>
  let side: Int
  let panelCount: Int
  /// Which half of the tile's keys is multiplied; nil for all.
  var half: Value<U32>?

  /// Starts the products with as many keys as `scores` has columns. `phase` is the parity of the tile's barriers.
  func start(_ scores: Fragment<F32>, phase: Value<U32>) {
    let queries = k.descriptor(memory.queries)
    let tile = memory.keys[side]
    let keys = k.descriptor(half.map { tile.rowBlock($0, of: HopperKernels.tileRows / 2) } ?? tile)
    for (turn, reader) in [side, 1 - side].enumerated() {
      let panels = DecodeMemory<Element>.panels(of: side, reader: reader, count: panelCount)
      for (index, panel) in panels.enumerated() {
        if index == 0 || !memory.copiesRows { wait(for: panel, phase: phase) }
        for column in stride(from: 64 * panel, to: 64 * (panel + 1), by: Element.depth) {
          k.multiply(
            scores, queries.at(column: column), keys.at(column: column),
            accumulate: Value(turn > 0 || column != 64 * panels[0]))
        }
      }
    }
    k.commitProducts()
  }

  /// Waits until a panel is there, or with rows all of a part.
  private func wait(for panel: Int, phase: Value<U32>) {
    memory.full(side, panel: panel).wait(parity: phase)
    // Who has copied rows has not waited for them.
    if memory.copiesRows { k.fenceAsyncProxy() }
    // After each wait: for `ptxas` its loop begins a new stage of products.
    k.fenceProducts()
  }
}

/// What a warpgroup adds up: its 256 columns of the output.
struct ValueProduct<Element: DecodeElement> {
  let k: KernelBuilder
  let memory: DecodeMemory<Element>
  /// The warpgroup: 0 has the left columns.
  let half: Value<U32>
  let output: Fragment<F32>
  /// Columns that one instruction multiplies by probabilities in shared memory.
  var columnsOfProduct = 256

  /// Adds the product of a tile's probabilities, in registers, and its values.
  func start(_ probabilities: [[Value<Element.Pair>]], tile: Int) {
    let values = values(of: tile)
    k.fenceProducts()
    for (step, registers) in probabilities.enumerated() {
      k.multiply(output, registers, values.alongK(step * Element.depth))
    }
    k.commitProducts()
  }

  /// Adds the product of the probabilities of a tile, all in shared memory, and its values.
  func startShared(tile: Int) {
    let probabilities = k.descriptor(memory.probabilities(k, tile))
    k.fenceProducts()
    for column in stride(from: 0, to: 256, by: columnsOfProduct) {
      let part = output[column / 2..<(column + columnsOfProduct) / 2]
      k.multiply(part, probabilities, values(of: tile).at(column: column), depth: HopperKernels.tileRows)
    }
    k.commitProducts()
  }

  /// Multiplies what is there so far, unless the factors of all the warp's rows are 1: maxima rise often in the
  /// beginning, later hardly ever.
  func rescale(by corrections: [Value<F32>]) {
    let isNeeded = k.vote(.any, corrections[0] != 1 || corrections[1] != 1)
    k.if(isNeeded, isUniform: true) {
      for index in output.indices { output[index] *= corrections[Softmax.rowIndex(index)] }
    }
  }

  private func values(of tile: Int) -> MatrixDescriptor<Element> {
    let latent = memory.latent(of: memory.keys[tile], k)
    return k.descriptor(latent.columnBlock(half, of: HopperKernels.latentWidth / 2), major: .mn)
  }
}

/// How probabilities get from the warpgroup that computed them to the other.
struct ProbabilityExchange<Element: DecodeElement> {
  let k: KernelBuilder
  let memory: DecodeMemory<Element>
  let side: Int
  let thread: Value<U32>

  /// Writes the probabilities of the warpgroup's tile where its ninth panel was.
  func write(_ probabilities: [[Value<Element.Pair>]]) {
    memory.store(k, probabilities, tile: side, thread: thread)
  }

  /// Tells the other warpgroup of the probabilities, and of what was written to `maxima` before. The fence waits for what
  /// the warp has written: products that were started before run meanwhile.
  func tellOther() {
    k.fenceAsyncProxy()
    k.arriveThreads(NamedBarrier.ofTile(side), count: 2 * Kernel.warpgroupThreadCount)
  }

  /// Waits for the other warpgroup's.
  func waitForOther() {
    k.syncThreads(NamedBarrier.ofTile(1 - side), count: 2 * Kernel.warpgroupThreadCount)
  }
}

extension DecodeMemory {
  /// Writes probabilities, from the tile's key `firstKey` on, where its ninth panel was. `thread` counts the threads of the
  /// warpgroup. A fence for the asynchronous proxy must follow, before whoever multiplies by them is told.
  func store(
    _ k: KernelBuilder, _ probabilities: [[Value<Element.Pair>]], tile: Int, firstKey: Value<U32>? = nil,
    thread: Value<U32>
  ) {
    let target = self.probabilities(k, tile)
    let lane = thread % 32
    // Lane l gives the address of row l mod 8 of matrix l / 8: rows 0 to 15, then the next eight columns.
    let row = thread / 32 * 16 + lane % 16
    let column = lane / 16 * 8
    let first = firstKey.map { column + $0 } ?? column
    for (step, registers) in probabilities.enumerated() {
      let place = target.element(row: row, column: first + step * 16)
      k.storeMatrices(registers.map { $0.bits(as: B32.self) }, to: place)
    }
  }
}

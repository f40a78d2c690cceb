import PTX

/// Decode by two warpgroups that work on the same tile of keys and one that loads (FlashInfer's older design).
///
/// Of the scores of a tile, 64 × 64, each warpgroup computes those of 32 keys; of the output each holds 256 columns. So
/// they meet twice for every tile: for the maxima of the rows, and when all probabilities are in shared memory, from where
/// both multiply them:
///
///     warpgroup 0  scores of keys 0–31   softmax   output += P·V, left    scores of the next …
///     warpgroup 1  scores of keys 32–63  softmax   output += P·V, right   scores of the next …
///
/// Both take exponentials at the same time, while the tensor cores have nothing to do.
///
/// The next tile's scores are started behind the values or, with `PipelineTuning.Probabilities.deferred`, ahead of them:
/// before a warpgroup waits for the other's probabilities, as in FlashInfer's kernel. With one place for tiles they are started
/// when the values are done.
struct ThreeWarpgroupPipeline<Element: DecodeElement> {
  let parts: DecodeParts<Element>

  func record() {
    parts.record(holders: "multiply") { Consumer(parts, half: $0).run() }
  }
}

/// What each of the two warpgroups does that compute.
private struct Consumer<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  let tiles: TileLoop
  /// When the other's probabilities are waited for.
  let handsOn: PipelineTuning.Probabilities
  let holder: OutputHolder<Element>
  let queries: QueryReader<Element>
  let scores: Fragment<F32>
  let panelCount: Int
  /// Parities of the phases in which the tiles are there.
  let keysPhases: [Mutable<U32>]

  var softmax: Softmax { holder.softmax }
  var valueProduct: ValueProduct<Element> { holder.valueProduct() }

  /// Keys of a tile that a warpgroup has.
  private static var keyCount: Int { HopperKernels.tileRows / 2 }
  /// The first of them.
  private var firstKey: Value<U32> { holder.half * Value(Self.keyCount) }

  init(_ parts: DecodeParts<Element>, half: Value<U32>) {
    k = parts.k
    call = parts.call
    memory = parts.memory
    tiles = parts.tiles
    handsOn = parts.variant.parameters.probabilities
    holder = OutputHolder(parts, half: half)
    queries = QueryReader(parts, thread: holder.thread)
    scores = k.fragment("scores", F32.self, count: Self.keyCount / 2)
    panelCount = parts.variant.panelCount
    keysPhases = ["even", "odd"].prefix(tiles.stages).map { parts.k.variable("\($0)_phase", 0) }
  }

  func run() {
    holder.computePieces { piece in queries.read(piece) { multiply(piece, $0) } }
  }

  private func multiply(_ piece: LoadedPiece, _ firstUnseen: Value<S32>) {
    guard tiles.stages > 1 else {
      return tiles.forEach(of: piece) { side, start in
        startScores(side)
        multiply(side, start, firstUnseen, startsNext: false)
      }
    }
    startScores(0)
    switch handsOn {
    case .immediate:
      tiles.forEachBeforeNext(of: piece) { side, start, hasNext in
        multiply(side, start, firstUnseen, startsNext: hasNext)
      }
    case .deferred:
      let ofKeys = k.fragment("maximum_of_keys", F32.self, count: 2)
      k.region("softmax") {
        k.waitProducts(pending: 0)
        ofKeys.assign(maximaOfKeys(piece.keyStart, firstUnseen))
      }
      tiles.forEachBeforeNext(of: piece) { side, start, hasNext in
        multiplyBehindNext(side, start, firstUnseen, ofKeys, hasNext: hasNext)
      }
    }
  }

  /// The rest of a tile whose scores have been started, and the start of the next one's.
  private func multiply(_ side: Int, _ start: Value<S32>, _ firstUnseen: Value<S32>, startsNext: Bool) {
    let corrections = k.fragment("correction", F32.self, count: 2)
    k.region("softmax") {
      k.waitProducts(pending: 0)
      storeProbabilities(side, maximaOfKeys(start, firstUnseen), corrections)
      waitForProbabilities()
    }
    k.region("values") {
      startValues(side, corrections)
      if startsNext { startScores(1 - side) }
      k.waitProducts(pending: startsNext ? 1 : 0)
      holder.release(tile: side)
    }
  }

  /// The rest of a tile whose scores are there, with their maxima `ofKeys`, behind the start of the next one's: while values
  /// are multiplied, `ofKeys` become those of the next tile.
  private func multiplyBehindNext(
    _ side: Int, _ start: Value<S32>, _ firstUnseen: Value<S32>, _ ofKeys: Fragment<F32>, hasNext: Bool
  ) {
    let corrections = k.fragment("correction", F32.self, count: 2)
    k.region("softmax") { storeProbabilities(side, [ofKeys[0], ofKeys[1]], corrections) }
    if hasNext { startScores(1 - side) }
    k.region("softmax") { waitForProbabilities() }
    k.region("values") {
      startValues(side, corrections)
      if hasNext { k.waitProducts(pending: 1) }
    }
    if hasNext {
      k.region("softmax") {
        ofKeys.assign(maximaOfKeys(start + HopperKernels.tileRows, firstUnseen))
      }
    }
    k.region("values") {
      k.waitProducts(pending: 0)
      holder.release(tile: side)
    }
  }

  private func startScores(_ side: Int) {
    k.region("scores") {
      ScoreProduct(k: k, memory: memory, side: side, panelCount: panelCount, half: holder.half)
        .start(scores, phase: keysPhases[side].value)
      keysPhases[side] ^= 1
    }
  }

  /// Starts to add a tile's values.
  private func startValues(_ side: Int, _ corrections: Fragment<F32>) {
    valueProduct.rescale(by: [corrections[0], corrections[1]])
    valueProduct.startShared(tile: side)
  }

  /// Scales the scores of the tile that begins at key `start`; yields the greatest of each row, which the other warpgroup
  /// finds in shared memory.
  private func maximaOfKeys(_ start: Value<S32>, _ firstUnseen: Value<S32>) -> [Value<F32>] {
    softmax.scale(
      scores, by: call[CallLayout.standard.scoreScale], tileStart: start + firstKey.to(S32.self),
      firstUnseen: firstUnseen)
    let ofKeys = softmax.rowMaxima(scores)
    softmax.publish(ofKeys, to: memory.maxima + holder.half * 64)
    return ofKeys
  }

  /// Puts the probabilities of the warpgroup's keys into shared memory. `corrections` become what the output so far is to
  /// be multiplied by.
  private func storeProbabilities(
    _ side: Int, _ ofKeys: [Value<F32>], _ corrections: Fragment<F32>
  ) {
    // From here on nobody reads the tile's ninth panel as keys.
    k.syncThreads(NamedBarrier.maxima, count: 2 * Kernel.warpgroupThreadCount)
    let ofOthers = softmax.published(in: memory.maxima + (64 - holder.half * 64))
    let raised = softmax.raise(
      to: (0..<2).map { k.max(k.max(ofKeys[$0], ofOthers[$0]), softmax.maxima[$0]) })
    corrections.assign(raised)
    let probabilities = softmax.probabilities(scores, as: Element.Pair.self)
    memory.store(k, probabilities, tile: side, firstKey: firstKey, thread: holder.thread)
  }

  /// Waits until the other's are there too.
  private func waitForProbabilities() {
    k.fenceAsyncProxy()
    k.syncThreads(NamedBarrier.probabilities, count: 2 * Kernel.warpgroupThreadCount)
  }
}

extension Fragment {
  /// Assigns a value to each register.
  fileprivate func assign(_ values: [Value<Element>]) {
    for (index, value) in values.enumerated() { self[index] = value }
  }
}

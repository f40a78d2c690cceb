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
struct ThreeWarpgroupPipeline<Element: DecodeElement> {
  let parts: DecodeParts<Element>

  func record() {
    parts.record(holders: "multiply", registers: 224, loaderRegisters: 56) { Consumer(parts, half: $0).run() }
  }
}

/// What one of the two warpgroups does.
private struct Consumer<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  /// Which of the two it is: 0 has the first keys and the left columns.
  let half: Int
  let holder: OutputHolder<Element>
  let queries: QueryReader<Element>
  let scores: Fragment<F32>
  /// Of both places of tiles.
  let scoreProducts: [ScoreProduct<Element>]
  /// Parities of the phases in which the tiles are there.
  let keysPhases: [Mutable<U32>]

  var softmax: Softmax { holder.softmax }
  var valueProduct: ValueProduct<Element> { holder.valueProduct }

  /// Keys of a tile that a warpgroup has.
  private static var keyCount: Int { HopperKernels.tileRows / 2 }

  init(_ parts: DecodeParts<Element>, half: Int) {
    k = parts.k
    call = parts.call
    memory = parts.memory
    self.half = half
    holder = OutputHolder(parts, half: half)
    queries = QueryReader(parts, thread: holder.thread)
    scores = k.fragment("scores", F32.self, count: Self.keyCount / 2)
    scoreProducts = (0..<2).map { side in
      ScoreProduct(
        k: parts.k, memory: parts.memory, side: side, panelCount: parts.variant.panelCount,
        firstKey: Self.keyCount * half)
    }
    keysPhases = [k.variable("even_phase", 0), k.variable("odd_phase", 0)]
  }

  func run() {
    holder.computePieces { piece in queries.read(piece) { multiply(piece, $0) } }
  }

  private func multiply(_ piece: LoadedPiece, _ firstUnseen: Value<S32>) {
    startScores(0)
    // All but the last tile, or the last two. Where products may be pending or not, `ptxas` waits.
    let lastPair = k.let("last_pair", (piece.tileCount - 1) / 2 * 2)
    k.for("pair", from: 0, to: lastPair, step: 2, isUniform: true) { tile in
      let start = k.let("tile_start", piece.keyStart + tile * HopperKernels.tileRows)
      multiply(side: 0, start: start, firstUnseen, startsNext: true)
      multiply(side: 1, start: start + HopperKernels.tileRows, firstUnseen, startsNext: true)
    }
    let start = k.let("last_start", piece.keyStart + lastPair * HopperKernels.tileRows)
    k.if(
      lastPair + 1 < piece.tileCount, isUniform: true,
      {
        multiply(side: 0, start: start, firstUnseen, startsNext: true)
        multiply(side: 1, start: start + HopperKernels.tileRows, firstUnseen, startsNext: false)
      }, else: { multiply(side: 0, start: start, firstUnseen, startsNext: false) })
  }

  /// The rest of a tile whose scores have been started, and the start of the next one's.
  private func multiply(side: Int, start: Value<S32>, _ firstUnseen: Value<S32>, startsNext: Bool) {
    let corrections = k.fragment("correction", F32.self, count: 2)
    computeProbabilities(side: side, start: start, firstUnseen, corrections)
    k.region("values") {
      valueProduct.rescale(by: [corrections[0], corrections[1]])
      valueProduct.startShared(tile: side)
      if startsNext { startScores(1 - side) }
      k.waitProducts(pending: startsNext ? 1 : 0)
      holder.release(tile: side)
    }
  }

  private func startScores(_ side: Int) {
    k.region("scores") {
      scoreProducts[side].start(scores, phase: keysPhases[side].value)
      keysPhases[side] ^= 1
    }
  }

  /// Puts the probabilities of the warpgroup's keys into shared memory and waits until the other's are there too.
  /// `corrections` become what the output so far is to be multiplied by.
  private func computeProbabilities(
    side: Int, start: Value<S32>, _ firstUnseen: Value<S32>, _ corrections: Fragment<F32>
  ) {
    k.region("softmax") {
      k.waitProducts(pending: 0)
      softmax.scale(
        scores, by: call[CallLayout.standard.scoreScale], tileStart: start + Self.keyCount * half,
        firstUnseen: firstUnseen)
      let ofKeys = softmax.rowMaxima(scores)
      softmax.publish(ofKeys, to: memory.maxima + 64 * half)
      // From here on nobody reads the tile's ninth panel as keys.
      k.syncThreads(NamedBarrier.maxima, count: 256)
      let ofOthers = softmax.published(in: memory.maxima + 64 * (1 - half))
      let raised = softmax.raise(
        to: (0..<2).map { k.max(k.max(ofKeys[$0], ofOthers[$0]), softmax.maxima[$0]) })
      for index in raised.indices { corrections[index] = raised[index] }
      let probabilities = softmax.probabilities(scores, as: Element.Pair.self)
      memory.store(k, probabilities, tile: side, firstKey: Self.keyCount * half, thread: holder.thread)
      k.fenceAsyncProxy()
      k.syncThreads(NamedBarrier.probabilities, count: 256)
    }
  }
}

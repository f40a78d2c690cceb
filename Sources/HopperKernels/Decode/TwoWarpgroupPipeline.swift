import PTX

/// Decode by two warpgroups that multiply and one that loads, with two tiles of 64 keys in flight (the idea is
/// FlashMLA's, "seesaw").
///
/// The output of a piece, 64 × 512 in fp32, is half of all registers: each warpgroup holds 256 columns of it. Scores are
/// 64 × 64 for a tile: warpgroup 0 computes those of even tiles, warpgroup 1 those of odd ones, and while one takes
/// exponentials the tensor cores multiply for the other. Each hands its probabilities to the other through shared memory, as
/// both need those of every tile for their columns:
///
///     warpgroup 0  scores of even  softmax  output += P_even·V_even  output += P_odd·V_odd
///     warpgroup 1                  scores of odd  softmax  output += P_even·V_even  output += P_odd·V_odd
///
/// The running maxima go along: the even tile's are handed to warpgroup 1, which raises them by the odd tile's and hands them
/// back. A warpgroup rescales its output whenever they rise.
///
/// A warpgroup starts its own values before it tells the other of the probabilities, or, with
/// `PipelineTuning.Probabilities.immediate`, after it.
struct TwoWarpgroupPipeline<Element: DecodeElement> {
  let parts: DecodeParts<Element>

  func record() {
    parts.record(holders: "multiply") { Consumer(parts, half: $0).run() }
  }
}

/// What each of the two warpgroups does.
private struct Consumer<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  /// Which of the two is recorded: 0 has the even tiles and the left columns.
  private(set) var side = 0
  let tiles: TileLoop
  /// When the other is told of probabilities.
  let handsOn: PipelineTuning.Probabilities
  let holder: OutputHolder<Element>
  let queries: QueryReader<Element>
  let scores: Fragment<F32>
  let panelCount: Int
  /// Parity of the phase in which the warpgroup's own tile is there.
  let keysPhase: Mutable<U32>

  var softmax: Softmax { holder.softmax }
  var valueProduct: ValueProduct<Element> { holder.valueProduct() }
  var scoreProduct: ScoreProduct<Element> {
    ScoreProduct(k: k, memory: memory, side: side, panelCount: panelCount)
  }
  var exchange: ProbabilityExchange<Element> {
    ProbabilityExchange(k: k, memory: memory, side: side, thread: holder.thread)
  }

  init(_ parts: DecodeParts<Element>, half: Value<U32>) {
    k = parts.k
    call = parts.call
    memory = parts.memory
    tiles = parts.tiles
    handsOn = parts.variant.parameters.probabilities
    holder = OutputHolder(parts, half: half)
    queries = QueryReader(parts, thread: holder.thread)
    scores = k.fragment("scores", F32.self, count: 32)
    panelCount = parts.variant.panelCount
    keysPhase = k.variable("keys_phase", 0)
  }

  func run() {
    holder.computePieces { piece in
      queries.read(piece) { firstUnseen in
        k.if(
          holder.half == 0, isUniform: true, { ofSide(0).multiply(piece, firstUnseen) },
          else: { ofSide(1).multiply(piece, firstUnseen) })
      }
    }
  }

  private func ofSide(_ side: Int) -> Consumer {
    var consumer = self
    consumer.side = side
    return consumer
  }

  private func multiply(_ piece: LoadedPiece, _ firstUnseen: Value<S32>) {
    tiles.forEachGroup(below: piece.tileCount) { tile in
      let start = k.let("tile_start", piece.keyStart + tile * HopperKernels.tileRows)
      let hasOdd = k.let("has_odd", tile + 1 < piece.tileCount)
      if side == 0 {
        multiplyEven(start, hasOdd, firstUnseen)
      } else {
        multiplyOdd(start + HopperKernels.tileRows, hasOdd, firstUnseen)
      }
    }
  }

  private func multiplyEven(_ start: Value<S32>, _ hasOdd: Value<Pred>, _ firstUnseen: Value<S32>) {
    startScores()
    finishScores(start, firstUnseen, pending: 0)
    k.region("softmax") {
      let maxima = zip(softmax.rowMaxima(scores), 0..<2).map { k.max($0, softmax.maxima[$1]) }
      let corrections = softmax.raise(to: maxima)
      softmax.publish(maxima, to: memory.maxima)
      let probabilities = softmax.probabilities(scores, as: Element.Pair.self)
      handOn(probabilities) { startOwn(probabilities, corrections) }
      finishOwn()
    }
    k.if(hasOdd, isUniform: true) {
      exchange.waitForOther()
      startOther(softmax.raise(to: softmax.published(in: memory.maxima + 64)))
      finishOther()
    }
  }

  private func multiplyOdd(_ start: Value<S32>, _ hasOdd: Value<Pred>, _ firstUnseen: Value<S32>) {
    k.if(
      hasOdd, isUniform: true,
      {
        startScores()
        // The even tile's values are multiplied while the scores of the odd one become probabilities.
        startOther(softmax.raise(to: afterEven()))
        finishScores(start, firstUnseen, pending: 1)
        k.region("softmax") {
          let ofTile = softmax.rowMaxima(scores)
          let maxima = (0..<2).map { k.max(ofTile[$0], softmax.maxima[$0]) }
          let corrections = softmax.raise(to: maxima)
          softmax.publish(maxima, to: memory.maxima + 64)
          let probabilities = softmax.probabilities(scores, as: Element.Pair.self)
          handOn(probabilities) {
            finishOther()
            startOwn(probabilities, corrections)
          }
          finishOwn()
        }
      },
      else: {
        startOther(softmax.raise(to: afterEven()))
        finishOther()
      })
  }

  /// Writes probabilities for the other warpgroup, and tells it of them before or after the products that come next are
  /// started.
  private func handOn(_ probabilities: [[Value<Element.Pair>]], startingProducts start: () -> Void) {
    exchange.write(probabilities)
    if handsOn == .immediate { exchange.tellOther() }
    start()
    if handsOn == .deferred { exchange.tellOther() }
  }

  /// The maxima after the even tile, once its probabilities are there.
  private func afterEven() -> [Value<F32>] {
    exchange.waitForOther()
    return softmax.published(in: memory.maxima)
  }

  /// Starts the scores of the warpgroup's own tile.
  private func startScores() {
    k.region("scores") {
      scoreProduct.start(scores, phase: keysPhase.value)
      keysPhase ^= 1
    }
  }

  /// Waits for the scores, until at most so many later products are pending, and scales them: −∞ where a row does not
  /// see the key.
  private func finishScores(_ start: Value<S32>, _ firstUnseen: Value<S32>, pending: Int) {
    k.region("scores") {
      k.waitProducts(pending: pending)
      softmax.scale(
        scores, by: call[CallLayout.standard.scoreScale], tileStart: start, firstUnseen: firstUnseen)
    }
  }

  /// Starts to add the own tile's values.
  private func startOwn(_ probabilities: [[Value<Element.Pair>]], _ corrections: [Value<F32>]) {
    k.region("values") {
      valueProduct.rescale(by: corrections)
      valueProduct.start(probabilities, tile: side)
    }
  }

  private func finishOwn() {
    k.region("values") {
      k.waitProducts(pending: 0)
      holder.release(tile: side)
    }
  }

  /// Starts to add the other tile's values.
  private func startOther(_ corrections: [Value<F32>]) {
    k.region("values_of_other") {
      valueProduct.rescale(by: corrections)
      valueProduct.startShared(tile: 1 - side)
    }
  }

  private func finishOther() {
    k.region("values_of_other") {
      k.waitProducts(pending: 0)
      holder.release(tile: 1 - side)
    }
  }
}

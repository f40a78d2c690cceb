import PTX

/// Decode by four warpgroups: two that multiply probabilities and values, one that computes scores and probabilities, and
/// one that loads.
///
/// Nobody waits for exponentials but those who need them: while one tile becomes probabilities, the values of the tile
/// before are multiplied.
///
///     warpgroup 0, 1  output += P·V of the tile before, left columns, right columns   …
///     warpgroup 2     scores of a tile  softmax  scores of the next  softmax           …
///
/// With each tile's probabilities go the maxima and the sums of its rows so far; those of a piece's last tile are the
/// piece's.
///
/// The adders are told of a tile's probabilities at once or, with `PipelineTuning.Probabilities.deferred`, when the next
/// tile's scores have been started.
struct FourWarpgroupPipeline<Element: DecodeElement> {
  let parts: DecodeParts<Element>

  func record() {
    parts.record(holders: "values", computeScores: { ScoreKeeper(parts).run() }) {
      ValueAdder(parts, half: $0).run()
    }
  }

  /// Threads that meet when the probabilities of a tile are there.
  fileprivate static var meetingThreadCount: Int { 3 * Kernel.warpgroupThreadCount }

  /// Where the sums of a tile's rows so far are handed on.
  fileprivate static func sums(_ memory: DecodeMemory<Element>, _ side: Int) -> Pointer<F32, Shared> {
    memory.rowSums + 64 * side
  }
}

/// What the warpgroup does that turns keys into probabilities.
private struct ScoreKeeper<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  let tiles: TileLoop
  /// When the adders are told of probabilities.
  let handsOn: PipelineTuning.Probabilities
  let thread: Value<U32>
  let scores: Fragment<F32>
  let softmax: Softmax
  let queries: QueryReader<Element>
  /// Of all places of tiles.
  let scoreProducts: [ScoreProduct<Element>]
  /// Parities of the phases in which the tiles are there.
  let keysPhases: [Mutable<U32>]

  init(_ parts: DecodeParts<Element>) {
    k = parts.k
    call = parts.call
    memory = parts.memory
    tiles = parts.tiles
    handsOn = parts.variant.parameters.probabilities
    thread = k.let("score_thread", k.threadIndex() % Value(Kernel.warpgroupThreadCount))
    scores = k.fragment("scores", F32.self, count: 32)
    softmax = Softmax(k, thread: thread)
    queries = QueryReader(parts, thread: thread)
    scoreProducts = (0..<tiles.stages).map { side in
      ScoreProduct(k: parts.k, memory: parts.memory, side: side, panelCount: parts.variant.panelCount)
    }
    keysPhases = ["even", "odd"].prefix(tiles.stages).map { parts.k.variable("\($0)_phase", 0) }
  }

  func run() {
    forEachPiece(k, call) { piece in
      k.if(piece.tileCount > 0, isUniform: true) {
        softmax.start(piece, call)
        queries.read(piece) { multiply(piece, $0) }
      }
    }
  }

  private func multiply(_ piece: LoadedPiece, _ firstUnseen: Value<S32>) {
    switch handsOn {
    case .immediate:
      tiles.forEach(of: piece) { side, start in
        k.region("scores") {
          startScores(side)
          k.waitProducts(pending: 0)
        }
        k.region("softmax") {
          storeProbabilities(side, start, firstUnseen)
          tellAdders(side)
        }
      }
    case .deferred:
      k.region("scores") { startScores(0) }
      tiles.forEachBeforeNext(of: piece) { side, start, hasNext in
        k.region("softmax") {
          k.waitProducts(pending: 0)
          storeProbabilities(side, start, firstUnseen)
        }
        if hasNext { k.region("scores") { startScores(1 - side) } }
        k.region("softmax") { tellAdders(side) }
      }
    }
  }

  private func startScores(_ side: Int) {
    scoreProducts[side].start(scores, phase: keysPhases[side].value)
    keysPhases[side] ^= 1
  }

  /// Turns the scores into probabilities, and writes them with the maxima and sums so far.
  private func storeProbabilities(_ side: Int, _ start: Value<S32>, _ firstUnseen: Value<S32>) {
    softmax.scale(
      scores, by: call[CallLayout.standard.scoreScale], tileStart: start, firstUnseen: firstUnseen)
    let ofTile = softmax.rowMaxima(scores)
    let maxima = (0..<2).map { k.max(ofTile[$0], softmax.maxima[$0]) }
    _ = softmax.raise(to: maxima)
    let probabilities = softmax.probabilities(scores, as: Element.Pair.self)
    softmax.publish(maxima, to: memory.maxima + 64 * side)
    softmax.publish(softmax.rowSums(), to: FourWarpgroupPipeline.sums(memory, side))
    memory.store(k, probabilities, tile: side, thread: thread)
  }

  /// Tells of what has been written.
  private func tellAdders(_ side: Int) {
    k.fenceAsyncProxy()
    k.arriveThreads(NamedBarrier.ofTile(side), count: FourWarpgroupPipeline<Element>.meetingThreadCount)
  }
}

/// What each of the two warpgroups does that add up values.
private struct ValueAdder<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  let tiles: TileLoop
  let holder: OutputHolder<Element>

  init(_ parts: DecodeParts<Element>, half: Value<U32>) {
    k = parts.k
    call = parts.call
    memory = parts.memory
    tiles = parts.tiles
    holder = OutputHolder(parts, half: half)
  }

  func run() {
    let softmax = holder.softmax
    forEachPiece(k, call) { piece in
      softmax.reset()
      holder.output.fill(0)
      tiles.forEach(of: piece) { side, _ in k.region("values") { add(tile: side) } }
      holder.write(piece, weights: (0..<2).map { softmax.sums[$0] })
    }
  }

  private func add(tile side: Int) {
    let softmax = holder.softmax
    k.syncThreads(NamedBarrier.ofTile(side), count: FourWarpgroupPipeline<Element>.meetingThreadCount)
    let corrections = softmax.raise(to: softmax.published(in: memory.maxima + 64 * side))
    let sums = softmax.published(in: FourWarpgroupPipeline.sums(memory, side))
    for index in sums.indices { softmax.sums[index] = sums[index] }
    // For one instruction `ptxas` grants no more registers than each of 512 threads begins with.
    let valueProduct = holder.valueProduct(columnsOfProduct: 128)
    valueProduct.rescale(by: corrections)
    valueProduct.startShared(tile: side)
    k.waitProducts(pending: 0)
    holder.release(tile: side)
  }
}

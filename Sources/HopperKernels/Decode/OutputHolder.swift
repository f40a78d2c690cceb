import PTX

/// What a warpgroup that holds half of the output is put together from.
///
/// Both run the same code wherever they can: instructions come slowly where they are not in the caches, which hold 32 and
/// 128 KB of them.
struct OutputHolder<Element: DecodeElement> {
  private let k: KernelBuilder
  private let call: ParameterStruct
  private let memory: DecodeMemory<Element>
  /// Which of the two it is: 0 has the left columns.
  let half: Value<U32>
  let thread: Value<U32>
  private let isFirstLane: Value<Pred>
  let softmax: Softmax
  let output: Fragment<F32>
  private let epilogue: Epilogue<Element>

  init(_ parts: DecodeParts<Element>, half: Value<U32>) {
    k = parts.k
    call = parts.call
    memory = parts.memory
    self.half = half
    thread = k.let("consumer_thread", k.threadIndex() % Value(Kernel.warpgroupThreadCount))
    isFirstLane = k.let("is_first_lane", thread % 32 == 0)
    softmax = Softmax(k, thread: thread)
    output = k.fragment("output", F32.self, count: 128)
    epilogue = Epilogue(
      k: k, call: call, memory: memory, half: half, softmax: softmax, output: output,
      turn: k.variable("turn", 0))
  }

  /// Computes the block's pieces, where each of the two warpgroups sums up the probabilities of some keys. `multiply` adds up
  /// the tiles of a piece that has any.
  func computePieces(_ multiply: (LoadedPiece) -> Void) {
    forEachPiece(k, call) { piece in
      softmax.start(piece, call)
      output.fill(0)
      k.if(piece.tileCount > 0, isUniform: true) { multiply(piece) }
      write(piece, weights: epilogue.totals())
    }
  }

  /// What the warpgroup adds up.
  func valueProduct(columnsOfProduct: Int = 256) -> ValueProduct<Element> {
    ValueProduct(k: k, memory: memory, half: half, output: output, columnsOfProduct: columnsOfProduct)
  }

  /// Writes a piece's results, with the sums of probabilities of the thread's rows.
  func write(_ piece: LoadedPiece, weights: [Value<F32>]) {
    epilogue.write(piece, weights: weights, thread: thread)
  }

  /// The warpgroup needs the values of a tile no longer, nor its probabilities.
  func release(tile: Int) { memory.release(k, tile: tile, reader: half, isFirstLane) }
}

/// How a warpgroup that multiplies queries waits for them.
struct QueryReader<Element: DecodeElement> {
  private let k: KernelBuilder
  private let call: ParameterStruct
  private let memory: DecodeMemory<Element>
  private let isFirstLane: Value<Pred>
  /// Parity of the phase in which the queries are there.
  private let phase: Mutable<U32>

  /// `thread` counts the threads of the warpgroup.
  init(_ parts: DecodeParts<Element>, thread: Value<U32>) {
    k = parts.k
    call = parts.call
    memory = parts.memory
    isFirstLane = k.let("is_first_lane", thread % 32 == 0)
    phase = k.variable("queries_phase", 0)
  }

  /// Records what is done while the queries of a piece are there, with the first key that not all rows see.
  func read(_ piece: LoadedPiece, _ multiply: (_ firstUnseen: Value<S32>) -> Void) {
    let firstUnseen = k.let("first_unseen", piece.firstUnseenKey(k, call))
    memory.queriesFull.wait(parity: phase.value)
    // Who has copied them has not waited for them.
    k.fenceAsyncProxy()
    phase ^= 1
    multiply(firstUnseen)
    k.when(isFirstLane) { memory.queriesEmpty.arrive() }
  }
}

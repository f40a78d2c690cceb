import PTX

/// The running softmax of a warpgroup's thread, in base 2: for its two rows the greatest score and the sum of
/// probabilities seen so far.
///
/// All 64 rows belong to both warpgroups. Both know the same maxima, and each adds up the probabilities of its own
/// tiles.
struct Softmax {
  private let k: KernelBuilder
  let maxima: Fragment<F32>
  let sums: Fragment<F32>
  /// Past the last key that each row sees.
  private let limits: Fragment<S32>
  /// The thread's first row and first column of an accumulator.
  private let row: Value<U32>
  private let column: Value<S32>
  private let isFirstOfRow: Value<Pred>

  /// `thread` counts the threads of the warpgroup.
  init(_ k: KernelBuilder, thread: Value<U32>) {
    self.k = k
    maxima = k.fragment("maximum", F32.self, count: 2)
    sums = k.fragment("sum", F32.self, count: 2)
    limits = k.fragment("limit", S32.self, count: 2)
    row = k.let("row", Fragment<F32>.accumulatorRow(thread: thread))
    column = k.let("column", Fragment<F32>.accumulatorColumn(thread: thread).to(S32.self))
    isFirstOfRow = k.let("is_first_of_row", thread % 4 == 0)
  }

  static var minusInfinity: Value<F32> { Value(-Double.infinity) }

  /// Row 0 or 1 of the thread, in the tile.
  func row(_ index: Int) -> Value<U32> { row + 8 * index }

  /// Which of the thread's rows a register of an accumulator belongs to.
  static func rowIndex(_ register: Int) -> Int { Fragment<F32>.accumulatorRowOffset(register) / 8 }

  /// Begins a piece.
  func start(_ piece: LoadedPiece, _ call: ParameterStruct) {
    reset()
    for index in 0..<2 {
      let place = RowPlace(k, call, row: piece.firstRow + row(index).to(S32.self))
      limits[index] = k.min(
        piece.visibleKeyCount + place.token * call[CallLayout.standard.keysPerToken], piece.keyEnd)
    }
  }

  /// Has seen nothing.
  func reset() {
    maxima.fill(Self.minusInfinity)
    sums.fill(0)
  }

  /// The sums of each row, known to the four threads of the row.
  func rowSums() -> [Value<F32>] {
    (0..<2).map { overRow(sums[$0]) { $0 + $1 } }
  }

  /// Multiplies scores by the scale, and takes out those that a row does not see, if there can be any.
  ///
  /// `firstUnseen` is the least of the limits of all rows.
  func scale(
    _ scores: Fragment<F32>, by scale: Value<F32>, tileStart: Value<S32>, firstUnseen: Value<S32>
  ) {
    for index in scores.indices { scores[index] *= scale }
    k.if(tileStart + HopperKernels.tileRows > firstUnseen, isUniform: true) {
      let seen = (0..<2).map { k.let("seen", limits[$0] - tileStart - column) }
      for index in scores.indices {
        let isSeen = seen[Self.rowIndex(index)] > Fragment<F32>.accumulatorColumnOffset(index)
        scores[index] = k.select(isSeen, scores[index], Self.minusInfinity)
      }
    }
  }

  /// The greatest score of each row, known to the four threads of the row.
  func rowMaxima(_ scores: Fragment<F32>) -> [Value<F32>] {
    (0..<2).map { index in
      let registers = scores.indices.filter { Self.rowIndex($0) == index }
      let ofThread = registers.dropFirst().reduce(scores[registers[0]]) { k.max($0, scores[$1]) }
      return overRow(ofThread) { k.max($0, $1) }
    }
  }

  /// Combines a value over the four threads of a row.
  func overRow(
    _ value: Value<F32>, _ combine: (Value<F32>, Value<F32>) -> Value<F32>
  ) -> Value<F32> {
    [1, 2].reduce(value) { combine($0, k.shuffle($0, .butterfly, Value($1))) }
  }

  /// Takes new maxima, not less than the old ones; yields what everything summed up so far is to be multiplied by.
  func raise(to new: [Value<F32>]) -> [Value<F32>] {
    (0..<2).map { index in
      let correction = k.let("correction", k.exp2(maxima[index] - Self.subtrahend(k, new[index])))
      maxima[index] = new[index]
      sums[index] *= correction
      return correction
    }
  }

  /// Turns scores into probabilities relative to the maxima, adds them up, and rounds them: for each 16 keys the four
  /// registers of a `wgmma`'s A.
  func probabilities<Pair: PackedElement>(_ scores: Fragment<F32>, as type: Pair.Type) -> [[Value<Pair>]] {
    let subtrahends = (0..<2).map { Self.subtrahend(k, maxima[$0]) }
    for index in scores.indices {
      scores[index] = k.exp2(scores[index] - subtrahends[Self.rowIndex(index)])
    }
    for index in 0..<2 {
      let registers = scores.indices.filter { Self.rowIndex($0) == index }
      sums[index] = registers.reduce(sums[index]) { $0 + scores[$1] }
    }
    return stride(from: 0, to: scores.count, by: 8).map { first in
      (0..<4).map { k.pack(type, scores[first + 2 * $0], scores[first + 2 * $0 + 1]) }
    }
  }

  /// What is subtracted from scores before the exponential: the maximum, or 0 for a row that has seen nothing, since
  /// −∞ − (−∞) is no number.
  private static func subtrahend(_ k: KernelBuilder, _ maximum: Value<F32>) -> Value<F32> {
    k.select(maximum == minusInfinity, 0, maximum)
  }

  /// Writes the maxima of the 64 rows for the other warpgroup.
  func publish(_ values: [Value<F32>], to memory: Pointer<F32, Shared>) {
    // What is computed under a predicate keeps a register for those who do not compute it.
    let places = (0..<2).map { memory + row($0) }
    k.when(isFirstOfRow) {
      for index in 0..<2 { k.store(values[index], to: places[index]) }
    }
  }

  /// What `publish` of the other warpgroup wrote.
  func published(in memory: Pointer<F32, Shared>) -> [Value<F32>] {
    (0..<2).map { memory[row($0)] }
  }
}

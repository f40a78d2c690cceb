import PTX

/// Divides a piece's sums by their weights and writes them: to the output, or as a partial.
struct Epilogue<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  let side: Int
  let softmax: Softmax
  let output: Fragment<F32>
  /// Which of two places in shared memory the sums of this piece have: the next piece's must not meet them.
  let turn: Mutable<U32>

  /// Both warpgroups come here for each piece, with the sums of the thread's rows.
  func write(_ piece: LoadedPiece, weights: [Value<F32>], thread: Value<U32>) {
    k.region("epilogue") {
      let inverses = weights.map { k.select($0 > 0, k.reciprocal($0), 0) }
      for index in output.indices { output[index] *= inverses[Softmax.rowIndex(index)] }
      for index in 0..<2 {
        let row = softmax.row(index).to(S32.self)
        let isRow = k.let("is_row", row < piece.rowCount)
        k.if(k.vote(.any, isRow), isUniform: true) {
          let numbers = RowNumbers(k, output, index, thread: thread, isThere: isRow)
          let lse = k.let("lse", softmax.maxima[index] + k.log2(weights[index]))
          k.if(
            piece.partialRow < 0, isUniform: true,
            { writeOutput(piece, row, numbers, lse) },
            else: { writePartial(piece.partialRow + row, numbers, lse) })
        }
      }
    }
  }

  /// The sums for the thread's rows, where each warpgroup has summed up some of the probabilities. Both come here for
  /// each piece.
  func totals() -> [Value<F32>] {
    let mine = softmax.rowSums()
    let place = memory.rowSums + turn.value * 128
    softmax.publish(mine, to: place + 64 * side)
    k.syncThreads(NamedBarrier.consumers, count: 256)
    let others = softmax.published(in: place + 64 * (1 - side))
    turn ^= 1
    // The even tiles' first in both, so that both have the same bits.
    return (0..<2).map { side == 0 ? mine[$0] + others[$0] : others[$0] + mine[$0] }
  }

  private func writeOutput(
    _ piece: LoadedPiece, _ row: Value<S32>, _ numbers: RowNumbers, _ lse: Value<F32>
  ) {
    let destination = OutputRow(k, call, firstToken: piece.firstToken, row: piece.firstRow + row)
    destination.forEachFormat(Element.format) { format, areVectors in
      numbers.store(to: destination.output, firstColumn: 256 * side, format, areVectors: areVectors)
    }
    if side == 0 { k.if(numbers.isFirst) { destination.storeLSE(lse) } }
  }

  private func writePartial(_ row: Value<S32>, _ numbers: RowNumbers, _ lse: Value<F32>) {
    let partials = PartialRows(k, call)
    for format in StorageFormat.allCases {
      k.if(partials.format == Value(Int(format.rawValue)), isUniform: true) {
        numbers.store(to: partials.row(row, format), firstColumn: 256 * side, format, areVectors: true)
      }
    }
    if side == 0 { k.when(numbers.isFirst) { k.store(lse, to: partials.lse(row)) } }
  }
}

/// One of the two rows of an accumulator that a thread has. All threads of a warp come here together.
private struct RowNumbers {
  private let k: KernelBuilder
  private let output: Fragment<F32>
  /// First registers of pairs of neighbours.
  private let registers: [Int]
  /// The thread's first column, and whether the thread beside it has the columns before.
  private let column: Value<U32>
  private let isOdd: Value<Pred>
  /// Whether the row is one of the piece's.
  private let isThere: Value<Pred>
  /// Whether the thread is the row's first.
  let isFirst: Value<Pred>

  init(
    _ k: KernelBuilder, _ output: Fragment<F32>, _ index: Int, thread: Value<U32>, isThere: Value<Pred>
  ) {
    self.k = k
    self.output = output
    self.isThere = isThere
    registers = output.indices.filter { Softmax.rowIndex($0) == index && $0.isMultiple(of: 2) }
    column = Fragment<F32>.accumulatorColumn(thread: thread)
    isOdd = k.let("is_odd", thread % 2 == 1)
    isFirst = k.let("is_first", isThere && thread % 4 == 0)
  }

  /// Stores the numbers, in vectors where they are aligned: then the four threads of a row fill whole
  /// sectors of 32 bytes. `row` is the row's first number, of which the warpgroup has the columns from `firstColumn` on.
  func store(
    to row: Pointer<U8, Global>, firstColumn: Int, _ format: StorageFormat, areVectors: Bool
  ) {
    if areVectors, format.byteCount == 2 { return storeExchanged(to: row, firstColumn, format) }
    let place = format.place(row, column + firstColumn, k)
    k.if(isThere) {
      for register in registers {
        let pair = [output[register], output[register + 1]]
        let column = Fragment<F32>.accumulatorColumnOffset(register)
        format.store(
          k, pair, to: place.advanced(byBytes: column * format.byteCount), areVectors: areVectors)
      }
    }
  }

  /// Four numbers of 16 bits a time, of which the thread beside has two: of two pairs eight columns apart an even thread
  /// gives away its second one, an odd thread its first.
  private func storeExchanged(to row: Pointer<U8, Global>, _ firstColumn: Int, _ format: StorageFormat) {
    let place = format.place(row, column + firstColumn + k.select(isOdd, 6, 0), k)
    for first in stride(from: 0, to: registers.count, by: 2) {
      let words = [registers[first], registers[first + 1]].map {
        format.pair(k, output[$0], output[$0 + 1])
      }
      let other = k.shuffle(k.select(isOdd, words[0], words[1]), .butterfly, 1)
      let pair = [k.select(isOdd, other, words[0]), k.select(isOdd, words[1], other)]
      let column = Fragment<F32>.accumulatorColumnOffset(registers[first])
      k.when(isThere) {
        k.store(
          pair, to: place.advanced(byBytes: column * format.byteCount).reinterpreted(as: B32.self))
      }
    }
  }
}

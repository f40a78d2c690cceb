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

  /// Both warpgroups come here for each piece.
  func write(_ piece: LoadedPiece, thread: Value<U32>) {
    k.region("epilogue") {
      let weights = totals()
      let inverses = weights.map { k.select($0 > 0, k.reciprocal($0), 0) }
      for index in 0..<2 {
        let row = softmax.row(index).to(S32.self)
        k.if(row < piece.rowCount) {
          let lse = k.let("lse", softmax.maxima[index] + k.log2(weights[index]))
          k.if(
            piece.partialRow < 0, isUniform: true,
            { writeOutput(piece, row, index, lse, inverses[index], thread) },
            else: { writePartial(piece.partialRow + row, index, lse, inverses[index], thread) })
        }
      }
    }
  }

  /// The sums of both warpgroups for the thread's rows.
  private func totals() -> [Value<F32>] {
    let mine = (0..<2).map { softmax.overRow(softmax.sums[$0]) { $0 + $1 } }
    let place = memory.rowSums + turn.value * 128
    softmax.publish(mine, to: place + 64 * side)
    k.syncThreads(NamedBarrier.consumers, count: 256)
    let others = softmax.published(in: place + 64 * (1 - side))
    turn ^= 1
    // The even tiles' first in both, so that both have the same bits.
    return (0..<2).map { side == 0 ? mine[$0] + others[$0] : others[$0] + mine[$0] }
  }

  private func writeOutput(
    _ piece: LoadedPiece, _ row: Value<S32>, _ index: Int, _ lse: Value<F32>, _ inverse: Value<F32>,
    _ thread: Value<U32>
  ) {
    let destination = OutputRow(k, call, firstToken: piece.firstToken, row: piece.firstRow + row)
    let numbers = RowNumbers(output, index, inverse)
    let column = firstColumn(thread)
    destination.forEachFormat(Element.format) { format, areVectors in
      numbers.store(k, to: format.place(destination.output, column, k), format, areVectors: areVectors)
    }
    if side == 0 { k.if(thread % 4 == 0) { destination.storeLSE(lse) } }
  }

  private func writePartial(
    _ row: Value<S32>, _ index: Int, _ lse: Value<F32>, _ inverse: Value<F32>, _ thread: Value<U32>
  ) {
    let partials = PartialRows(k, call)
    let numbers = RowNumbers(output, index, inverse)
    let column = firstColumn(thread)
    for format in StorageFormat.allCases {
      k.if(partials.format == Value(Int(format.rawValue)), isUniform: true) {
        numbers.store(
          k, to: format.place(partials.row(row, format), column, k), format, areVectors: true)
      }
    }
    if side == 0 { k.when(thread % 4 == 0) { k.store(lse, to: partials.lse(row)) } }
  }

  private func firstColumn(_ thread: Value<U32>) -> Value<U32> {
    Fragment<F32>.accumulatorColumn(thread: thread) + 256 * side
  }
}

/// One of the two rows of an accumulator that a thread has.
private struct RowNumbers {
  let output: Fragment<F32>
  /// First registers of pairs of neighbours.
  let registers: [Int]
  let factor: Value<F32>

  init(_ output: Fragment<F32>, _ index: Int, _ factor: Value<F32>) {
    self.output = output
    self.factor = factor
    registers = output.indices.filter { Softmax.rowIndex($0) == index && $0.isMultiple(of: 2) }
  }

  /// Stores the numbers times the factor, two neighbours at once if they are aligned. The four threads of a row fill
  /// whole sectors of 32 bytes with fp32, with 16 bits half of one.
  func store(
    _ k: KernelBuilder, to place: Pointer<U8, Global>, _ format: StorageFormat, areVectors: Bool
  ) {
    for register in registers {
      let pair = [output[register] * factor, output[register + 1] * factor]
      let column = Fragment<F32>.accumulatorColumnOffset(register)
      format.store(
        k, pair, to: place.advanced(byBytes: column * format.byteCount), areVectors: areVectors)
    }
  }
}

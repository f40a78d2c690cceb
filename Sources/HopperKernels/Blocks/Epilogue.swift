import PTX

/// Divides a piece's sums by their weights and writes them: to the output, or as a partial.
struct Epilogue<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  /// The warpgroup: 0 has the left columns.
  let half: Value<U32>
  let softmax: Softmax
  let output: Fragment<F32>
  /// Which of two places in shared memory the sums of this piece have: the next piece's must not meet them.
  let turn: Mutable<U32>

  /// Both warpgroups come here for each piece, with the sums of the thread's rows. One code serves for both rows: the second
  /// one's numbers take the place of the first's once these are written.
  func write(_ piece: LoadedPiece, weights: [Value<F32>], thread: Value<U32>) {
    k.region("epilogue") {
      let registers = output.indices.filter { Softmax.rowIndex($0) == 0 }
      k.for(0..<2, name: "row_of_thread", unroll: .never) { index in
        let isFirst = k.let("is_first_row", index == 0)
        k.if(!isFirst, isUniform: true) {
          for register in registers { output[register] = output[register + 2] }
        }
        let weight = k.let("weight", k.select(isFirst, weights[0], weights[1]))
        let inverse = k.let("inverse", k.select(weight > 0, k.reciprocal(weight), 0))
        for register in registers { output[register] *= inverse }
        let row = softmax.row(0).to(S32.self) + index * 8
        let isRow = k.let("is_row", row < piece.rowCount)
        k.if(k.vote(.any, isRow), isUniform: true) {
          let maximum = k.select(isFirst, softmax.maxima[0], softmax.maxima[1])
          let numbers = RowNumbers(k, output, registers, half: half, thread: thread, isThere: isRow)
          write(numbers, piece, row, lse: k.let("lse", maximum + k.log2(weight)))
        }
      }
    }
  }

  private func write(_ numbers: RowNumbers, _ piece: LoadedPiece, _ row: Value<S32>, lse: Value<F32>) {
    let place = ResultPlace(k)
    k.if(
      piece.partialRow < 0, isUniform: true,
      {
        let row = OutputRow(k, call, firstToken: piece.firstToken, row: piece.firstRow + row)
        place.set(row)
        k.if(numbers.isFirst) { row.storeLSE(lse) }
      },
      else: {
        let (partials, row) = (PartialRows(k, call), piece.partialRow + row)
        place.set(partials, row)
        let lsePlace = partials.lse(row)
        k.when(numbers.isFirst) { k.store(lse, to: lsePlace) }
      })
    place.forEachFormat(Element.format) { numbers.store(to: $0, $1, areVectors: $2) }
  }

  /// The sums for the thread's rows, where each warpgroup has summed up some of the probabilities. Both come here for
  /// each piece.
  func totals() -> [Value<F32>] {
    let mine = softmax.rowSums()
    let place = memory.rowSums + turn.value * 128
    softmax.publish(mine, to: place + half * 64)
    k.syncThreads(NamedBarrier.consumers, count: 2 * Kernel.warpgroupThreadCount)
    let others = softmax.published(in: place + (64 - half * 64))
    turn ^= 1
    return (0..<2).map { mine[$0] + others[$0] }
  }
}

/// Where a row of results is written, to the output or as a partial: one code for both.
private struct ResultPlace {
  private let k: KernelBuilder
  private let address: Mutable<U64>
  private let format: Mutable<U32>
  private let isAligned: Mutable<U32>

  init(_ k: KernelBuilder) {
    self.k = k
    address = k.variable("result", 0)
    format = k.variable("result_format", 0)
    isAligned = k.variable("result_is_aligned", 1)
  }

  func set(_ row: OutputRow) {
    address.set(row.output.address64())
    format.set(row.format)
    isAligned.set(row.isAligned)
  }

  func set(_ partials: PartialRows, _ row: Value<S32>) {
    address.set(partials.row(row).address64())
    format.set(partials.format)
  }

  /// Records what is done for each way in which results may lie, of which this one has one. Only outputs, in fp32 or
  /// `elementType`, may not be aligned to 16 bytes.
  func forEachFormat(
    _ elementType: StorageFormat,
    _ body: (_ row: Pointer<U8, Global>, _ format: StorageFormat, _ areAligned: Bool) -> Void
  ) {
    let row = Pointer(address.value, to: U8.self, in: Global.self, of: k)
    HopperKernels.forEachFormat(k, format.value, of: StorageFormat.allCases) { format in
      guard format == .float32 || format == elementType else { return body(row, format, true) }
      k.if(
        isAligned.value != 0, isUniform: true, { body(row, format, true) }, else: { body(row, format, false) }
      )
    }
  }
}

/// A row of an accumulator that a thread has a part of. All threads of a warp come here together.
private struct RowNumbers {
  private let k: KernelBuilder
  private let output: Fragment<F32>
  /// First registers of pairs of neighbours.
  private let registers: [Int]
  /// The thread's first column of the output, and whether the thread beside it has the columns before.
  private let column: Value<U32>
  private let isOdd: Value<Pred>
  /// Whether the row is one of the piece's.
  private let isThere: Value<Pred>
  /// Whether the thread has the row's first column.
  let isFirst: Value<Pred>

  init(
    _ k: KernelBuilder, _ output: Fragment<F32>, _ registers: [Int], half: Value<U32>, thread: Value<U32>,
    isThere: Value<Pred>
  ) {
    self.k = k
    self.output = output
    self.isThere = isThere
    self.registers = registers.filter { $0.isMultiple(of: 2) }
    column = half * 256 + Fragment<F32>.accumulatorColumn(thread: thread)
    isOdd = k.let("is_odd", thread % 2 == 1)
    isFirst = k.let("is_first", isThere && column == 0)
  }

  /// Stores the numbers, in vectors where they are aligned: then the four threads of a row fill whole
  /// sectors of 32 bytes. `row` is the row's first number.
  func store(to row: Pointer<U8, Global>, _ format: StorageFormat, areVectors: Bool) {
    if areVectors, format.byteCount == 2 { return storeExchanged(to: row, format) }
    let place = format.place(row, column, k)
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
  private func storeExchanged(to row: Pointer<U8, Global>, _ format: StorageFormat) {
    let place = format.place(row, column + k.select(isOdd, 6, 0), k)
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

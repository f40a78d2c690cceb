import PTX

/// The second stage of split-KV: combines the partial results of rows that were computed in several pieces.
///
/// A thread has 16 bytes of a row: 128 threads combine a row of fp32 partials, 64 one of 16-bit ones. The weight of a piece
/// is two to the power of its LSE, relative to the greatest so far; four pieces are loaded at a time.
struct MergeStage<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  /// Threads of the block that merge, the first ones.
  let threadCount: Int

  /// Pieces that are loaded at a time.
  private static var batch: Int { 4 }

  /// Does the block's jobs.
  func run() {
    k.region("merge") {
      let fields = CallLayout.standard
      let offsets = call[fields.mergeOffsets] + k.blockIndex()
      let first = k.load(offsets, isReadOnly: true)
      let end = k.load(offsets + 1, isReadOnly: true)
      let partials = PartialRows(k, call)
      k.for("job", from: first, to: end, isUniform: true) { index in
        let job = LoadedJob(k, call, index)
        for format in StorageFormat.allCases {
          k.if(partials.format == Value(Int(format.rawValue)), isUniform: true) {
            merge(job, partials, format)
          }
        }
      }
    }
  }

  /// The rows of a job, as many at a time as there are threads for.
  private func merge(_ job: LoadedJob, _ partials: PartialRows, _ format: StorageFormat) {
    let threadsOfRow = HopperKernels.latentWidth * format.byteCount / 16
    let thread = k.let("merge_thread", k.threadIndex())
    let column = k.let("column", thread % threadsOfRow * (16 / format.byteCount))
    let firstRow = k.let("first_row", (thread / threadsOfRow).to(S32.self))
    k.for("row", from: firstRow, to: job.rowCount, step: Value(threadCount / threadsOfRow)) { row in
      let state = MergeState(k, count: 16 / format.byteCount)
      k.for("piece", from: 0, to: job.partialCount, step: Value(Self.batch)) { piece in
        let loaded = (0..<Self.batch).map { offset in
          load(job, partials, format, row: row, piece: piece + offset, column)
        }
        state.add(loaded.map(\.lse), loaded.map { format.numbers(k, (0..<4).map($0.words.value)) })
      }
      let weight = k.let("weight", state.weight.value)
      let inverse = k.let("inverse", k.select(weight > 0, k.reciprocal(weight), 0))
      let numbers = state.numbers.indices.map { state.numbers[$0] * inverse }
      let destination = OutputRow(k, call, firstToken: job.firstToken, row: job.firstRow + row)
      destination.forEachFormat(Element.format) { output, areVectors in
        output.store(
          k, numbers, to: output.place(destination.output, column, k), areVectors: areVectors)
      }
      k.if(column == 0) { destination.storeLSE(state.maximum.value + k.log2(weight)) }
    }
  }

  /// The LSE of a piece and 16 bytes of its row; −∞ and zeros for a piece that is none.
  private func load(
    _ job: LoadedJob, _ partials: PartialRows, _ format: StorageFormat, row: Value<S32>, piece: Value<S32>,
    _ column: Value<U32>
  ) -> (lse: Value<F32>, words: Fragment<B32>) {
    let partial = job.partialRow + row + piece * job.partialStride
    let lse = k.variable("lse", Softmax.minusInfinity)
    let words = k.fragment("words", B32.self, count: 4)
    words.fill(0)
    let place = format.place(partials.row(partial, format), column, k).reinterpreted(as: B32.self)
    k.when(piece < job.partialCount) {
      lse.set(k.load(partials.lse(partial)))
      let loaded = k.load(place, count: 4)
      for index in words.indices { words[index] = loaded[index] }
    }
    return (lse.value, words)
  }
}

extension Fragment {
  /// What a register holds now.
  fileprivate func value(_ index: Int) -> Value<Element> { self[index] }
}

/// A merge job in registers.
private struct LoadedJob {
  let firstToken, firstRow, rowCount, partialRow, partialStride, partialCount: Value<S32>

  init(_ k: KernelBuilder, _ call: ParameterStruct, _ index: Value<S32>) {
    let record = LoadedRecord(k, call[CallLayout.standard.mergeJobs], index)
    (firstToken, firstRow, rowCount) = (record[0], record[1], record[2])
    (partialRow, partialStride, partialCount) = (record[3], record[4], record[5])
  }
}

/// The weighted sum of some columns of a row, relative to the greatest LSE so far.
private struct MergeState {
  private let k: KernelBuilder
  let maximum, weight: Mutable<F32>
  let numbers: Fragment<F32>

  init(_ k: KernelBuilder, count: Int) {
    self.k = k
    maximum = k.variable("maximum", Softmax.minusInfinity)
    weight = k.variable("weight_sum", 0)
    numbers = k.fragment("numbers", F32.self, count: count)
    numbers.fill(0)
  }

  /// Adds the columns of several pieces.
  func add(_ lses: [Value<F32>], _ rows: [[Value<F32>]]) {
    let greatest = k.let("greatest", lses.reduce(maximum.value) { k.max($0, $1) })
    // A row of which no piece has seen a key stays 0: −∞ − (−∞) is no number.
    let subtrahend = k.select(greatest == Softmax.minusInfinity, 0, greatest)
    let correction = k.let("correction", k.exp2(maximum.value - subtrahend))
    let weights = lses.map { k.exp2($0 - subtrahend) }
    maximum.set(greatest)
    weight.set(weights.reduce(weight.value * correction) { $0 + $1 })
    for index in numbers.indices {
      numbers[index] = zip(weights, rows).reduce(numbers[index] * correction) { k.fma($1.0, $1.1[index], $0) }
    }
  }
}

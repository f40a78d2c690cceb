import PTX

/// The second stage of split-KV: combines the partial results of rows that were computed in several pieces.
///
/// A thread has 16 bytes of a row: 128 threads combine a whole row of fp32 partials, 64 one of 16-bit ones. The weight of a
/// piece is two to the power of its LSE, relative to the greatest so far; four pieces are added at a time.
struct MergeStage<Element: DecodeElement> {
  let k: KernelBuilder
  let call: ParameterStruct
  /// Threads of the block that merge, the first ones.
  let threadCount: Int
  let memory: MergeMemory

  /// Groups whose sums are added at a time.
  private static var groupBatch: Int { 8 }

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
        HopperKernels.forEachFormat(k, partials.format, of: StorageFormat.allCases) { format in
          let threads = MergeThreads(k, job, format, threadCount: threadCount)
          k.if(
            job.way == Value(Int(MergeRecord.Way.sharedMemory.rawValue)), isUniform: true,
            { mergeInSharedMemory(job, partials, format, threads) },
            else: { mergeInRegisters(job, partials, format, threads) })
        }
      }
    }
  }

  /// As many rows at a time as there are groups of threads.
  private func mergeInRegisters(
    _ job: LoadedJob, _ partials: PartialRows, _ format: StorageFormat, _ threads: MergeThreads
  ) {
    k.for("row", from: threads.group, to: job.rowCount, step: threads.groupCount) { row in
      let state = MergeState(k, count: threads.numberCount)
      k.for("piece", from: 0, to: job.partialCount, step: Value(MergeMemory.batch)) { piece in
        let parts = (0..<MergeMemory.batch).map { offset in
          load(job, partials, format, row: row, piece: piece + offset, threads.column)
        }
        state.add(
          parts.map { part in
            let words = part.words.indices.map { part.words[$0] }
            return MergePart(lse: part.lse.value, numbers: format.numbers(k, words))
          })
      }
      write(state, row, job, threads)
    }
  }

  /// The LSE of a piece and 16 bytes of its row; −∞ and zeros for a piece that is none.
  private func load(
    _ job: LoadedJob, _ partials: PartialRows, _ format: StorageFormat, row: Value<S32>, piece: Value<S32>,
    _ column: Value<U32>
  ) -> (lse: Mutable<F32>, words: Fragment<B32>) {
    let partial = job.partial(row: row, piece: piece)
    let lse = k.variable("lse", Softmax.minusInfinity)
    let words = k.fragment("words", B32.self, count: 4)
    words.fill(0)
    let place = format.place(partials.row(partial, format), column, k).reinterpreted(as: B32.self)
    let lsePlace = partials.lse(partial)
    k.when(piece < job.partialCount) {
      lse.set(k.load(lsePlace))
      let loaded = k.load(place, count: 4)
      for index in words.indices { words[index] = loaded[index] }
    }
    return (lse, words)
  }

  /// One row at a time: each group adds up the pieces `group`, `group + groupCount`, …, then the first group what all have.
  private func mergeInSharedMemory(
    _ job: LoadedJob, _ partials: PartialRows, _ format: StorageFormat, _ threads: MergeThreads
  ) {
    k.for("row", from: 0, to: job.rowCount, isUniform: true) { row in
      let state = MergeState(k, count: threads.numberCount)
      MergeCopies(k, job, partials, format, threads, memory, row: row).add(to: state)
      // The row before has been read.
      k.syncThreads(NamedBarrier.consumers, count: threadCount)
      memory.put(state, thread: threads.thread)
      k.syncThreads(NamedBarrier.consumers, count: threadCount)
      k.if(threads.group == 0) {
        let sum = MergeState(k, count: threads.numberCount)
        k.for("group", from: 0, to: threads.groupCount, step: Value(Self.groupBatch), isUniform: true) {
          group in
          sum.add(
            (0..<Self.groupBatch).map { memory.state(k, of: group + $0, threads, count: sum.numbers.count) }
          )
        }
        write(sum, row, job, threads)
      }
    }
  }

  private func write(
    _ state: MergeState, _ row: Value<S32>, _ job: LoadedJob, _ threads: MergeThreads
  ) {
    let weight = k.let("weight", state.weight.value)
    let inverse = k.let("inverse", k.select(weight > 0, k.reciprocal(weight), 0))
    let numbers = state.numbers.indices.map { state.numbers[$0] * inverse }
    let destination = OutputRow(k, call, firstToken: job.firstToken, row: job.firstRow + row)
    destination.forEachFormat(Element.format) { output, areVectors in
      output.store(
        k, numbers, to: output.place(destination.output, threads.column, k), areVectors: areVectors)
    }
    k.if(threads.column == 0) { destination.storeLSE(state.maximum.value + k.log2(weight)) }
  }
}

/// A merge job in registers.
struct LoadedJob {
  let firstToken, firstRow, rowCount, partialRow, partialStride, partialCount: Value<S32>
  let firstColumn, columnCount, way: Value<S32>

  init(_ k: KernelBuilder, _ call: ParameterStruct, _ index: Value<S32>) {
    let record = LoadedRecord(
      k, call[CallLayout.standard.mergeJobs], index, wordCount: MergeRecord.wordCount,
      words: 0..<MergeRecord.wordCount)
    (firstToken, firstRow, rowCount) = (record[0], record[1], record[2])
    (partialRow, partialStride, partialCount) = (record[3], record[4], record[5])
    (firstColumn, columnCount, way) = (record[6], record[7], record[8])
  }

  /// The partial row of a piece.
  func partial(row: Value<S32>, piece: Value<S32>) -> Value<S32> {
    partialRow + row + piece * partialStride
  }
}

/// Which part of a job is a thread's.
struct MergeThreads {
  let thread: Value<U32>
  /// Threads of the job's columns make a group.
  let group, groupCount: Value<S32>
  /// First of the thread's columns, and how many they are.
  let column: Value<U32>
  let numberCount: Int
  /// Threads of a group.
  let groupSize: Value<U32>

  init(_ k: KernelBuilder, _ job: LoadedJob, _ format: StorageFormat, threadCount: Int) {
    numberCount = 16 / format.byteCount
    thread = k.let("merge_thread", k.threadIndex())
    groupSize = k.let("group_size", (job.columnCount / numberCount).to(U32.self))
    let place = thread / groupSize
    group = k.let("group", place.to(S32.self))
    groupCount = k.let("group_count", (Value(threadCount) / groupSize).to(S32.self))
    column = k.let(
      "column", job.firstColumn.to(U32.self) + (thread - place * groupSize) * numberCount)
  }
}

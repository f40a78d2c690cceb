import PTX

/// Shared memory of the second stage:
///
///     slots      2 batches × 4 pieces × 16 bytes of each thread   32,768 bytes
///     LSEs       the same pieces', 4 bytes of each thread          8,192
///     numbers    8 fp32 of each thread                             8,192
///     maxima, weights                                              2,048
///
/// A thread reads no slots but its own, so that copies need no barrier.
struct MergeMemory {
  /// Pieces that are added at a time.
  static var batch: Int { 4 }
  /// Threads that merge.
  private static var threadCount: Int { 256 }
  /// Bytes in all.
  static var byteCount: Int { (2 * batch * 5 + 8 + 2) * 4 * threadCount }

  private let slots: Pointer<B32, Shared>
  private let lses, numbers, maxima, weights: Pointer<F32, Shared>

  /// Over memory that nobody needs any more, or new one.
  init<Element: MemoryElement>(over memory: Pointer<Element, Shared>) {
    func part<T: MemoryElement>(_ type: T.Type, after words: Int) -> Pointer<T, Shared> {
      memory.advanced(byBytes: words * 4 * Self.threadCount).reinterpreted(as: type)
    }
    slots = part(B32.self, after: 0)
    lses = part(F32.self, after: 2 * Self.batch * 4)
    numbers = part(F32.self, after: 2 * Self.batch * 5)
    maxima = part(F32.self, after: 2 * Self.batch * 5 + 8)
    weights = part(F32.self, after: 2 * Self.batch * 5 + 9)
  }

  /// Where a thread's 16 bytes of piece `index` of a batch come; batches take turns.
  func slot(_ index: Int, turn: Value<S32>, thread: Value<U32>) -> Pointer<B32, Shared> {
    slots + place(index, turn, thread) * 4
  }

  /// Where the LSE of that piece comes.
  func lse(_ index: Int, turn: Value<S32>, thread: Value<U32>) -> Pointer<F32, Shared> {
    lses + place(index, turn, thread)
  }

  private func place(_ index: Int, _ turn: Value<S32>, _ thread: Value<U32>) -> Value<U32> {
    (turn.to(U32.self) % 2 * Self.batch + index) * Self.threadCount + thread
  }

  /// Puts down what a thread has added up.
  func put(_ state: MergeState, thread: Value<U32>) {
    maxima[thread] = state.maximum.value
    weights[thread] = state.weight.value
    for index in state.numbers.indices { (numbers + thread)[index * Self.threadCount] = state.numbers[index] }
  }

  /// What the thread of another group with the same columns has put down; nothing for a group that is none.
  func state(
    _ k: KernelBuilder, of group: Value<S32>, _ threads: MergeThreads, count: Int
  ) -> MergePart {
    let isThere = group < threads.groupCount
    let place = k.let(
      "other_thread", threads.thread + k.select(isThere, group, 0).to(U32.self) * threads.groupSize)
    return MergePart(
      lse: k.select(isThere, maxima[place], Softmax.minusInfinity), weight: weights[place],
      numbers: (0..<count).map { (numbers + place)[$0 * Self.threadCount] })
  }
}

/// Brings the pieces of a group of threads into shared memory, a batch ahead of the one that is added.
struct MergeCopies {
  let k: KernelBuilder
  let job: LoadedJob
  let partials: PartialRows
  let format: StorageFormat
  let threads: MergeThreads
  let memory: MergeMemory

  /// Adds all pieces of the thread's group.
  func add(_ row: Value<S32>, to state: MergeState) {
    let step = k.let("step", threads.groupCount * MergeMemory.batch)
    let turnCount = k.let("turn_count", (job.partialCount + step - 1) / step)
    start(row, turn: 0)
    k.for("turn", from: 0, to: turnCount, isUniform: true) { turn in
      start(row, turn: turn + 1)
      k.waitCopies(pending: 1)
      state.add(
        (0..<MergeMemory.batch).map { index in
          let isThere = piece(index, turn) < job.partialCount
          let lse = k.load(memory.lse(index, turn: turn, thread: threads.thread))
          let words = k.load(memory.slot(index, turn: turn, thread: threads.thread), count: 4)
          return MergePart(
            lse: k.select(isThere, lse, Softmax.minusInfinity), numbers: format.numbers(k, words))
        })
    }
    k.waitCopies(pending: 0)
  }

  private func piece(_ index: Int, _ turn: Value<S32>) -> Value<S32> {
    threads.group + (turn * MergeMemory.batch + index) * threads.groupCount
  }

  /// Starts copies of a batch; pieces that are none become zeros.
  private func start(_ row: Value<S32>, turn: Value<S32>) {
    for index in 0..<MergeMemory.batch {
      let piece = k.let("piece", piece(index, turn))
      let isThere = piece < job.partialCount
      let partial = job.partial(row: row, piece: k.select(isThere, piece, 0))
      let bytes = { (count: Int) in k.select(isThere, Value<U32>(count), 0) }
      k.copyAsync(
        from: partials.lse(partial), to: memory.lse(index, turn: turn, thread: threads.thread), byteCount: 4,
        onlyBytes: bytes(4))
      k.copyAsync(
        from: format.place(partials.row(partial, format), threads.column, k),
        to: memory.slot(index, turn: turn, thread: threads.thread), byteCount: 16, onlyBytes: bytes(16))
    }
    k.commitCopies()
  }
}

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

  /// Where a thread's 16 bytes of each piece of a batch come, and the LSEs; batches take turns.
  func places(
    turn: Value<S32>, thread: Value<U32>
  ) -> (slots: [Pointer<B32, Shared>], lses: [Pointer<F32, Shared>]) {
    let first = turn.to(U32.self) % 2 * (Self.batch * Self.threadCount) + thread
    let (slot, lse) = (slots + first * 4, lses + first)
    return (0..<Self.batch).reduce(into: ([], [])) { places, index in
      places.0.append(slot + index * 4 * Self.threadCount)
      places.1.append(lse + index * Self.threadCount)
    }
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
  private let k: KernelBuilder
  private let job: LoadedJob
  private let format: StorageFormat
  private let threads: MergeThreads
  private let memory: MergeMemory
  /// Where the thread's columns of the next piece lie, and its LSE; from one to the next so many bytes.
  private let numbers, lses: Mutable<U64>
  private let numbersStep, lsesStep: Value<U64>
  /// The next piece.
  private let piece: Mutable<S32>

  /// For one row of a job.
  init(
    _ k: KernelBuilder, _ job: LoadedJob, _ partials: PartialRows, _ format: StorageFormat,
    _ threads: MergeThreads, _ memory: MergeMemory, row: Value<S32>
  ) {
    (self.k, self.job, self.format) = (k, job, format)
    (self.threads, self.memory) = (threads, memory)
    let first = job.partial(row: row, piece: threads.group)
    numbers = k.variable("numbers", format.place(partials.row(first, format), threads.column, k).address64())
    lses = k.variable("lses", partials.lse(first).address64())
    let rows = k.let("rows", (threads.groupCount * job.partialStride).to(U64.self))
    numbersStep = k.let("numbers_step", rows * (HopperKernels.latentWidth * format.byteCount))
    lsesStep = k.let("lses_step", rows * F32.byteCount)
    piece = k.variable("piece", threads.group)
  }

  /// Adds all pieces of the thread's group.
  func add(to state: MergeState) {
    let batch = k.let("batch", threads.groupCount * MergeMemory.batch)
    let turnCount = k.let("turn_count", (job.partialCount + batch - 1) / batch)
    let added = k.variable("added", threads.group)
    start(turn: 0)
    k.for("turn", from: 0, to: turnCount, isUniform: true) { turn in
      start(turn: turn + 1)
      k.waitCopies(pending: 1)
      let places = memory.places(turn: turn, thread: threads.thread)
      state.add(
        zip(places.slots, places.lses).map { slot, lse in
          let isThere = added.value < job.partialCount
          added += threads.groupCount
          return MergePart(
            lse: k.select(isThere, k.load(lse), Softmax.minusInfinity),
            numbers: format.numbers(k, k.load(slot, count: 4)))
        })
    }
    k.waitCopies(pending: 0)
  }

  /// Starts copies of a batch; pieces that are none become zeros.
  private func start(turn: Value<S32>) {
    let places = memory.places(turn: turn, thread: threads.thread)
    for (slot, lse) in zip(places.slots, places.lses) {
      let isThere = k.let("is_there", piece.value < job.partialCount)
      let bytes = { (count: Int) in k.select(isThere, Value<U32>(count), 0) }
      k.copyAsync(
        from: Pointer(lses.value, to: F32.self, in: Global.self, of: k), to: lse, byteCount: 4,
        onlyBytes: bytes(4))
      k.copyAsync(
        from: Pointer(numbers.value, to: B32.self, in: Global.self, of: k), to: slot, byteCount: 16,
        onlyBytes: bytes(16))
      piece += threads.groupCount
      numbers += numbersStep
      lses += lsesStep
    }
    k.commitCopies()
  }
}

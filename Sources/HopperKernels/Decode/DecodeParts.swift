import PTX

/// What every pipeline is put together from: the kernel's parameters, the block's shared memory, who loads and who merges.
struct DecodeParts<Element: DecodeElement> {
  let k: KernelBuilder
  let variant: DecodeVariant
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  private let boxes: KeyBoxLoader<Element>?

  /// Threads that merge: the first two warpgroups, which write results.
  static var mergingThreadCount: Int { 2 * Kernel.warpgroupThreadCount }

  init(_ k: KernelBuilder, _ variant: DecodeVariant) {
    self.k = k
    self.variant = variant
    let call = k.parameter("call", CallLayout.standard.layout)
    let memory = DecodeMemory<Element>(
      k, panelCount: variant.panelCount, stages: variant.parameters.keyStages,
      readers: variant.pipeline.readers, copiesRows: variant.loading == .rows,
      pair: BlockPair(k, variant.cluster))
    self.call = call
    self.memory = memory
    boxes = variant.loading.boxTokens.map {
      KeyBoxLoader(k, call, memory, panelCount: variant.panelCount, tokens: $0)
    }
  }

  /// The loops over the tiles of a piece.
  var tiles: TileLoop {
    TileLoop(k: k, stages: variant.parameters.keyStages, unroll: variant.parameters.unroll)
  }

  /// Records what the warpgroups do: the first two hold half of the output each, the left columns and the right, and
  /// merge in the end; the last one loads.
  ///
  /// The code comes in the order in which it is needed: the first 64 KB of a kernel's are in the instruction cache when it is
  /// launched, and what is merged in the end comes last.
  ///
  /// `hold` is what a warpgroup does for the block's pieces; `computeScores` what one beside them does, which the pipeline
  /// has registers for.
  func record(
    holders name: String, computeScores: (() -> Void)? = nil, hold: @escaping (_ half: Value<U32>) -> Void
  ) {
    let registers = variant.parameters.registers
    memory.setUp(k)
    k.warpgroups { roles in
      roles.warpgroup(computeScores == nil ? 2 : 3, "load", registers: budget(registers.loader)) {
        Loader(k, call, memory, variant, boxes: boxes).run()
        fetchMergeJobs()
        k.launchDependents()
      }
      if let computeScores, let count = registers.scores {
        roles.warpgroup(2, "scores", registers: budget(count)) {
          computeScores()
          k.launchDependents()
        }
      }
      roles.warpgroups(0..<2, name, registers: budget(registers.holders)) { half in
        hold(half)
        k.launchDependents()
        mergeInPlace()
      }
    }
    memory.pair?.leave()
  }

  private func budget(_ registers: Int) -> RegisterBudget {
    registers > variant.pipeline.registersAtEntry ? .increase(to: registers) : .decrease(to: registers)
  }

  /// Has L2 fetch the block's merge jobs while the last tiles are multiplied. The offsets stay in L1.
  private func fetchMergeJobs() {
    let fields = CallLayout.standard
    k.if(call[fields.arrivedBlocks].address64() != 0, isUniform: true) {
      let offsets = call[fields.mergeOffsets] + k.blockIndex()
      let (first, end) = (k.load(offsets, isReadOnly: true), k.load(offsets + 1, isReadOnly: true))
      let job = k.let("job", first + (k.threadIndex() % Value(Kernel.warpgroupThreadCount)).to(S32.self))
      let place = call[fields.mergeJobs] + job * MergeRecord.wordCount
      k.when(job < end) { k.prefetch(place, to: .l2) }
    }
  }

  /// The second stage in the same launch, once all blocks have done their pieces.
  private func mergeInPlace() {
    let counter = call[CallLayout.standard.arrivedBlocks]
    k.if(counter.address64() != 0, isUniform: true) {
      k.region("grid_barrier") {
        GridBarrier(k: k, counter: counter)
          .wait(NamedBarrier.consumers, threads: Self.mergingThreadCount)
      }
      // The block has read all its tiles.
      MergeStage<Element>(
        k: k, call: call, threadCount: Self.mergingThreadCount,
        memory: MergeMemory(over: memory.keys[0].panel(0))
      ).run()
    }
  }
}

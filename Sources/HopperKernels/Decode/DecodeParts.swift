import PTX

/// What every pipeline is put together from: the kernel's parameters, the block's shared memory, who loads and who merges.
struct DecodeParts<Element: DecodeElement> {
  let k: KernelBuilder
  let variant: DecodeVariant
  let call: ParameterStruct
  let memory: DecodeMemory<Element>
  private let boxes: KeyBoxLoader<Element>?

  /// Threads that merge: the first two warpgroups, which write results.
  static var mergingThreadCount: Int { 256 }

  init(_ k: KernelBuilder, _ variant: DecodeVariant) {
    self.k = k
    self.variant = variant
    let call = k.parameter("call", CallLayout.standard.layout)
    let memory = DecodeMemory<Element>(
      k, panelCount: variant.panelCount, readers: variant.pipeline.readers,
      pair: BlockPair(k, variant.cluster))
    self.call = call
    self.memory = memory
    boxes = variant.loading.boxTokens.map {
      KeyBoxLoader(k, call, memory, panelCount: variant.panelCount, tokens: $0)
    }
  }

  /// A warpgroup that computes scores beside those that hold the output.
  struct ScoreRole {
    let registers: Int
    let compute: () -> Void
  }

  /// Records what the warpgroups do: the first two hold half of the output each, the left columns and the right, and
  /// merge in the end; the last one loads.
  ///
  /// `registers` are those of a thread. `hold` is what a warpgroup does for the block's pieces.
  func record(
    holders name: String, registers: Int, scores: ScoreRole? = nil, loaderRegisters: Int,
    hold: @escaping (_ half: Int) -> Void
  ) {
    memory.setUp(k)
    k.warpgroups { roles in
      roles.warpgroups(0..<2, name, registers: .increase(to: registers)) { half in
        k.if(half == 0, isUniform: true, { hold(0) }, else: { hold(1) })
        k.launchDependents()
        mergeInPlace()
      }
      if let scores {
        roles.warpgroup(2, "scores", registers: .decrease(to: scores.registers)) {
          scores.compute()
          k.launchDependents()
        }
      }
      roles.warpgroup(scores == nil ? 2 : 3, "load", registers: .decrease(to: loaderRegisters)) {
        Loader(k, call, memory, variant, boxes: boxes).run()
        fetchMergeJobs()
        k.launchDependents()
      }
    }
    memory.pair?.leave()
  }

  /// Has L2 fetch the block's merge jobs while the last tiles are multiplied. The offsets stay in L1.
  private func fetchMergeJobs() {
    let fields = CallLayout.standard
    k.if(call[fields.arrivedBlocks].address64() != 0, isUniform: true) {
      let offsets = call[fields.mergeOffsets] + k.blockIndex()
      let (first, end) = (k.load(offsets, isReadOnly: true), k.load(offsets + 1, isReadOnly: true))
      let job = k.let("job", first + (k.threadIndex() % 128).to(S32.self))
      k.when(job < end) {
        k.prefetch(call[fields.mergeJobs] + job * MergeRecord.wordCount, to: .l2)
      }
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

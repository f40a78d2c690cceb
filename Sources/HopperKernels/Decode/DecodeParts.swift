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
      k, panelCount: variant.panelCount, readers: variant.pipeline.readers)
    self.call = call
    self.memory = memory
    boxes = variant.loading.boxTokens.map {
      KeyBoxLoader(k, call, memory, panelCount: variant.panelCount, tokens: $0)
    }
  }

  /// What the loading warpgroup does.
  func load() {
    Loader(k, call, memory, variant, boxes: boxes).run()
    k.launchDependents()
  }

  /// The second stage in the same launch, once all blocks have done their pieces.
  func mergeInPlace() {
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

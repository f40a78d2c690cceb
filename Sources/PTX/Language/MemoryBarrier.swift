/// An `mbarrier` in shared memory: it counts arrivals and bytes of asynchronous copies, phase by phase (PTX ISA
/// 9.7.13.15).
public struct MemoryBarrier {
  let pointer: Pointer<B64, Shared>

  private var k: KernelBuilder { pointer.builder }

  /// Sets it up for so many arrivals in each phase. One thread does it, before anyone uses it: after it come
  /// `fenceBarrierInit` and a barrier of the block or cluster.
  public func initialize(arrivals: Int, file: String = #fileID, line: Int = #line) {
    k.locate(file, line)
    if !(1...1 << 20 - 1).contains(arrivals) {
      k.fail(.outOfRange(what: "arrivals of an mbarrier", value: arrivals, allowed: "1 to 1048575"))
    }
    k.record("mbarrier.init.shared::cta.b64", [address, .immediate(.integer(Int64(arrivals)))])
  }

  /// Ends its life: the memory may then be used for something else.
  public func invalidate(file: String = #fileID, line: Int = #line) {
    k.locate(file, line)
    k.record("mbarrier.inval.shared::cta.b64", [address])
  }

  /// Arrives; earlier accesses of the thread become visible to those who wait.
  public func arrive(file: String = #fileID, line: Int = #line) {
    k.locate(file, line)
    k.record("mbarrier.arrive.shared::cta.b64", [.sink, address])
  }

  /// Announces bytes that copies will bring in this phase, and arrives.
  public func arrive(expecting byteCount: Value<U32>, file: String = #fileID, line: Int = #line) {
    k.locate(file, line)
    k.record(
      "mbarrier.arrive.expect_tx.shared::cta.b64", [.sink, address, k.operand(byteCount)])
  }

  /// Announces bytes that copies will bring in this phase, without arriving.
  public func expect(_ byteCount: Value<U32>, file: String = #fileID, line: Int = #line) {
    k.locate(file, line)
    k.record("mbarrier.expect_tx.relaxed.cta.shared::cta.b64", [address, k.operand(byteCount)])
  }

  /// Arrives when all `cp.async` that the thread has issued are done; these arrivals count in `initialize`.
  public func arriveAfterCopies(file: String = #fileID, line: Int = #line) {
    k.locate(file, line)
    k.record("cp.async.mbarrier.arrive.noinc.shared::cta.b64", [address])
  }

  /// Arrives when all `cp.async` that the thread has issued are done, by an arrival of its own which
  /// `initialize` does not count.
  public func addArrivalAfterCopies(file: String = #fileID, line: Int = #line) {
    k.locate(file, line)
    k.record("cp.async.mbarrier.arrive.shared::cta.b64", [address])
  }

  /// Waits until the phase of this parity has ended: phases are numbered from 0, so the first has parity 0. Waiting
  /// for parity 1 on a fresh barrier passes at once.
  ///
  /// `scope` is `.cluster` to see what threads of other blocks wrote before they arrived.
  public func wait(
    parity: Value<U32>, scope: MemoryScope = .block, file: String = #fileID, line: Int = #line
  ) {
    k.locate(file, line)
    let again = k.newLabel("wait")
    k.place(again)
    let isDone = tryWait(parity: parity, scope: scope, file: file, line: line)
    k.branch(to: again, if: Guard(k.register(isDone), isNegated: true))
  }

  /// Whether the phase of this parity has ended, after waiting a while.
  public func tryWait(
    parity: Value<U32>, scope: MemoryScope = .block, file: String = #fileID, line: Int = #line
  ) -> Value<Pred> {
    k.locate(file, line)
    // The block's is what PTX takes if nothing is said.
    let order = scope == .block ? "" : MemoryOrder.acquire(scope).modifier
    return k.result("mbarrier.try_wait.parity\(order).shared::cta.b64", [address, k.operand(parity)])
  }

  /// Whether the phase of this parity has ended, now.
  public func testWait(parity: Value<U32>, file: String = #fileID, line: Int = #line) -> Value<Pred> {
    k.locate(file, line)
    return k.result("mbarrier.test_wait.parity.shared::cta.b64", [address, k.operand(parity)])
  }

  /// The same barrier of another block of the cluster.
  public func ofBlock(_ rank: Value<U32>, file: String = #fileID, line: Int = #line) -> RemoteBarrier {
    RemoteBarrier(pointer: k.mapToBlock(pointer, rank, file: file, line: line))
  }

  var address: Operand { pointer.address }
}

/// An `mbarrier` of any block of the cluster: one can arrive at it, not wait.
public struct RemoteBarrier {
  let pointer: Pointer<B64, SharedCluster>

  private var k: KernelBuilder { pointer.builder }

  /// Arrives; earlier accesses of the thread become visible to those in the scope who wait.
  public func arrive(
    scope: MemoryScope = .cluster, file: String = #fileID, line: Int = #line
  ) {
    k.locate(file, line)
    // The block's is what PTX takes if nothing is said.
    let order = scope == .block ? "" : MemoryOrder.release(scope).modifier
    k.record("mbarrier.arrive\(order).shared::cluster.b64", [.sink, pointer.address])
  }

  /// Announces bytes that copies will bring in this phase, and arrives.
  public func arrive(expecting byteCount: Value<U32>, file: String = #fileID, line: Int = #line) {
    k.locate(file, line)
    k.record(
      "mbarrier.arrive.expect_tx.release.cluster.shared::cluster.b64",
      [.sink, pointer.address, k.operand(byteCount)])
  }
}

/// Several barriers, one for each stage of a pipeline.
public struct MemoryBarriers {
  let pointer: Pointer<B64, Shared>
  /// Barriers.
  public let count: Int

  /// The barrier of a stage.
  public subscript(stage: Value<U32>) -> MemoryBarrier { MemoryBarrier(pointer: pointer + stage) }

  /// The barrier of a stage.
  public subscript(stage: Int) -> MemoryBarrier {
    if !(0..<count).contains(stage) {
      pointer.builder.fail(.outOfRange(what: "barrier", value: stage, allowed: "0..<\(count)"))
    }
    return MemoryBarrier(pointer: pointer + stage)
  }

  /// The same barriers of another block of the cluster.
  public func ofBlock(_ rank: Value<U32>, file: String = #fileID, line: Int = #line) -> RemoteBarriers {
    RemoteBarriers(
      pointer: pointer.builder.mapToBlock(pointer, rank, file: file, line: line), count: count)
  }
}

/// Several barriers of any block of the cluster.
public struct RemoteBarriers {
  let pointer: Pointer<B64, SharedCluster>
  /// Barriers.
  public let count: Int

  /// The barrier of a stage.
  public subscript(stage: Value<U32>) -> RemoteBarrier { RemoteBarrier(pointer: pointer + stage) }

  /// The barrier of a stage.
  public subscript(stage: Int) -> RemoteBarrier {
    if !(0..<count).contains(stage) {
      pointer.builder.fail(.outOfRange(what: "barrier", value: stage, allowed: "0..<\(count)"))
    }
    return RemoteBarrier(pointer: pointer + stage)
  }
}

extension KernelBuilder {
  /// Declares one mbarrier in shared memory.
  public func barrier(_ name: String, file: String = #fileID, line: Int = #line) -> MemoryBarrier {
    barriers(name, count: 1, file: file, line: line)[0]
  }

  /// Declares mbarriers in shared memory.
  public func barriers(
    _ name: String, count: Int, file: String = #fileID, line: Int = #line
  ) -> MemoryBarriers {
    MemoryBarriers(pointer: shared(name, B64.self, count: count, file: file, line: line), count: count)
  }

  /// Makes the set-up of mbarriers visible to the cluster and to copies; a barrier of the block or cluster must
  /// follow.
  public func fenceBarrierInit(file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("fence.mbarrier_init.release.cluster")
  }
}

/// Where a thread stands in a ring of stages: which stage, and the parity of its phase.
public struct PipelineState {
  let stageCount: Int
  private let stageVariable: Mutable<U32>
  private let phaseVariable: Mutable<U32>

  init(_ k: KernelBuilder, _ name: String, stageCount: Int, phase: Int, _ file: String, _ line: Int) {
    self.stageCount = stageCount
    stageVariable = k.variable("\(name)_stage", 0, file: file, line: line)
    phaseVariable = k.variable("\(name)_phase", Value(phase), file: file, line: line)
  }

  /// The stage, from 0 on.
  public var stage: Value<U32> { stageVariable.value }
  /// The parity to wait for.
  public var phase: Value<U32> { phaseVariable.value }

  /// Goes on to the next stage: after the last the first, with the other parity.
  public func advance(file: String = #fileID, line: Int = #line) {
    let k = stageVariable.builder
    let next = stage + 1
    let wraps = next == stageCount
    k.locate(file, line)
    stageVariable.set(k.select(wraps, 0, next, file: file, line: line), file: file, line: line)
    phaseVariable.set(phase ^ k.select(wraps, 1, 0, file: file, line: line), file: file, line: line)
  }
}

extension KernelBuilder {
  /// The state of one who waits for stages to fill: it begins with parity 0.
  public func consumerState(
    _ name: String = "consumer", stages: Int, file: String = #fileID, line: Int = #line
  ) -> PipelineState {
    PipelineState(self, name, stageCount: stages, phase: 0, file, line)
  }

  /// The state of one who waits for stages to become empty: it begins with parity 1, so that the first turn does
  /// not wait.
  public func producerState(
    _ name: String = "producer", stages: Int, file: String = #fileID, line: Int = #line
  ) -> PipelineState {
    PipelineState(self, name, stageCount: stages, phase: 1, file, line)
  }
}

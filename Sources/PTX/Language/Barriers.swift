/// Barriers among the threads of a block, and of a cluster.
extension KernelBuilder {
  /// Waits for all threads of the block (`__syncthreads`): barrier 0.
  public func syncBlock(file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("bar.sync", [.immediate(.integer(0))])
  }

  /// Waits at a named barrier until so many threads have come, by waiting or arriving: whole warps, all lanes
  /// together.
  ///
  /// `id` is 0 to 15; 0 is also that of `syncBlock`. `threads` is a multiple of 32.
  public func syncThreads(
    _ id: Value<U32>, count threads: Int, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    record("bar.sync", barrierOperands(id, threads))
  }

  /// Comes to a named barrier without waiting.
  public func arriveThreads(
    _ id: Value<U32>, count threads: Int, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    record("bar.arrive", barrierOperands(id, threads))
  }

  /// As `syncThreads`, from threads of a warp that may have diverged.
  public func syncDivergentThreads(
    _ id: Value<U32>, count threads: Int, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    record("barrier.sync", barrierOperands(id, threads))
  }

  /// Waits for all threads of the block; true in all if the condition held in any, or in all.
  public func syncBlock(
    _ vote: Vote, _ condition: Value<Pred>, file: String = #fileID, line: Int = #line
  ) -> Value<Pred> {
    locate(file, line)
    if vote == .uniform { fail(.mismatch("bar.red asks for all or any")) }
    let operation = vote == .any ? "or" : "and"
    return result(
      "bar.red.\(operation).pred", [.immediate(.integer(0)), .register(register(condition))])
  }

  private func barrierOperands(_ id: Value<U32>, _ threads: Int) -> [Operand] {
    if let id = id.constant, !(0...15).contains(id) {
      fail(.outOfRange(what: "named barrier", value: Int(id), allowed: "0 to 15"))
    }
    if threads < 32 || threads > 1024 || !threads.isMultiple(of: 32) {
      fail(
        .outOfRange(
          what: "threads of a named barrier", value: threads, allowed: "a multiple of 32 up to 1024"))
    }
    return [operand(id), .immediate(.integer(Int64(threads)))]
  }
}

extension KernelBuilder {
  /// Arrives at the cluster's barrier. `isRelaxed`: without making earlier writes visible.
  ///
  /// `isAligned`: all threads of the warp come together.
  public func arriveCluster(
    isRelaxed: Bool = false, isAligned: Bool = true, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    record("barrier.cluster.arrive\(isRelaxed ? ".relaxed" : ".release")\(isAligned ? ".aligned" : "")")
  }

  /// Waits until all threads of the cluster have arrived.
  public func waitCluster(isAligned: Bool = true, file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("barrier.cluster.wait.acquire\(isAligned ? ".aligned" : "")")
  }

  /// Arrives at the cluster's barrier and waits for it.
  public func syncCluster(file: String = #fileID, line: Int = #line) {
    arriveCluster(file: file, line: line)
    waitCluster(file: file, line: line)
  }

  /// The block's rank in its cluster.
  public func clusterRank(file: String = #fileID, line: Int = #line) -> Value<U32> {
    special(.clusterBlockRank, file: file, line: line)
  }

  /// The place in another block of the cluster that this address is here.
  public func mapToBlock<T>(
    _ pointer: Pointer<T, Shared>, _ rank: Value<U32>, file: String = #fileID, line: Int = #line
  ) -> Pointer<T, SharedCluster> {
    locate(file, line)
    let address = pointer.addressRegister()
    locate(file, line)
    let mapped: Value<U32> = result("mapa.shared::cluster.u32", [.register(address), operand(rank)])
    return Pointer(
      builder: self, base: .register(register(mapped)), offset: 0, alignment: pointer.alignment)
  }

  /// Stores into another block's shared memory without waiting; the barrier there counts the bytes (PTX ISA
  /// 9.7.9.12). One value, or 2 or 4 neighbouring ones.
  public func storeAsync<T: MemoryElement>(
    _ values: [Value<T>], to pointer: Pointer<T, SharedCluster>, signalling barrier: RemoteBarrier,
    file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    guard [1, 2, 4].contains(values.count) else {
      return fail(.outOfRange(what: "elements of a vector", value: values.count, allowed: "1, 2 or 4"))
    }
    let vector = values.count == 1 ? "" : ".v\(values.count)"
    let registers = values.map { Operand.register(register($0)) }
    record(
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes\(vector).\(T.memoryType.rawValue)",
      [address(pointer), values.count == 1 ? registers[0] : .vector(registers), barrier.pointer.address])
  }
}

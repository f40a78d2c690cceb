/// Named barriers of a block, cluster barriers and the register pool (PTX ISA 9.7.13.1 to 9.7.13.4, 9.7.19.5).
extension Interpreter {
  // MARK: Named barriers

  func executeBarrier(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    let block = warp.block
    let number = Int(lanes.uniformWord(i.a))
    guard number < block.barriers.count else {
      throw error(.badOperand("barrier \(number): a block has 16, from 0"), i, warp, place)
    }
    // Released: everybody has come.
    if warp.fragments[place].isGranted {
      if i.opcode == .barrierReduce { takeReduction(i, lanes, block, number) }
      return .next
    }
    let hasCount = i.modifiers & 1 != 0
    let count = hasCount ? Int(lanes.uniformWord(i.b)) : 0
    if hasCount, count == 0 || count % 32 != 0 {
      throw error(
        .badOperand("a barrier for \(count) threads: not a positive multiple of 32"), i, warp, place)
    }
    checkArrival(i, number, count, warp, place)
    // A warp counts whole when all its threads have come; threads that come alone count as they are.
    let isWhole = lanes.active & warp.live == warp.live
    block.barriers[number].arrived += isWhole ? 32 : lanes.active.nonzeroBitCount
    block.barriers[number].expected = count
    if i.opcode == .barrierReduce { addReduction(i, lanes, &block.barriers[number]) }
    if i.opcode == .barrier, i.operation == 1 {
      completeBarrier(block, number, at: warp.time)
      return .next
    }
    warp.fragments[place].wait = .barrier(number)
    completeBarrier(block, number, at: warp.time)
    return .placed
  }

  /// Releases those who wait at a barrier if all have come.
  func completeBarrier(_ block: Block, _ number: Int, at time: UInt64) {
    let barrier = block.barriers[number]
    let expected = barrier.expected > 0 ? barrier.expected : block.liveWarpCount * 32
    guard barrier.arrived > 0, barrier.arrived >= expected else { return }
    block.reductions[number] = barrier
    block.barriers[number] = NamedBarrier()
    let causality = block.hazards?.completeBarrier(number)
    for warp in block.warps {
      for place in warp.fragments.indices where warp.fragments[place].wait == .barrier(number) {
        warp.fragments[place].isGranted = true
        if let causality { warp.hazards?.causality.join(causality) }
      }
      warp.release(at: time + warp.clock.barrierLatency) { $0 == .barrier(number) }
    }
  }

  private func addReduction(_ i: DecodedInstruction, _ lanes: LaneContext, _ barrier: inout NamedBarrier) {
    let votes = lanes.predicate(i.c) & lanes.active
    barrier.count += UInt32(votes.nonzeroBitCount)
    barrier.all = barrier.all && votes == lanes.active
    barrier.any = barrier.any || votes != 0
  }

  private func takeReduction(_ i: DecodedInstruction, _ lanes: LaneContext, _ block: Block, _ number: Int) {
    let result = block.reductions[number]
    switch BarrierReduction(rawValue: i.operation) {
    case .count: lanes.setWords(i.d) { _ in result.count }
    case .and: lanes.setPredicate(i.d, result.all ? .max : 0)
    case .or, nil: lanes.setPredicate(i.d, result.any ? .max : 0)
    }
  }

  // MARK: Clusters

  func clusterBarrier(_ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int) -> Outcome {
    if lanes.active == 0 { return .next }
    if i.opcode == .clusterArrive {
      // The last of a warp's threads to arrive stands for all.
      warp.clusterArrivals |= lanes.active
      if warp.clusterArrivals & warp.live == warp.live, !warp.hasArrivedAtCluster {
        warp.hasArrivedAtCluster = true
        warp.block.cluster.arrivedWarpCount += 1
        if let hazards = warp.hazards { hazards.release(into: &hazards.cluster.barrier) }
        completeClusterBarrier(warp.block.cluster, at: warp.time)
      }
      return .next
    }
    if !warp.isClusterPhaseDone { return .blocked(.cluster) }
    warp.wait(until: warp.block.cluster.phaseTime + warp.clock.clusterBarrierLatency, .clusterBarrier)
    if let hazards = warp.hazards { hazards.causality.join(hazards.cluster.barrierReleased) }
    warp.clusterWaits |= lanes.active
    if warp.clusterWaits & warp.live == warp.live {
      warp.clusterWaits = 0
      warp.isClusterPhaseDone = false
    }
    return .next
  }

  /// Ends the phase of the cluster's barrier if all warps that have not exited have arrived.
  func completeClusterBarrier(_ cluster: Cluster, at time: UInt64) {
    let warps = cluster.blocks.flatMap(\.warps).filter { $0.live != 0 }
    guard !warps.isEmpty, warps.allSatisfy(\.hasArrivedAtCluster) else { return }
    cluster.arrivedWarpCount = 0
    cluster.phaseTime = time
    cluster.hazards?.completeBarrier()
    for warp in warps {
      warp.hasArrivedAtCluster = false
      warp.clusterArrivals = 0
      warp.isClusterPhaseDone = true
      warp.release(at: time) { $0 == .cluster }
    }
  }

  // MARK: Registers

  func setRegisters(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    let count = Int(i.immediate)
    guard (24...256).contains(count), count % 8 == 0 else {
      throw error(.badOperand("setmaxnreg \(count): not a multiple of 8 from 24 to 256"), i, warp, place)
    }
    let block = warp.block
    let needed = (count - warp.registersPerThread) * 32
    if i.operation == 1, needed > block.freeRegisters { return .blocked(.registers) }
    if i.operation == 0 ? needed > 0 : needed < 0 {
      checkRegisterCount(i, warp, place)
      return .next
    }
    block.freeRegisters -= needed
    warp.registersPerThread = count
    grantRegisters(block, at: warp.time)
    return .next
  }

  /// Lets those try again who wait for registers.
  func grantRegisters(_ block: Block, at time: UInt64) {
    for warp in block.warps { warp.release(at: time) { $0 == .registers } }
  }
}

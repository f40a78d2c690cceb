import PTX

/// Instructions that are not arithmetic: each goes to what executes its kind.
extension Interpreter {
  func execute(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if i.isAligned, warp.isApart(lanes.active), let outcome = converge(i, lanes, warp, place) {
      return outcome
    }
    switch i.opcode {
    case .branch: return branch(i, lanes, warp, place)
    case .load, .store: return try accessInOrder(i, lanes, warp, place)
    case .special: return readSpecial(i, lanes, warp)
    case .sharedAddress:
      let rank = UInt64(warp.block.rank) << AddressWindow.sharedBits
      return setAll(i, lanes, rank + UInt64(bitPattern: i.immediate))
    case .localAddress:
      return setAll(i, lanes, UInt64(bitPattern: i.immediate) + UInt64(warp.fragments[place].frame.localBase))
    case .toGeneric, .fromGeneric, .mapAddress, .addressRank, .isSpace: return convertAddress(i, lanes, warp)
    case .atomic, .reduce: return try executeAtomic(i, lanes, warp, place)
    case .atomicVector: return try executeAtomicVector(i, lanes, warp, place)
    case .atomicWide: return try executeWideAtomic(i, lanes, warp, place)
    case .shuffle, .vote, .match, .reduceWarp, .activeMask, .elect, .warpBarrier:
      return exchange(i, lanes, warp, place)
    case .barrier, .barrierReduce: return try executeBarrier(i, lanes, warp, place)
    case .clusterArrive, .clusterWait: return clusterBarrier(i, lanes, warp, place)
    case .barrierObjectInit, .barrierObjectInvalidate, .barrierObjectArrive, .barrierObjectExpect,
      .barrierObjectComplete, .barrierObjectWait, .barrierObjectPending:
      return try executeBarrierObject(i, lanes, warp, place)
    case .branchIndexed: return branchIndexed(i, lanes, warp, place)
    case .exit: return exit(lanes, warp, place, site(i, warp, place))
    case .call: return try call(i, lanes, warp, place)
    case .returnFromCall: return try returnFromCall(i, lanes, warp, place)
    case .trap:
      if lanes.active == 0 { return .next }
      throw error(.trap, i, warp, place)
    case .sleep:
      if lanes.active == 0 { return .next }
      let nanoseconds = Double(lanes.uniformWord(i.a))
      warp.wait(until: warp.time + UInt64(nanoseconds * launch.device.clock.value), .sleep)
      return .next
    case .asynchronousCopy, .asynchronousCopyGroup, .asynchronousCopyWait, .asynchronousCopyArrive, .bulkCopy,
      .bulkReduce, .bulkGroup, .bulkWait, .tensorLoad, .tensorStore, .tensorPrefetch, .storeAsynchronous,
      .reduceAsynchronous:
      return try executeAsynchronous(i, lanes, warp, place)
    case .matrixLoad, .matrixStore, .matrixTranspose: return try moveMatrices(i, lanes, warp, place)
    case .matrixMultiply: return try multiplyWarp(i, lanes, warp, place)
    case .warpgroupMultiply, .warpgroupFence, .warpgroupCommit, .warpgroupWait:
      return try executeWarpgroup(i, lanes, warp, place)
    case .fence:
      fence(i, lanes, warp)
      if lanes.active != 0 { waitForFence(FenceKind(rawValue: i.operation), warp) }
      return .next
    case .tensorMapReplace: return try changeTensorMap(i, lanes, warp, place)
    case .prefetch, .nothing: return .next
    case .gridLaunch:
      if lanes.active != 0 { warp.block.letsDependentsStart = true }
      return .next
    case .gridWait:
      if lanes.active != 0, launch.mustWaitForGrids { return .blocked(.grid) }
      if lanes.active != 0 { warp.hazards?.cluster.global.waitForGrids() }
      return .next
    case .setRegisters: return try setRegisters(i, lanes, warp, place)
    default:
      if lanes.active == 0 { return .next }
      let program = warp.fragments[place].frame.program
      throw error(.init(unsupported: program.instructions[Int(i.statement)]), i, warp, place)
    }
  }

  /// A fault at an instruction.
  func error(_ reason: SimulationError.Reason, _ i: DecodedInstruction, _ warp: Warp, _ place: Int)
    -> SimulationError
  {
    SimulationError(
      reason: reason,
      place: ExecutionPlace(warp.fragments[place].frame.program, Int(i.statement), warp))
  }

  /// What a warp has started must have been done before it goes on.
  private func waitForFence(_ kind: FenceKind?, _ warp: Warp) {
    switch kind {
    case .asynchronousProxy: warp.wait(until: warp.time + warp.clock.proxyFenceLatency, .memoryOrder)
    case .memory, .cluster: warp.wait(until: warp.time + warp.clock.memoryFenceLatency, .memoryOrder)
    case .local, nil: break
    }
  }

  /// Writes one value into every active lane.
  private func setAll(_ i: DecodedInstruction, _ lanes: LaneContext, _ value: UInt64) -> Outcome {
    if i.isWide {
      lanes.setDoubleWords(i.d) { _ in value }
    } else {
      lanes.setWords(i.d) { _ in UInt32(truncatingIfNeeded: value) }
    }
    return .next
  }
}

extension SimulationError.Reason {
  /// Why an instruction cannot be executed that the decoder could make nothing of.
  init(unsupported instruction: Instruction) {
    let (spelling, found) = (instruction.spelling, instruction.operands.count)
    let expected = InstructionForms.operandCounts(of: spelling)
    self =
      expected.isEmpty || expected.contains(found)
      ? .unsupportedInstruction(spelling)
      : .operandCount(spelling: spelling, found: found, expected: expected)
  }
}

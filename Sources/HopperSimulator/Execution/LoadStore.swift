import SimulatorKernels

/// Loads and stores.
extension Interpreter {
  /// The address of a lane, in the space of the instruction.
  @inline(__always)
  func address(_ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int) -> UInt64 {
    let offset = UInt64(bitPattern: i.immediate)
    if i.a == DecodedInstruction.noBase { return lanes.variableAddress(i) }
    if i.isWide { return lanes.doubleWord(i.a, lane) &+ offset }
    return UInt64(lanes.word(i.a, lane) &+ UInt32(truncatingIfNeeded: offset))
  }

  /// Memory of an access; throws when it is not all in the space's memory or is not aligned.
  @inline(__always)
  @unsafe func memory(
    _ i: DecodedInstruction, _ address: UInt64, _ byteCount: Int, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> UnsafeMutableRawPointer {
    if address & UInt64(byteCount - 1) != 0 {
      throw error(
        .misaligned(space: "\(i.space)", address: address, byteCount: byteCount, lane: lane), i, warp, place)
    }
    if i.space == .global || i.space == .generic, lastRegion.contains(address, byteCount) {
      return unsafe lastRegion.base + Int(address - lastRegion.start)
    }
    if let pointer = unsafe find(i.space, address, byteCount, lane, warp, place) { return unsafe pointer }
    throw error(
      .outOfBounds(space: "\(i.space)", address: address, byteCount: byteCount, lane: lane), i, warp, place)
  }

  @unsafe private func find(
    _ space: AddressSpace, _ address: UInt64, _ byteCount: Int, _ lane: Int, _ warp: Warp, _ place: Int
  ) -> UnsafeMutableRawPointer? {
    switch space {
    case .generic:
      let space = Self.space(ofGeneric: address)
      return unsafe find(
        space, space == .global ? address : address & 0xFFFF_FFFF, byteCount, lane, warp, place)
    case .global:
      guard let allocation = launch.memory.allocation(containing: address) else { return nil }
      let region = use(allocation)
      return region.contains(address, byteCount) ? unsafe region.base + Int(address - region.start) : nil
    case .shared: return unsafe sharedMemory(address, byteCount, warp)
    case .local: return unsafe warp.localPointer(lane, address, byteCount)
    case .frame:
      return unsafe warp.localPointer(
        lane, address + UInt64(warp.fragments[place].frame.localBase), byteCount)
    case .parameter:
      guard address <= UInt64(launch.parameterByteCount),
        Int(address) + byteCount <= launch.parameterByteCount
      else { return nil }
      return unsafe launch.parameters + Int(address)
    }
  }

  /// Shared memory of a block of the cluster, by the rank in the address.
  @inline(__always)
  @unsafe func sharedMemory(_ address: UInt64, _ byteCount: Int, _ warp: Warp) -> UnsafeMutableRawPointer? {
    let rank = Int(truncatingIfNeeded: address >> AddressWindow.sharedBits)
    let offset = Int(address & (1 << AddressWindow.sharedBits - 1))
    let blocks = warp.block.cluster.blocks
    guard rank < blocks.count else { return nil }
    let block = rank == warp.block.rank ? warp.block : blocks[rank]
    guard offset >= AddressWindow.reservedShared, offset + byteCount <= block.sharedByteCount else {
      return nil
    }
    return unsafe block.shared + offset
  }

  /// Has a release wait for what the warp did before it. Returns whether the access must then wait for its turn: until
  /// everything before it in time has been done. When it has got that, nothing is left to wait for.
  func waitForOrder(_ i: DecodedInstruction, _ warp: Warp, _ place: Int) -> Bool {
    guard i.space == .global || i.space == .generic, !warp.fragments[place].isGranted,
      let order = MemoryOrder(rawValue: i.modifiers)
    else { return false }
    if order.isRelease { warp.wait(until: warp.time + warp.clock.memoryFenceLatency, .memoryOrder) }
    return !isAlone && order.isOrdered
  }

  // MARK: Loads and stores

  /// A load or store that is not weak.
  func accessInOrder(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    if waitForOrder(i, warp, place) { return .blocked(.turn) }
    if i.opcode == .load {
      try load(i, lanes, warp, place, warp.hazards)
    } else {
      try store(i, lanes, warp, place, warp.hazards)
    }
    return .next
  }

  /// What the lanes of a load or store access, and the memory that has all of it, if one does.
  @inline(__always)
  private func vectors(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> (access: MemoryAccess, region: MemoryRegion?) {
    let byteCount = Int(i.elementBytes) * Int(i.elementCount)
    let access = unsafe MemoryAccess(i, lanes, byteCount: byteCount, in: addresses)
    return (access, try region(access, i, lanes, warp, place))
  }

  func load(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int, _ hazards: WarpHazards?
  ) throws(SimulationError) {
    let (elementBytes, isWide) = (Int(i.elementBytes), i.operation & LoadFlag.wide != 0)
    let (access, region) = try vectors(i, lanes, warp, place)
    if !isWide, access.isOfQuads(lanes.active, region, elements: Int(i.elementCount)), let region {
      let slots = unsafe lanes.vectors + Int(i.extra)
      unsafe sim_load_quads(
        lanes.words(slots[0]), lanes.words(slots[1]), lanes.words(slots[2]), lanes.words(slots[3]),
        access.firstWord(region, 0))
      return time(access, i, lanes, warp, place, hazards, isWrite: false)
    }
    for element in 0..<Int(i.elementCount) {
      let slot = unsafe lanes.vectors[Int(i.extra) + element]
      let offset = element * elementBytes
      if !isWide, elementBytes == 4, lanes.active == .max, let region {
        unsafe access.loadWords(lanes.words(slot), region, offset)
      } else if isWide {
        let row = unsafe lanes.doubleWords(slot)
        try unsafe forEachLane(access, region, offset, lanes.active, i, warp, place) { lane, source in
          unsafe row[lane] = Self.element(source, elementBytes, i.operation & LoadFlag.signed != 0)
        }
      } else {
        let row = unsafe lanes.words(slot)
        try unsafe forEachLane(access, region, offset, lanes.active, i, warp, place) { lane, source in
          unsafe row[lane] = UInt32(
            truncatingIfNeeded: Self.element(source, elementBytes, i.operation & LoadFlag.signed != 0))
        }
      }
    }
    time(access, i, lanes, warp, place, hazards, isWrite: false)
  }

  @inline(__always)
  @unsafe private static func element(
    _ source: UnsafeMutableRawPointer, _ byteCount: Int, _ isSigned: Bool
  ) -> UInt64 {
    switch byteCount {
    case 1:
      return isSigned
        ? UInt64(bitPattern: Int64(unsafe source.load(as: Int8.self)))
        : UInt64(unsafe source.load(as: UInt8.self))
    case 2:
      return isSigned
        ? UInt64(bitPattern: Int64(unsafe source.load(as: Int16.self)))
        : UInt64(unsafe source.load(as: UInt16.self))
    case 4:
      return isSigned
        ? UInt64(bitPattern: Int64(unsafe source.load(as: Int32.self)))
        : UInt64(unsafe source.load(as: UInt32.self))
    default: return unsafe source.load(as: UInt64.self)
    }
  }

  func store(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int, _ hazards: WarpHazards?
  ) throws(SimulationError) {
    let (elementBytes, isWide) = (Int(i.elementBytes), i.operation & LoadFlag.wide != 0)
    let (access, region) = try vectors(i, lanes, warp, place)
    if !isWide, access.isOfQuads(lanes.active, region, elements: Int(i.elementCount)), let region {
      let slots = unsafe lanes.vectors + Int(i.extra)
      unsafe sim_store_quads(
        access.firstWord(region, 0),
        lanes.words(slots[0]), lanes.words(slots[1]), lanes.words(slots[2]), lanes.words(slots[3]))
      return time(access, i, lanes, warp, place, hazards, isWrite: true)
    }
    for element in 0..<Int(i.elementCount) {
      let slot = unsafe lanes.vectors[Int(i.extra) + element]
      let offset = element * elementBytes
      if !isWide, elementBytes == 4, lanes.active == .max, let region {
        unsafe access.storeWords(lanes.words(slot), region, offset)
        continue
      }
      try unsafe forEachLane(access, region, offset, lanes.active, i, warp, place) {
        lane, target in
        let bits = isWide ? lanes.doubleWord(slot, lane) : UInt64(lanes.word(slot, lane))
        switch elementBytes {
        case 4: unsafe target.storeBytes(of: UInt32(truncatingIfNeeded: bits), as: UInt32.self)
        case 8: unsafe target.storeBytes(of: bits, as: UInt64.self)
        case 2: unsafe target.storeBytes(of: UInt16(truncatingIfNeeded: bits), as: UInt16.self)
        default: unsafe target.storeBytes(of: UInt8(truncatingIfNeeded: bits), as: UInt8.self)
        }
      }
    }
    if let hazards, !access.isContiguous(lanes.active), i.modifiers == MemoryOrder.weak.rawValue {
      checkLanes(access, i, lanes, hazards)
    }
    time(access, i, lanes, warp, place, hazards, isWrite: true)
  }

  /// The memory that has all bytes of an access, if one does; else nil, and each lane looks for its own. Every lane's
  /// access has been checked when this returns.
  func region(
    _ access: MemoryAccess, _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> MemoryRegion? {
    if access.isAligned, let region = find(i.space, access.lowest, lanes, warp), access.fits(region) {
      return region
    }
    // Slowly, lane by lane: it throws for the first that is at fault.
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      _ = try unsafe memory(i, access[lane], access.byteCount, lane, warp, place)
    }
    return nil
  }

  /// The memory that has the byte at an address; nil when it depends on the lane.
  private func find(_ space: AddressSpace, _ address: UInt64, _ lanes: LaneContext, _ warp: Warp)
    -> MemoryRegion?
  {
    switch space {
    case .generic:
      let space = Self.space(ofGeneric: address)
      guard space == .global || space == .shared else { return nil }
      guard var region = find(space, address, lanes, warp) else { return nil }
      if space == .shared { region.start += AddressWindow.shared }
      return region
    case .global:
      if lastRegion.contains(address, 1) { return lastRegion }
      return launch.memory.allocation(containing: address).map(use)
    case .shared:
      let rank = Int(address >> AddressWindow.sharedBits & 0xFF)
      if lanes.isOwn(address) { return lanes.shared }
      let blocks = warp.block.cluster.blocks
      return rank < blocks.count ? blocks[rank].sharedRegion : nil
    case .parameter:
      return unsafe MemoryRegion(start: 0, byteCount: launch.parameterByteCount, base: launch.parameters)
    case .local, .frame: return nil
    }
  }

  /// Calls for each active lane with the memory of its element at an offset of its access.
  @inline(__always)
  func forEachLane(
    _ access: MemoryAccess, _ region: MemoryRegion?, _ offset: Int, _ active: UInt32, _ i: DecodedInstruction,
    _ warp: Warp, _ place: Int, _ body: (Int, UnsafeMutableRawPointer) -> Void
  ) throws(SimulationError) {
    if let region {
      let base = unsafe region.base + offset
      if active == .max {
        for lane in 0..<32 { unsafe body(lane, base + Int(truncatingIfNeeded: access[lane] &- region.start)) }
        return
      }
      var rest = active
      while rest != 0 {
        let lane = rest.trailingZeroBitCount
        rest &= rest &- 1
        unsafe body(lane, base + Int(truncatingIfNeeded: access[lane] &- region.start))
      }
      return
    }
    var rest = active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let memory = try unsafe memory(i, access[lane], access.byteCount, lane, warp, place)
      unsafe body(lane, memory + offset)
    }
  }

  // MARK: Time

  /// Takes the time of an access: of shared memory at once, of global memory when the window ends.
  private func time(
    _ access: MemoryAccess, _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int,
    _ hazards: WarpHazards?, isWrite: Bool
  ) {
    let space = i.space == .generic ? Self.space(ofGeneric: access.first) : i.space
    switch space {
    case .shared:
      if let hazards { checkShared(access, i, lanes, warp, hazards, isWrite: isWrite) }
      let (wavefronts, least) = access.wavefronts(lanes.active)
      let start = warp.takeShared(
        at: issueTime, slot: slotTime, wavefronts: wavefronts, conflicts: wavefronts - least)
      let latency = warp.clock.sharedLatency(access.first, from: lanes.rank)
      if !isWrite {
        lanes.scoreboard.setReady(lanes.index, at: start + wavefronts - 1 + latency, .sharedMemory)
      }
    case .global, .generic:
      if let hazards { checkGlobal(access, i, lanes, warp, hazards, isWrite: isWrite) }
      let first = requests.runs.count
      access.addRuns(lanes.active, to: &requests)
      let start = warp.takeGlobal(at: issueTime, slot: slotTime, lines: requests.lineCount(since: first))
      request(
        isWrite ? .write : .read, from: first, at: start, warp,
        isWrite ? .nobody : .registers(warp.fragments[place].frame, instruction: lanes.index))
      if !isWrite { lanes.scoreboard.setReady(lanes.index, at: Frame.isComing) }
    case .parameter:
      let time = warp.clock.takeParameter(at: issueTime, offset: access.lowest)
      lanes.scoreboard.setReady(lanes.index, at: time)
    case .local, .frame:
      // Spilled registers are taken to be in L1.
      if !isWrite { lanes.scoreboard.setReady(lanes.index, at: issueTime + warp.clock.sharedLatency) }
    }
  }

  /// Asks for global memory, of which the runs since the `first`th are in the queue; the answer comes at the end of the
  /// window.
  func request(
    _ kind: MemoryRequest.Kind, from first: Int, at time: UInt64, _ warp: Warp, extraLatency: UInt64 = 0,
    otherProcessors: [Int] = [], _ completion: MemoryRequest.Completion
  ) {
    requests.append(
      MemoryRequest(
        time: time, processor: warp.block.processor, otherProcessors: otherProcessors, kind: kind,
        runs: first..<requests.runs.count, extraLatency: extraLatency, completion: completion))
  }
}

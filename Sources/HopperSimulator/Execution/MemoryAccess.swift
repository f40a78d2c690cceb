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
    if i.space == .global || i.space == .generic, let last = lastAllocation {
      let offset = address &- last.address
      if offset < UInt64(last.byteCount), Int(offset) + byteCount <= last.byteCount {
        return unsafe last.base + Int(offset)
      }
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
      lastAllocation = allocation
      let offset = Int(address - allocation.address)
      return offset + byteCount <= allocation.byteCount ? unsafe allocation.base + offset : nil
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

  /// Whether an access has to wait until everything before it in time has been done.
  func mustWait(_ i: DecodedInstruction, _ warp: Warp, _ place: Int) -> Bool {
    guard !isAlone, !warp.fragments[place].isGranted, i.space == .global || i.space == .generic else {
      return false
    }
    return MemoryOrder(rawValue: i.modifiers)?.isOrdered ?? false
  }

  // MARK: Loads and stores

  func load(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    if mustWait(i, warp, place) { return .blocked(.turn) }
    let elementBytes = Int(i.elementBytes)
    let count = Int(i.elementCount)
    let vectors = unsafe warp.fragments[place].frame.program.code.vectors + Int(i.extra)
    let access = unsafe MemoryAccess(i, lanes, byteCount: elementBytes * count, in: addresses)
    let region = try region(access, i, lanes.active, warp, place)
    for element in 0..<count {
      let slot = unsafe vectors[element]
      let offset = element * elementBytes
      if i.operation & LoadFlag.wide != 0 {
        let row = unsafe lanes.doubleWords(slot)
        try unsafe forEachLane(access, region, offset, lanes.active, i, warp, place) { lane, source in
          unsafe row[lane] = Self.element(source, elementBytes, i.operation & LoadFlag.signed != 0)
        }
      } else if elementBytes == 4 {
        let row = unsafe lanes.words(slot)
        if let words = unsafe access.words(region, lanes.active) {
          for lane in 0..<32 { unsafe row[lane] = words[lane * count + element] }
          continue
        }
        try unsafe forEachLane(access, region, offset, lanes.active, i, warp, place) { lane, source in
          unsafe row[lane] = source.load(as: UInt32.self)
        }
      } else {
        let row = unsafe lanes.words(slot)
        try unsafe forEachLane(access, region, offset, lanes.active, i, warp, place) { lane, source in
          unsafe row[lane] = UInt32(
            truncatingIfNeeded: Self.element(source, elementBytes, i.operation & LoadFlag.signed != 0))
        }
      }
    }
    time(access, i, lanes.active, warp, place, isWrite: false)
    return .next
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
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    if mustWait(i, warp, place) { return .blocked(.turn) }
    let elementBytes = Int(i.elementBytes)
    let count = Int(i.elementCount)
    let vectors = unsafe warp.fragments[place].frame.program.code.vectors + Int(i.extra)
    let access = unsafe MemoryAccess(i, lanes, byteCount: elementBytes * count, in: addresses)
    let region = try region(access, i, lanes.active, warp, place)
    let isWide = i.operation & LoadFlag.wide != 0
    for element in 0..<count {
      let slot = unsafe vectors[element]
      if !isWide, elementBytes == 4, let words = unsafe access.words(region, lanes.active) {
        let row = unsafe lanes.words(slot)
        for lane in 0..<32 { unsafe words[lane * count + element] = row[lane] }
        continue
      }
      try unsafe forEachLane(access, region, element * elementBytes, lanes.active, i, warp, place) {
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
    if !access.isContiguous(lanes.active), i.modifiers == MemoryOrder.weak.rawValue {
      unsafe checkLanes(access, i, lanes, UnsafePointer(vectors), warp, place)
    }
    time(access, i, lanes.active, warp, place, isWrite: true)
    return .next
  }

  /// The memory that has all bytes of an access, if one does; else nil, and each lane looks for its own. Every lane's
  /// access has been checked when this returns.
  func region(
    _ access: MemoryAccess, _ i: DecodedInstruction, _ active: UInt32, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> MemoryRegion? {
    if access.isAligned, let region = find(i.space, access, warp), access.fits(region) { return region }
    // Slowly, lane by lane: it throws for the first that is at fault.
    var rest = active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      _ = try unsafe memory(i, access[lane], access.byteCount, lane, warp, place)
    }
    return nil
  }

  private func find(_ space: AddressSpace, _ access: MemoryAccess, _ warp: Warp) -> MemoryRegion? {
    let address = access.lowest
    switch space {
    case .generic:
      let space = Self.space(ofGeneric: address)
      guard space == .global || space == .shared else { return nil }
      guard var region = find(space, address, warp) else { return nil }
      if space == .shared { region.start += AddressWindow.shared }
      return region
    case .global, .shared: return find(space, address, warp)
    case .parameter:
      return unsafe MemoryRegion(start: 0, byteCount: launch.parameterByteCount, base: launch.parameters)
    case .local, .frame: return nil
    }
  }

  private func find(_ space: AddressSpace, _ address: UInt64, _ warp: Warp) -> MemoryRegion? {
    if space == .global {
      if let last = lastAllocation, address &- last.address < UInt64(last.byteCount) {
        return unsafe MemoryRegion(start: last.address, byteCount: last.byteCount, base: last.base)
      }
      guard let found = launch.memory.allocation(containing: address) else { return nil }
      lastAllocation = found
      return unsafe MemoryRegion(start: found.address, byteCount: found.byteCount, base: found.base)
    }
    let rank = Int(address >> AddressWindow.sharedBits & 0xFF)
    let blocks = warp.block.cluster.blocks
    guard rank < blocks.count else { return nil }
    let block = rank == warp.block.rank ? warp.block : blocks[rank]
    let reserved = AddressWindow.reservedShared
    return unsafe MemoryRegion(
      start: UInt64(rank) << AddressWindow.sharedBits + UInt64(reserved),
      byteCount: block.sharedByteCount - reserved,
      base: block.shared + reserved)
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
    _ access: MemoryAccess, _ i: DecodedInstruction, _ active: UInt32, _ warp: Warp, _ place: Int,
    isWrite: Bool
  ) {
    let frame = warp.fragments[place].frame
    let index = warp.fragments[place].index
    let space = i.space == .generic ? Self.space(ofGeneric: access.first) : i.space
    switch space {
    case .shared:
      if let hazards = warp.hazards { checkShared(access, i, active, warp, hazards, place, isWrite: isWrite) }
      let (wavefronts, least) = access.wavefronts(active)
      let start = warp.takeShared(
        at: issueTime, slot: slotTime, wavefronts: wavefronts, conflicts: wavefronts - least)
      let latency = warp.clock.sharedLatency(access.first, from: warp.block.rank)
      if !isWrite { frame.setReady(index, at: start + wavefronts - 1 + latency, .sharedMemory) }
    case .global, .generic:
      if let hazards = warp.hazards { checkGlobal(access, i, active, warp, hazards, place, isWrite: isWrite) }
      let first = requests.runs.count
      access.addRuns(active, to: &requests)
      request(
        isWrite ? .write : .read, from: first, at: issueTime, warp,
        isWrite ? .nobody : .registers(frame, instruction: index))
      if !isWrite { frame.setReady(index, at: Frame.isComing) }
    case .local, .frame, .parameter:
      // Spilled registers and parameters are taken to be in L1 and in the constant cache.
      if !isWrite { frame.setReady(index, at: issueTime + warp.clock.sharedLatency) }
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

/// Memory without gaps.
@safe struct MemoryRegion {
  /// Address of the first byte.
  var start: UInt64
  let byteCount: Int
  let base: UnsafeMutableRawPointer

  @unsafe init(start: UInt64, byteCount: Int, base: UnsafeMutableRawPointer) {
    self.start = start
    self.byteCount = byteCount
    unsafe self.base = base
  }
}

/// The addresses of one access of a warp.
@safe struct MemoryAccess {
  /// Of each lane; in memory of the interpreter, which works at one access at a time.
  private let addresses: UnsafeMutablePointer<UInt64>
  /// Of each lane.
  let byteCount: Int
  /// Of the first lane.
  private(set) var first: UInt64 = 0
  /// Of all lanes.
  private(set) var lowest = UInt64.max
  private var highest: UInt64 = 0
  private var joined: UInt64 = 0
  /// Whether each lane follows the one before it without a gap.
  private var isLinear = true
  private var next: UInt64 = 0
  private var isEmpty = true

  /// Without lanes. `addresses` has room for those of 32.
  @unsafe init(byteCount: Int, in addresses: UnsafeMutablePointer<UInt64>) {
    self.byteCount = byteCount
    unsafe self.addresses = addresses
  }

  /// Of a load or store.
  @inline(__always)
  @unsafe init(
    _ i: DecodedInstruction, _ lanes: LaneContext, byteCount: Int, in addresses: UnsafeMutablePointer<UInt64>
  ) {
    unsafe self.init(byteCount: byteCount, in: addresses)
    let offset = UInt64(bitPattern: i.immediate)
    lanes.forEachActiveLane { lane in
      if i.a == DecodedInstruction.noBase {
        add(lanes.variableAddress(i), lane)
      } else if i.isWide {
        add(lanes.doubleWord(i.a, lane) &+ offset, lane)
      } else {
        add(UInt64(lanes.word(i.a, lane) &+ UInt32(truncatingIfNeeded: offset)), lane)
      }
    }
  }

  @inline(__always)
  mutating func add(_ address: UInt64, _ lane: Int) {
    if isEmpty {
      first = address
      isEmpty = false
    } else if address != next {
      isLinear = false
    }
    next = address &+ UInt64(byteCount)
    lowest = min(lowest, address)
    highest = max(highest, address)
    joined |= address
    unsafe addresses[lane] = address
  }

  @inline(__always)
  subscript(lane: Int) -> UInt64 { unsafe addresses[lane] }

  /// Whether every address is a multiple of the access's size.
  var isAligned: Bool { joined & UInt64(byteCount - 1) == 0 }

  /// Whether the bytes of the active lanes are one aligned run.
  func isContiguous(_ active: UInt32) -> Bool { isLinear && isAligned && active != 0 }

  /// Whether the access is to whole words, all in one window of the generic space and in one block's shared memory.
  var isOfWords: Bool {
    byteCount & 3 == 0 && isAligned
      && lowest >> AddressWindow.sharedBits == highest >> AddressWindow.sharedBits
  }

  /// Whether all bytes are in a region.
  func fits(_ region: MemoryRegion) -> Bool {
    lowest >= region.start && highest &- region.start <= UInt64(region.byteCount)
      && Int(highest - region.start) + byteCount <= region.byteCount
  }

  /// The words of the access in a region, when all lanes follow each other in it.
  @unsafe func words(_ region: MemoryRegion?, _ active: UInt32) -> UnsafeMutablePointer<UInt32>? {
    guard let region, isLinear, active == .max else { return nil }
    return unsafe (region.base + Int(first &- region.start)).assumingMemoryBound(to: UInt32.self)
  }

  /// Wavefronts of shared memory, and as many as there would be without conflicts.
  func wavefronts(_ active: UInt32) -> (UInt64, UInt64) {
    if isLinear {
      let count = UInt64(max(1, (active.nonzeroBitCount * byteCount + 127) / 128))
      return (count, count)
    }
    // Everybody reads the same.
    if lowest == highest { return (1, 1) }
    let (total, least) = BankConflicts.wavefronts({ self[$0] }, active: active, byteCount: byteCount)
    return (total, least)
  }

  /// Adds the bytes to a request, in sectors; lanes that follow each other make one run.
  func addRuns(_ active: UInt32, to queue: inout RequestQueue) {
    let first = queue.runs.count
    if isLinear { return queue.add(self.first, active.nonzeroBitCount * byteCount, since: first) }
    forEachSector(active) { sector, _ in
      queue.add(sector * L2Cache.sectorBytes, Int(L2Cache.sectorBytes), since: first)
    }
  }

  /// Calls for each sector that active lanes are in, once, in the order of lanes, with how many are.
  func forEachSector(_ active: UInt32, _ body: (UInt64, Int) -> Void) {
    var rest = active
    while rest != 0 {
      let sector = self[rest.trailingZeroBitCount] / L2Cache.sectorBytes
      var same: UInt32 = 0
      var others = rest
      while others != 0 {
        let lane = others.trailingZeroBitCount
        others &= others &- 1
        if self[lane] / L2Cache.sectorBytes == sector { same |= 1 << UInt32(lane) }
      }
      rest &= ~same
      body(sector, same.nonzeroBitCount)
    }
  }

  /// The most lanes that are at one address.
  func depth(_ active: UInt32) -> Int {
    if isLinear { return 1 }
    var most = 0
    var rest = active
    while rest != 0 {
      let address = self[rest.trailingZeroBitCount]
      var count = 0
      var others = rest
      while others != 0 {
        let lane = others.trailingZeroBitCount
        others &= others &- 1
        if self[lane] == address {
          count += 1
          rest &= ~(1 << UInt32(lane))
        }
      }
      most = max(most, count)
    }
    return most
  }
}

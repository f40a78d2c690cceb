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

  /// Whether an access has to wait until everything before it in time has been done.
  func mustWait(_ i: DecodedInstruction, _ warp: Warp, _ place: Int) -> Bool {
    guard !isAlone, i.space == .global || i.space == .generic, !warp.fragments[place].isGranted else {
      return false
    }
    return MemoryOrder(rawValue: i.modifiers)?.isOrdered ?? false
  }

  // MARK: Loads and stores

  /// A load or store that is not weak.
  func accessInOrder(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    if mustWait(i, warp, place) { return .blocked(.turn) }
    if i.opcode == .load {
      try load(i, lanes, warp, place, warp.hazards)
    } else {
      try store(i, lanes, warp, place, warp.hazards)
    }
    return .next
  }

  func load(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int, _ hazards: WarpHazards?
  ) throws(SimulationError) {
    let elementBytes = Int(i.elementBytes)
    let count = Int(i.elementCount)
    let isWide = i.operation & LoadFlag.wide != 0
    let access = unsafe MemoryAccess(i, lanes, byteCount: elementBytes * count, in: addresses)
    let region = try region(access, i, lanes, warp, place)
    for element in 0..<count {
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
    let elementBytes = Int(i.elementBytes)
    let count = Int(i.elementCount)
    let isWide = i.operation & LoadFlag.wide != 0
    let access = unsafe MemoryAccess(i, lanes, byteCount: elementBytes * count, in: addresses)
    let region = try region(access, i, lanes, warp, place)
    for element in 0..<count {
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
      request(
        isWrite ? .write : .read, from: first, at: issueTime, warp,
        isWrite ? .nobody : .registers(warp.fragments[place].frame, instruction: lanes.index))
      if !isWrite { lanes.scoreboard.setReady(lanes.index, at: Frame.isComing) }
    case .local, .frame, .parameter:
      // Spilled registers and parameters are taken to be in L1 and in the constant cache.
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

  /// Whether it has all bytes from an address on.
  @inline(__always)
  func contains(_ address: UInt64, _ count: Int) -> Bool {
    let offset = address &- start
    return offset < UInt64(byteCount) && Int(offset) + count <= byteCount
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
  /// From each of 32 lanes to the next; 0 if that is not known to be the same.
  private var stride: UInt64 = 0
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
    if lanes.active == .max, i.a != DecodedInstruction.noBase {
      let summary = unsafe sim_addresses(
        addresses, lanes.row(i.a), i.isWide ? 1 : 0, offset, Int32(byteCount))
      first = self[0]
      (lowest, highest, joined) = (summary.lowest, summary.highest, summary.joined)
      (stride, isLinear) = (summary.stride, summary.is_linear != 0)
      return
    }
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

  /// Loads a word of each of 32 lanes, at an offset of its access, all of which are in the region.
  @inline(__always)
  @unsafe func loadWords(_ row: UnsafeMutablePointer<UInt32>, _ region: MemoryRegion, _ offset: Int) {
    let base = unsafe region.base + offset
    if isLinear {
      let words = unsafe (base + Int(first &- region.start)).assumingMemoryBound(to: UInt32.self)
      unsafe sim_load_run(row, words, Int32(byteCount / 4))
    } else {
      unsafe sim_load_words(row, base, region.start, addresses)
    }
  }

  /// As above, but stores.
  @inline(__always)
  @unsafe func storeWords(_ row: UnsafeMutablePointer<UInt32>, _ region: MemoryRegion, _ offset: Int) {
    let base = unsafe region.base + offset
    if isLinear {
      let words = unsafe (base + Int(first &- region.start)).assumingMemoryBound(to: UInt32.self)
      unsafe sim_store_run(words, row, Int32(byteCount / 4))
    } else {
      unsafe sim_store_words(base, region.start, addresses, row)
    }
  }

  /// The numbers that words of shared memory have in `shadow` which 32 lanes access, one each, if all are the same.
  @unsafe func equalNumber(in shadow: UnsafePointer<UInt32>, wordCount: Int) -> UInt32? {
    let mask = UInt64(1) << AddressWindow.sharedBits - 1
    guard byteCount == 4, Int(highest & mask) / 4 < wordCount else { return nil }
    var number: UInt32 = 0
    return unsafe sim_equal_at(shadow, addresses, mask, &number) != 0 ? number : nil
  }

  /// Wavefronts of shared memory, and as many as there would be without conflicts.
  func wavefronts(_ active: UInt32) -> (UInt64, UInt64) {
    if isLinear {
      let count = UInt64(max(1, (active.nonzeroBitCount * byteCount + 127) / 128))
      return (count, count)
    }
    // Everybody reads the same.
    if lowest == highest { return (1, 1) }
    let hasStride = stride != 0 && stride & UInt64(byteCount - 1) == 0 && byteCount >= 4
    let wavefronts =
      hasStride
      ? sim_stride_wavefronts(stride, Int32(byteCount))
      : unsafe sim_bank_wavefronts(addresses, active, Int32(byteCount))
    return (UInt64(wavefronts.total), UInt64(wavefronts.least))
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

  /// Whether two of some lanes have the same address.
  func hasEqual(_ active: UInt32) -> Bool {
    unsafe !isLinear && stride == 0 && sim_have_equal(addresses, active) != 0
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

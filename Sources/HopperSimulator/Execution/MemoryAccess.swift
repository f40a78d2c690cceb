/// Loads and stores.
extension Interpreter {
  /// The address of a lane, in the space of the instruction.
  @inline(__always)
  func address(_ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int) -> UInt64 {
    let offset = UInt64(bitPattern: i.immediate)
    if i.a == DecodedInstruction.noBase { return offset }
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
    guard rank < cluster.blocks.count else { return nil }
    let block = rank == warp.block.rank ? warp.block : cluster.blocks[rank]
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

  // MARK: Loads

  func load(_ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int) throws(SimulationError)
    -> Outcome
  {
    if lanes.active == 0 { return .next }
    if mustWait(i, warp, place) { return .blocked(.turn) }
    let elementBytes = Int(i.elementBytes)
    let count = Int(i.elementCount)
    let vectors = unsafe warp.fragments[place].frame.program.code.vectors
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let source = try unsafe memory(i, address(i, lanes, lane), elementBytes * count, lane, warp, place)
      for element in 0..<count {
        let slot = unsafe vectors[Int(i.extra) + element]
        let bits = unsafe Self.element(
          source + element * elementBytes, elementBytes, i.operation & LoadFlag.signed != 0)
        if i.operation & LoadFlag.wide != 0 {
          unsafe lanes.doubleWords(slot)[lane] = bits
        } else {
          unsafe lanes.words(slot)[lane] = UInt32(truncatingIfNeeded: bits)
        }
      }
    }
    return .next
  }

  @inline(__always)
  @unsafe private static func element(_ source: UnsafeMutableRawPointer, _ byteCount: Int, _ isSigned: Bool)
    -> UInt64
  {
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

  // MARK: Stores

  func store(_ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int)
    throws(SimulationError) -> Outcome
  {
    if lanes.active == 0 { return .next }
    if mustWait(i, warp, place) { return .blocked(.turn) }
    let elementBytes = Int(i.elementBytes)
    let count = Int(i.elementCount)
    let vectors = unsafe warp.fragments[place].frame.program.code.vectors
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let target = try unsafe memory(i, address(i, lanes, lane), elementBytes * count, lane, warp, place)
      for element in 0..<count {
        let slot = unsafe vectors[Int(i.extra) + element]
        let bits =
          i.operation & LoadFlag.wide != 0 ? lanes.doubleWord(slot, lane) : UInt64(lanes.word(slot, lane))
        let place = unsafe target + element * elementBytes
        switch elementBytes {
        case 1: unsafe place.storeBytes(of: UInt8(truncatingIfNeeded: bits), as: UInt8.self)
        case 2: unsafe place.storeBytes(of: UInt16(truncatingIfNeeded: bits), as: UInt16.self)
        case 4: unsafe place.storeBytes(of: UInt32(truncatingIfNeeded: bits), as: UInt32.self)
        default: unsafe place.storeBytes(of: bits, as: UInt64.self)
        }
      }
    }
    return .next
  }
}

/// Where the interpreter tells the hazard checks of ordinary accesses and of barriers.
extension Interpreter {
  /// The number under which the checks know an instruction of a warp.
  @inline(__always)
  func site(_ i: DecodedInstruction, _ warp: Warp, _ place: Int) -> Int32 {
    Int32(warp.fragments[place].frame.program.firstSite) + i.statement
  }

  /// A load or store of shared memory.
  func checkShared(
    _ access: MemoryAccess, _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp,
    _ hazards: WarpHazards, isWrite: Bool
  ) {
    let order = MemoryOrder(rawValue: i.modifiers) ?? .weak
    let (site, active) = (lanes.site(i), lanes.active)
    if order.isOrdered {
      forEachAddress(access, in: .shared, i, active) { address in
        checkOrdered(
          hazards, site, address & 0xFFFF_FFFF, byteCount: access.byteCount, reads: !isWrite, writes: isWrite)
      }
      return
    }
    let kind: Access.Kind = isWrite ? .write : .read
    let cluster = hazards.cluster
    let record = hazards.access(kind, site)
    if !lanes.isOwn(access.first) { checkRemote(record, access.first, warp) }
    if access.isContiguous(active) {
      let address = access.first & 0xFFFF_FFFF
      cluster.touch(
        record, hazards, address, byteCount: active.nonzeroBitCount * access.byteCount)
    } else if access.isOfWords {
      cluster.touch(record, hazards, access, active)
    } else {
      forEachAddress(access, in: .shared, i, active) { address in
        cluster.touch(
          record, hazards, address & 0xFFFF_FFFF, byteCount: access.byteCount)
      }
    }
  }

  /// Calls with the address of each active lane that is in a state space.
  @inline(__always)
  func forEachAddress(
    _ access: MemoryAccess, in space: AddressSpace, _ i: DecodedInstruction, _ active: UInt32,
    _ body: (UInt64) -> Void
  ) {
    var rest = active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let address = access[lane]
      if i.space == .generic, Self.space(ofGeneric: address) != space { continue }
      body(address)
    }
  }

  /// An atomic operation of one lane. `checkAtomicEnd` comes after those of all lanes.
  func checkAtomic(_ i: DecodedInstruction, _ address: UInt64, _ byteCount: Int, _ warp: Warp, _ place: Int) {
    guard let hazards = warp.hazards else { return }
    let space = i.space == .generic ? Self.space(ofGeneric: address) : i.space
    let site = site(i, warp, place)
    if space == .shared {
      checkOrdered(hazards, site, address & 0xFFFF_FFFF, byteCount: byteCount, reads: true, writes: true)
    } else if space == .global {
      let order = MemoryOrder(rawValue: i.modifiers) ?? .relaxed
      checkOrderedGlobal(hazards, site, address, byteCount, order, warp, reads: true, writes: true)
    }
  }

  /// What the lanes of an atomic operation have done in global memory is published.
  func checkAtomicEnd(_ i: DecodedInstruction, _ warp: Warp) {
    if i.space != .shared { warp.hazards?.advance() }
  }

  /// An atomic operation, or a load or store that is not weak.
  func checkOrdered(
    _ hazards: WarpHazards, _ site: Int32, _ address: UInt64, byteCount: Int, reads: Bool, writes: Bool
  ) {
    let cluster = hazards.cluster
    // What it has read orders it after who has written that.
    cluster.synchronize(hazards, at: address, reads: reads, writes: false)
    let record = hazards.access(writes ? .synchronizingWrite : .synchronizingRead, site)
    cluster.touch(record, hazards, address, byteCount: byteCount)
    cluster.synchronize(hazards, at: address, reads: false, writes: writes)
  }
}

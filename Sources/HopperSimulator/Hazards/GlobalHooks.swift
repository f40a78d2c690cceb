/// Where the interpreter tells the hazard checks of global memory.
extension Interpreter {
  /// A load or store.
  func checkGlobal(
    _ access: MemoryAccess, _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp,
    _ hazards: WarpHazards, isWrite: Bool
  ) {
    let order = MemoryOrder(rawValue: i.modifiers) ?? .weak
    let (site, active) = (lanes.site(i), lanes.active)
    if order.isOrdered {
      forEachAddress(access, in: .global, i, active) { address in
        checkOrderedGlobal(
          hazards, site, address, access.byteCount, order, warp, reads: !isWrite, writes: isWrite)
      }
      if isWrite { hazards.advance() }
    } else if access.isContiguous(active) {
      let byteCount = active.nonzeroBitCount * access.byteCount
      checkGlobal(isWrite ? .write : .read, access.first, byteCount, site, warp, hazards)
    } else {
      // Lanes that follow each other are one run.
      var run: Range<UInt64> = 0..<0
      forEachAddress(access, in: .global, i, active) { address in
        if address != run.upperBound {
          checkGlobal(isWrite ? .write : .read, run.lowerBound, run.count, site, warp, hazards)
          run = address..<address
        }
        run = run.lowerBound..<address + UInt64(access.byteCount)
      }
      checkGlobal(isWrite ? .write : .read, run.lowerBound, run.count, site, warp, hazards)
    }
  }

  /// Access to a run of bytes of global memory, all of which are in an allocation.
  func checkGlobal(
    _ kind: GlobalAccess.Kind, _ address: UInt64, _ byteCount: Int, _ site: Int32, _ warp: Warp,
    _ hazards: WarpHazards, isAsynchronous: Bool = false
  ) {
    guard byteCount > 0, launch.global != nil, let allocation = checkedAllocation(containing: address) else {
      return
    }
    let first = Int(address - allocation.address)
    if kind.isWrite {
      allocation.words.mark(first..<first + byteCount)
    } else if let missing = allocation.words.firstMissing(first..<first + byteCount) {
      hazards.cluster.report(
        .uninitialisedGlobal, hazards.access(.read, site), address: allocation.address + UInt64(missing),
        "reads bytes that neither the host nor a kernel has written")
    }
    let state = hazards.cluster.global
    if kind.isWrite {
      lastWritten = allocation.address
    } else if !state.isEarly, lastWritten != allocation.address, !isKnown(allocation) {
      return
    }
    let actor = GlobalActor(
      grid: Int32(launch.gridIndex), cluster: state.number, time: state.order.time,
      agent: isAsynchronous ? -1 : Int32(hazards.agent), agentTime: hazards.time,
      block: Int32(warp.block.index), warp: Int32(warp.index), site: site)
    accesses.add(
      GlobalAccess(
        kind: kind, address: address, byteCount: byteCount, actor: actor, clock: 0, isEarly: state.isEarly),
      seen: hazards.causality.seen)
  }

  /// The allocation that has a byte: probably that of the access before.
  private func checkedAllocation(containing address: UInt64) -> GlobalMemory.Allocation? {
    if let last = lastChecked, address &- last.address < UInt64(last.byteCount) { return last }
    guard let found = launch.memory.allocation(containing: address) else { return nil }
    lastChecked = found
    isLastKnown = nil
    return found
  }

  /// Whether accesses to the last allocation that was checked have been looked at, before this window.
  private func isKnown(_ allocation: GlobalMemory.Allocation) -> Bool {
    if let isLastKnown { return isLastKnown }
    let isKnown = launch.global?.isKnown(allocation) ?? false
    isLastKnown = isKnown
    return isKnown
  }

  /// An access whose order among clusters counts. All other interpreters wait.
  func checkOrderedGlobal(
    _ hazards: WarpHazards, _ site: Int32, _ address: UInt64, _ byteCount: Int, _ order: MemoryOrder,
    _ warp: Warp,
    reads: Bool, writes: Bool
  ) {
    guard let global = launch.global else { return }
    // What it has read orders it after who has written that.
    if reads { global.read(hazards, address, order) }
    if reads { checkGlobal(.synchronizingRead, address, byteCount, site, warp, hazards) }
    if writes { checkGlobal(.synchronizingWrite, address, byteCount, site, warp, hazards) }
    takeAccesses()
    if writes { global.write(hazards, address, order) }
  }

  /// Hands over what has been written down. All other interpreters wait.
  func takeAccesses() {
    // Now more may be known.
    isLastKnown = nil
    guard !accesses.accesses.isEmpty else { return }
    launch.global?.take(accesses)
    accesses.removeAll()
  }

  /// The bytes of a tensor that a box reads or writes.
  func checkGlobal(
    _ kind: GlobalAccess.Kind, _ box: TensorBox, _ site: Int32, _ warp: Warp, _ hazards: WarpHazards
  ) {
    box.forEachRow { row in
      let byteCount = row.count * box.map.element.byteCount
      // Rows outside of every allocation are an error when the copy happens.
      if byteCount > 0, unsafe launch.memory.pointer(row.address, byteCount) != nil {
        checkGlobal(kind, row.address, byteCount, site, warp, hazards, isAsynchronous: true)
      }
    }
  }
}

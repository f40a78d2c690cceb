/// Copies that run beside the warps (PTX ISA 9.7.9.24 to 9.7.9.27): `cp.async` here, bulk and tensor copies in files of
/// their own. Data moves, and mbarriers are told, when the copy is done.
extension Interpreter {
  /// Has something happen at a time; `cluster` is the one whose memory it uses, if it does.
  func schedule(
    at time: UInt64, keeping cluster: Cluster? = nil,
    _ action: @escaping (Interpreter) throws(SimulationError) -> Void
  ) {
    eventCount += 1
    let event = PendingEvent(time: time, sequence: eventCount, cluster: cluster, action: action)
    let place = events.firstIndex { $0.time > time } ?? events.count
    events.insert(event, at: place)
  }

  func executeAsynchronous(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    switch i.opcode {
    case .asynchronousCopy: try copy(i, lanes, warp, place)
    case .asynchronousCopyGroup:
      warp.asynchronous.copies.commit()
      warp.hazards?.copies.commit(lane: 0)
    case .asynchronousCopyWait:
      // Commits of everything so far, so that `wait_all` finds it.
      if i.operation == 1, !warp.fragments[place].isGranted {
        warp.asynchronous.copies.commit()
        warp.hazards?.copies.commit(lane: 0)
      }
      guard let times = warp.asynchronous.copies.ready(allBut: Int(i.immediate)) else {
        return .blocked(.memory)
      }
      warp.wait(until: times.done, .copyWait)
      warp.hazards?.wait(\.copies, lane: 0, allBut: Int(i.immediate))
    case .asynchronousCopyArrive: try arriveAfterCopies(i, lanes, warp, place)
    case .bulkGroup:
      lanes.forEachActiveLane {
        warp.asynchronous.bulk[$0, default: CopyGroups()].commit()
        warp.hazards?.bulk.commit(lane: $0)
      }
    case .bulkWait: waitForBulk(i, lanes, warp)
    default:
      var rest = lanes.active
      while rest != 0 {
        let lane = rest.trailingZeroBitCount
        rest &= rest &- 1
        switch i.opcode {
        case .bulkCopy, .bulkReduce: try copyBulk(i, lanes, lane, warp, place)
        case .tensorLoad: try loadTensor(i, lanes, lane, warp, place)
        case .tensorStore: try storeTensor(i, lanes, lane, warp, place)
        case .tensorPrefetch: try prefetchTensor(i, lanes, lane, warp, place)
        default: try storeRemote(i, lanes, lane, warp, place)
        }
      }
    }
    return .next
  }

  private func waitForBulk(_ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp) {
    lanes.forEachActiveLane { lane in
      guard var groups = warp.asynchronous.bulk[lane] else { return }
      guard let times = groups.ready(allBut: Int(i.immediate)) else { return }
      // Groups that have only been read stay to be waited for.
      if i.operation == 0 { warp.asynchronous.bulk[lane] = groups }
      warp.wait(until: i.operation == 1 ? times.read : times.done, .copyWait)
      warp.hazards?.wait(\.bulk, lane: lane, allBut: Int(i.immediate))
    }
  }

  // MARK: Memory

  /// Memory of an operand of an asynchronous copy: aligned, and all in one place.
  @unsafe func memory(
    _ space: AddressSpace, _ address: UInt64, _ byteCount: Int, alignment: Int, _ lane: Int,
    _ i: DecodedInstruction,
    _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> UnsafeMutableRawPointer {
    if address & UInt64(alignment - 1) != 0 {
      throw error(
        .misaligned(space: "\(space)", address: address, byteCount: alignment, lane: lane), i, warp, place)
    }
    let found =
      space == .shared
      ? unsafe sharedMemory(address & 0xFFFF_FFFF, byteCount, warp)
      : unsafe launch.memory.pointer(address, byteCount)
    guard let found = unsafe found else {
      throw error(
        .outOfBounds(space: "\(space)", address: address, byteCount: byteCount, lane: lane), i, warp, place)
    }
    return unsafe found
  }

  // MARK: cp.async

  private func copy(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let byteCount = Int(i.elementBytes)
    let ignored = lanes.predicate(i.e)
    var moves: [CopyMove] = []
    var access = unsafe MemoryAccess(byteCount: byteCount, in: addresses)
    var sources: UInt32 = 0
    let number = warp.hazards?.copies.start(lane: 0) ?? 0
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let target = try unsafe memory(
        .shared, lanes.doubleWord(i.a, lane), byteCount, alignment: byteCount, lane, i, warp, place)
      checkCopy(
        into: lanes.doubleWord(i.a, lane) & 0xFFFF_FFFF, byteCount: byteCount, time: number,
        site(i, warp, place), warp)
      let size = ignored >> UInt32(lane) & 1 == 1 ? 0 : min(Int(lanes.word(i.d, lane)), byteCount)
      // A source of no bytes is not looked at: its address may be anything.
      if size == 0 {
        unsafe moves.append(CopyMove(target: target, source: target, count: 0))
      } else {
        access.add(lanes.doubleWord(i.b, lane), lane)
        sources |= 1 << UInt32(lane)
        let source = try unsafe memory(
          .global, lanes.doubleWord(i.b, lane), size, alignment: 1, lane, i, warp, place)
        unsafe moves.append(CopyMove(target: target, source: source, count: size))
      }
    }
    if let hazards = warp.hazards, sources != 0 {
      lanes.forEachActiveLane { lane in
        guard sources >> UInt32(lane) & 1 == 1 else { return }
        let size = ignored >> UInt32(lane) & 1 == 1 ? 0 : min(Int(lanes.word(i.d, lane)), byteCount)
        checkGlobal(
          .read, lanes.doubleWord(i.b, lane), size, site(i, warp, place), warp, hazards, isAsynchronous: true)
      }
    }
    let cluster = warp.block.cluster
    let group = warp.asynchronous.copies.addPending()
    let first = requests.runs.count
    access.addRuns(sources, to: &requests)
    let start = warp.takeGlobal(at: issueTime, slot: slotTime, lines: requests.lineCount(since: first))
    request(
      .read, from: first, at: start, warp,
      .action { [unowned self] done in
        warp.asynchronous.copies.resolve(group, CopyTimes(read: done, done: done))
        schedule(at: done, keeping: cluster) { _ throws(SimulationError) in
          for move in moves { move.perform(byteCount) }
        }
      })
  }

  /// `cp.async.mbarrier.arrive`: the arrival of each thread happens when its copies so far are done.
  private func arriveAfterCopies(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let cluster = warp.block.cluster
    let now = warp.time
    let causality = causalityOfCopies(warp)
    let access = warp.hazards?.access(.synchronizingWrite, site(i, warp, place))
    let origin = CopyOrigin(i, warp, place)
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let address = lanes.doubleWord(i.c, lane) & 0xFFFF_FFFF
      // Without `.noinc` the phase waits for one arrival more, which this is.
      if i.operation == 0 { try addPending(at: address, in: cluster, origin) }
      warp.asynchronous.copies.whenDone { [unowned self] done in
        let time = max(now, done)
        schedule(at: time) { interpreter throws(SimulationError) in
          try interpreter.apply(.arrival, at: address, in: cluster, time: time, access, causality, origin)
        }
      }
    }
  }
}

/// What one thread's `cp.async` moves.
@safe private struct CopyMove {
  let target: UnsafeMutableRawPointer
  let source: UnsafeMutableRawPointer
  let count: Int

  @unsafe init(target: UnsafeMutableRawPointer, source: UnsafeMutableRawPointer, count: Int) {
    unsafe self.target = target
    unsafe self.source = source
    self.count = count
  }

  /// Moves the bytes; of `byteCount`, the others become 0.
  func perform(_ byteCount: Int) {
    if count > 0 { unsafe target.copyMemory(from: source, byteCount: count) }
    unsafe (target + count).initializeMemory(as: UInt8.self, repeating: 0, count: byteCount - count)
  }
}

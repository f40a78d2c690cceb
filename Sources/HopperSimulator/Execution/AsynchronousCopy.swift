/// Copies that run beside the warps: `cp.async`, bulk copies, tensor copies, `st.async` and `red.async`
/// (PTX ISA 9.7.9.24 to 9.7.9.27). Data moves, and mbarriers are told, when the copy is done.
extension Interpreter {
  /// Latencies in cycles: uncalibrated.
  private enum Latency {
    /// Until a bulk copy has read its source in shared memory, and until what it writes is everywhere.
    static let bulkRead: UInt64 = 100
    static let bulkWrite: UInt64 = 600
  }

  func schedule(at time: UInt64, _ action: @escaping (Interpreter) throws(SimulationError) -> Void) {
    eventCount += 1
    let event = PendingEvent(time: time, sequence: eventCount, action: action)
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
  @unsafe private func memory(
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
        checkGlobal(.read, lanes.doubleWord(i.b, lane), size, site(i, warp, place), warp, hazards)
      }
    }
    let group = warp.asynchronous.copies.addPending()
    let first = requests.runs.count
    access.addRuns(sources, to: &requests)
    request(
      .read, from: first, at: issueTime, warp,
      .action { [unowned self] done in
        warp.asynchronous.copies.resolve(group, CopyTimes(read: done, done: done))
        schedule(at: done) { _ throws(SimulationError) in
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
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let address = lanes.doubleWord(i.c, lane) & 0xFFFF_FFFF
      // Without `.noinc` the phase waits for one arrival more, which this is.
      if i.operation == 0 { addPending(1, at: address, in: cluster) }
      warp.asynchronous.copies.whenDone { [unowned self] done in
        let time = max(now, done)
        schedule(at: time) { interpreter throws(SimulationError) in
          if let causality { cluster.hazards?.objects[address]?.arrive(causality) }
          interpreter.complete(bytes: 0, arrivals: 1, at: address, in: cluster, time: time)
        }
      }
    }
  }

  // MARK: Bulk copies

  /// When a bulk copy out of shared memory that starts now will have read, and be done.
  private func writeTimes(_ byteCount: Int, _ warp: Warp) -> CopyTimes {
    let wavefronts = warp.clock.wavefronts(byteCount)
    let start = warp.clock.takeShared(at: issueTime, slot: slotTime, wavefronts: wavefronts)
    let read = start + wavefronts + Latency.bulkRead
    return CopyTimes(read: read, done: read + Latency.bulkWrite)
  }

  /// Blocks that a copy goes to: that of the address, or those of a mask, each at the same offset.
  private func targets(_ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ address: UInt64)
    -> [UInt64]
  {
    guard i.modifiers & 1 != 0 else { return [address & 0xFFFF_FFFF] }
    let offset = address & (1 << AddressWindow.sharedBits - 1)
    let mask = lanes.word(i.e, lane)
    return (0..<16).filter { mask >> UInt32($0) & 1 == 1 }.map {
      UInt64($0) << AddressWindow.sharedBits | offset
    }
  }

  private func copyBulk(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let byteCount = Int(lanes.word(i.d, lane))
    if byteCount % 16 != 0 {
      throw error(.badOperand("a bulk copy of \(byteCount) bytes: not a multiple of 16"), i, warp, place)
    }
    let fromSpace: AddressSpace = i.operation == 0 ? .global : .shared
    let toSpace: AddressSpace = i.operation == 2 ? .global : .shared
    let source = try unsafe memory(
      fromSpace, lanes.doubleWord(i.b, lane), byteCount, alignment: 16, lane, i, warp, place)
    let reduction = i.opcode == .bulkReduce ? BulkReduction(i) : nil
    let addresses =
      toSpace == .global
      ? [lanes.doubleWord(i.a, lane)] : targets(i, lanes, lane, lanes.doubleWord(i.a, lane))
    let barrier = lanes.doubleWord(i.c, lane)
    let cluster = warp.block.cluster
    let site = site(i, warp, place)
    var moves: [(address: UInt64, move: BulkMove, access: Access?)] = []
    for address in addresses {
      let target = try unsafe memory(toSpace, address, byteCount, alignment: 16, lane, i, warp, place)
      let move = unsafe BulkMove(target: target, source: source, reduction: reduction)
      let access =
        toSpace == .global
        ? checkBulkRead(site, lane, warp)
        : checkCopy(
          into: address & 0xFFFF_FFFF, byteCount: byteCount,
          barrier: Self.barrierAddress(barrier, of: i, beside: address), isReduction: reduction != nil, site,
          warp)
      moves.append((address, move, access))
    }
    if let hazards = warp.hazards, fromSpace == .global {
      checkGlobal(.read, lanes.doubleWord(i.b, lane), byteCount, site, warp, hazards)
    } else if let hazards = warp.hazards, toSpace == .global {
      let kind: GlobalAccess.Kind = reduction == nil ? .write : .synchronizingWrite
      checkGlobal(kind, lanes.doubleWord(i.a, lane), byteCount, site, warp, hazards)
    }
    if fromSpace == .shared {
      let from = lanes.doubleWord(i.b, lane) & 0xFFFF_FFFF
      checkRead(moves.first?.access?.reading, from, byteCount: byteCount, warp)
    }
    let arrive = { [unowned self] (done: UInt64) in
      for (address, move, access) in moves {
        schedule(at: done) { interpreter throws(SimulationError) in
          move.perform(byteCount)
          guard toSpace == .shared else { return }
          let place = Self.barrierAddress(barrier, of: i, beside: address)
          interpreter.checkArrival(of: access, at: place, in: cluster)
          interpreter.complete(bytes: byteCount, at: place, in: cluster, time: done)
        }
      }
    }
    if fromSpace == .global {
      let first = requests.runs.count
      requests.add(lanes.doubleWord(i.b, lane), byteCount, since: first)
      requestCopy(from: first, to: addresses, byteCount, warp, arrive)
      return
    }
    var times = writeTimes(byteCount, warp)
    if toSpace == .global {
      warp.asynchronous.bulk[lane, default: CopyGroups()].add(times)
      let first = requests.runs.count
      requests.add(lanes.doubleWord(i.a, lane), byteCount, since: first)
      request(.write, from: first, at: issueTime, warp, .nobody)
    } else {
      times.done = times.read + warp.clock.remoteSharedLatency
    }
    arrive(times.done)
  }

  /// The mbarrier that a copy into a block tells: with a multicast, that block's at the same offset.
  private static func barrierAddress(_ barrier: UInt64, of i: DecodedInstruction, beside target: UInt64)
    -> UInt64
  {
    guard i.modifiers & 1 != 0 else { return barrier & 0xFFFF_FFFF }
    let offset = barrier & (1 << AddressWindow.sharedBits - 1)
    return target & ~(1 << AddressWindow.sharedBits - 1) | offset
  }

  // MARK: Tensor copies

  /// The box that an instruction names.
  private func box(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> TensorBox {
    let address = lanes.doubleWord(i.b, lane)
    guard let source = unsafe mapMemory(address, warp) else {
      throw error(
        .outOfBounds(space: "generic", address: address, byteCount: TensorMapFields.byteCount, lane: lane), i,
        warp,
        place)
    }
    if address & 63 != 0 {
      throw error(.misaligned(space: "generic", address: address, byteCount: 64, lane: lane), i, warp, place)
    }
    let bytes = unsafe Array(UnsafeRawBufferPointer(start: source, count: TensorMapFields.byteCount))
    guard let map = TensorMapFields(bytes: bytes) else {
      throw error(.badOperand("no tensor map at 0x\(String(address, radix: 16))"), i, warp, place)
    }
    guard map.rank == Int(i.extraCount) else {
      throw error(
        .badOperand("\(i.extraCount) coordinates for a tensor map of rank \(map.rank)"), i, warp, place)
    }
    let vectors = unsafe warp.fragments[place].frame.program.code.vectors
    let start = (0..<map.rank).map { dimension in
      Int(Int32(bitPattern: lanes.word(unsafe vectors[Int(i.extra) + dimension], lane)))
    }
    return TensorBox(map: map, start: start)
  }

  /// Memory of a tensor map at a generic address.
  @unsafe private func mapMemory(_ address: UInt64, _ warp: Warp) -> UnsafeMutableRawPointer? {
    switch Self.space(ofGeneric: address) {
    case .parameter:
      let offset = Int(address & 0xFFFF_FFFF)
      return unsafe offset + TensorMapFields.byteCount <= launch.parameterByteCount
        ? launch.parameters + offset : nil
    case .shared: return unsafe sharedMemory(address & 0xFFFF_FFFF, TensorMapFields.byteCount, warp)
    default: return unsafe launch.memory.pointer(address, TensorMapFields.byteCount)
    }
  }

  private func loadTensor(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let box = try box(i, lanes, lane, warp, place)
    let byteCount = box.map.boxByteCount
    let barrier = lanes.doubleWord(i.c, lane)
    let cluster = warp.block.cluster
    let here = ExecutionPlace(warp.fragments[place].frame.program, Int(i.statement), warp)
    var bases: [(address: UInt64, base: SharedBase, access: Access?)] = []
    for address in targets(i, lanes, lane, lanes.doubleWord(i.a, lane)) {
      let target = try unsafe memory(.shared, address, byteCount, alignment: 128, lane, i, warp, place)
      let access = checkCopy(
        into: address, byteCount: byteCount, barrier: Self.barrierAddress(barrier, of: i, beside: address),
        site(i, warp, place), warp)
      unsafe bases.append((address, SharedBase(target - Self.sharedOffset(address)), access))
    }
    let first = requests.runs.count
    box.addRuns(to: &requests)
    if let hazards = warp.hazards { checkGlobal(.read, box, site(i, warp, place), warp, hazards) }
    requestCopy(from: first, to: bases.map(\.address), byteCount, warp) { [unowned self] done in
      for (address, base, access) in bases {
        schedule(at: done) { interpreter throws(SimulationError) in
          try unsafe interpreter.load(box, into: base.pointer, at: Self.sharedOffset(address), here, lane)
          let place = Self.barrierAddress(barrier, of: i, beside: address)
          interpreter.checkArrival(of: access, at: place, in: cluster)
          interpreter.complete(bytes: byteCount, at: place, in: cluster, time: done)
        }
      }
    }
  }

  /// Asks for the global memory of a bulk or tensor copy into shared memory of blocks of the cluster. The bytes take
  /// time of the multiprocessor's TMA unit first, and of the blocks' shared memory when they come.
  private func requestCopy(
    from first: Int, to addresses: [UInt64], _ byteCount: Int, _ warp: Warp,
    _ arrive: @escaping (UInt64) -> Void
  ) {
    let cluster = warp.block.cluster
    let targets = addresses.map { cluster.blocks[Int($0 >> AddressWindow.sharedBits)] }
    let time = warp.clock.takeTensorCopy(at: issueTime, byteCount)
    request(
      .read, from: first, at: time, warp, extraLatency: UInt64(launch.device.tensorCopyLatency.value),
      otherProcessors: targets.map(\.processor).filter { $0 != warp.block.processor },
      .action { [unowned self] done in
        for block in targets {
          schedule(at: done) { _ throws(SimulationError) in block.clock.takeSharedForCopy(byteCount, at: done)
          }
        }
        arrive(done)
      })
  }

  /// The offset of a shared address in its block's memory.
  private static func sharedOffset(_ address: UInt64) -> Int {
    Int(address & (1 << AddressWindow.sharedBits - 1))
  }

  /// Copies a box into a block's shared memory.
  @unsafe private func load(
    _ box: TensorBox, into shared: UnsafeMutableRawPointer, at offset: Int, _ place: ExecutionPlace,
    _ lane: Int
  ) throws(SimulationError) {
    let size = box.map.element.byteCount
    let rowBytes = box.map.box[0] * size
    var fault: UInt64?
    // A row is gathered in full, outside elements filled, and then laid out.
    unsafe withUnsafeTemporaryAllocation(byteCount: max(1, rowBytes), alignment: 16) { row in
      guard let base = row.baseAddress else { return }
      box.forEachRow { part in
        if part.count * size < rowBytes { unsafe Self.fill(base, box, rowBytes) }
        if part.count > 0 {
          guard let source = unsafe launch.memory.pointer(part.address, part.count * size) else {
            fault = part.address
            return
          }
          unsafe (base + part.skipped * size).copyMemory(from: source, byteCount: part.count * size)
        }
        box.forEachPiece(at: offset, from: part.boxOffset, byteCount: rowBytes) { address, from, count in
          unsafe (shared + address).copyMemory(from: base + from, byteCount: count)
        }
      }
    }
    if let fault {
      throw SimulationError(
        reason: .outOfBounds(space: "global", address: fault, byteCount: rowBytes, lane: lane), place: place)
    }
  }

  @unsafe private static func fill(_ row: UnsafeMutableRawPointer, _ box: TensorBox, _ byteCount: Int) {
    let size = box.map.element.byteCount
    for byte in 0..<byteCount {
      unsafe row.storeBytes(
        of: UInt8(truncatingIfNeeded: box.fill >> UInt64(8 * (byte % size))), toByteOffset: byte,
        as: UInt8.self)
    }
  }

  private func storeTensor(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let box = try box(i, lanes, lane, warp, place)
    let byteCount = box.map.boxByteCount
    let address = lanes.doubleWord(i.a, lane) & 0xFFFF_FFFF
    let source = try unsafe memory(.shared, address, byteCount, alignment: 128, lane, i, warp, place)
    let offset = Self.sharedOffset(address)
    let times = writeTimes(byteCount, warp)
    warp.asynchronous.bulk[lane, default: CopyGroups()].add(times)
    let reduction = i.operation == 0 ? nil : BulkReduction(i.operation - 1, box.map.element.atomicElement)
    let here = ExecutionPlace(warp.fragments[place].frame.program, Int(i.statement), warp)
    let base = unsafe SharedBase(source - offset)
    let first = requests.runs.count
    box.addRuns(to: &requests)
    request(.write, from: first, at: issueTime, warp, .nobody)
    if let hazards = warp.hazards {
      let kind: GlobalAccess.Kind = reduction == nil ? .write : .synchronizingWrite
      checkGlobal(kind, box, site(i, warp, place), warp, hazards)
    }
    if let access = checkBulkRead(site(i, warp, place), lane, warp) {
      box.forEachRow { part in
        let from = part.boxOffset + part.skipped * box.map.element.byteCount
        let rowBytes = part.count * box.map.element.byteCount
        box.forEachPiece(at: offset, from: from, byteCount: rowBytes) { piece, _, count in
          checkRead(access, address - UInt64(offset) + UInt64(piece), byteCount: count, warp)
        }
      }
    }
    schedule(at: times.done) { interpreter throws(SimulationError) in
      try unsafe interpreter.store(box, from: base.pointer, at: offset, reduction, here, lane)
    }
  }

  @unsafe private func store(
    _ box: TensorBox, from shared: UnsafeMutableRawPointer, at offset: Int, _ reduction: BulkReduction?,
    _ place: ExecutionPlace, _ lane: Int
  ) throws(SimulationError) {
    let size = box.map.element.byteCount
    var fault: UInt64?
    box.forEachRow { part in
      guard part.count > 0 else { return }
      guard let target = unsafe launch.memory.pointer(part.address, part.count * size) else {
        fault = part.address
        return
      }
      let from = part.boxOffset + part.skipped * size
      box.forEachPiece(at: offset, from: from, byteCount: part.count * size) { address, to, count in
        if let reduction {
          unsafe reduction.apply(shared + address, to: target + to, byteCount: count)
        } else {
          unsafe (target + to).copyMemory(from: shared + address, byteCount: count)
        }
      }
    }
    if let fault {
      throw SimulationError(
        reason: .outOfBounds(space: "global", address: fault, byteCount: size, lane: lane), place: place)
    }
  }

  // MARK: st.async, red.async

  private func storeRemote(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let size = Int(i.elementBytes)
    let count = Int(i.extraCount)
    let target = try unsafe memory(
      .shared, lanes.doubleWord(i.a, lane), size * count, alignment: size * count, lane, i, warp, place)
    let vectors = unsafe warp.fragments[place].frame.program.code.vectors
    let values = (0..<count).map { element -> UInt64 in
      let slot = unsafe vectors[Int(i.extra) + element]
      return size == 8 ? lanes.doubleWord(slot, lane) : UInt64(lanes.word(slot, lane))
    }
    guard let element = AtomicElement(rawValue: i.type) else { return }
    let operation = i.opcode == .reduceAsynchronous ? AtomicOperation(rawValue: i.operation) : nil
    let barrier = lanes.doubleWord(i.c, lane) & 0xFFFF_FFFF
    let cluster = warp.block.cluster
    let access = checkCopy(
      into: lanes.doubleWord(i.a, lane) & 0xFFFF_FFFF, byteCount: size * count, barrier: barrier,
      isReduction: operation != nil, site(i, warp, place), warp)
    let done = issueTime + warp.clock.remoteSharedLatency
    schedule(at: done) { interpreter throws(SimulationError) in
      interpreter.checkArrival(of: access, at: barrier, in: cluster)
      for (index, value) in values.enumerated() {
        let memory = unsafe target + index * size
        let old = unsafe AtomicArithmetic.load(memory, element)
        let new = operation.map { AtomicArithmetic.result($0, element, old, value, 0) } ?? value
        unsafe AtomicArithmetic.store(new, memory, element)
      }
      interpreter.complete(bytes: size * count, at: barrier, in: cluster, time: done)
    }
  }
}

/// Byte 0 of a block's shared memory.
@safe private struct SharedBase {
  let pointer: UnsafeMutableRawPointer

  @unsafe init(_ pointer: UnsafeMutableRawPointer) {
    unsafe self.pointer = pointer
  }
}

/// What a bulk copy moves.
@safe private struct BulkMove {
  private let target: UnsafeMutableRawPointer
  private let source: UnsafeMutableRawPointer
  private let reduction: BulkReduction?

  @unsafe init(target: UnsafeMutableRawPointer, source: UnsafeMutableRawPointer, reduction: BulkReduction?) {
    unsafe self.target = target
    unsafe self.source = source
    self.reduction = reduction
  }

  func perform(_ byteCount: Int) {
    if let reduction {
      unsafe reduction.apply(source, to: target, byteCount: byteCount)
    } else {
      unsafe target.copyMemory(from: source, byteCount: byteCount)
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

/// A reduction that a bulk copy makes at its destination.
struct BulkReduction {
  let operation: AtomicOperation
  let element: AtomicElement

  init(_ i: DecodedInstruction) {
    self.init(UInt8(truncatingIfNeeded: i.immediate), AtomicElement(rawValue: i.type) ?? .u32)
  }

  init(_ operation: UInt8, _ element: AtomicElement) {
    self.operation = AtomicOperation(rawValue: operation) ?? .add
    self.element = element
  }

  /// Combines bytes of `source` into `target`, element by element.
  @unsafe func apply(_ source: UnsafeMutableRawPointer, to target: UnsafeMutableRawPointer, byteCount: Int) {
    for offset in stride(from: 0, to: byteCount, by: element.byteCount) {
      let value = unsafe AtomicArithmetic.load(source + offset, element)
      let old = unsafe AtomicArithmetic.load(target + offset, element)
      unsafe AtomicArithmetic.store(
        AtomicArithmetic.result(operation, element, old, value, 0), target + offset, element)
    }
  }
}

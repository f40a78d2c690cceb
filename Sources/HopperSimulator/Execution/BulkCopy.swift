/// Bulk copies and reductions, `st.async` and `red.async` (PTX ISA 9.7.9.25).
extension Interpreter {
  /// Latencies in cycles: uncalibrated.
  private enum Latency {
    /// Until a bulk copy has read its source in shared memory, and until what it writes is everywhere.
    static let bulkRead: UInt64 = 100
    static let bulkWrite: UInt64 = 600
  }

  /// When a bulk copy out of shared memory that starts now will have read, and be done.
  func writeTimes(_ byteCount: Int, _ warp: Warp) -> CopyTimes {
    let wavefronts = warp.clock.wavefronts(byteCount)
    let start = warp.clock.takeShared(at: issueTime, slot: slotTime, wavefronts: wavefronts)
    let read = start + wavefronts + Latency.bulkRead
    return CopyTimes(read: read, done: read + Latency.bulkWrite)
  }

  /// Blocks that a copy goes to: that of the address, or those of a mask, each at the same offset.
  func targets(_ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ address: UInt64)
    -> [UInt64]
  {
    guard i.modifiers & 1 != 0 else { return [address & 0xFFFF_FFFF] }
    let offset = address & (1 << AddressWindow.sharedBits - 1)
    let mask = lanes.word(i.e, lane)
    return (0..<16).filter { mask >> UInt32($0) & 1 == 1 }.map {
      UInt64($0) << AddressWindow.sharedBits | offset
    }
  }

  /// One thread's `cp.async.bulk` or `cp.reduce.async.bulk`.
  func copyBulk(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let byteCount = Int(lanes.word(i.d, lane))
    if byteCount % 16 != 0 {
      throw error(.badOperand("a bulk copy of \(byteCount) bytes: not a multiple of 16"), i, warp, place)
    }
    let (from, to) = (lanes.doubleWord(i.b, lane), lanes.doubleWord(i.a, lane))
    let fromSpace: AddressSpace = i.operation == 0 ? .global : .shared
    let toSpace: AddressSpace = i.operation == 2 ? .global : .shared
    let source = try unsafe memory(fromSpace, from, byteCount, alignment: 16, lane, i, warp, place)
    let reduction = i.opcode == .bulkReduce ? BulkReduction(i) : nil
    let barrier = lanes.doubleWord(i.c, lane)
    var moves: [BulkMove] = []
    for address in toSpace == .global ? [to] : targets(i, lanes, lane, to) {
      let target = try unsafe memory(toSpace, address, byteCount, alignment: 16, lane, i, warp, place)
      moves.append(
        unsafe BulkMove(
          address: address, barrier: Self.barrierAddress(barrier, of: i, beside: address), target: target,
          source: source, byteCount: byteCount, reduction: reduction))
    }
    check(&moves, from: fromSpace, from, to: toSpace, site(i, warp, place), lane, warp)
    let first = requests.runs.count
    if fromSpace == .global {
      requests.add(from, byteCount, since: first)
      let arrive = arrival(of: moves, i, warp, place)
      requestCopy(from: first, to: moves.map(\.address), byteCount, warp, arrive)
      return
    }
    let times = writeTimes(byteCount, warp)
    if toSpace == .shared {
      arrival(of: moves, i, warp, place)(times.read + warp.clock.remoteSharedLatency)
      return
    }
    warp.asynchronous.bulk[lane, default: CopyGroups()].add(times)
    requests.add(to, byteCount, since: first)
    request(.write, from: first, at: issueTime, warp, .nobody)
    schedule(at: times.done, keeping: warp.block.cluster) { _ throws(SimulationError) in
      for move in moves { move.perform() }
    }
  }

  /// Tells the hazard checks of a bulk copy.
  private func check(
    _ moves: inout [BulkMove], from fromSpace: AddressSpace, _ from: UInt64, to toSpace: AddressSpace,
    _ site: Int32, _ lane: Int, _ warp: Warp
  ) {
    guard let hazards = warp.hazards else { return }
    for place in moves.indices {
      let move = moves[place]
      moves[place].access =
        toSpace == .global
        ? checkBulkRead(site, lane, warp)
        : checkCopy(
          into: move.address & 0xFFFF_FFFF, byteCount: move.byteCount, barrier: move.barrier,
          isReduction: move.isReduction, site, warp)
    }
    guard let move = moves.first else { return }
    if fromSpace == .global {
      checkGlobal(.read, from, move.byteCount, site, warp, hazards, isAsynchronous: true)
    } else if toSpace == .global {
      let kind: GlobalAccess.Kind = move.isReduction ? .synchronizingWrite : .write
      checkGlobal(kind, move.address, move.byteCount, site, warp, hazards, isAsynchronous: true)
    }
    if fromSpace == .shared {
      checkRead(move.access?.reading, from & 0xFFFF_FFFF, byteCount: move.byteCount, warp)
    }
  }

  /// What happens when a bulk copy into shared memory is done, at the time that is then given.
  private func arrival(of moves: [BulkMove], _ i: DecodedInstruction, _ warp: Warp, _ place: Int)
    -> (UInt64) -> Void
  {
    let cluster = warp.block.cluster
    let origin = CopyOrigin(i, warp, place)
    return { [unowned self] done in
      for move in moves {
        schedule(at: done) { interpreter throws(SimulationError) in
          move.perform()
          try interpreter.complete(
            move.byteCount, at: move.barrier, in: cluster, time: done, move.access, origin)
        }
      }
    }
  }

  /// The mbarrier that a copy into a block tells: with a multicast, that block's at the same offset.
  static func barrierAddress(_ barrier: UInt64, of i: DecodedInstruction, beside target: UInt64)
    -> UInt64
  {
    guard i.modifiers & 1 != 0 else { return barrier & 0xFFFF_FFFF }
    let offset = barrier & (1 << AddressWindow.sharedBits - 1)
    return target & ~(1 << AddressWindow.sharedBits - 1) | offset
  }

  /// Asks for the global memory of a bulk or tensor copy into shared memory of blocks of the cluster. The bytes take
  /// time of the multiprocessor's TMA unit first, and of the blocks' shared memory when they come.
  func requestCopy(
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

  // MARK: st.async, red.async

  func storeRemote(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let size = Int(i.elementBytes)
    let count = Int(i.extraCount)
    let target = try unsafe memory(
      .shared, lanes.doubleWord(i.a, lane), size * count, alignment: size * count, lane, i, warp, place)
    let values = (0..<count).map { element -> UInt64 in
      let slot = unsafe lanes.vectors[Int(i.extra) + element]
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
    let origin = CopyOrigin(i, warp, place)
    schedule(at: done) { interpreter throws(SimulationError) in
      for (index, value) in values.enumerated() {
        let memory = unsafe target + index * size
        let old = unsafe AtomicArithmetic.load(memory, element)
        let new = operation.map { AtomicArithmetic.result($0, element, old, value, 0) } ?? value
        unsafe AtomicArithmetic.store(new, memory, element)
      }
      try interpreter.complete(size * count, at: barrier, in: cluster, time: done, access, origin)
    }
  }
}

/// What a bulk copy moves to one place.
@safe private struct BulkMove {
  /// Of the target, and of the mbarrier that is told.
  let address: UInt64
  let barrier: UInt64
  private let target: UnsafeMutableRawPointer
  private let source: UnsafeMutableRawPointer
  let byteCount: Int
  private let reduction: BulkReduction?
  /// As the hazard checks know it.
  var access: Access?

  @unsafe init(
    address: UInt64, barrier: UInt64, target: UnsafeMutableRawPointer, source: UnsafeMutableRawPointer,
    byteCount: Int, reduction: BulkReduction?
  ) {
    self.address = address
    self.barrier = barrier
    unsafe self.target = target
    unsafe self.source = source
    self.byteCount = byteCount
    self.reduction = reduction
  }

  var isReduction: Bool { reduction != nil }

  func perform() {
    if let reduction {
      unsafe reduction.apply(source, to: target, byteCount: byteCount)
    } else {
      unsafe target.copyMemory(from: source, byteCount: byteCount)
    }
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

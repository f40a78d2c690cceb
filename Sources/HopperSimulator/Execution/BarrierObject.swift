/// An mbarrier (PTX ISA 9.7.13.15): what its 64 bits in shared memory mean here.
///
/// The layout is not documented. This one is, from bit 0: 20 bits of arrivals that the phase still needs, 20 bits of
/// arrivals that each phase needs, 22 bits of bytes still to come (biased), the phase's parity, and a mark that tells
/// an initialised object from other data.
struct BarrierObject: Equatable {
  var pending: Int
  var expected: Int
  var transactions: Int
  /// Of the phase that is not yet complete.
  var parity: UInt32

  static let maximumCount = 1 << 20 - 1
  private static let transactionBias = 1 << 21
  private static let maximumTransactions = 1 << 20 - 1

  init(count: Int) {
    pending = count
    expected = count
    transactions = 0
    parity = 0
  }

  /// From the bits in memory; nil when they are not those of an object.
  init?(bits: UInt64) {
    guard bits >> 63 == 1 else { return nil }
    pending = Int(bits & 0xF_FFFF)
    expected = Int(bits >> 20 & 0xF_FFFF)
    transactions = Int(bits >> 40 & 0x3F_FFFF) - Self.transactionBias
    parity = UInt32(bits >> 62 & 1)
  }

  var bits: UInt64 {
    UInt64(pending) | UInt64(expected) << 20 | UInt64(transactions + Self.transactionBias) << 40
      | UInt64(parity) << 62 | 1 << 63
  }

  /// Whether the count of bytes is in its range (PTX ISA 9.7.13.15.2).
  var isCountable: Bool { transactions.magnitude <= Self.maximumTransactions }

  func overflowText(_ arrivals: Int, _ address: UInt64) -> String {
    "mbarrier at 0x\(String(address, radix: 16)): \(arrivals) arrivals, \(pending) pending"
  }

  func transactionText(_ address: UInt64) -> String {
    "mbarrier at 0x\(String(address, radix: 16)): a tx-count of \(transactions) is out of range"
  }

  /// With so many more bytes to come.
  func adding(_ byteCount: Int) -> BarrierObject {
    var object = self
    object.transactions += byteCount
    return object
  }

  /// Ends the phase if nothing is missing; true when it did.
  mutating func advance() -> Bool {
    guard pending == 0, transactions == 0 else { return false }
    pending = expected
    parity ^= 1
    return true
  }
}

/// What is done to an mbarrier.
struct BarrierChange {
  var transactions = 0
  var arrivals = 0
  /// Whether bytes are announced.
  var isExpecting = false
  /// Whether later phases need one arrival less.
  var isDrop = false

  /// One arrival.
  static let arrival = BarrierChange(arrivals: 1)

  init(arrivals: Int) {
    self.arrivals = arrivals
  }

  /// What an instruction does whose count of arrivals or bytes is given.
  init(_ i: DecodedInstruction, _ count: Int) {
    switch i.opcode {
    case .barrierObjectExpect: (transactions, isExpecting) = (count, true)
    case .barrierObjectComplete: transactions = -count
    default:
      isExpecting = i.operation & 2 != 0
      isDrop = i.operation & 1 != 0
      (transactions, arrivals) = isExpecting ? (count, 1) : (0, count)
    }
  }
}

extension Interpreter {
  func executeBarrierObject(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    if i.opcode == .barrierObjectPending {
      lanes.setWords(i.d) { UInt32(truncatingIfNeeded: lanes.doubleWord(i.a, $0) & 0xF_FFFF) }
      return .next
    }
    if i.opcode == .barrierObjectWait { return try waitForObject(i, lanes, warp, place) }
    if i.opcode == .barrierObjectArrive, i.modifiers & 2 != 0 {
      // ptxas puts the fence of a whole device (MEMBAR.ALL.GPU) before it, wherever the mbarrier is.
      warp.wait(until: max(issueTime, warp.time) + warp.clock.memoryFenceLatency, .memoryOrder)
      issueTime = warp.time
    }
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let address = sharedAddress(i, address(i, lanes, lane))
      let memory = try unsafe objectMemory(i, address, lane, warp, place)
      let count = i.opcode == .barrierObjectInvalidate ? 0 : Int(lanes.word(i.b, lane))
      if i.opcode == .barrierObjectInit {
        guard (1...BarrierObject.maximumCount).contains(count) else {
          throw error(.badOperand("mbarrier.init with a count of \(count)"), i, warp, place)
        }
        unsafe memory.storeBytes(of: BarrierObject(count: count).bits, as: UInt64.self)
        if let hazards = warp.hazards {
          hazards.cluster.initialise(hazards, address, site(i, warp, place))
        }
        continue
      }
      if i.opcode == .barrierObjectInvalidate {
        unsafe memory.storeBytes(of: 0, as: UInt64.self)
        continue
      }
      let object = try unsafe object(memory, i, address, warp, place)
      try unsafe change(object, memory, i, lanes, lane, count, address, warp, place)
    }
    warp.hazards?.advance()
    return .next
  }

  /// A shared address from one that may be generic.
  func sharedAddress(_ i: DecodedInstruction, _ address: UInt64) -> UInt64 {
    i.space == .generic ? address & 0xFFFF_FFFF : address
  }

  @unsafe private func objectMemory(
    _ i: DecodedInstruction, _ address: UInt64, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> UnsafeMutableRawPointer {
    if address & 7 != 0 {
      throw error(.misaligned(space: "shared", address: address, byteCount: 8, lane: lane), i, warp, place)
    }
    guard let memory = unsafe sharedMemory(address, 8, warp) else {
      throw error(.outOfBounds(space: "shared", address: address, byteCount: 8, lane: lane), i, warp, place)
    }
    return unsafe memory
  }

  @unsafe private func object(
    _ memory: UnsafeMutableRawPointer, _ i: DecodedInstruction, _ address: UInt64, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> BarrierObject {
    if let object = BarrierObject(bits: unsafe memory.load(as: UInt64.self)) { return object }
    checkMissing(at: address, site(i, warp, place), warp)
    throw error(
      .badOperand("no initialised mbarrier at shared address 0x\(String(address, radix: 16))"), i, warp, place
    )
  }

  @unsafe private func change(
    _ object: BarrierObject, _ memory: UnsafeMutableRawPointer, _ i: DecodedInstruction, _ lanes: LaneContext,
    _ lane: Int, _ count: Int, _ address: UInt64, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let change = BarrierChange(i, count)
    if change.arrivals > 0, i.modifiers & 1 == 0 {
      unsafe lanes.doubleWords(i.d)[lane] = object.adding(change.transactions).bits
    }
    let (site, cluster, origin) = (site(i, warp, place), warp.block.cluster, CopyOrigin(i, warp, place))
    let access = warp.hazards?.access(.synchronizingWrite, site)
    let isRemote = Int(address >> AddressWindow.sharedBits) != warp.block.rank
    guard isRemote else {
      checkArrival(
        at: address, site, warp, arrives: change.arrivals > 0, expects: change.isExpecting)
      return try unsafe apply(
        change, to: object, memory, address, in: cluster, at: warp.time, access, origin)
    }
    // What another block's mbarrier is told takes its way there.
    let (causality, time) = (warp.hazards?.causality, issueTime + warp.clock.remoteSharedLatency)
    checkArrival(at: address, site, warp, arrives: false, expects: change.isExpecting)
    schedule(at: time) { interpreter throws(SimulationError) in
      try interpreter.apply(change, at: address, in: cluster, time: time, access, causality, origin)
    }
  }

  /// Changes an mbarrier of the cluster for an agent that has seen so much.
  func apply(
    _ change: BarrierChange, at address: UInt64, in cluster: Cluster, time: UInt64, _ access: Access?,
    _ causality: Causality?, _ origin: CopyOrigin
  ) throws(SimulationError) {
    guard let (memory, object) = unsafe object(address, in: cluster) else { return }
    if change.arrivals > 0, let causality { cluster.hazards?.objects[address]?.arrive(causality) }
    try unsafe apply(change, to: object, memory, address, in: cluster, at: time, access, origin)
  }

  @unsafe private func apply(
    _ change: BarrierChange, to old: BarrierObject, _ memory: UnsafeMutableRawPointer, _ address: UInt64,
    in cluster: Cluster, at time: UInt64, _ access: Access?, _ origin: CopyOrigin
  ) throws(SimulationError) {
    var object = old.adding(change.transactions)
    if change.isDrop { object.expected -= 1 }
    guard change.arrivals <= object.pending, object.expected >= 0 else {
      checkOverflow(change.arrivals, object, access, address, in: cluster)
      throw SimulationError(
        reason: .badOperand(object.overflowText(change.arrivals, address)), place: origin.place)
    }
    guard object.isCountable else {
      checkCount(object, access, address, in: cluster)
      throw SimulationError(reason: .badOperand(object.transactionText(address)), place: origin.place)
    }
    object.pending -= change.arrivals
    unsafe store(object, memory, address, in: cluster, at: time)
  }

  /// Writes an object back, and wakes who waits for its phase if that has ended.
  @unsafe func store(
    _ object: BarrierObject, _ memory: UnsafeMutableRawPointer, _ address: UInt64, in cluster: Cluster,
    at time: UInt64
  ) {
    var object = object
    let isComplete = object.advance()
    unsafe memory.storeBytes(of: object.bits, as: UInt64.self)
    if isComplete {
      cluster.hazards?.completePhase(address)
      wake(address, in: cluster, at: time)
    }
  }

  /// Bytes of an asynchronous copy have come.
  func complete(
    _ byteCount: Int, at address: UInt64, in cluster: Cluster, time: UInt64, _ access: Access?,
    _ origin: CopyOrigin
  ) throws(SimulationError) {
    checkArrival(of: access, at: address, in: cluster)
    guard let (memory, old) = unsafe object(address, in: cluster) else { return }
    let object = old.adding(-byteCount)
    if !object.isCountable {
      checkCount(object, access, address, in: cluster)
      throw SimulationError(reason: .badOperand(object.transactionText(address)), place: origin.place)
    }
    unsafe store(object, memory, address, in: cluster, at: time)
  }

  /// Makes the phase of an mbarrier wait for one arrival more.
  func addPending(at address: UInt64, in cluster: Cluster, _ origin: CopyOrigin) throws(SimulationError) {
    guard let (memory, old) = unsafe object(address, in: cluster) else { return }
    var object = old
    guard object.pending < BarrierObject.maximumCount else {
      throw SimulationError(
        reason: .badOperand("mbarrier with more than \(BarrierObject.maximumCount) pending arrivals"),
        place: origin.place)
    }
    object.pending += 1
    unsafe memory.storeBytes(of: object.bits, as: UInt64.self)
  }

  /// The mbarrier at a shared address of the cluster, and its memory; nil when there is none.
  @unsafe private func object(_ address: UInt64, in cluster: Cluster) -> (
    memory: UnsafeMutableRawPointer, object: BarrierObject
  )? {
    let rank = Int(address >> AddressWindow.sharedBits)
    let offset = Int(address & (1 << AddressWindow.sharedBits - 1))
    guard rank < cluster.blocks.count, offset + 8 <= cluster.blocks[rank].sharedByteCount else { return nil }
    let memory = unsafe cluster.blocks[rank].shared + offset
    guard let object = BarrierObject(bits: unsafe memory.loadUnaligned(as: UInt64.self)) else { return nil }
    return unsafe (memory, object)
  }

  private func wake(_ address: UInt64, in cluster: Cluster, at time: UInt64) {
    for block in cluster.blocks {
      for warp in block.warps {
        warp.release(at: time + warp.clock.barrierLatency) { wait in
          if case .object(address, _) = wait { return true }
          return false
        }
      }
    }
  }

  // MARK: Waiting

  private func waitForObject(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    var result: UInt32 = 0
    var blocking: (UInt64, UInt32)?
    var checked: UInt64?
    // Of the lane before: mostly all wait for the same.
    var known: (address: UInt64, object: BarrierObject)?
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let address = sharedAddress(i, address(i, lanes, lane))
      let object: BarrierObject
      if let known, known.address == address {
        object = known.object
      } else {
        let memory = try unsafe objectMemory(i, address, lane, warp, place)
        object = try unsafe self.object(memory, i, address, warp, place)
        known = (address, object)
      }
      // A state names the phase that was current when it was made.
      let isParity = i.operation & 2 != 0
      let parity = isParity ? lanes.word(i.b, lane) & 1 : UInt32(lanes.doubleWord(i.b, lane) >> 62 & 1)
      if object.parity != parity {
        if address != checked { checkWait(at: address, site(i, warp, place), warp) }
        checked = address
        result |= 1 << UInt32(lane)
      } else if blocking == nil {
        blocking = (address, parity)
      }
    }
    // `try_wait` suspends the threads: here until the phase ends, however long that takes.
    if i.operation & 1 != 0, let (address, parity) = blocking {
      return .blocked(.object(address: address, parity: parity))
    }
    lanes.setPredicate(i.d, result)
    return .next
  }
}

/// Groups of asynchronous operations that a thread commits and waits for, as the checks know them: operations of a warp
/// are numbered, and a group has the number of its last.
struct GroupClock {
  private var latest: UInt32 = 0
  private var committed: [UInt32] = []

  /// An operation of the open group.
  mutating func add(_ number: UInt32) { latest = number }

  mutating func commit() { committed.append(latest) }

  /// The last operation of the groups but the newest `count`, which have ended.
  mutating func ended(allBut count: Int) -> UInt32 {
    guard committed.count > count else { return 0 }
    let last = committed[committed.count - count - 1]
    committed.removeFirst(committed.count - count)
    return last
  }
}

/// Operations of one kind that a warp starts, and that run beside it.
struct AsynchronousHazards {
  /// The agent that they are.
  let agent: Int
  private(set) var count: UInt32 = 0
  /// Those of each lane; of copies that the warp commits as a whole, lane 0.
  private var groups: [Int: GroupClock] = [:]

  init(agent: Int) {
    self.agent = agent
  }

  mutating func start(lane: Int) -> UInt32 {
    count += 1
    groups[lane, default: GroupClock()].add(count)
    return count
  }

  mutating func commit(lane: Int) { groups[lane, default: GroupClock()].commit() }

  /// Orders what has ended before what the warp does next.
  mutating func wait(lane: Int, allBut count: Int, _ causality: inout Causality) {
    guard let ended = groups[lane]?.ended(allBut: count) else { return }
    causality.seen[agent] = max(causality.seen[agent], ended)
  }
}

/// Where the interpreter tells the hazard checks of asynchronous copies.
extension Interpreter {
  /// A copy starts that will write a block's shared memory and then tell an mbarrier. Returns the access, for when it
  /// is done.
  func checkCopy(
    into address: UInt64, byteCount: Int, barrier: UInt64, isReduction: Bool = false, _ site: Int32,
    _ warp: Warp
  ) -> Access? {
    guard let hazards = warp.hazards else { return nil }
    let cluster = hazards.cluster
    guard let object = cluster.object(barrier, hazards, site) else {
      cluster.report(
        .barrierNotInitialised, hazards.access(.read, site), address: barrier,
        "the copy is to tell an mbarrier, and there is none")
      return nil
    }
    let access = Access(
      kind: isReduction ? .asynchronousReduction : .asynchronousWrite, mask: 0xF, agent: Int32(object.agent),
      time: object.completed + 1, warp: Int32(hazards.agent), site: site)
    cluster.touch(access, hazards, address, byteCount: byteCount)
    checkRemote(access, address, warp)
    return access
  }

  /// Such a copy is done, and its bytes are about to be counted.
  func checkArrival(of access: Access?, at barrier: UInt64, in cluster: Cluster) {
    guard let access, let hazards = cluster.hazards, let object = hazards.objects[barrier] else { return }
    let rank = Int(barrier >> AddressWindow.sharedBits)
    if cluster.blocks[rank].isFinished { noteRemote(access, rank, barrier, in: cluster, hazards) }
    if object.completed + 1 != access.time {
      hazards.report(
        .transactionMismatch, access, address: barrier,
        "the copy began in phase \(access.time) of the mbarrier, and its bytes come in phase \(object.completed + 1): that phase did not expect them all"
      )
    }
  }

  /// A bulk copy starts that will read shared memory until its group has ended.
  func checkBulkRead(_ site: Int32, _ lane: Int, _ warp: Warp) -> Access? {
    guard let hazards = warp.hazards else { return nil }
    let time = hazards.bulk.start(lane: lane)
    return Access(
      kind: .asynchronousRead, mask: 0xF, agent: Int32(hazards.bulk.agent), time: time,
      warp: Int32(hazards.agent), site: site)
  }

  /// Bytes that an asynchronous operation reads.
  func checkRead(_ access: Access?, _ address: UInt64, byteCount: Int, _ warp: Warp) {
    guard let access, let hazards = warp.hazards else { return }
    hazards.cluster.touch(access, hazards, address, byteCount: byteCount)
  }

  /// One thread's `cp.async`.
  func checkCopy(into address: UInt64, byteCount: Int, time: UInt32, _ site: Int32, _ warp: Warp) {
    guard let hazards = warp.hazards else { return }
    let access = Access(
      kind: .genericCopy, mask: 0xF, agent: Int32(hazards.copies.agent), time: time,
      warp: Int32(hazards.agent), site: site)
    hazards.cluster.touch(access, hazards, address, byteCount: byteCount)
  }

  /// What is published by an arrival that happens when a warp's `cp.async` so far are done.
  func causalityOfCopies(_ warp: Warp) -> Causality? {
    guard let hazards = warp.hazards else { return nil }
    var causality = hazards.causality
    causality.seen[hazards.copies.agent] = hazards.copies.count
    hazards.advance()
    return causality
  }

  /// A fence of a warp, see `FenceKind`.
  func fence(_ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp) {
    guard lanes.active != 0, let hazards = warp.hazards else { return }
    switch FenceKind(rawValue: i.operation) {
    case .asynchronousProxy:
      hazards.causality.fence()
      // What the warp stores from now on has not passed this fence.
      hazards.advance()
    case .memory:
      hazards.cluster.global.order.fence(hazards.causality.seen)
      // What the warp accesses from now on has not been published.
      hazards.advance()
    case .cluster, .local, nil: break
    }
  }
}

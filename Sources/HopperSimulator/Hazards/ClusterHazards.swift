/// What is known of the accesses and the synchronisation of one cluster.
///
/// Each warp is an agent and has a causality: what comes before its next instruction. Barriers collect the causality
/// of those who arrive and give it to those who wait. An access is compared with the history of the bytes that it
/// touches: what it conflicts with must be in its warp's causality.
///
/// Lanes of a warp are one agent: races between them are not looked for.
final class ClusterHazards {
  private unowned let cluster: Cluster
  private let launch: LaunchContext
  let table = HistoryTable()
  let shadows: [SharedShadow]
  private(set) var log = FindingLog()
  /// Where findings go when the cluster has ended and copies that it has started have not.
  private var lateFindings: LateFindings?
  /// Agents so far; the first are the warps, by rank of the block and index.
  private var agentCount: Int
  /// Its order among other clusters.
  let global: GlobalState
  /// The mbarriers by shared address.
  @safe @exclusivity(unchecked) var objects: [UInt64: ObjectHazards] = [:]
  /// What atomic and other ordered accesses to an address of shared memory have published.
  private var locations: [UInt64: Causality] = [:]
  /// Arrived at the cluster's barrier in this phase, and in the last.
  var barrier = Causality()
  private(set) var barrierReleased = Causality()
  /// What warps that have exited had seen.
  var exited = Causality()

  init(_ launch: LaunchContext, _ cluster: Cluster, _ global: GlobalHazards) {
    self.launch = launch
    self.cluster = cluster
    self.global = global.state(of: cluster.index, launch)
    agentCount = 0
    let blocks = cluster.blocks.map(BlockHazards.init)
    shadows = blocks.map(\.shadow)
    for (block, hazards) in zip(cluster.blocks, blocks) {
      block.hazards = hazards
      for warp in block.warps {
        let hazards = WarpHazards(self, agent: newAgent())
        warp.hazards = hazards
        for fragment in warp.fragments { fragment.frame.follow(hazards) }
      }
    }
  }

  func newAgent() -> Int {
    agentCount += 1
    return agentCount - 1
  }

  /// All warps have arrived at the cluster's barrier, or exited.
  func completeBarrier() {
    barrier.join(exited)
    barrierReleased = barrier
    barrier = Causality()
  }

  // MARK: Findings

  /// Notes that an access is wrong, perhaps because of another.
  func report(
    _ kind: HazardFinding.Kind, _ access: Access, address: UInt64? = nil, other: Access? = nil,
    _ detail: @autoclosure () -> String
  ) {
    let key = FindingLog.Key(kind: kind, site: access.site, other: other?.site ?? -1)
    func add(to log: inout FindingLog) {
      log.add(key, cluster: cluster.index) {
        HazardFinding(
          kind: kind, kernel: launch.program.function.name, place: place(of: access), address: address,
          other: other.map(place(of:)), detail: detail(), count: 1)
      }
    }
    if let lateFindings { add(to: &lateFindings.log) } else { add(to: &log) }
  }

  /// The cluster has ended. Gives what it has found; what is found from now on goes elsewhere.
  func close(_ lateFindings: LateFindings) -> FindingLog {
    self.lateFindings = lateFindings
    return log
  }

  /// Where an access was issued.
  private func place(of access: Access) -> ExecutionPlace {
    let warp = cluster.warps[Int(access.warp)]
    return launch.place(site: Int(access.site), block: warp.block.index, warp: warp.index)
  }

  private func reportConflict(
    _ kind: HazardFinding.Kind, _ access: Access, _ other: Access?, _ address: UInt64
  ) {
    let first = address + UInt64(access.mask.trailingZeroBitCount)
    if kind == .readBeforeArrival, let other, let wait = staleWait(access, other) {
      report(
        .wrongParity, access, address: first, other: other,
        "the last wait for the mbarrier, in PTX line \(place(of: wait).line), was for a phase that had long ended"
      )
    } else {
      report(kind, access, address: first, other: other, Self.words(kind, access, other))
    }
  }

  /// The last wait of the warp for the mbarrier of a copy, if that was for nothing new.
  private func staleWait(_ access: Access, _ copy: Access) -> Access? {
    objects.values.first { $0.agent == copy.agent }?.staleWaits[access.warp]
  }

  private static func words(_ kind: HazardFinding.Kind, _ access: Access, _ other: Access?) -> String {
    let verb = access.kind.isWrite ? "writes" : "reads"
    switch kind {
    case .sharedRace where access.kind.isAsynchronous:
      return "an asynchronous operation \(verb) what a warp has accessed, and nothing orders the two"
    case .sharedRace: return "\(verb) what another warp has accessed, and nothing orders the two"
    case .missingProxyFence where other?.kind == .genericCopy:
      return "reads asynchronously what cp.async brought, without fence.proxy.async after that was there"
    case .missingProxyFence:
      return "reads asynchronously what was stored, without fence.proxy.async in between"
    case .readBeforeArrival: return "\(verb) where an asynchronous copy writes, without having waited for it"
    case .overwrittenInFlight: return "writes where an asynchronous operation may still read"
    default: return "\(verb) bytes that nobody has written"
    }
  }

  // MARK: Accesses

  /// Access of a warp to a run of bytes of shared memory; `address` has the block's rank.
  func touch(_ access: Access, _ warp: WarpHazards, _ address: UInt64, byteCount: Int) {
    let rank = Int(address >> AddressWindow.sharedBits)
    guard rank < shadows.count else { return }
    forgetIfFull()
    let offset = Int(address & (1 << AddressWindow.sharedBits - 1))
    let base = address - UInt64(offset)
    if offset & 3 == 0, byteCount & 3 == 0 {
      shadows[rank].update(offset / 4..<(offset + byteCount) / 4) { old, index in
        successor(old, access, warp, base + UInt64(index * 4))
      }
      return
    }
    for word in offset / 4..<(offset + byteCount + 3) / 4 {
      var part = access
      part.mask = Self.mask(of: word, offset, byteCount)
      shadows[rank].update(word..<word + 1) { old, index in
        successor(old, part, warp, base + UInt64(index * 4))
      }
    }
  }

  /// Access of lanes to whole words of the shared memory of one block.
  func touch(_ access: Access, _ warp: WarpHazards, _ lanes: MemoryAccess, _ active: UInt32) {
    let rank = Int(lanes.first >> AddressWindow.sharedBits & 0xFF)
    guard rank < shadows.count else { return }
    forgetIfFull()
    let base = UInt64(rank) << AddressWindow.sharedBits
    shadows[rank].update(lanes, active) { old, index in
      successor(old, access, warp, base + UInt64(index * 4))
    }
  }

  /// Access to rows of an operand of `wgmma`, all of which are in shared memory.
  func touch(_ access: Access, _ warp: WarpHazards, _ tile: OperandTile, rows: Range<Int>, rank: Int) {
    forgetIfFull()
    let base = UInt64(rank) << AddressWindow.sharedBits
    shadows[rank].update(tile, rows: rows, access) { old, index in
      // Each conflict is reported.
      var isRight = true
      let new = table.successor(of: old, access, warp) { kind, other in
        isRight = false
        reportConflict(kind, access, other, base + UInt64(index * 4))
      }
      return (new, isRight)
    }
  }

  @inline(__always)
  private func successor(_ old: UInt32, _ access: Access, _ warp: WarpHazards, _ address: UInt64) -> UInt32 {
    table.successor(of: old, access, warp) { kind, other in reportConflict(kind, access, other, address) }
  }

  private func forgetIfFull() {
    if table.isFull { table.compact(shadows) }
  }

  /// The bytes of a word that are in a run.
  private static func mask(of word: Int, _ offset: Int, _ byteCount: Int) -> UInt8 {
    let first = max(offset - word * 4, 0)
    let end = min(offset + byteCount - word * 4, 4)
    return UInt8((1 << end - 1) & ~(1 << first - 1))
  }

  /// An atomic or otherwise ordered access: it publishes what its warp has seen, and sees what others have published.
  func synchronize(_ warp: WarpHazards, at address: UInt64, reads: Bool, writes: Bool) {
    if reads, let published = locations[address] { warp.causality.join(published) }
    if writes {
      locations[address, default: Causality()].join(warp.causality)
      warp.advance()
    }
  }
}

/// What is known of a block.
final class BlockHazards {
  let shadow: SharedShadow
  /// Arrived at each named barrier since it was last complete, and the last who did.
  private var barriers = [Causality](repeating: Causality(), count: 16)
  private(set) var arrivals = [Access?](repeating: nil, count: 16)
  /// What its warps that have exited had seen.
  var exited = Causality()
  /// The agent that the products of each warpgroup are; nil before there are any.
  @safe @exclusivity(unchecked) var productAgents: [Int?]
  /// The last access of each agent of other blocks.
  var remote: [Int32: Access] = [:]

  init(_ block: Block) {
    shadow = SharedShadow(byteCount: block.sharedByteCount)
    productAgents = Array(repeating: nil, count: (block.warps.count + 3) / 4)
  }

  /// A warp arrives at a named barrier.
  func arrive(_ warp: WarpHazards, _ number: Int, _ site: Int32) {
    arrivals[number] = warp.access(.read, site)
    warp.release(into: &barriers[number])
  }

  /// What those had seen who have arrived at a named barrier, now that all have.
  func completeBarrier(_ number: Int) -> Causality {
    var complete = barriers[number]
    // Threads that have exited are not waited for.
    complete.join(exited)
    barriers[number] = Causality()
    arrivals[number] = nil
    return complete
  }
}

/// What is known of a warp.
final class WarpHazards {
  let cluster: ClusterHazards
  let agent: Int
  /// What is ordered before its next instruction, its own ones included.
  @safe @exclusivity(unchecked) var causality = Causality()
  /// How often it has published what it has done.
  private(set) var time: UInt32 = 1
  /// Its `cp.async`, and its bulk copies out of shared memory.
  lazy var copies = AsynchronousHazards(agent: cluster.newAgent())
  lazy var bulk = AsynchronousHazards(agent: cluster.newAgent())
  /// The instruction of its last `wgmma`; -1 when there was none.
  var lastProduct: Int32 = -1
  let productOrder = ProductOrder()

  init(_ cluster: ClusterHazards, agent: Int) {
    self.cluster = cluster
    self.agent = agent
    causality.seen[agent] = time
  }

  /// Begins a new period: what the warp does from now on is not yet published.
  func advance() {
    time += 1
    causality.seen[agent] = time
  }

  /// Publishes what the warp has done and seen.
  func release(into published: inout Causality) {
    published.join(causality)
    advance()
  }

  /// A wait for all but some groups of asynchronous operations is over.
  func wait(
    _ operations: ReferenceWritableKeyPath<WarpHazards, AsynchronousHazards>, lane: Int, allBut count: Int
  ) {
    self[keyPath: operations].wait(lane: lane, allBut: count, &causality)
  }

  func access(_ kind: Access.Kind, _ site: Int32, mask: UInt8 = 0xF) -> Access {
    Access(kind: kind, mask: mask, agent: Int32(agent), time: time, warp: Int32(agent), site: site)
  }
}

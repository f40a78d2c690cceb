/// Races in global memory: between warps, between clusters, and between grids that may run at the same time.
///
/// Interpreters write down what their warps access; this is looked at when a window of time ends, in the order of
/// interpreters, so that findings do not depend on threads. Limits, which leave races unfound and report none that is not
/// there: reads count only in allocations that a launch has written before, unless grids before theirs may still run; of
/// several readers of a byte, the last is known; what one warp of a cluster has acquired counts for all of them.
final class GlobalHazards {
  private let memory: GlobalMemory
  /// By address of the allocation, what has been accessed in it.
  private var shadows: [UInt64: GlobalShadow] = [:]
  /// That of the last access.
  @safe @exclusivity(unchecked) private var last: GlobalShadow?
  /// Of the clusters of all grids that have begun, by number.
  @safe @exclusivity(unchecked) private var states: [GlobalState?] = []
  /// What has been published at each address.
  private var published: [UInt64: ClusterClock] = [:]
  /// Of each grid.
  private var logs: [Int: FindingLog] = [:]

  init(_ memory: GlobalMemory) {
    self.memory = memory
  }

  /// What is known of a cluster, which begins.
  func state(of cluster: Int, _ launch: LaunchContext) -> GlobalState {
    let state = GlobalState(launch, cluster: cluster)
    let place = Int(state.number)
    if place >= states.count { states += Array(repeating: nil, count: place + 1 - states.count) }
    states[place] = state
    return state
  }

  /// What clusters of a grid have come upon.
  func log(ofGrid grid: Int) -> FindingLog { logs[grid] ?? FindingLog() }

  /// Whether accesses to an allocation have been looked at, before this window.
  func isKnown(_ allocation: GlobalMemory.Allocation) -> Bool { shadows[allocation.address] != nil }

  // MARK: Accesses

  /// Looks at accesses of a window.
  func take(_ log: GlobalAccessLog) {
    for access in log.accesses where access.kind.isWrite || access.isEarly { openShadow(access.address) }
    for access in log.accesses { take(access, seen: log.clocks[Int(access.clock)]) }
  }

  private func openShadow(_ address: UInt64) {
    if let last, last.addresses.contains(address) { return }
    guard let allocation = memory.allocation(containing: address), shadows[allocation.address] == nil
    else { return }
    shadows[allocation.address] = GlobalShadow(address: allocation.address, byteCount: allocation.byteCount)
  }

  private func take(_ access: GlobalAccess, seen: VectorClock) {
    guard let shadow = shadow(access.address) else { return }
    shadow.take(access, states, seen) { other, address in
      report(access, other, address)
    }
  }

  /// What has been accessed in the allocation that has an address.
  private func shadow(_ address: UInt64) -> GlobalShadow? {
    if let last, last.addresses.contains(address) { return last }
    guard let allocation = memory.allocation(containing: address) else { return nil }
    last = shadows[allocation.address]
    return last
  }

  private func report(_ access: GlobalAccess, _ other: GlobalActor, _ address: UInt64) {
    guard let state = states[Int(access.actor.cluster)] else { return }
    let isOfGrids = access.actor.grid != other.grid
    let kind: HazardFinding.Kind = isOfGrids ? .missingGridWait : .globalRace
    let key = FindingLog.Key(kind: kind, site: access.actor.site, other: other.site)
    logs[Int(access.actor.grid), default: FindingLog()].add(key, cluster: state.cluster) {
      let verb = access.kind.isWrite ? "writes" : "reads"
      let detail =
        isOfGrids
        ? "\(verb) what another grid has accessed, and the later grid has not executed griddepcontrol.wait"
        : access.actor.cluster == other.cluster
          ? "\(verb) what another warp has accessed, and nothing orders the two"
          : "\(verb) what another cluster has accessed, and no release and acquire order the two"
      return HazardFinding(
        kind: kind, kernel: state.launch.program.function.name, place: place(access.actor, state),
        address: address, other: states[Int(other.cluster)].map { place(other, $0) }, detail: detail, count: 1
      )
    }
  }

  private func place(_ actor: GlobalActor, _ state: GlobalState) -> ExecutionPlace {
    state.launch.place(site: Int(actor.site), block: Int(actor.block), warp: Int(actor.warp))
  }

  // MARK: Order

  /// A read whose order counts. Within the cluster, it is ordered after all that has been published by such accesses,
  /// whatever the order that they ask for.
  func read(_ warp: WarpHazards, _ address: UInt64, _ order: MemoryOrder) {
    guard let found = published[address] else { return }
    let state = warp.cluster.global
    state.order.read(found, order: order)
    warp.causality.join(state.publishedByWarps)
  }

  /// A write whose order counts.
  func write(_ warp: WarpHazards, _ address: UInt64, _ order: MemoryOrder) {
    let state = warp.cluster.global
    published[address, default: ClusterClock()].join(
      state.order.write(order: order, warp.causality.seen))
    state.publishedByWarps.join(warp.causality)
  }
}

/// What is known of a cluster. Its own interpreter changes it, or whoever has all interpreters wait.
final class GlobalState {
  unowned let launch: LaunchContext
  /// Index in the grid, and number among the clusters of all grids.
  let cluster: Int
  let number: Int32
  var order: GlobalOrder
  /// What its warps have published in global memory.
  var publishedByWarps = Causality()
  /// Whether grids before may still run, as far as the cluster has made sure.
  private(set) var isEarly: Bool

  init(_ launch: LaunchContext, cluster: Int) {
    self.launch = launch
    self.cluster = cluster
    number = Int32(launch.firstCluster + cluster)
    order = GlobalOrder(cluster: number)
    isEarly = launch.gridIndex > 0
  }

  /// `griddepcontrol.wait`.
  func waitForGrids() { isEarly = false }
}

/// An access to global memory that later ones may conflict with.
struct GlobalAccess {
  enum Kind: UInt8 {
    case read, write
    /// `atom`, `red`, bulk reductions, and loads and stores that are not weak: they do not race with each other.
    case synchronizingRead, synchronizingWrite

    var isWrite: Bool { self == .write || self == .synchronizingWrite }
    var isSynchronizing: Bool { self == .synchronizingRead || self == .synchronizingWrite }
  }

  var kind: Kind
  var address: UInt64
  var byteCount: Int
  var actor: GlobalActor
  /// Where in its log it is written what was ordered before it of what the warps of its cluster do.
  var clock: Int32
  /// Whether grids before its own may still run: the cluster has not executed `griddepcontrol.wait`.
  var isEarly: Bool

  /// Whether nothing orders another access, which came before, before this. `seen` is what `clock` stands for; `states` are
  /// those of clusters by number.
  func isUnordered(_ other: GlobalActor, _ states: [GlobalState?], _ seen: VectorClock) -> Bool {
    if other.grid != actor.grid { return other.grid > actor.grid || isEarly }
    if other.cluster != actor.cluster {
      guard let state = states[Int(actor.cluster)], let publisher = states[Int(other.cluster)] else {
        return true
      }
      return !publisher.order.covers(other, untilTime: state.order.seen[other.cluster])
    }
    // What runs beside the warps is compared with other clusters only.
    if other.agent == actor.agent || other.agent < 0 || actor.agent < 0 { return false }
    return seen[Int(other.agent)] < other.agentTime
  }
}

/// Accesses of an interpreter that have not been looked at, in their order.
struct GlobalAccessLog {
  private(set) var accesses: [GlobalAccess] = []
  /// Apart from the accesses, of which several in a row often have the same: numbers alone are cheap to copy.
  private(set) var clocks: [VectorClock] = []

  /// Adds an access; its clock is `seen`.
  mutating func add(_ access: GlobalAccess, seen: VectorClock) {
    if clocks.last != seen { clocks.append(seen) }
    accesses.append(access)
    accesses[accesses.count - 1].clock = Int32(clocks.count - 1)
  }

  mutating func removeAll() {
    accesses.removeAll(keepingCapacity: true)
    clocks.removeAll(keepingCapacity: true)
  }
}

/// Who accesses global memory, and where.
struct GlobalActor: Hashable {
  /// Index of the grid among those that may run at the same time.
  var grid: Int32
  /// Number of the cluster among those of all these grids, and how often it had published what it had done.
  var cluster: Int32
  var time: UInt32
  /// The warp among the agents of its cluster, and how often it had published; -1 for what runs beside the warps.
  var agent: Int32
  var agentTime: UInt32
  /// The block and the warp, for messages.
  var block: Int32
  var warp: Int32
  /// The instruction, numbered among all of the module.
  var site: Int32

  /// Fields that tell most actors apart: hashing all takes longer than the rest of noting an access.
  func hash(into hasher: inout Hasher) {
    hasher.combine(UInt64(UInt32(bitPattern: site)) << 32 | UInt64(agentTime))
    hasher.combine(UInt64(UInt32(bitPattern: cluster)) << 32 | UInt64(UInt32(bitPattern: agent)))
  }
}

/// A vector clock of the few clusters that have synchronised.
struct ClusterClock {
  private var times: [Int32: UInt32] = [:]

  subscript(cluster: Int32) -> UInt32 {
    get { times[cluster] ?? 0 }
    set { times[cluster] = newValue }
  }

  mutating func join(_ other: ClusterClock) { times.merge(other.times, uniquingKeysWith: max) }
}

/// How operations on global memory order a cluster's accesses among those of others (PTX ISA 8: memory consistency
/// model). What one of its warps has seen of other clusters counts as seen by all.
struct GlobalOrder {
  /// Accesses of other clusters that are ordered before what this one does next.
  private(set) var seen = ClusterClock()
  /// What had been done and seen when the last fence was executed: relaxed writes publish that.
  private var fenced = ClusterClock()
  /// What relaxed reads have found; a fence makes it seen.
  private var found = ClusterClock()
  let cluster: Int32
  /// How often the cluster has published what it has done.
  private(set) var time: UInt32 = 1
  /// What of its warps' accesses has been published until each time; an entry where that is more than before.
  private var covered: [(time: UInt32, seen: VectorClock)] = []

  init(cluster: Int32) {
    self.cluster = cluster
  }

  /// Whether an access of the cluster is among what it has published until a time.
  func covers(_ access: GlobalActor, untilTime end: UInt32) -> Bool {
    guard access.time <= end else { return false }
    // What runs beside the warps counts as done by whoever publishes.
    if access.agent < 0 { return true }
    // The first entry that came later.
    var (first, last) = (0, covered.count)
    while first < last {
      let middle = (first + last) / 2
      if covered[middle].time <= end { first = middle + 1 } else { last = middle }
    }
    return first > 0 && covered[first - 1].seen[Int(access.agent)] >= access.agentTime
  }

  /// All that the publishing warp and those before it had done and seen; what follows is not part of it. `seen` is what of the
  /// cluster's accesses comes before.
  private mutating func publish(_ seen: VectorClock) -> ClusterClock {
    var all = self.seen
    all[cluster] = time
    let before = covered.last?.seen ?? VectorClock()
    var after = before
    after.join(seen)
    if after != before { covered.append((time, after)) }
    time += 1
    return all
  }

  /// `fence.acq_rel.gpu` and stronger, after what of the cluster's accesses is `seen`.
  mutating func fence(_ seen: VectorClock) {
    self.seen.join(found)
    fenced = publish(seen)
  }

  /// A read of what a location publishes.
  mutating func read(_ published: ClusterClock, order: MemoryOrder) {
    if order == .acquire || order == .acquireRelease { seen.join(published) } else { found.join(published) }
  }

  /// What a write publishes at a location, after what of the cluster's accesses is `seen`.
  mutating func write(order: MemoryOrder, _ seen: VectorClock) -> ClusterClock {
    order == .release || order == .acquireRelease ? publish(seen) : fenced
  }
}

/// An access to global memory that later ones of other clusters may conflict with.
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
}

/// Who accesses global memory, and where.
struct GlobalActor: Hashable {
  /// Index of the cluster, and how often it had published what it had done.
  var cluster: Int32
  var time: UInt32
  /// The block and the warp, for messages.
  var block: Int32
  var warp: Int32
  /// The instruction, numbered among all of the module.
  var site: Int32
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
/// model). Everything that a cluster has done counts as one thread's: what warps of it do apart is not told apart.
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

  init(cluster: Int) {
    self.cluster = Int32(cluster)
  }

  /// All that has been done and seen; what follows is not part of it.
  private mutating func publish() -> ClusterClock {
    var all = seen
    all[cluster] = time
    time += 1
    return all
  }

  /// `fence.acq_rel.gpu` and stronger.
  mutating func fence() {
    seen.join(found)
    fenced = publish()
  }

  /// A read of what a location publishes.
  mutating func read(_ published: ClusterClock, order: MemoryOrder) {
    if order == .acquire || order == .acquireRelease { seen.join(published) } else { found.join(published) }
  }

  /// What a write publishes at a location.
  mutating func write(order: MemoryOrder) -> ClusterClock {
    order == .release || order == .acquireRelease ? publish() : fenced
  }
}

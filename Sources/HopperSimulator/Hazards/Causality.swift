/// How much of what each agent has done is ordered before something (Lamport 1978; Mattern 1989).
///
/// An agent is whatever does things in one order: a warp, the copies that complete at one mbarrier, the `wgmma` of one
/// warpgroup. It counts what it does; a number covers all that came before.
struct VectorClock: Hashable {
  private var times: [UInt32] = []

  subscript(agent: Int) -> UInt32 {
    get { agent < times.count ? times[agent] : 0 }
    set {
      if agent >= times.count { times += [UInt32](repeating: 0, count: agent + 1 - times.count) }
      times[agent] = newValue
    }
  }

  mutating func join(_ other: VectorClock) {
    let common = min(times.count, other.times.count)
    for agent in 0..<common where other.times[agent] > times[agent] { times[agent] = other.times[agent] }
    if other.times.count > common { times += other.times[common...] }
  }
}

/// What is ordered before a point of a program.
struct Causality: Hashable {
  /// By whatever kind of synchronisation.
  var seen = VectorClock()
  /// By a path that has a proxy fence, so that asynchronous accesses too come after it (PTX ISA 8.9.1: proxies).
  var fenced = VectorClock()

  mutating func join(_ other: Causality) {
    seen.join(other.seen)
    fenced.join(other.fenced)
  }

  /// `fence.proxy.async`.
  mutating func fence() { fenced.join(seen) }
}

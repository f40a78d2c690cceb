/// What is known of an mbarrier.
///
/// It is an agent: the copies that complete at it do so phase by phase, and the time is the number of phases that have
/// ended. Data of the present phase has the next number; who waits for a phase sees all data up to it.
final class ObjectHazards {
  let agent: Int
  /// Phases that have ended.
  private(set) var completed: UInt32 = 0
  /// What those had seen who have arrived in this phase, and in those that have ended.
  private var pending = Causality()
  private var released = Causality()
  /// What made it, and what has made it wait for bytes last.
  private(set) var initialisation: Access
  var lastExpectation: Access?
  /// By warp, its last wait that has waited for nothing new.
  private(set) var staleWaits: [Int32: Access] = [:]

  init(agent: Int, initialisation: Access) {
    self.agent = agent
    self.initialisation = initialisation
  }

  func initialise(_ access: Access) { initialisation = access }

  /// Someone arrives.
  func arrive(_ causality: Causality) { pending.join(causality) }

  func completePhase() {
    completed += 1
    released.join(pending)
    released.seen[agent] = completed
  }

  /// A warp's wait is over.
  func wait(_ warp: WarpHazards, _ site: Int32) {
    let isStale = warp.causality.seen[agent] == completed
    staleWaits[Int32(warp.agent)] = isStale ? warp.access(.synchronizingRead, site) : nil
    warp.causality.join(released)
  }

  /// The initialisation, if it is not ordered before what a warp does.
  func unorderedInitialisation(_ warp: WarpHazards) -> Access? {
    let isOrdered = warp.causality.seen[Int(initialisation.agent)] >= initialisation.time
    return isOrdered ? nil : initialisation
  }
}

extension ClusterHazards {
  /// `mbarrier.init`.
  func initialise(_ warp: WarpHazards, _ address: UInt64, _ site: Int32) {
    let access = warp.access(.synchronizingWrite, site)
    if let object = objects[address] {
      object.initialise(access)
    } else {
      objects[address] = ObjectHazards(agent: newAgent(), initialisation: access)
    }
    let offset = Int(address & (1 << AddressWindow.sharedBits - 1))
    shadows[Int(address >> AddressWindow.sharedBits)].set(
      offset / 4..<offset / 4 + 2, to: HistoryList.initialised)
  }

  /// The mbarrier that a warp uses. Reports a use that is not ordered after the initialisation.
  func object(_ address: UInt64, _ warp: WarpHazards, _ site: Int32) -> ObjectHazards? {
    guard let object = objects[address] else { return nil }
    if let initialisation = object.unorderedInitialisation(warp) {
      report(
        .barrierNotInitialised, warp.access(.synchronizingRead, site), address: address,
        other: initialisation, "nothing orders this after the mbarrier's initialisation")
    }
    return object
  }

  /// The phase of an mbarrier has ended.
  func completePhase(_ address: UInt64) { objects[address]?.completePhase() }
}

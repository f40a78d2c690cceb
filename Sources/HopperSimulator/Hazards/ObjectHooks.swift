/// Where the interpreter tells the hazard checks of mbarriers.
extension Interpreter {
  /// A thread of a warp arrives at an mbarrier, or changes what it waits for.
  func checkArrival(at address: UInt64, _ site: Int32, _ warp: Warp, arrives: Bool, expects: Bool) {
    guard let hazards = warp.hazards, let object = hazards.cluster.object(address, hazards, site) else {
      return
    }
    if arrives { object.arrive(hazards.causality) }
    if expects { object.lastExpectation = hazards.access(.synchronizingWrite, site) }
    checkRemote(hazards.access(.synchronizingWrite, site), address, warp)
  }

  /// A thread of a warp finds that a phase has ended.
  func checkWait(at address: UInt64, _ site: Int32, _ warp: Warp) {
    guard let hazards = warp.hazards, let object = hazards.cluster.object(address, hazards, site) else {
      return
    }
    object.wait(hazards, site)
  }

  /// A thread of a warp uses an mbarrier that is not there.
  func checkMissing(at address: UInt64, _ site: Int32, _ warp: Warp) {
    guard let hazards = warp.hazards else { return }
    hazards.cluster.report(
      .barrierNotInitialised, hazards.access(.synchronizingRead, site), address: address,
      "no mbarrier has been initialised there")
  }

  /// More arrivals than the phase of an mbarrier waits for.
  func checkOverflow(
    _ arrivals: Int, _ object: BarrierObject, _ access: Access?, _ address: UInt64, in cluster: Cluster
  ) {
    guard let access, let hazards = cluster.hazards else { return }
    hazards.report(
      .arrivalOverflow, access, address: address, other: hazards.objects[address]?.initialisation,
      "\(arrivals) arrivals, and the phase waits for \(object.pending) more of its \(object.expected)")
  }

  /// The count of bytes of an mbarrier leaves its range.
  func checkCount(_ object: BarrierObject, _ access: Access?, _ address: UInt64, in cluster: Cluster) {
    guard let access, let hazards = cluster.hazards else { return }
    hazards.report(
      .transactionMismatch, access, address: address, other: hazards.objects[address]?.lastExpectation,
      "the count of bytes that the phase waits for would be \(object.transactions)")
  }
}

/// Where the interpreter tells the hazard checks of mbarriers.
extension Interpreter {
  /// A thread of a warp arrives at an mbarrier, or changes what it waits for.
  func checkArrival(at address: UInt64, _ site: Int32, _ warp: Warp, arrives: Bool) {
    guard let hazards = warp.hazards, let object = hazards.cluster.object(address, hazards, site) else {
      return
    }
    if arrives { object.arrive(hazards.causality) }
    checkRemote(hazards.access(.synchronizingWrite, site), address, warp)
  }

  /// A thread of a warp finds that a phase has ended.
  func checkWait(at address: UInt64, _ site: Int32, _ warp: Warp) {
    guard let hazards = warp.hazards, let object = hazards.cluster.object(address, hazards, site) else {
      return
    }
    object.wait(hazards, site)
  }
}

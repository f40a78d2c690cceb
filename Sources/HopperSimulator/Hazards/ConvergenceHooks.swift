/// Whether threads come together where they must: at named barriers, and at `.aligned` instructions.
extension Interpreter {
  /// An arrival at a named barrier, before it is counted.
  func checkArrival(_ i: DecodedInstruction, _ number: Int, _ count: Int, _ warp: Warp, _ place: Int) {
    guard let hazards = warp.hazards, let block = warp.block.hazards else { return }
    let site = site(i, warp, place)
    let barrier = warp.block.barriers[number]
    if let other = block.arrivals[number], barrier.arrived > 0, barrier.expected != count {
      let all = warp.block.warps.count * 32
      let (a, b) = (count == 0 ? all : count, barrier.expected == 0 ? all : barrier.expected)
      if a != b {
        hazards.cluster.report(
          .barrierCountMismatch, hazards.access(.read, site), other: other,
          "barrier \(number) is for \(a) threads here, and for \(b) where others wait")
      }
    }
    block.arrive(hazards, number, site)
  }

  /// Some lanes of a warp are at an instruction that all must execute together. They wait for the others; if those
  /// cannot come, or do not execute it, that is reported, and these go on alone. Nil when they go on.
  func converge(_ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int) -> Outcome? {
    if warp.isDivergent || warp.fragments[place].isGranted || lanes.active == 0 { return nil }
    let here = warp.fragments[place]
    if lanes.active == here.mask {
      guard let missing = missing(warp.live, lanes, warp, place) else {
        return nil
      }
      let canCome =
        warp.mustMerge
        || warp.fragments.enumerated().contains { other, fragment in
          if other == place { return false }
          if case .lanes = fragment.wait { return false }
          return true
        }
      if canCome { return .blocked(.lanes(missing)) }
    }
    warp.isDivergent = true
    if let hazards = warp.hazards {
      let apart = String(warp.live & ~lanes.active, radix: 16)
      hazards.cluster.report(
        .divergentAligned, hazards.access(.read, site(i, warp, place)),
        "lanes 0x\(apart) of the warp do not execute it together with the others")
    }
    warp.release(at: warp.time) { wait in
      if case .lanes = wait { return true }
      return false
    }
    return nil
  }
}

extension Warp {
  /// Whether some of its lanes that have not exited are not among these.
  @inline(__always)
  func isApart(_ active: UInt32) -> Bool { active & live != live }
}

/// Where the lanes of a warp go: branches, exits, and lanes that part and meet again.
extension Interpreter {
  func branch(_ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int) -> Outcome {
    let mask = warp.fragments[place].mask
    let target = Int(i.immediate)
    if lanes.active == 0 { return .next }
    if lanes.active == mask, warp.fragments.count == 1 {
      warp.fragments[place].index = target
      return .placed
    }
    if lanes.active != mask {
      var taken = warp.fragments[place]
      taken.mask = lanes.active
      taken.index = target
      warp.fragments[place].mask = mask & ~lanes.active
      warp.fragments[place].index += 1
      warp.fragments.append(taken)
    } else {
      warp.fragments[place].index = target
    }
    mergeFragments(warp)
    return .placed
  }

  func branchIndexed(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) -> Outcome {
    var rest = lanes.active
    let origin = warp.fragments[place]
    warp.fragments[place].mask = origin.mask & ~lanes.active
    warp.fragments[place].index += 1
    while rest != 0 {
      // An index beyond the list is undefined: the last target is as good as any.
      let number = lanes.word(i.a, rest.trailingZeroBitCount)
      var mask: UInt32 = 0
      lanes.forEachActiveLane { if lanes.word(i.a, $0) == number { mask |= 1 << UInt32($0) } }
      mask &= rest
      var taken = origin
      taken.mask = mask
      taken.index = unsafe Int(lanes.vectors[Int(i.extra) + min(Int(number), Int(i.extraCount) - 1)])
      warp.fragments.append(taken)
      rest &= ~mask
    }
    warp.fragments.removeAll { $0.mask == 0 }
    mergeFragments(warp)
    return .placed
  }

  func exit(_ lanes: LaneContext, _ warp: Warp, _ place: Int, _ site: Int32) -> Outcome {
    if lanes.active == 0 { return .next }
    warp.live &= ~lanes.active
    warp.block.warpgroup(of: warp).loseThreads()
    warp.fragments[place].mask &= ~lanes.active
    warp.fragments[place].index += 1
    warp.fragments.removeAll { $0.mask == 0 }
    releaseLanes(warp)
    if warp.live == 0 {
      let block = warp.block
      block.liveWarpCount -= 1
      checkExit(warp, site)
      block.freeRegisters += warp.registersPerThread * 32
      for barrier in block.barriers.indices { completeBarrier(block, barrier, at: warp.time) }
      completeClusterBarrier(block.cluster, at: warp.time)
      grantRegisters(block, at: warp.time)
    }
    return .placed
  }

  // MARK: Fragments

  /// The lowest place of other lanes of the warp that can go on: there these have to stop.
  func otherIndex(_ warp: Warp, _ place: Int) -> Int {
    guard warp.fragments.count > 1 else { return .max }
    var lowest = Int.max
    let frame = warp.fragments[place].frame
    for (other, fragment) in warp.fragments.enumerated()
    where other != place && fragment.wait == .nothing && fragment.frame === frame {
      // Lanes before these have been overtaken for the sake of progress.
      if fragment.index >= warp.fragments[place].index { lowest = min(lowest, fragment.index) }
    }
    return lowest
  }

  /// Joins lanes that are at the same instruction of the same call and wait for nothing.
  func mergeFragments(_ warp: Warp) {
    var place = 0
    while place < warp.fragments.count {
      var other = place + 1
      while other < warp.fragments.count {
        let (a, b) = (warp.fragments[place], warp.fragments[other])
        if a.index == b.index, a.frame === b.frame, a.wait == .nothing, b.wait == .nothing {
          warp.fragments[place].mask |= b.mask
          warp.fragments.remove(at: other)
          warp.turns = 0
        } else {
          other += 1
        }
      }
      place += 1
    }
  }
}

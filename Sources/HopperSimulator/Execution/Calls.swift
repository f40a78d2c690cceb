/// Calls of device functions and returns from them.
extension Interpreter {
  /// Moves the lanes of a call into a frame of the function. Lanes that call another wait for their turn.
  func call(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    let caller = warp.fragments[place].frame
    let site = caller.program.callSites[Int(i.immediate)]
    var calling = lanes
    let name: String
    switch site.callee {
    case .function(let function): name = function
    case .address(let slot):
      let address = lanes.doubleWord(slot, lanes.active.trailingZeroBitCount)
      lanes.forEachActiveLane { lane in
        if lanes.doubleWord(slot, lane) != address { calling.active &= ~(1 << UInt32(lane)) }
      }
      guard let function = launch.functionNames[address] else {
        throw error(.undefinedFunction("0x" + String(address, radix: 16)), i, warp, place)
      }
      name = function
    }
    if name == "__assertfail" { throw error(.trap, i, warp, place) }
    guard let program = launch.functions[name] else { throw error(.undefinedFunction(name), i, warp, place) }
    guard caller.depth < Frame.depthLimit else { throw error(.callDepth(Frame.depthLimit), i, warp, place) }
    let index = warp.fragments[place].index
    let frame = Frame(program, caller: caller, site: site, returnIndex: index + 1)
    if let hazards = warp.hazards { frame.follow(hazards) }
    for (from, to) in zip(site.arguments, program.argumentPlaces) {
      try pass(from, caller, to, frame, calling.active, i, warp, place)
    }
    enter(frame, calling.active, lanes.active, warp, place)
    return .placed
  }

  /// Splits a fragment: lanes that enter the function, lanes that have yet to call one, and lanes that do not.
  private func enter(_ frame: Frame, _ entering: UInt32, _ active: UInt32, _ warp: Warp, _ place: Int) {
    let origin = warp.fragments[place]
    let parts = [
      (frame, 0, entering), (origin.frame, origin.index, active & ~entering),
      (origin.frame, origin.index + 1, origin.mask & ~active),
    ]
    warp.fragments.remove(at: place)
    for (frame, index, mask) in parts where mask != 0 {
      warp.fragments.append(Fragment(index: index, mask: mask, frame: frame))
    }
    mergeFragments(warp)
  }

  func returnFromCall(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    let frame = warp.fragments[place].frame
    guard let caller = frame.caller, let site = frame.site else {
      return exit(lanes, warp, place, self.site(i, warp, place))
    }
    checkReturn(frame, self.site(i, warp, place), active: lanes.active, warp)
    for (from, to) in zip(frame.program.resultPlaces, site.results) {
      try pass(from, frame, to, caller, lanes.active, i, warp, place)
    }
    var returning = warp.fragments[place]
    returning.mask = lanes.active
    returning.index = frame.returnIndex
    returning.frame = caller
    warp.fragments[place].mask &= ~lanes.active
    warp.fragments[place].index += 1
    warp.fragments.append(returning)
    warp.fragments.removeAll { $0.mask == 0 }
    mergeFragments(warp)
    return .placed
  }

  /// Copies a value from one frame to another.
  private func pass(
    _ from: CallValue, _ source: Frame, _ to: CallValue, _ target: Frame, _ active: UInt32,
    _ i: DecodedInstruction,
    _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let byteCount =
      switch to {
      case .memory(_, let byteCount): byteCount
      case .row(_, let isWide): isWide ? 8 : 4
      }
    var rest = active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      // The target first: making room for it may move the memory of both.
      let end = try unsafe pointer(to, target, lane, i, warp, place)
      let start = try unsafe pointer(from, source, lane, i, warp, place)
      let available =
        switch from {
        case .memory(_, let byteCount): byteCount
        case .row(_, let isWide): isWide ? 8 : 4
        }
      unsafe end.copyMemory(from: start, byteCount: min(byteCount, available))
    }
  }

  @unsafe private func pointer(
    _ value: CallValue, _ frame: Frame, _ lane: Int, _ i: DecodedInstruction, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> UnsafeMutableRawPointer {
    switch value {
    case .row(let slot, let isWide):
      let row =
        unsafe slot >= 0 ? frame.registers + Int(slot) * 128 : frame.program.constants.base + Int(~slot) * 128
      return unsafe row + lane * (isWide ? 8 : 4)
    case .memory(let offset, let byteCount):
      let address = UInt64(offset + frame.localBase)
      guard let memory = unsafe warp.localPointer(lane, address, byteCount) else {
        throw error(
          .outOfBounds(space: "local", address: address, byteCount: byteCount, lane: lane), i, warp, place)
      }
      return unsafe memory
    }
  }
}

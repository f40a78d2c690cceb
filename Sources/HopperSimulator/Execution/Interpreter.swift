import PTX

/// What becomes of lanes after an instruction.
enum Outcome {
  /// They go on with the next.
  case next
  /// They stay at it until what they wait for has come, and do it again then.
  case blocked(Wait)
  /// They have been dealt with: moved, split or ended.
  case placed
}

/// Executes the warps of one cluster.
///
/// One interpreter is used by one thread at a time. Clusters meet only in global memory, and where order matters they
/// wait for their turn, see `LaunchRunner`.
@safe final class Interpreter {
  let launch: LaunchContext
  let cluster: Cluster
  /// Whether no other cluster runs: then nothing has to wait for its turn.
  var isAlone = false
  private(set) var instructionCount: UInt64 = 0
  /// Data that is on its way, in the order of its arrival.
  var events: [PendingEvent] = []
  var eventCount = 0
  /// Two rows for results that only some lanes keep.
  private let scratch: UnsafeMutableRawPointer
  /// The allocation that was used last.
  var lastAllocation: GlobalMemory.Allocation?

  init(_ launch: LaunchContext, _ cluster: Cluster) {
    self.launch = launch
    self.cluster = cluster
    unsafe scratch = .allocate(byteCount: 256, alignment: 64)
  }

  deinit { unsafe scratch.deallocate() }

  // MARK: Warps

  /// Instructions that a warp may be ahead of the others, so that not each needs a choice.
  private static let slack: UInt64 = 16

  /// Runs all warps, and lets data arrive, up to a time. Returns whether anything happened.
  func run(until end: UInt64) throws(SimulationError) -> Bool {
    let before = instructionCount
    var hasArrived = false
    while true {
      let arrival = events.first?.time ?? .max
      if let (warp, limit) = nextWarp(before: min(end, arrival)) {
        try run(warp, until: limit)
      } else if arrival < end {
        hasArrived = true
        try events.removeFirst().action(self)
      } else {
        return hasArrived || instructionCount != before
      }
    }
  }

  /// The warp that is behind all others, and how far it may run.
  private func nextWarp(before end: UInt64) -> (Warp, UInt64)? {
    var best: Warp?
    var second = end
    for block in cluster.blocks {
      for warp in block.warps where warp.live != 0 && warp.time < end && warp.nextFragment() != nil {
        if let current = best, current.time <= warp.time {
          second = min(second, warp.time)
        } else {
          if let current = best { second = min(second, current.time) }
          best = warp
        }
      }
    }
    return best.map { ($0, min(end, second + Self.slack)) }
  }

  /// Runs a warp until it can not go on, or has reached a time.
  private func run(_ warp: Warp, until end: UInt64) throws(SimulationError) {
    while warp.time < end, let place = warp.nextFragment() {
      try run(warp, place, until: end)
    }
  }

  /// Executes one instruction of a fragment that has its turn.
  func takeTurn(_ warp: Warp, _ place: Int) throws(SimulationError) {
    warp.fragments[place].wait = .nothing
    warp.fragments[place].isGranted = true
    try run(warp, place, until: warp.time + 1)
  }

  // MARK: Instructions

  /// Runs the lanes of one fragment, until they block, part, meet others or reach a time.
  private func run(_ warp: Warp, _ place: Int, until end: UInt64) throws(SimulationError) {
    let fragment = warp.fragments[place]
    let frame = fragment.frame
    let program = frame.program
    let code = unsafe program.code.base
    let vectors = unsafe UnsafePointer(program.code.vectors)
    var lanes = unsafe LaneContext(
      registers: frame.registers, constants: program.constants.base, predicates: frame.predicates,
      scratch: scratch)
    let others = otherIndex(warp, place)
    var index = fragment.index
    var time = warp.time
    var executed: UInt64 = 0
    defer { instructionCount += executed }
    while time < end {
      let instruction = unsafe UnsafePointer(code + index)
      let predicate = unsafe instruction.pointee.predicate
      lanes.active = predicate == .always ? fragment.mask : fragment.mask & lanes.predicate(predicate.index)
      executed += 1
      time += 1
      if unsafe lanes.executeArithmetic(instruction, vectors) {
        index += 1
      } else {
        warp.time = time
        warp.fragments[place].index = index
        let outcome = try unsafe execute(instruction.pointee, lanes, warp, place, program)
        switch outcome {
        case .next:
          warp.fragments[place].isGranted = false
          index += 1
        case .blocked(let wait):
          warp.fragments[place].isGranted = false
          warp.fragments[place].wait = warp.mustMerge ? .nothing : wait
          if warp.mustMerge { mergeFragments(warp) }
          warp.mustMerge = false
          return
        case .placed: return
        }
        time = warp.time
      }
      if index >= others {
        warp.fragments[place].index = index
        warp.time = time
        warp.turns += 1
        mergeFragments(warp)
        return
      }
    }
    warp.turns += Int(executed)
    warp.fragments[place].index = index
    warp.time = time
  }

  /// The lowest place of other lanes of the warp that can go on: there these have to stop.
  private func otherIndex(_ warp: Warp, _ place: Int) -> Int {
    guard warp.fragments.count > 1 else { return .max }
    var lowest = Int.max
    for (other, fragment) in warp.fragments.enumerated() where other != place && fragment.wait == .nothing {
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

  // MARK: What is not arithmetic

  private func execute(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int, _ program: Program
  ) throws(SimulationError) -> Outcome {
    switch i.opcode {
    case .branch: return branch(i, lanes, warp, place)
    case .load: return try load(i, lanes, warp, place)
    case .store: return try store(i, lanes, warp, place)
    case .special: return readSpecial(i, lanes, warp)
    case .sharedAddress:
      let rank = UInt64(warp.block.rank) << AddressWindow.sharedBits
      return setAll(i, lanes, rank + UInt64(bitPattern: i.immediate))
    case .localAddress:
      return setAll(i, lanes, UInt64(bitPattern: i.immediate) + UInt64(warp.fragments[place].frame.localBase))
    case .toGeneric, .fromGeneric, .mapAddress, .addressRank, .isSpace: return convertAddress(i, lanes, warp)
    case .atomic, .reduce: return try executeAtomic(i, lanes, warp, place)
    case .shuffle, .vote, .match, .reduceWarp, .activeMask, .elect, .warpBarrier:
      return exchange(i, lanes, warp, place)
    case .barrier, .barrierReduce: return try executeBarrier(i, lanes, warp, place)
    case .clusterArrive, .clusterWait: return clusterBarrier(i, lanes, warp, place)
    case .barrierObjectInit, .barrierObjectInvalidate, .barrierObjectArrive, .barrierObjectExpect,
      .barrierObjectComplete, .barrierObjectWait, .barrierObjectPending:
      return try executeBarrierObject(i, lanes, warp, place)
    case .branchIndexed: return branchIndexed(i, lanes, warp, place, program)
    case .exit: return exit(lanes, warp, place)
    case .returnFromCall: return returnFromCall(lanes, warp, place)
    case .trap:
      if lanes.active == 0 { return .next }
      throw error(.trap, i, warp, place)
    case .sleep:
      // Nanoseconds are taken for cycles and a half: uncalibrated.
      warp.time += UInt64(lanes.uniformWord(i.a)) * 3 / 2
      return .next
    case .asynchronousCopy, .asynchronousCopyGroup, .asynchronousCopyWait, .asynchronousCopyArrive, .bulkCopy,
      .bulkReduce, .bulkGroup, .bulkWait, .tensorLoad, .tensorStore, .storeAsynchronous, .reduceAsynchronous:
      return try executeAsynchronous(i, lanes, warp, place)
    case .fence, .prefetch, .gridLaunch, .gridWait, .nothing: return .next
    case .setRegisters: return try setRegisters(i, lanes, warp, place)
    default:
      if lanes.active == 0 { return .next }
      let instruction =
        program.instructions.indices.contains(Int(i.statement))
        ? program.instructions[Int(i.statement)].spelling : "exit"
      throw error(.unsupportedInstruction(instruction), i, warp, place)
    }
  }

  /// A fault at an instruction.
  func error(_ reason: SimulationError.Reason, _ i: DecodedInstruction, _ warp: Warp, _ place: Int)
    -> SimulationError
  {
    SimulationError(
      reason: reason, place: self.place(Int(i.statement), warp, warp.fragments[place].frame.program))
  }

  /// Where an instruction is.
  func place(_ statement: Int, _ warp: Warp, _ program: Program) -> ExecutionPlace {
    let instruction = program.instructions.indices.contains(statement) ? program.instructions[statement] : nil
    return ExecutionPlace(
      function: program.function.name, instruction: instruction?.text(in: program.function) ?? "",
      line: instruction?.line ?? 0, source: instruction?.source, block: warp.block.index, warp: warp.index)
  }

  // MARK: Control flow

  private func branch(_ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int) -> Outcome {
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

  private func branchIndexed(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int, _ program: Program
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
      taken.index = unsafe Int(program.code.vectors[Int(i.extra) + min(Int(number), Int(i.extraCount) - 1)])
      warp.fragments.append(taken)
      rest &= ~mask
    }
    warp.fragments.removeAll { $0.mask == 0 }
    mergeFragments(warp)
    return .placed
  }

  private func exit(_ lanes: LaneContext, _ warp: Warp, _ place: Int) -> Outcome {
    if lanes.active == 0 { return .next }
    warp.live &= ~lanes.active
    warp.fragments[place].mask &= ~lanes.active
    warp.fragments[place].index += 1
    warp.fragments.removeAll { $0.mask == 0 }
    releaseLanes(warp)
    if warp.live == 0 {
      let block = warp.block
      block.liveWarpCount -= 1
      block.freeRegisters += warp.registersPerThread * 32
      for barrier in block.barriers.indices { completeBarrier(block, barrier, at: warp.time) }
      completeClusterBarrier(at: warp.time)
      grantRegisters(block, at: warp.time)
    }
    return .placed
  }

  private func returnFromCall(_ lanes: LaneContext, _ warp: Warp, _ place: Int) -> Outcome {
    if lanes.active == 0 { return .next }
    guard let caller = warp.fragments[place].frame.caller else { return exit(lanes, warp, place) }
    var returning = warp.fragments[place]
    returning.mask = lanes.active
    returning.index = returning.frame.returnIndex
    returning.frame = caller
    warp.fragments[place].mask &= ~lanes.active
    warp.fragments[place].index += 1
    warp.fragments.append(returning)
    warp.fragments.removeAll { $0.mask == 0 }
    mergeFragments(warp)
    return .placed
  }

  // MARK: Values of the warp

  /// Writes one value into every active lane.
  private func setAll(_ i: DecodedInstruction, _ lanes: LaneContext, _ value: UInt64) -> Outcome {
    if i.isWide {
      lanes.setDoubleWords(i.d) { _ in value }
    } else {
      lanes.setWords(i.d) { _ in UInt32(truncatingIfNeeded: value) }
    }
    return .next
  }
}

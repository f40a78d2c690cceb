/// What lanes of a warp exchange (PTX ISA 9.7.9.6, 9.7.13.8 to 9.7.13.11).
///
/// Lanes that are named in the member mask but are elsewhere are waited for: lanes that part and come to the same
/// instruction by different ways meet there.
extension Interpreter {
  func exchange(_ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int) -> Outcome {
    if i.opcode == .activeMask {
      lanes.setWords(i.d) { _ in lanes.active }
      return .next
    }
    if lanes.active == 0 { return .next }
    let members = lanes.uniformWord(i.extra) & warp.live
    if let missing = missing(members, lanes, warp, place) { return .blocked(.lanes(missing)) }
    switch i.opcode {
    case .shuffle: shuffle(i, lanes)
    case .vote: vote(i, lanes)
    case .match: match(i, lanes)
    case .reduceWarp: reduce(i, lanes)
    case .elect:
      let leader = UInt32(lanes.active.trailingZeroBitCount)
      lanes.setWords(i.d) { _ in leader }
      lanes.setPredicate(i.e, 1 << leader)
    default: break
    }
    return .next
  }

  /// The members that are not here yet, if some are still to come; those that wait at the same instruction join first.
  func missing(_ members: UInt32, _ lanes: LaneContext, _ warp: Warp, _ place: Int) -> UInt32? {
    let here = warp.fragments[place].mask
    guard members & ~here != 0 else { return nil }
    let index = warp.fragments[place].index
    var gathered = here
    for (other, fragment) in warp.fragments.enumerated() where other != place {
      if fragment.index == index, fragment.frame === warp.fragments[place].frame, case .lanes = fragment.wait
      {
        gathered |= fragment.mask
      }
    }
    guard members & ~gathered == 0 else { return members & ~here }
    // All have come: let them go on as one, from this instruction again.
    for other in warp.fragments.indices {
      if warp.fragments[other].index == index, case .lanes = warp.fragments[other].wait {
        warp.fragments[other].wait = .nothing
      }
    }
    // The caller blocks these lanes; joined lanes are released at once.
    warp.mustMerge = true
    return members & ~here
  }

  /// After lanes have exited, others may have nobody to wait for any more.
  func releaseLanes(_ warp: Warp) {
    for place in warp.fragments.indices {
      if case .lanes(let missing) = warp.fragments[place].wait, missing & warp.live == 0 {
        warp.fragments[place].wait = .nothing
      }
    }
  }

  private func shuffle(_ i: DecodedInstruction, _ lanes: LaneContext) {
    guard let mode = ShuffleMode(rawValue: i.operation) else { return }
    // All sources are read before a destination, which may be the same row, is written.
    let source = SIMD32<UInt32> { lanes.word(i.a, $0) }
    var inRange: UInt32 = 0
    lanes.setWords(i.d) { lane in
      let b = Int(lanes.word(i.b, lane) & 31)
      let c = lanes.word(i.c, lane)
      let segment = Int(c >> 8 & 31)
      let clamp = Int(c & 31)
      let highest = (lane & segment) | (clamp & ~segment)
      let from: Int
      let isValid: Bool
      switch mode {
      case .up:
        from = lane - b
        isValid = from >= highest
      case .down:
        from = lane + b
        isValid = from <= highest
      case .butterfly:
        from = lane ^ b
        isValid = from <= highest
      case .index:
        from = (lane & segment) | (b & ~segment)
        isValid = from <= highest
      }
      if isValid { inRange |= 1 << UInt32(lane) }
      return source[isValid ? from : lane]
    }
    lanes.setPredicate(i.e, inRange)
  }

  private func vote(_ i: DecodedInstruction, _ lanes: LaneContext) {
    let members = lanes.active
    let votes = lanes.predicate(i.a) & members
    switch VoteMode(rawValue: i.operation) {
    case .ballot: lanes.setWords(i.d) { _ in votes }
    case .all: lanes.setPredicate(i.d, votes == members ? .max : 0)
    case .any: lanes.setPredicate(i.d, votes != 0 ? .max : 0)
    case .uniform, nil: lanes.setPredicate(i.d, votes == members || votes == 0 ? .max : 0)
    }
  }

  private func match(_ i: DecodedInstruction, _ lanes: LaneContext) {
    func value(_ lane: Int) -> UInt64 {
      i.isWide ? lanes.doubleWord(i.a, lane) : UInt64(lanes.word(i.a, lane))
    }
    let values = (0..<32).map(value)
    func equals(_ lane: Int) -> UInt32 {
      var mask: UInt32 = 0
      lanes.forEachActiveLane { if values[$0] == values[lane] { mask |= 1 << UInt32($0) } }
      return mask
    }
    if i.operation == 0 {
      lanes.setWords(i.d) { equals($0) }
    } else {
      let areAll = equals(lanes.active.trailingZeroBitCount) == lanes.active
      lanes.setWords(i.d) { _ in areAll ? lanes.active : 0 }
      lanes.setPredicate(i.e, areAll ? .max : 0)
    }
  }

  private func reduce(_ i: DecodedInstruction, _ lanes: LaneContext) {
    guard let operation = AtomicOperation(rawValue: i.operation),
      let element = AtomicElement(rawValue: i.type)
    else {
      return
    }
    var result: UInt64?
    lanes.forEachActiveLane { lane in
      let value = UInt64(lanes.word(i.a, lane))
      result = result.map { AtomicArithmetic.result(operation, element, $0, value, 0) } ?? value
    }
    lanes.setWords(i.d) { _ in UInt32(truncatingIfNeeded: result ?? 0) }
  }
}

extension SIMD32 {
  /// The vector of what a function gives for each place.
  init(_ element: (Int) -> Scalar) {
    self.init()
    for place in indices { self[place] = element(place) }
  }
}

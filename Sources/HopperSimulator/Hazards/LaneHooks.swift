/// Whether lanes of a warp agree about what one store leaves in memory.
///
/// Of the lanes that store to one place at once, one succeeds, and which is not defined (CUDA C++ programming guide, SIMT
/// architecture): what they store must be the same.
extension Interpreter {
  /// A store whose lanes do not follow each other in memory.
  func checkLanes(
    _ access: MemoryAccess, _ i: DecodedInstruction, _ lanes: LaneContext, _ values: UnsafePointer<Int32>,
    _ warp: Warp, _ place: Int
  ) {
    guard let hazards = warp.hazards, access.mayMeet(lanes.active) else { return }
    let isWide = i.operation & LoadFlag.wide != 0
    func stored(_ element: Int, _ lane: Int) -> UInt64 {
      let slot = unsafe values[element]
      let bits = isWide ? lanes.doubleWord(slot, lane) : UInt64(lanes.word(slot, lane))
      return i.elementBytes == 8 ? bits : bits & (1 << UInt64(8 * i.elementBytes) - 1)
    }
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      var others = rest
      while others != 0 {
        let other = others.trailingZeroBitCount
        others &= others &- 1
        guard access[other] == access[lane],
          (0..<Int(i.elementCount)).contains(where: { stored($0, lane) != stored($0, other) })
        else { continue }
        let space = i.space == .generic ? Self.space(ofGeneric: access[lane]) : i.space
        guard space == .shared || space == .global else { return }
        hazards.cluster.report(
          space == .shared ? .sharedRace : .globalRace, hazards.access(.write, site(i, warp, place)),
          address: space == .shared ? access[lane] & 0xFFFF_FFFF : access[lane],
          "lanes \(lane) and \(other) store different values there at once")
        return
      }
    }
  }
}

extension MemoryAccess {
  /// False when no two of some lanes have the same address.
  func mayMeet(_ active: UInt32) -> Bool {
    // As in a Bloom filter (1970) of one hash.
    var seen = InlineArray<16, UInt64>(repeating: 0)
    var rest = active
    while rest != 0 {
      let hash = (self[rest.trailingZeroBitCount] &* 0x9E37_79B9_7F4A_7C15) >> 54
      rest &= rest &- 1
      let (word, bit) = (Int(hash >> 6), UInt64(1) << (hash & 63))
      if seen[word] & bit != 0 { return true }
      seen[word] |= bit
    }
    return false
  }
}

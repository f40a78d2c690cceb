/// Whether lanes of a warp agree about what one store leaves in memory.
///
/// Of the lanes that store to one place at once, one succeeds, and which is not defined (CUDA C++ programming guide, SIMT
/// architecture): what they store must be the same.
extension Interpreter {
  /// A store whose lanes do not follow each other in memory.
  func checkLanes(
    _ access: MemoryAccess, _ i: DecodedInstruction, _ lanes: LaneContext, _ hazards: WarpHazards
  ) {
    guard access.hasEqual(lanes.active) else { return }
    let isWide = i.operation & LoadFlag.wide != 0
    func stored(_ element: Int, _ lane: Int) -> UInt64 {
      let slot = unsafe lanes.vectors[Int(i.extra) + element]
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
          space == .shared ? .sharedRace : .globalRace, hazards.access(.write, lanes.site(i)),
          address: space == .shared ? access[lane] & 0xFFFF_FFFF : access[lane],
          "lanes \(lane) and \(other) store different values there at once")
        return
      }
    }
  }
}

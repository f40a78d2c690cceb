/// Matrices of 8 × 8 elements of 16 bits: `ldmatrix`, `stmatrix`, `movmatrix` (PTX ISA 9.7.14.5.15 to 9.7.14.5.17).
///
/// A matrix is 32 words, a row four of them; as a register, lane l has word l.
extension Interpreter {
  func moveMatrices(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    if let missing = try missingLanes(i, lanes, warp, place) { return .blocked(.lanes(missing)) }
    if i.opcode == .matrixTranspose {
      let words = SIMD32<UInt32> { lanes.word(i.a, $0) }
      lanes.setWords(i.d) { Self.transposed($0) { words[$0] } }
      return .next
    }
    let slots = unsafe lanes.vectors + Int(i.extra)
    let count = Int(i.extraCount)
    // Lanes of the first so many eights have the addresses of rows.
    var rows = lanes
    rows.active = count == 4 ? .max : 1 << UInt32(8 * count) - 1
    let access = unsafe MemoryAccess(i, rows, byteCount: 16, in: addresses)
    let region = try region(access, i, rows, warp, place)
    if i.opcode == .matrixLoad {
      let words = unsafe matrixWords
      try unsafe forEachLane(access, region, 0, rows.active, i, warp, place) { lane, row in
        for word in 0..<4 {
          unsafe words[4 * lane + word] = row.load(fromByteOffset: 4 * word, as: UInt32.self)
        }
      }
      for matrix in 0..<count {
        unsafe lanes.setWords(slots[matrix]) { lane in
          i.operation == 0
            ? unsafe words[32 * matrix + lane] : Self.transposed(lane) { unsafe words[32 * matrix + $0] }
        }
      }
    } else {
      try unsafe forEachLane(access, region, 0, rows.active, i, warp, place) { lane, row in
        let slot = unsafe slots[lane / 8]
        for word in 0..<4 {
          let place = 4 * (lane % 8) + word
          let value =
            i.operation == 0 ? lanes.word(slot, place) : Self.transposed(place) { lanes.word(slot, $0) }
          unsafe row.storeBytes(of: value, toByteOffset: 4 * word, as: UInt32.self)
        }
      }
    }
    if let hazards = warp.hazards {
      checkShared(access, i, rows, warp, hazards, isWrite: i.opcode == .matrixStore)
    }
    timeMatrices(access, rows.active, i, warp, place)
    return .next
  }

  /// A word of the transposed matrix.
  private static func transposed(_ place: Int, _ word: (Int) -> UInt32) -> UInt32 {
    let (row, column) = (place / 4, 2 * (place % 4))
    func element(_ row: Int, _ column: Int) -> UInt32 {
      word(4 * row + column / 2) >> UInt32(16 * (column % 2)) & 0xFFFF
    }
    return element(column, row) | element(column + 1, row) << 16
  }

  private func timeMatrices(
    _ access: MemoryAccess, _ active: UInt32, _ i: DecodedInstruction, _ warp: Warp, _ place: Int
  ) {
    let (wavefronts, least) = access.wavefronts(active)
    let start = warp.takeShared(
      at: issueTime, slot: slotTime, wavefronts: wavefronts, conflicts: wavefronts - least)
    guard i.opcode == .matrixLoad else { return }
    let latency = unsafe warp.clock.latencies[Int(i.unit)]
    warp.fragments[place].frame.scoreboard.setReady(
      warp.fragments[place].index, at: start + wavefronts - 1 + latency, .sharedMemory)
  }

  /// Lanes that an instruction of the whole warp still has to wait for. Throws when the warp has no such lanes any more,
  /// or the predicate excludes some.
  func missingLanes(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> UInt32? {
    if lanes.active == .max { return nil }
    if let missing = missing(warp.live, lanes, warp, place) { return missing }
    throw error(
      .badOperand(
        "lanes 0x\(String(~lanes.active, radix: 16)) do not execute an instruction of the whole warp"),
      i, warp, place)
  }
}

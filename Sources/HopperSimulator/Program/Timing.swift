import PTX

extension TimedInstruction {
  /// What the clock knows of each decoded instruction of a function, and the list of registers that they name.
  ///
  /// Of the instructions that stand for one of PTX, the last counts: it has that one's registers.
  static func table(_ decoder: Decoder) -> (instructions: [TimedInstruction], registers: [Int32]) {
    var table: [TimedInstruction] = []
    var registers: [Int32] = []
    for (index, decoded) in decoder.code.enumerated() {
      var timed = TimedInstruction()
      timed.unit = decoded.unit
      let statement = Int(decoded.statement)
      let isLast = index + 1 == decoder.code.count || decoder.code[index + 1].statement != decoded.statement
      timed.isIssued = isLast
      timed.isOrdered = !decoded.opcode.isMovable
      timed.first = Int32(registers.count)
      if isLast, decoder.list.instructions.indices.contains(statement) {
        let use = RegisterUse(decoder.list.instructions[statement], decoder.list.forms[statement])
        registers += use.reads.map(decoder.scoreboardIndex)
        registers += use.writes.map(decoder.scoreboardIndex)
        (timed.readCount, timed.writeCount) = (UInt16(use.reads.count), UInt16(use.writes.count))
      }
      table.append(timed)
    }
    return (table, registers)
  }
}

extension Decoder {
  /// The place of a register among those whose readiness the clock keeps: rows, then predicates.
  fileprivate func scoreboardIndex(_ register: RegisterID) -> Int32 {
    let slot = allocation.slots[Int(register.index)]
    return type(of: register) == .pred ? Int32(scratch.rowCount) + slot : slot
  }
}

extension Opcode {
  /// Whether a compiler may move the instruction among others of its basic block.
  fileprivate var isMovable: Bool {
    rawValue <= Opcode.unpackVector.rawValue && self != .unsupported
      || [
        .isSpace, .special, .sharedAddress, .localAddress, .toGeneric, .fromGeneric, .mapAddress,
        .addressRank,
      ]
      .contains(self)
      || [.load, .store, .prefetch, .matrixLoad, .matrixStore, .matrixTranspose, .matrixMultiply].contains(
        self)
      || [.shuffle, .vote, .match, .reduceWarp, .activeMask, .nothing].contains(self)
  }
}

import PTX

/// How an instruction uses registers and a unit, for the clock.
struct TimedInstruction {
  /// First of its registers in the list: those read, then those written. A row's index, or that of a predicate behind
  /// the rows.
  var first: Int32 = 0
  var readCount: UInt16 = 0
  var writeCount: UInt16 = 0
  /// In which region of the kernel it is, see `RegionTable`.
  var region: UInt16 = 0
  var unit: UInt8 = 0
  /// Whether it takes an issue slot: not when the decoder added it.
  var isIssued = true
  /// Whether instructions before it must have issued: it is not moved.
  var isOrdered = false
}

extension TimedInstruction {
  /// What the clock knows of each decoded instruction of a function, and the list of registers that they name.
  ///
  /// Of the instructions that stand for one of PTX, the last counts: it has that one's registers. But a reading of the
  /// clock happens where the first is, and stays in its place: it is there to measure others.
  static func table(_ decoder: Decoder, _ regions: RegionTable) -> (
    instructions: [TimedInstruction], registers: [Int32]
  ) {
    var table: [TimedInstruction] = []
    var registers: [Int32] = []
    for (index, decoded) in decoder.code.enumerated() {
      var timed = TimedInstruction()
      timed.unit = decoded.unit
      let statement = Int(decoded.statement)
      let instruction =
        decoder.list.instructions.indices.contains(statement) ? decoder.list.instructions[statement] : nil
      let readsClock = instruction?.operands.contains { $0.isClock } ?? false
      let neighbour = readsClock ? index - 1 : index + 1
      timed.isIssued =
        !decoder.code.indices.contains(neighbour) || decoder.code[neighbour].statement != decoded.statement
      timed.isOrdered = readsClock || !decoded.opcode.isMovable
      timed.first = Int32(registers.count)
      timed.region =
        decoder.function.kind == .entry ? UInt16(regions.number(of: statement)) : RegionTable.inherited
      if timed.isIssued, let instruction {
        let use = RegisterUse(instruction, decoder.list.forms[statement])
        registers += use.reads.map(decoder.scoreboardIndex)
        registers += use.writes.map(decoder.scoreboardIndex)
        (timed.readCount, timed.writeCount) = (UInt16(use.reads.count), UInt16(use.writes.count))
      }
      table.append(timed)
    }
    return (table, registers)
  }
}

extension Operand {
  /// Whether it is a special register that counts time.
  fileprivate var isClock: Bool {
    guard case .special(let register) = self else { return false }
    return switch register {
    case .clock, .clockHigh, .clock64, .globalTimer, .globalTimerLow, .globalTimerHigh: true
    default: false
    }
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

/// Takes out moves that only carry a value from one register to another.
///
/// Reading a mutable register takes a copy, so that a later assignment does not change what was read, and
/// assigning moves the new value into it. Nearly all of these moves can be done without: the copy's readers read
/// the original while it is unchanged, and the instruction that computed a value writes it where it goes.
///
/// Nothing is moved across a label, a branch or a `wgmma` instruction: the latter read and write registers until
/// they are waited for.
struct MoveElimination {
  private let registers: [Register]
  private let isRegion: [Bool]
  private var definitions: [Int]
  private var uses: [Int]

  /// For a function's registers and labels.
  init(registers: [Register], labels: [String]) {
    self.registers = registers
    isRegion = labels.map { RegionMarker(label: $0) != nil }
    definitions = Array(repeating: 0, count: registers.count)
    uses = definitions
  }

  /// The same program with fewer moves.
  mutating func applied(to body: [Statement]) -> [Statement] {
    for statement in body {
      guard case .instruction(let instruction) = statement else { continue }
      let access = Access(instruction)
      for register in access.reads { uses[register] += 1 }
      for register in access.writes { definitions[register] += 1 }
    }
    return writingInPlace(readingOriginals(body))
  }

  /// Readers of a copy read the original while both are unchanged; a copy that nobody reads goes.
  private mutating func readingOriginals(_ body: [Statement]) -> [Statement] {
    var result = body
    var originals: [Int: RegisterID] = [:]
    for index in result.indices {
      if endsBlock(result[index]) { originals.removeAll(keepingCapacity: true) }
      guard case .instruction(var instruction) = result[index], !isAsynchronous(instruction) else { continue }
      if !originals.isEmpty {
        replaceReads(in: &instruction, by: originals)
        result[index] = .instruction(instruction)
        for register in Access(instruction).writes {
          originals[register] = nil
          originals = originals.filter { Int($0.value.index) != register }
        }
      }
      if let move = Move(instruction), instruction.predicate == nil, isSafe(move),
        definitions[move.target] == 1
      {
        originals[move.target] = RegisterID(move.source)
      }
    }
    return result.filter { statement in
      guard case .instruction(let instruction) = statement, let move = Move(instruction), isSafe(move),
        definitions[move.target] == 1, uses[move.target] == 0
      else { return true }
      uses[move.source] -= 1
      return false
    }
  }

  private mutating func replaceReads(in instruction: inout Instruction, by originals: [Int: RegisterID]) {
    func replaced(_ register: RegisterID) -> RegisterID {
      guard let original = originals[Int(register.index)] else { return register }
      uses[Int(register.index)] -= 1
      uses[Int(original.index)] += 1
      return original
    }
    if let predicate = instruction.predicate {
      instruction.predicate = Guard(replaced(predicate.predicate), isNegated: predicate.isNegated)
    }
    guard let form = InstructionForms.decode(instruction) else { return }
    for (index, role) in form.roles(operandCount: instruction.operands.count).enumerated()
    where role == .read || role == .address {
      instruction.operands[index] = instruction.operands[index].mapRegisters(replaced)
    }
  }

  /// The instruction that computes what is then only moved writes the move's target.
  private func writingInPlace(_ body: [Statement]) -> [Statement] {
    var result: [Statement?] = body
    var blockStart = 0
    var definedAt = Array(repeating: -1, count: registers.count)
    var touchedAt = definedAt
    for index in body.indices {
      if endsBlock(body[index]) { blockStart = index + 1 }
      guard case .instruction(let instruction)? = result[index] else { continue }
      if let move = Move(instruction), isSafe(move), definitions[move.source] == 1, uses[move.source] == 1,
        case let origin = definedAt[move.source], origin >= blockStart, touchedAt[move.target] <= origin,
        case .instruction(var producer)? = result[origin], producer.predicate == instruction.predicate,
        case let access = Access(producer), !access.reads.contains(move.source),
        !access.writes.contains(move.target)
      {
        producer.operands = producer.operands.map { operand in
          operand.mapRegisters { Int($0.index) == move.source ? RegisterID(move.target) : $0 }
        }
        result[origin] = .instruction(producer)
        result[index] = nil
        definedAt[move.target] = origin
        touchedAt[move.target] = index
        continue
      }
      let access = Access(instruction)
      for register in access.reads { touchedAt[register] = index }
      for register in access.writes {
        touchedAt[register] = index
        definedAt[register] = index
      }
    }
    return result.compactMap { $0 }
  }

  private func isSafe(_ move: Move) -> Bool {
    registers[move.target].type == registers[move.source].type && move.target != move.source
  }

  private func isAsynchronous(_ instruction: Instruction) -> Bool {
    instruction.spelling.hasPrefix("wgmma.")
  }

  private func endsBlock(_ statement: Statement) -> Bool {
    switch statement {
    case .instruction(let instruction):
      isAsynchronous(instruction) || InstructionForms.decode(instruction)?.form.unit == .control
    case .label(let label): !isRegion[Int(label.index)]
    case .comment, .pragma, .branchTargets, .callTargets, .callPrototype: false
    }
  }
}

/// A move from register to register.
private struct Move {
  var target: Int
  var source: Int

  init?(_ instruction: Instruction) {
    guard instruction.spelling.hasPrefix("mov."), instruction.operands.count == 2,
      case .register(let target) = instruction.operands[0],
      case .register(let source) = instruction.operands[1]
    else { return nil }
    self.target = Int(target.index)
    self.source = Int(source.index)
  }
}

/// Registers that an instruction reads and writes, by index.
private struct Access {
  var reads: [Int] = []
  var writes: [Int] = []

  init(_ instruction: Instruction) {
    if let predicate = instruction.predicate { reads.append(Int(predicate.predicate.index)) }
    let roles = InstructionForms.decode(instruction)?.roles(operandCount: instruction.operands.count) ?? []
    for (operand, role) in zip(instruction.operands, roles) {
      operand.forEachRegister { register in
        if role != .write { reads.append(Int(register.index)) }
        if role == .write || role == .readWrite { writes.append(Int(register.index)) }
      }
    }
  }
}

extension DecodedForm {
  /// How an instruction of so many operands uses each: those left out are the last optional ones.
  func roles(operandCount: Int) -> [OperandRole] {
    Array(form.operands.prefix(operandCount).map(\.role))
  }
}

import PTX

/// Instructions of a function in order, with labels resolved, and where control goes from each.
struct InstructionList {
  var instructions: [Instruction] = []
  var forms: [DecodedForm?] = []
  /// Index of the instruction that follows each label.
  var targets: [Int]
  /// Labels of each list of branch targets.
  var branchTargets: [String: [LabelID]] = [:]

  init(_ function: Function) {
    targets = Array(repeating: 0, count: function.labels.count)
    for statement in function.body ?? [] {
      switch statement {
      case .instruction(let instruction):
        instructions.append(instruction)
        forms.append(InstructionForms.decode(instruction))
      case .label(let label): targets[Int(label.index)] = instructions.count
      case .branchTargets(let name, let labels): branchTargets[name] = labels
      case .comment, .pragma, .callTargets, .callPrototype: break
      }
    }
  }

  /// Where control may go after an instruction.
  func successors(of index: Int) -> [Int] {
    let instruction = instructions[index]
    let mnemonic = instruction.spelling.prefix { $0 != "." }
    let next = index + 1 < instructions.count ? [index + 1] : []
    switch mnemonic {
    case "bra":
      guard case .label(let label)? = instruction.operands.first else { return next }
      return [targets[Int(label.index)]] + (instruction.predicate == nil ? [] : next)
    case "brx":
      guard instruction.operands.count == 2, case .symbol(let name, _) = instruction.operands[1] else {
        return next
      }
      return (branchTargets[name] ?? []).map { targets[Int($0.index)] }
        + (instruction.predicate == nil ? [] : next)
    case "ret", "exit", "trap": return instruction.predicate == nil ? [] : next
    default: return next
    }
  }
}

/// Registers that an instruction reads and writes.
struct RegisterUse {
  var reads: [RegisterID] = []
  var writes: [RegisterID] = []

  init(_ instruction: Instruction, _ form: DecodedForm?) {
    if let predicate = instruction.predicate { reads.append(predicate.predicate) }
    let roles = form?.form.operands
    for (index, operand) in instruction.operands.enumerated() {
      // The results of a call are a list that comes first.
      if index == 0, form?.form.mnemonic == "call", case .list = operand {
        writes += operand.registers
        continue
      }
      // An instruction of unknown form may do anything.
      switch roles?[index].role {
      case .write: writes += operand.registers
      case .readWrite:
        writes += operand.registers
        reads += operand.registers
      case .read, .address, .label, .call: reads += operand.registers
      case nil:
        writes += operand.registers
        reads += operand.registers
      }
    }
  }
}

extension Operand {
  /// Every register in it.
  var registers: [RegisterID] {
    switch self {
    case .register(let register), .negated(let register): [register]
    case .vector(let parts), .list(let parts): parts.flatMap(\.registers)
    case .pair(let first, let second): first.registers + second.registers
    case .address(.register(let register), _): [register]
    case .tensor(let base, _, let coordinates):
      (base.register.map { [$0] } ?? []) + coordinates.flatMap(\.registers)
    case .immediate, .special, .sink, .address, .symbol, .label: []
    }
  }
}

extension AddressBase {
  fileprivate var register: RegisterID? {
    if case .register(let register) = self { return register }
    return nil
  }
}

/// What executes an instruction: the clock keys rates and latencies by it.
public enum ExecutionUnit: String, Sendable, Hashable, CaseIterable {
  /// Integer add, logic, compare, select, shift, move; compare, minimum and maximum of fp32.
  case integer
  /// Integer multiply and multiply-add; division and remainder are sequences of these.
  case integerMultiply
  case integerDivide
  /// fp32 add, multiply, FMA.
  case float
  /// Packed 16-bit arithmetic.
  case half
  case double
  /// ex2, lg2, rcp, rsqrt, sqrt, sin, cos, tanh.
  case specialFunction
  case conversion
  /// Branches, calls, returns, and what only changes the state of a warp.
  case control
  /// Loads and stores: the state space decides which memory.
  case memory
  case atomic
  /// Shuffles, votes, matches, reductions over a warp.
  case warp
  /// ldmatrix and stmatrix.
  case matrixMemory
  /// Warp-wide `mma.sync`.
  case matrix
  /// `wgmma.mma_async` and its fences and groups.
  case warpgroupMatrix
  /// `cp.async` without bulk.
  case asynchronousCopy
  /// Bulk and tensor-map copies.
  case bulkCopy
  /// mbarrier operations.
  case mbarrier
  /// Named, warp and cluster barriers, grid dependencies.
  case barrier
  case fence
}

/// How an instruction uses an operand.
public enum OperandRole: Sendable, Hashable {
  /// Written register, packed vector or sink; `w|p` allows a second, predicate, destination.
  case write
  case read
  /// Read and written: an accumulator.
  case readWrite
  /// `[address]`, or a tensor map with coordinates.
  case address
  case label
  /// A function's name, or the parenthesised results or arguments of a call.
  case call
}

/// One row of the instruction table: the instructions that share a mnemonic, an operand list and a meaning.
///
/// A row's spelling is a small pattern: the mnemonic, then slots separated by spaces. A slot is `a|b|c`, one of
/// which must stand there, with a `?` when it may be missing, and a name in front of `=` by which its choice
/// is asked for. `$set` stands for the members of a named set of types.
public struct InstructionForm: Sendable {
  /// A modifier's place in the spelling.
  public struct Slot: Sendable, Hashable {
    /// By which its choice is asked for.
    public var name: String
    /// The modifiers that may stand here.
    public var choices: [String]
    /// Whether it may be missing.
    public var isOptional: Bool
  }

  /// An operand's place.
  public struct OperandSlot: Sendable, Hashable {
    /// How the instruction uses it.
    public var role: OperandRole
    /// Whether it may be missing.
    public var isOptional: Bool
  }

  /// The first part of the spelling, such as `cp`.
  public var mnemonic: String
  /// Modifiers, in the order of PTX.
  public var slots: [Slot]
  /// Operands, in order.
  public var operands: [OperandSlot]
  /// What executes it.
  public var unit: ExecutionUnit
  /// First `.version` that has it.
  public var since: Module.Version
  /// Its row as written in the table.
  public var pattern: String

  /// A row. `pattern` as described above; `operands` in the letters `w` write, `r` read, `a` accumulator, `m`
  /// memory address, `l` label, `c` part of a call, each with `?` when it may be missing.
  init(_ pattern: String, _ operands: String, _ unit: ExecutionUnit, since: Module.Version) {
    let words = pattern.split(separator: " ")
    mnemonic = String(words[0])
    slots = words.dropFirst().map(Self.slot)
    self.operands = operands.split(separator: " ").map(Self.operandSlot)
    self.unit = unit
    self.since = since
    self.pattern = pattern
  }

  private static func slot(_ word: Substring) -> Slot {
    var word = word
    let isOptional = word.last == "?"
    if isOptional { word.removeLast() }
    var name = String(word)
    if let equals = word.firstIndex(of: "=") {
      name = String(word[..<equals])
      word = word[word.index(after: equals)...]
    }
    let choices = word.split(separator: "|").flatMap { choice in
      choice.first == "$" ? InstructionForms.typeSet(choice.dropFirst()) : [String(choice)]
    }
    return Slot(name: name, choices: choices, isOptional: isOptional)
  }

  private static func operandSlot(_ word: Substring) -> OperandSlot {
    let role: OperandRole =
      switch word.first {
      case "w": .write
      case "r": .read
      case "a": .readWrite
      case "m": .address
      case "l": .label
      case "c": .call
      default: preconditionFailure("operand letter \(word) in the instruction table")
      }
    return OperandSlot(role: role, isOptional: word.last == "?")
  }

  /// The choice of each slot in an instruction with these modifiers (the spelling without the mnemonic), or nil
  /// when it is not of this form.
  ///
  /// Each modifier fills the first empty slot that has it: modifiers may come in any order, as compilers
  /// write them, except that those of equal spelling (types) go to slots from left to right.
  func choices(for modifiers: [Substring]) -> [UInt8?]? {
    guard modifiers.count <= slots.count else { return nil }
    var choices = [UInt8?](repeating: nil, count: slots.count)
    for modifier in modifiers {
      var isPlaced = false
      for (index, slot) in slots.enumerated() where choices[index] == nil {
        guard let choice = slot.choices.firstIndex(where: { $0 == modifier }) else { continue }
        choices[index] = UInt8(choice)
        isPlaced = true
        break
      }
      guard isPlaced else { return nil }
    }
    for (choice, slot) in zip(choices, slots) where choice == nil && !slot.isOptional { return nil }
    return choices
  }

  /// Whether an instruction may have this many operands.
  func takes(operandCount: Int) -> Bool {
    operandCount <= operands.count && operandCount >= operands.count(where: { !$0.isOptional })
  }
}

/// An instruction looked up in the table: its form, and what it chose of each slot.
public struct DecodedForm: Sendable {
  /// Index into `InstructionForms.all`.
  public var index: Int
  /// Index into each slot's choices; nil for a modifier that is not there.
  public var choices: [UInt8?]

  /// A row, and for each of its slots a choice.
  package init(index: Int, choices: [UInt8?]) {
    self.index = index
    self.choices = choices
  }

  /// The row of the table.
  public var form: InstructionForm { InstructionForms.all[index] }

  /// The modifier in the slot of this name, such as `"f32"` for `"type"`; nil when it is not there, and when the
  /// form has no such slot.
  public subscript(name: String) -> String? {
    let form = form
    for (choice, slot) in zip(choices, form.slots) where slot.name == name {
      return choice.map { slot.choices[Int($0)] }
    }
    return nil
  }

  /// Whether a modifier is there, by its slot's name.
  public func has(_ name: String) -> Bool { self[name] != nil }

  /// The type in the slot of this name.
  public func type(_ name: String = "type") -> ScalarType? {
    self[name].flatMap { ScalarType(rawValue: $0) }
  }
}

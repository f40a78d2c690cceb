import PTX

/// Rows beyond those of the registers: for what is thrown away and for operands that need an instruction of their own.
struct ScratchRows {
  /// Four rows that sinks write.
  let sink: Int32
  /// Pairs of rows for operands.
  let operands: Int32
  /// A predicate word that sinks write.
  let predicateSink: Int32
  /// The carry of `add.cc` and its like.
  let carry: Int32
  /// Predicates between instructions that stand for one.
  let selection, otherSelection: Int32
  let rowCount: Int
  let predicateCount: Int

  static let operandCount = 8

  init(_ allocation: RegisterAllocation) {
    sink = Int32(allocation.rowCount)
    operands = sink + 4
    rowCount = allocation.rowCount + 4 + 2 * Self.operandCount
    predicateSink = Int32(allocation.predicateCount)
    carry = predicateSink + 1
    selection = carry + 1
    otherSelection = selection + 1
    predicateCount = allocation.predicateCount + 4
  }
}

/// Turns a function's instructions into those of the interpreter.
///
/// An instruction that has an operand of a kind that the interpreter does not take in place (a special register, the
/// address of a variable) becomes several: the others move it into a scratch row.
struct Decoder {
  let function: Function
  let layout: VariableLayout
  let list: InstructionList
  let allocation: RegisterAllocation
  let scratch: ScratchRows
  var constants = ConstantPool()
  var vectors: [Int32] = []
  var callSites: [CallSite] = []
  private(set) var code: [DecodedInstruction] = []
  /// Index of the first decoded instruction of each.
  private var starts: [Int] = []

  /// The instruction that is being decoded.
  private(set) var instruction = Instruction("")
  private(set) var form = DecodedForm(index: 0, choices: [])
  private var statement = 0
  private var usedScratch: Int32 = 0

  init(_ function: Function, _ layout: VariableLayout) {
    self.function = function
    self.layout = layout
    list = InstructionList(function)
    // Registers in which a function takes and gives values are used before its first and after its last instruction.
    let passed = Set((function.results + function.parameters).filter { $0.space == .register }.map(\.name))
    allocation = RegisterAllocation(
      list, registers: function.registers,
      pinned: function.registers.indices.filter { passed.contains(function.registers[$0].name) })
    scratch = ScratchRows(allocation)
  }

  mutating func decodeAll() {
    for index in list.instructions.indices {
      starts.append(code.count)
      instruction = list.instructions[index]
      statement = index
      usedScratch = 0
      guard let form = list.forms[index] else {
        emit(.unsupported)
        continue
      }
      self.form = form
      let before = code.count
      if !decodeOne() {
        code.removeSubrange(before...)
        emit(.unsupported)
      }
    }
    // Control that runs off the end leaves the kernel.
    starts.append(code.count)
    instruction = Instruction("exit")
    statement = list.instructions.count
    emit(function.kind == .entry ? .exit : .returnFromCall)
    for index in code.indices where code[index].opcode == .branch {
      code[index].immediate = Int64(starts[Int(code[index].immediate)])
    }
    for index in code.indices where code[index].opcode == .branchIndexed {
      for place in Int(code[index].extra)..<Int(code[index].extra + code[index].extraCount) {
        vectors[place] = Int32(starts[Int(vectors[place])])
      }
    }
  }

  /// Decodes the instruction; false when the interpreter does not have it.
  private mutating func decodeOne() -> Bool {
    switch form.form.unit {
    case .integer, .integerMultiply, .integerDivide, .float, .half, .double, .specialFunction, .conversion:
      decodeArithmetic()
    case .memory, .atomic: decodeMemory()
    case .control: decodeControl()
    case .warp, .barrier, .fence, .mbarrier: decodeSynchronisation()
    case .asynchronousCopy, .bulkCopy: decodeAsynchronous()
    case .matrixMemory, .matrix, .warpgroupMatrix: decodeMatrix()
    }
  }

  // MARK: Emission

  /// A decoded instruction with the fields that every one has.
  func blank(_ opcode: Opcode) -> DecodedInstruction {
    var decoded = DecodedInstruction(opcode: opcode)
    decoded.statement = Int32(statement)
    decoded.predicate = instruction.predicate.map { guardSlot($0) } ?? .always
    decoded.isAligned = form.form.mnemonic == "bar" ? !form.has("warp") : form.has("aligned")
    decoded.unit = UInt8(ExecutionUnit.allCases.firstIndex(of: form.form.unit) ?? 0)
    return decoded
  }

  private func guardSlot(_ predicate: Guard) -> PredicateSlot {
    let slot = PredicateSlot(index: allocation.slots[Int(predicate.predicate.index)])
    return predicate.isNegated ? slot.negated : slot
  }

  /// Gives the last instruction the carry in `e`.
  mutating func setCarry() { code[code.count - 1].e = scratch.carry }

  /// Appends an instruction with further fields.
  mutating func emit(_ opcode: Opcode, _ fill: (inout DecodedInstruction) -> Void = { _ in }) {
    var decoded = blank(opcode)
    fill(&decoded)
    code.append(decoded)
  }

  // MARK: Operands

  var operands: [Operand] { instruction.operands }

  func type(of register: RegisterID) -> ScalarType { function.registers[Int(register.index)].type }

  /// The row of a source of a type, or nil for what cannot be one.
  mutating func source(_ index: Int, _ type: ScalarType) -> Int32? {
    guard index < operands.count else { return nil }
    return source(operands[index], type)
  }

  mutating func source(_ operand: Operand, _ type: ScalarType) -> Int32? {
    switch operand {
    case .register(let register): return allocation.slots[Int(register.index)]
    case .immediate(let value): return constants.slot(Self.bits(value, type), isWide: type.bitCount > 32)
    case .special(let special):
      let row = operandRow()
      emit(.special) { move in
        move.predicate = .always
        move.d = row
        move.isWide = special.type.bitCount > 32
        (move.operation, move.immediate) = SpecialValue.code(special)
      }
      return row
    case .symbol(let name, let offset): return address(of: name, offset, isWide: type.bitCount > 32)
    case .sink: return scratch.sink
    case .negated, .vector, .pair, .address, .tensor, .label, .list: return nil
    }
  }

  mutating func operandRow() -> Int32 {
    let row = scratch.operands + 2 * (usedScratch % Int32(ScratchRows.operandCount))
    usedScratch += 1
    return row
  }

  /// The row that holds the address of a variable, in its own space.
  private mutating func address(of name: String, _ offset: Int64, isWide: Bool) -> Int32? {
    switch layout.places[name] {
    case .global(let address):
      return constants.slot(address &+ UInt64(bitPattern: offset), isWide: isWide)
    case .parameter(let place):
      return constants.slot(UInt64(bitPattern: Int64(place) + offset), isWide: isWide)
    case .shared(let place): return addressRow(.sharedAddress, Int64(place) + offset, isWide)
    case .frame(let place): return addressRow(.localAddress, Int64(place) + offset, isWide)
    case .function(let address): return constants.slot(address, isWide: isWide)
    case nil: return nil
    }
  }

  private mutating func addressRow(_ opcode: Opcode, _ place: Int64, _ isWide: Bool) -> Int32 {
    let row = operandRow()
    emit(opcode) { move in
      move.predicate = .always
      move.d = row
      move.immediate = place
      move.isWide = isWide
    }
    return row
  }

  /// The row of a destination register; sinks have one too.
  func destination(_ index: Int) -> Int32? {
    guard index < operands.count else { return nil }
    return destination(operands[index])
  }

  func destination(_ operand: Operand) -> Int32? {
    switch operand {
    case .register(let register): allocation.slots[Int(register.index)]
    case .sink: scratch.sink
    default: nil
    }
  }

  /// The predicate of a source.
  func predicate(_ operand: Operand) -> PredicateSlot? {
    switch operand {
    case .register(let register): PredicateSlot(index: allocation.slots[Int(register.index)])
    case .negated(let register): PredicateSlot(index: allocation.slots[Int(register.index)]).negated
    case .immediate(.integer(let value)): value == 0 ? .never : .always
    default: nil
    }
  }

  /// The predicate word of a destination.
  func predicateDestination(_ operand: Operand) -> Int32? {
    switch operand {
    case .register(let register): allocation.slots[Int(register.index)]
    case .sink: scratch.predicateSink
    default: nil
    }
  }

  /// Appends slots to the lists, and gives their place.
  mutating func append(_ slots: [Int32]) -> (Int32, Int32) {
    let place = Int32(vectors.count)
    vectors += slots
    return (place, Int32(slots.count))
  }

  /// The rows of a vector's parts, or of a single operand.
  mutating func sources(_ operand: Operand, _ type: ScalarType) -> [Int32]? {
    guard case .vector(let parts) = operand else { return source(operand, type).map { [$0] } }
    var rows: [Int32] = []
    for part in parts {
      guard let row = source(part, type) else { return nil }
      rows.append(row)
    }
    return rows
  }

  func destinations(_ operand: Operand) -> [Int32]? {
    guard case .vector(let parts) = operand else { return destination(operand).map { [$0] } }
    let rows = parts.compactMap(destination)
    return rows.count == parts.count ? rows : nil
  }

  /// Whether the registers of an operand have 64 bits.
  func isWide(_ operand: Operand) -> Bool {
    operand.registers.first.map { type(of: $0).bitCount == 64 } ?? false
  }

  /// The bits of a literal as a value of a type.
  static func bits(_ value: Immediate, _ type: ScalarType) -> UInt64 {
    switch value {
    case .integer(let number):
      if type == .f32 { return UInt64(Float(number).bitPattern) }
      if type == .f64 { return Double(number).bitPattern }
      let bits = UInt64(bitPattern: number)
      return type.bitCount < 32 ? bits & (1 << UInt64(type.bitCount) - 1) : bits
    case .float(let bits): return UInt64(bits)
    case .double(let bits):
      return type.bitCount == 32 ? UInt64(Float(Double(bitPattern: bits)).bitPattern) : bits
    }
  }
}

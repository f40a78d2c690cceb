/// Records a kernel: every call on it, and every operator on its values, appends instructions.
///
/// It is handed to the closure of `Kernel.init` and is of no use after that. A mistake that the types did not
/// catch is kept, the first of them with its place, and thrown when the closure has ended: recording goes on, so
/// that no call of the language needs `try`.
///
/// An operator cannot be told where it stands in the program. Its instructions carry the location of the call
/// that follows them: exactly its own line where the expression is an argument, as in `k.let("row", tile * 64)`.
public final class KernelBuilder {
  /// Name of the kernel.
  public let name: String
  /// What its launch must be, and how it computes.
  public let demands: LaunchDemands

  /// What has been recorded.
  var body: [Statement] = []
  /// Version that the instructions so far need.
  var version = Module.Version(8, 0)
  /// The first mistake.
  var error: KernelError?
  /// Of the last call that told its own.
  var location: SourceLocation?

  /// All registers, and for each the block of the control flow in which it was made.
  var registers: [Register] = []
  var registerScopes: [Int] = []
  var labels: [String] = []
  var names: Set<String> = []
  /// Registers that hold the address of a variable.
  var addressRegisters: [String: RegisterID] = [:]
  /// Blocks of the control flow that are open, the innermost last; numbered as they open.
  var openScopes = [0]
  var scopeCount = 1
  /// Where `break` and `continue` go in each open loop.
  var openLoops: [(next: LabelID, end: LabelID)] = []
  /// Set inside `when`.
  var predicate: Guard?

  var parameters: [Variable] = []
  var variables: [Variable] = []
  var moduleVariables: [Variable] = []
  var declarations: [Function] = []
  var shared = SharedAllocations()

  /// Whether an operator is at work, and whether one has made the first mistake since the last location.
  private var isOperating = false
  private var errorAwaitsPlace = false
  /// Statements that wait for the next location.
  private var unlocated: [Int] = []

  init(name: String, demands: LaunchDemands) {
    self.name = name
    self.demands = demands
  }

  // MARK: Mistakes and places

  /// Keeps a mistake, if it is the first. One in an operator gets the place of the call that follows.
  func fail(_ reason: KernelError.Reason) {
    guard error == nil else { return }
    error = KernelError(kernel: name, reason: reason, location: location)
    errorAwaitsPlace = isOperating
  }

  /// Does what an operator does.
  func operating<Result>(_ body: () -> Result) -> Result {
    let outer = isOperating
    isOperating = true
    defer { isOperating = outer }
    return body()
  }

  /// A call stands there: what operators have recorded since the last call belongs to it.
  func locate(_ file: String, _ line: Int) {
    let place = SourceLocation(file: file, line: line)
    location = place
    if errorAwaitsPlace { error?.location = place }
    errorAwaitsPlace = false
    for index in unlocated {
      if case .instruction(var instruction) = body[index] {
        instruction.source = place
        body[index] = .instruction(instruction)
      }
    }
    unlocated.removeAll(keepingCapacity: true)
  }

  // MARK: Recording

  /// Appends one instruction, if the table has it. Every emission of the language goes through here.
  ///
  /// `isOperator` for what has no place of its own.
  func record(_ spelling: String, _ operands: [Operand] = [], isOperator: Bool = false) {
    guard let form = InstructionForms.decode(spelling, operandCount: operands.count) else {
      let expected = InstructionForms.operandCounts(of: spelling)
      return fail(
        expected.isEmpty
          ? .unknownForm(spelling: spelling)
          : .operandCount(spelling: spelling, found: operands.count, expected: expected))
    }
    version = Swift.max(version, form.form.since)
    for operand in operands { operand.forEachRegister(checkScope) }
    if isOperator { unlocated.append(body.count) }
    body.append(
      .instruction(Instruction(spelling, operands, predicate: predicate, source: isOperator ? nil : location))
    )
  }

  /// Appends one instruction that writes a new register, its first operand.
  func result<T: RegisterElement>(
    _ spelling: String, _ operands: [Operand], of type: T.Type = T.self, isOperator: Bool = false
  ) -> Value<T> {
    let register = newRegister(T.registerType)
    record(spelling, [.register(register)] + operands, isOperator: isOperator)
    return Value(builder: self, operand: .register(register))
  }

  /// Appends a branch, guarded by a predicate or not.
  func branch(to label: LabelID, if condition: Guard? = nil, isUniform: Bool = false) {
    guard predicate == nil else { return fail(.controlFlowUnderPredicate) }
    predicate = condition
    if let condition { checkScope(condition.predicate) }
    record(isUniform ? "bra.uni" : "bra", [.label(label)])
    predicate = nil
  }

  /// Appends a label.
  func place(_ label: LabelID) {
    guard predicate == nil else { return fail(.controlFlowUnderPredicate) }
    body.append(.label(label))
  }

  // MARK: Names

  /// A new register of a type, named after it, or as asked.
  func newRegister(_ type: ScalarType, name: String? = nil) -> RegisterID {
    let id = RegisterID(registers.count)
    registers.append(Register("%" + (name.map(unique) ?? "\(Self.prefix(type))\(registers.count)"), type))
    registerScopes.append(openScopes.last ?? 0)
    return id
  }

  /// New registers of a type, named after their group and counted.
  func newRegisters(_ type: ScalarType, count: Int, name: String) -> [RegisterID] {
    let base = unique(name)
    return (0..<count).map { index in
      let numbered = "\(base)_\(index)"
      let id = newRegister(type)
      registers[Int(id.index)].name = "%" + (names.insert(numbered).inserted ? numbered : unique(numbered))
      return id
    }
  }

  /// A new label whose name begins so.
  func newLabel(_ name: String) -> LabelID {
    labels.append("$\(name)_\(labels.count)")
    return LabelID(labels.count - 1)
  }

  /// A name that no other register has: the one asked for, or with a number behind it.
  func unique(_ name: String) -> String {
    guard Self.isIdentifier(name) else {
      fail(.badName(name))
      return "bad"
    }
    // A digit at the end could meet a numbered register, and PTX has names of its own.
    var isTaken = names.contains(name) || name.last.map(\.isNumber) == true
    isTaken = isTaken || SpecialRegister(spelling: "%" + name) != nil || Self.reservedNames.contains(name)
    var candidate = name
    var number = 0
    while isTaken || names.contains(candidate) {
      candidate = "\(name)_\(number)"
      number += 1
      isTaken = false
    }
    names.insert(candidate)
    return candidate
  }

  /// Declares a name of a parameter or a variable; a mistake if it is none or is taken.
  func declare(_ name: String) {
    if !Self.isIdentifier(name) || !names.insert(name).inserted { fail(.badName(name)) }
  }

  private static let reservedNames: Set<String> = ["tid", "ntid", "ctaid", "nctaid", "clusterid", "pm"]

  static func isIdentifier(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(48...57).contains(first) else { return false }
    return name.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95
    }
  }

  /// Registers of the usual PTX names: `%r` 32 bits, `%rd` 64, `%rs` 16, `%f`, `%fd`, `%p`.
  static func prefix(_ type: ScalarType) -> String {
    switch type {
    case .pred: "p"
    case .f32: "f"
    case .f64: "fd"
    default: type.bitCount == 64 ? "rd" : type.bitCount == 16 ? "rs" : "r"
    }
  }

  // MARK: Operands

  /// A value as an operand, its number checked against its type.
  func operand<T>(_ value: Value<T>) -> Operand {
    if let other = value.builder, other !== self { fail(.foreignValue) }
    if case .immediate(.integer(let number)) = value.operand, !T.scalarType.holds(number) {
      fail(.immediateOutOfRange(value: number, type: T.scalarType))
    }
    return value.operand
  }

  /// A value in a register: moved there if it is a number.
  func register<T>(_ value: Value<T>, isOperator: Bool = false) -> RegisterID {
    if case .register(let register) = operand(value) { return register }
    let register = newRegister(T.registerType)
    record("mov.\(T.registerType.rawValue)", [.register(register), value.operand], isOperator: isOperator)
    return register
  }

  private func checkScope(_ register: RegisterID) {
    let index = Int(register.index)
    guard index < registers.count else { return fail(.foreignValue) }
    if !isInScope(register) { fail(.outOfScope(register: registers[index].name)) }
  }

  /// Whether the block of the control flow in which a register was made is still open.
  func isInScope(_ register: RegisterID) -> Bool {
    openScopes.contains(registerScopes[Int(register.index)])
  }

  /// Records a block of the control flow: registers made in it are not to be used after it.
  func scope(_ body: () -> Void) {
    openScopes.append(scopeCount)
    scopeCount += 1
    body()
    openScopes.removeLast()
  }
}

extension ScalarType {
  /// Whether an integer fits, read as signed or unsigned.
  fileprivate func holds(_ number: Int64) -> Bool {
    if self == .pred { return number == 0 || number == 1 }
    guard bitCount < 64 else { return true }
    return number >= -(1 << (bitCount - 1)) && number < 1 << bitCount
  }
}

extension Operand {
  /// Calls for each register in it.
  func forEachRegister(_ body: (RegisterID) -> Void) {
    switch self {
    case .register(let register), .negated(let register): body(register)
    case .vector(let parts), .list(let parts): for part in parts { part.forEachRegister(body) }
    case .pair(let first, let second):
      first.forEachRegister(body)
      second.forEachRegister(body)
    case .address(.register(let register), _): body(register)
    case .tensor(let base, _, let coordinates):
      if case .register(let register) = base { body(register) }
      for coordinate in coordinates { coordinate.forEachRegister(body) }
    case .immediate, .special, .sink, .address, .symbol, .label: break
    }
  }

  /// The same operand with other registers.
  func mapRegisters(_ change: (RegisterID) -> RegisterID) -> Operand {
    switch self {
    case .register(let register): .register(change(register))
    case .negated(let register): .negated(change(register))
    case .vector(let parts): .vector(parts.map { $0.mapRegisters(change) })
    case .list(let parts): .list(parts.map { $0.mapRegisters(change) })
    case .pair(let first, let second): .pair(first.mapRegisters(change), second.mapRegisters(change))
    case .address(let base, let offset): .address(base.mapRegister(change), offset: offset)
    case .tensor(let base, let offset, let coordinates):
      .tensor(
        base.mapRegister(change), offset: offset, coordinates: coordinates.map { $0.mapRegisters(change) })
    case .immediate, .special, .sink, .symbol, .label: self
    }
  }
}

extension AddressBase {
  fileprivate func mapRegister(_ change: (RegisterID) -> RegisterID) -> AddressBase {
    if case .register(let register) = self { return .register(change(register)) }
    return self
  }
}

import PTX

/// Registers of a function that the hazard checks follow while it runs, and the instructions that name them: registers
/// that `wgmma` uses, and those that may be read before they are written. Other instructions cost nothing.
///
/// It does not change, so that all warps read it. What they read often lies at a fixed place, see `ProgramTables`.
@safe final class RegisterWatch: @unchecked Sendable {
  /// How an instruction uses what it reads.
  enum Role: Sendable {
    /// It only moves values.
    case copy
    /// It chooses between two values.
    case selection
    /// Its results depend on what it reads.
    case computation
    /// What it reads decides what the program does: an address, a value that leaves the registers, a way to go.
    case decision
    /// A `wgmma`.
    case product
  }

  /// What an instruction does with followed registers. Lists are ranges of `numbers`: uses are copied for each instruction
  /// that is executed, and so hold no arrays.
  struct Use: Sendable {
    var role: Role
    /// The predicate that guards it.
    var guardRegister: Int?
    var reads = 0..<0
    var writes = 0..<0
    /// Of a `wgmma`: its accumulators, and the registers of A.
    var accumulators = 0..<0
    var operands = 0..<0
    /// The same number for the same accumulators in the same order.
    var accumulatorSet = 0
  }

  /// By decoded instruction, the number of its use; -1 for none. The first list is looked at before each instruction, the
  /// second when a `wgmma` is executed; only those with a guard are in both.
  let useIndex, productIndex: UnsafeMutablePointer<Int32>
  let uses: UnsafeMutablePointer<Use>
  /// The followed registers that instructions name.
  let numbers: UnsafeMutablePointer<Int>
  /// Of each followed register.
  let names: [String]
  let isOfProducts: [Bool]
  let mayBeUndefined: [Bool]
  /// Of a device function: the registers that its results are in.
  let results: Range<Int>
  /// Whether an instruction has an accumulator of another as an operand.
  let hasResultsAsOperands: Bool
  /// Whether any may be read before it is written.
  let hasUndefined: Bool

  /// Nil when there is nothing to follow.
  init?(_ decoder: Decoder) {
    let list = decoder.list
    let registerUses = zip(list.instructions, list.forms).map { RegisterUse($0, $1) }
    let roles = zip(list.instructions, list.forms).map { Self.role($0, $1) }
    var products: Set<RegisterID> = []
    for (instruction, role) in zip(list.instructions, roles) where role == .product {
      products.formUnion(instruction.operands[0].registers)
      if case .vector = instruction.operands[1] { products.formUnion(instruction.operands[1].registers) }
    }
    Self.spread(&products, registerUses, roles) { $0 == .copy }
    // A device function begins with its parameters, and ends with a use of its results.
    let parameters = decoder.registers(of: decoder.function.parameters)
    let results = decoder.registers(of: decoder.function.results)
    var undefined = Set(decoder.allocation.liveAtEntry).subtracting(parameters).union(results)
    Self.spread(&undefined, registerUses, roles) { $0 != .decision && $0 != .product }
    let followed = products.union(undefined).sorted { $0.index < $1.index }
    if followed.isEmpty { return nil }
    let places = Dictionary(uniqueKeysWithValues: followed.enumerated().map { ($1, $0) })
    names = followed.map { decoder.function.registers[Int($0.index)].name }
    isOfProducts = followed.map(products.contains)
    mayBeUndefined = followed.map(undefined.contains)
    hasUndefined = !undefined.isEmpty
    var lists = RegisterLists()
    var found: [Use] = []
    var useOfStatement = [Int32](repeating: -1, count: list.instructions.count + 1)
    for (statement, use) in registerUses.enumerated() {
      let instruction = list.instructions[statement]
      var known = Use(role: roles[statement])
      known.guardRegister = instruction.predicate.flatMap { places[$0.predicate] }
      let read = instruction.predicate == nil ? use.reads[...] : use.reads.dropFirst()
      known.reads = lists.add(read.compactMap { places[$0] })
      known.writes = lists.add(use.writes.compactMap { places[$0] })
      if known.role == .product {
        let accumulators = instruction.operands[0].registers.compactMap { places[$0] }
        known.accumulators = lists.add(accumulators)
        known.accumulatorSet = lists.setNumber(accumulators)
        if case .vector = instruction.operands[1] {
          known.operands = lists.add(instruction.operands[1].registers.compactMap { places[$0] })
        }
      }
      if known.guardRegister == nil, known.reads.isEmpty, known.writes.isEmpty { continue }
      useOfStatement[statement] = Int32(found.count)
      found.append(known)
    }
    self.results = lists.add(results.compactMap { places[$0] })
    unsafe uses = UnsafeMutablePointer.copying(found)
    unsafe numbers = UnsafeMutablePointer.copying(lists.numbers)
    let sums = Set(found.flatMap { lists.numbers[$0.accumulators] })
    hasResultsAsOperands = found.contains { !sums.isDisjoint(with: lists.numbers[$0.operands]) }
    // Of the instructions that stand for one of PTX, the last counts.
    let useOfInstruction = decoder.code.indices.map { index in
      let statement = decoder.code[index].statement
      let isLast = index + 1 == decoder.code.count || decoder.code[index + 1].statement != statement
      return isLast ? useOfStatement[Int(statement)] : -1
    }
    func isProduct(_ use: Int32) -> Bool { use >= 0 && found[Int(use)].role == .product }
    unsafe productIndex = UnsafeMutablePointer.copying(useOfInstruction.map { isProduct($0) ? $0 : -1 })
    unsafe useIndex = UnsafeMutablePointer.copying(
      useOfInstruction.map { isProduct($0) && found[Int($0)].guardRegister == nil ? -1 : $0 })
  }

  deinit {
    unsafe useIndex.deallocate()
    unsafe productIndex.deallocate()
    unsafe uses.deallocate()
    unsafe numbers.deallocate()
  }

  /// Adds what instructions of some roles write from registers of the set.
  private static func spread(
    _ set: inout Set<RegisterID>, _ uses: [RegisterUse], _ roles: [Role], _ spreads: (Role) -> Bool
  ) {
    var hasGrown = !set.isEmpty
    while hasGrown {
      hasGrown = false
      for (use, role) in zip(uses, roles) where spreads(role) && use.reads.contains(where: set.contains) {
        for register in use.writes where set.insert(register).inserted { hasGrown = true }
      }
    }
  }

  private static let decisions: Set<String> = [
    "ld", "ldu", "st", "atom", "red", "bra", "brx", "cp", "mbarrier", "bar", "barrier", "ldmatrix",
    "stmatrix",
    "call", "nanosleep", "prefetch",
  ]

  private static func role(_ instruction: Instruction, _ form: DecodedForm?) -> Role {
    guard let form else { return .computation }
    switch form.form.mnemonic {
    case "mov": return .copy
    case "selp": return .selection
    case "wgmma": return instruction.operands.count > 2 ? .product : .computation
    case let mnemonic: return decisions.contains(mnemonic) ? .decision : .computation
    }
  }
}

extension Decoder {
  /// The registers in which the function takes or gives values.
  fileprivate func registers(of variables: [Variable]) -> [RegisterID] {
    let names = Set(variables.filter { $0.space == .register }.map(\.name))
    return function.registers.indices.filter { names.contains(function.registers[$0].name) }.map {
      RegisterID($0)
    }
  }
}

/// Collects the lists of registers that instructions name.
private struct RegisterLists {
  private(set) var numbers: [Int] = []
  private var sets: [[Int]: Int] = [:]

  mutating func add(_ list: [Int]) -> Range<Int> {
    numbers += list
    return numbers.count - list.count..<numbers.count
  }

  /// The same number for the same registers in the same order.
  mutating func setNumber(_ list: [Int]) -> Int {
    let number = sets[list] ?? sets.count
    sets[list] = number
    return number
  }
}

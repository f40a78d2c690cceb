/// What is known of the followed registers of one warp, see `RegisterWatch`.
struct RegisterState {
  /// The last product that writes each register, or reads it; 0 for none. Products of a warp are numbered from 1.
  private var products: [UInt32]
  /// The instruction of that product.
  private var productAccess: [Access?]
  /// How many `wgmma.fence` there were when other instructions last wrote each register, and 1; 0 when a product wrote
  /// it since.
  private var fencesAtWrite: [UInt32]
  /// The lanes in which each register has been written.
  private var defined: [UInt32]
  private var fenceCount: UInt32 = 0
  /// The newest of the products in a row that have the same accumulators: what it did to these is noted when another
  /// instruction wants to know.
  private var newest: (use: RegisterWatch.Use, number: UInt32, access: Access)?

  init(_ watch: RegisterWatch) {
    products = Array(repeating: 0, count: watch.names.count)
    productAccess = Array(repeating: nil, count: watch.names.count)
    fencesAtWrite = products
    defined = watch.mayBeUndefined.map { $0 ? 0 : .max }
  }

  mutating func fence() { fenceCount += 1 }

  /// Notes what the newest product did to its accumulators.
  private mutating func settle() {
    guard let (use, number, access) = newest else { return }
    newest = nil
    for register in use.accumulators {
      products[register] = number
      productAccess[register] = access
      fencesAtWrite[register] = 0
      defined[register] = .max
    }
  }

  private func continues(_ use: RegisterWatch.Use) -> Bool {
    newest?.use.accumulatorSet == use.accumulatorSet
  }

  // MARK: wgmma

  /// A followed register that an instruction touches while a product that has not been waited for uses it.
  mutating func inFlight(_ use: RegisterWatch.Use, waited: Int) -> (register: Int, product: Access)? {
    settle()
    for register in use.role == .copy ? use.writes : use.reads + use.writes {
      if Int(products[register]) > waited, let access = productAccess[register] { return (register, access) }
    }
    return nil
  }

  /// An instruction that is no `wgmma` writes registers. A copy of an accumulator is as the accumulator: compilers make
  /// such copies, which the assembler joins.
  mutating func write(_ use: RegisterWatch.Use, active: UInt32) {
    settle()
    let isCopy = use.role == .copy && !use.reads.isEmpty
    let newest = isCopy ? use.reads.max { products[$0] < products[$1] } : nil
    let fences = isCopy ? use.reads.map { fencesAtWrite[$0] }.max() ?? 0 : fenceCount + 1
    let undefined = undefinedLanes(use)
    for register in use.writes {
      products[register] = newest.map { products[$0] } ?? 0
      productAccess[register] = newest.flatMap { productAccess[$0] }
      fencesAtWrite[register] = fences
      defined[register] = (defined[register] & ~active) | (active & ~undefined)
    }
  }

  /// A register of a product that was written since the last fence; -1 when there has been no fence at all.
  mutating func unfenced(_ use: RegisterWatch.Use) -> Int? {
    if fenceCount == 0 { return -1 }
    func isUnfenced(_ register: Int) -> Bool { fencesAtWrite[register] > fenceCount }
    if let operand = use.operands.first(where: isUnfenced) { return operand }
    // What the newest product has accumulated nobody has written since.
    return continues(use) ? nil : use.accumulators.first(where: isUnfenced)
  }

  /// A register of A that an earlier product has still to write.
  mutating func operandInFlight(_ use: RegisterWatch.Use, waited: Int) -> (register: Int, product: Access)? {
    settle()
    for register in use.operands where Int(products[register]) > waited && fencesAtWrite[register] == 0 {
      if let access = productAccess[register] { return (register, access) }
    }
    return nil
  }

  /// A register that a product reads and that was not written in all lanes.
  mutating func undefined(_ use: RegisterWatch.Use, adds: Bool) -> Int? {
    if !use.operands.isEmpty, let operand = undefined(use.operands, .max) { return operand }
    return adds && !continues(use) ? undefined(use.accumulators, .max) : nil
  }

  mutating func multiply(_ use: RegisterWatch.Use, _ number: UInt32, _ access: Access) {
    if !continues(use) { settle() }
    newest = (use, number, access)
    for register in use.operands {
      // Other products may have read it too.
      products[register] = number
      productAccess[register] = access
      fencesAtWrite[register] = max(1, fencesAtWrite[register])
    }
  }

  // MARK: Values

  /// Lanes in which what an instruction makes depends on a register that was not written.
  private func undefinedLanes(_ use: RegisterWatch.Use) -> UInt32 {
    switch use.role {
    case .decision: return 0
    case .selection where use.reads.count > 1:
      // Of the two values only one counts; which is not looked at.
      return use.reads.reduce(UInt32.max) { $0 & ~defined[$1] }
    default: return use.reads.reduce(0) { $0 | ~defined[$1] }
    }
  }

  /// A register that an instruction uses before it was written, in one of these lanes.
  mutating func undefined(_ registers: [Int], _ lanes: UInt32) -> Int? {
    settle()
    return registers.first { ~defined[$0] & lanes != 0 }
  }
}

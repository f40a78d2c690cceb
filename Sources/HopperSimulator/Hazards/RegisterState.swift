/// How often a warp has executed `wgmma.fence`, and how many products it has begun, in whatever function.
final class ProductOrder {
  @safe @exclusivity(unchecked) var fenceCount: UInt32 = 0
  @safe @exclusivity(unchecked) var productCount: UInt32 = 0
}

/// What is known of the followed registers of one warp in one call frame, see `RegisterWatch`.
@safe final class RegisterState {
  private struct Register {
    /// The last product that writes it, or reads it; 0 for none. Products of a warp are numbered from 1.
    var product: UInt32 = 0
    /// How many `wgmma.fence` there were when another instruction last wrote it, and 1; 0 when a product wrote it since.
    var fencesAtWrite: UInt32 = 0
    /// The instruction of that product.
    var site: Int32 = -1
    /// The lanes in which it has been written.
    var defined: UInt32
  }

  /// A product, of which what it did to its accumulators has not been noted.
  private struct Product {
    var use: RegisterWatch.Use
    var number: UInt32
    var site: Int32
  }

  let watch: RegisterWatch
  private let numbers: UnsafeMutablePointer<Int>
  private let registers: UnsafeMutablePointer<Register>
  private let order: ProductOrder
  /// The newest of the products in a row that have the same accumulators: what it did to these is noted when another
  /// instruction wants to know.
  @safe @exclusivity(unchecked) private var newest: Product?

  init(_ watch: RegisterWatch, _ order: ProductOrder) {
    self.watch = watch
    self.order = order
    unsafe numbers = watch.numbers
    unsafe registers = .allocate(capacity: watch.names.count)
    for (place, mayBeUndefined) in watch.mayBeUndefined.enumerated() {
      unsafe (registers + place).initialize(to: Register(defined: mayBeUndefined ? 0 : .max))
    }
  }

  deinit { unsafe registers.deallocate() }

  /// By its number, which comes from `watch`.
  private subscript(_ number: Int) -> Register {
    @inline(__always) get { unsafe registers[number] }
    @inline(__always) set { unsafe registers[number] = newValue }
  }

  /// The register of a place in the lists of the watch.
  @inline(__always)
  private func register(at place: Int) -> Int { unsafe numbers[place] }

  /// What an instruction does, by the number of its use.
  @inline(__always)
  func use(_ number: Int32) -> RegisterWatch.Use { unsafe watch.uses[Int(number)] }

  /// The first register of a list that is so.
  @inline(__always)
  private func first(_ list: Range<Int>, where condition: (Register) -> Bool) -> Int? {
    for place in list where condition(self[register(at: place)]) { return register(at: place) }
    return nil
  }

  /// Notes what the newest product did to its accumulators.
  private func settle() {
    guard let product = newest else { return }
    newest = nil
    for place in product.use.accumulators {
      self[register(at: place)] = Register(
        product: product.number, fencesAtWrite: 0, site: product.site, defined: .max)
    }
  }

  private func continues(_ use: RegisterWatch.Use) -> Bool {
    newest?.use.accumulatorSet == use.accumulatorSet
  }

  // MARK: wgmma

  /// A followed register that an instruction touches while a product that has not been waited for uses it, and where
  /// that product is.
  func inFlight(_ use: RegisterWatch.Use, waited: Int) -> (register: Int, site: Int32)? {
    guard Int(order.productCount) > waited else { return nil }
    settle()
    let isUsed = { (register: Register) in Int(register.product) > waited }
    let read = use.role == .copy ? nil : first(use.reads, where: isUsed)
    return (read ?? first(use.writes, where: isUsed)).map { ($0, self[$0].site) }
  }

  /// An instruction that is no `wgmma` writes registers. A copy of an accumulator is as the accumulator: compilers make
  /// such copies, which the assembler joins.
  func write(_ use: RegisterWatch.Use, active: UInt32) {
    settle()
    var written = Register(defined: active & ~undefinedLanes(use))
    written.fencesAtWrite = order.fenceCount + 1
    if use.role == .copy, !use.reads.isEmpty {
      written.fencesAtWrite = 0
      for place in use.reads {
        let source = self[register(at: place)]
        if source.product > written.product || place == use.reads.lowerBound {
          (written.product, written.site) = (source.product, source.site)
        }
        written.fencesAtWrite = max(written.fencesAtWrite, source.fencesAtWrite)
      }
    }
    for place in use.writes {
      let number = register(at: place)
      let kept = self[number].defined & ~active
      self[number] = written
      self[number].defined |= kept
    }
  }

  /// A register of a product that was written since the last fence; -1 when there has been no fence at all.
  func unfenced(_ use: RegisterWatch.Use) -> Int? {
    let fenceCount = order.fenceCount
    if fenceCount == 0 { return -1 }
    let isUnfenced = { (register: Register) in register.fencesAtWrite > fenceCount }
    if let operand = first(use.operands, where: isUnfenced) { return operand }
    // What the newest product has accumulated nobody has written since.
    return continues(use) ? nil : first(use.accumulators, where: isUnfenced)
  }

  /// A register of A that an earlier product has still to write, and where that is.
  func operandInFlight(_ use: RegisterWatch.Use, waited: Int) -> (register: Int, site: Int32)? {
    settle()
    let operand = first(use.operands) { Int($0.product) > waited && $0.fencesAtWrite == 0 }
    return operand.map { ($0, self[$0].site) }
  }

  /// A register that a product reads and that was not written in all lanes.
  func undefined(_ use: RegisterWatch.Use, adds: Bool) -> Int? {
    if let operand = undefined(use.operands, .max) { return operand }
    return adds && !continues(use) ? undefined(use.accumulators, .max) : nil
  }

  func multiply(_ use: RegisterWatch.Use, _ number: UInt32, _ site: Int32) {
    if !continues(use) { settle() }
    newest = Product(use: use, number: number, site: site)
    order.productCount = number
    for place in use.operands {
      // Other products may have read it too.
      let operand = register(at: place)
      self[operand].product = number
      self[operand].site = site
      self[operand].fencesAtWrite = max(1, self[operand].fencesAtWrite)
    }
  }

  // MARK: Values

  /// Lanes in which what an instruction makes depends on a register that was not written.
  private func undefinedLanes(_ use: RegisterWatch.Use) -> UInt32 {
    guard watch.hasUndefined, use.role != .decision else { return 0 }
    // Of the two values of a selection only one counts; which is not looked at.
    let needsAny = use.role == .selection && use.reads.count > 1
    var (some, all) = (UInt32(0), UInt32.max)
    for place in use.reads {
      let missing = ~self[register(at: place)].defined
      (some, all) = (some | missing, all & missing)
    }
    return needsAny ? all : some
  }

  /// A register that an instruction uses before it was written, in one of these lanes.
  func undefined(_ registers: Range<Int>, _ lanes: UInt32) -> Int? {
    if registers.isEmpty { return nil }
    settle()
    return first(registers) { ~$0.defined & lanes != 0 }
  }

  /// Whether a register was not written in one of these lanes.
  func isUndefined(_ register: Int, _ lanes: UInt32) -> Bool {
    settle()
    return ~self[register].defined & lanes != 0
  }
}

/// Matrix products of a warpgroup: D = A·B + D with M = 64, N a multiple of 8 up to 256, and K 32 bytes of an operand
/// (PTX ISA 9.7.15). N follows from the accumulator's registers. They run asynchronously: `commitProducts` and
/// `waitProducts` must come before anyone touches D, registers of A or the operands in shared memory.
extension KernelBuilder {
  /// Starts a product of operands in shared memory, summed up in fp32.
  ///
  /// `d` has N/2 registers. Where `accumulate` is false, D is not read.
  public func multiply<A: FloatMatrixElement, B: FloatMatrixElement>(
    _ d: Fragment<F32>, _ a: MatrixDescriptor<A>, _ b: MatrixDescriptor<B>, accumulate: Value<Pred> = true,
    negatingA: Bool = false, negatingB: Bool = false, file: String = #fileID, line: Int = #line
  ) where A.Family == B.Family {
    locate(file, line)
    let signs = signs(negatingA, negatingB)
    startProduct(d, columnsOfRegister: 2, shared(a), b, accumulate, signs + transposition(a, b))
  }

  /// Starts a product of A in registers and B in shared memory, summed up in fp32.
  ///
  /// `a` has 4 registers: of each pair the first element in the lower half.
  public func multiply<A: PackedElement, B: HalfMatrixElement & FloatMatrixElement>(
    _ d: Fragment<F32>, _ a: [Value<A>], _ b: MatrixDescriptor<B>, accumulate: Value<Pred> = true,
    negatingA: Bool = false, negatingB: Bool = false, file: String = #fileID, line: Int = #line
  ) where A.Half == B {
    locate(file, line)
    let immediates = signs(negatingA, negatingB) + [flag(b.major == .mn)]
    startProduct(d, columnsOfRegister: 2, fragment(a, of: B.self), b, accumulate, immediates)
  }

  /// Starts a product of A in registers, as the bits of fp8 or tf32 numbers, and B in shared memory, summed up in
  /// fp32.
  public func multiply<A: FloatMatrixElement, B: FloatMatrixElement>(
    _ d: Fragment<F32>, _ a: [Value<B32>], of type: A.Type, _ b: MatrixDescriptor<B>,
    accumulate: Value<Pred> = true, file: String = #fileID, line: Int = #line
  ) where A.Family == B.Family {
    locate(file, line)
    let immediates = signs(false, false) + (A.byteCount == 2 ? [flag(b.major == .mn)] : [])
    startProduct(d, columnsOfRegister: 2, fragment(a, of: A.self), b, accumulate, immediates)
  }

  /// Starts a product of operands in shared memory, summed up in fp16.
  ///
  /// `d` has N/4 registers of two elements.
  public func multiply<A: ShortSumElement, B: ShortSumElement>(
    _ d: Fragment<F16x2>, _ a: MatrixDescriptor<A>, _ b: MatrixDescriptor<B>, accumulate: Value<Pred> = true,
    file: String = #fileID, line: Int = #line
  ) where A.Family == B.Family {
    locate(file, line)
    startProduct(
      d, columnsOfRegister: 4, shared(a), b, accumulate, signs(false, false) + transposition(a, b))
  }

  /// Starts a product of 8-bit integers in shared memory.
  ///
  /// `d` has N/2 registers.
  public func multiply<A: IntegerMatrixElement, B: IntegerMatrixElement>(
    _ d: Fragment<S32>, _ a: MatrixDescriptor<A>, _ b: MatrixDescriptor<B>, accumulate: Value<Pred> = true,
    file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    startProduct(d, columnsOfRegister: 2, shared(a), b, accumulate, [])
  }

  /// Starts the products of a whole depth of K, one instruction after another: the first with `accumulate`, the
  /// others into the same D.
  public func multiply<A: FloatMatrixElement, B: FloatMatrixElement>(
    _ d: Fragment<F32>, _ a: MatrixDescriptor<A>, _ b: MatrixDescriptor<B>, depth: Int,
    accumulate: Value<Pred> = true, file: String = #fileID, line: Int = #line
  ) where A.Family == B.Family {
    locate(file, line)
    if depth <= 0 || !depth.isMultiple(of: A.depth) {
      fail(.outOfRange(what: "depth of a product", value: depth, allowed: "a multiple of \(A.depth)"))
    }
    for position in Swift.stride(from: 0, to: depth, by: A.depth) {
      multiply(
        d, a.alongK(position), b.alongK(position), accumulate: position == 0 ? accumulate : true,
        file: file, line: line)
    }
  }

  /// Orders what the warpgroup wrote to registers of D and A before the products that follow. It stands before the
  /// first product, and wherever other instructions wrote such registers.
  public func fenceProducts(file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("wgmma.fence.sync.aligned")
  }

  /// Closes a group of the products since the last one.
  public func commitProducts(file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("wgmma.commit_group.sync.aligned")
  }

  /// Waits until at most so many groups are pending.
  public func waitProducts(pending: Int, file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("wgmma.wait_group.sync.aligned", [groupCount(pending)])
  }

  private struct LeftOperand {
    var operand: Operand
    var type: ScalarType
  }

  private func shared<A>(_ a: MatrixDescriptor<A>) -> LeftOperand {
    a.check(extent: 64, "A")
    return LeftOperand(operand: a.bits, type: A.scalarType)
  }

  private func fragment<T, A: MatrixElement>(_ a: [Value<T>], of type: A.Type) -> LeftOperand {
    if a.count != 4 {
      fail(.wrongCount(what: "registers of A of wgmma", count: a.count, expected: 4))
    }
    return LeftOperand(operand: .vector(a.map { .register(register($0)) }), type: A.scalarType)
  }

  private func startProduct<D, B>(
    _ d: Fragment<D>, columnsOfRegister: Int, _ a: LeftOperand, _ b: MatrixDescriptor<B>,
    _ accumulate: Value<Pred>, _ immediates: [Operand]
  ) {
    let columns = d.count * columnsOfRegister
    guard (8...256).contains(columns), columns.isMultiple(of: 8) else {
      return fail(
        .wrongCount(what: "registers of D of wgmma", count: d.count, expected: 256 / columnsOfRegister))
    }
    b.check(extent: columns, "B")
    let sumType = D.scalarType == .f16x2 ? "f16" : D.scalarType.rawValue
    let types = "\(sumType).\(a.type.rawValue).\(B.scalarType.rawValue)"
    record(
      "wgmma.mma_async.sync.aligned.m64n\(columns)k\(B.depth).\(types)",
      [d.vector, a.operand, b.bits, operand(accumulate)] + immediates)
  }

  private func signs(_ negatingA: Bool, _ negatingB: Bool) -> [Operand] {
    [negatingA, negatingB].map { .immediate(.integer($0 ? -1 : 1)) }
  }

  private func transposition<A, B>(_ a: MatrixDescriptor<A>, _ b: MatrixDescriptor<B>) -> [Operand] {
    B.byteCount == 2 ? [flag(a.major == .mn), flag(b.major == .mn)] : []
  }

  private func flag(_ isSet: Bool) -> Operand { .immediate(.integer(isSet ? 1 : 0)) }
}

extension Fragment {
  /// Which row of the 64 a register of a `wgmma` accumulator holds in this thread: the first; odd pairs of registers
  /// lie 8 further down.
  ///
  /// `thread` is the index in the warpgroup.
  public static func accumulatorRow(thread: Value<U32>) -> Value<U32> {
    thread / 32 * 16 + thread % 32 / 4
  }

  /// The column of the first register in this thread.
  public static func accumulatorColumn(thread: Value<U32>) -> Value<U32> { thread % 4 * 2 }

  /// How many rows below the first a register lies.
  public static func accumulatorRowOffset(_ register: Int) -> Int { register / 2 % 2 * 8 }

  /// How many columns to the right of the first a register lies.
  public static func accumulatorColumnOffset(_ register: Int) -> Int { register / 4 * 8 + register % 2 }
}

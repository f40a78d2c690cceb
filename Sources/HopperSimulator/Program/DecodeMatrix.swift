import PTX
import SimulatorKernels

/// In what a matrix product sums up, in `operation`.
enum SumType: UInt8 {
  case f32, f16, s32

  init?(_ name: String?) {
    switch name {
    case "f32": self = .f32
    case "f16": self = .f16
    case "s32": self = .s32
    default: return nil
    }
  }

  /// Columns of a thread's register of the result, over those of one of fp32.
  var elementsOfRegister: Int { self == .f16 ? 2 : 1 }
}

/// Details of a matrix product, in `immediate`.
struct ProductFlags: OptionSet {
  let rawValue: Int64
  /// A·B is subtracted.
  static let negates = ProductFlags(rawValue: 1)
  /// A lies in shared memory contiguous along M, B along N.
  static let isAlongM = ProductFlags(rawValue: 2)
  static let isAlongN = ProductFlags(rawValue: 4)
  /// A lies in shared memory.
  static let isShared = ProductFlags(rawValue: 8)
  /// Sums of integers stop at the ends of their range.
  static let saturates = ProductFlags(rawValue: 16)
  /// C is fp16.
  static let addsHalf = ProductFlags(rawValue: 32)
}

/// The numbers of rows, columns and elements along K in `m64n256k16`.
struct MatrixShape {
  let n: Int
  let k: Int

  init?(_ spelling: String?) {
    let numbers = spelling?.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) } ?? []
    guard numbers.count == 3 else { return nil }
    (n, k) = (numbers[1], numbers[2])
  }
}

/// Decoding of matrix instructions. The types of A and B, as SimulatorKernels numbers them, are in `type` and
/// `modifiers`; columns in eights are in `elementCount`, elements along K in `elementBytes`. Registers of D, A, B
/// and C follow each other in the list.
extension Decoder {
  mutating func decodeMatrix() -> Bool {
    switch form.form.mnemonic {
    case "ldmatrix": decodeMatrixMemory(.matrixLoad, address: 1, registers: destinations(operands[0]))
    case "stmatrix": decodeMatrixMemory(.matrixStore, address: 0, registers: sources(operands[1], .b32))
    case "movmatrix": decodeTransposition()
    case "mma": decodeWarpProduct()
    case "wgmma": decodeWarpgroup()
    default: false
    }
  }

  private mutating func decodeMatrixMemory(_ opcode: Opcode, address index: Int, registers: [Int32]?) -> Bool
  {
    let count = form["count"].flatMap { Int($0.dropFirst()) }
    guard let registers, registers.count == count, let to = address(operands[index], form["space"]) else {
      return false
    }
    let isTransposed = form.has("trans")
    let (extra, extraCount) = append(registers)
    emit(opcode) {
      $0.fill(to)
      $0.operation = isTransposed ? 1 : 0
      ($0.extra, $0.extraCount) = (extra, extraCount)
    }
    return true
  }

  private mutating func decodeTransposition() -> Bool {
    guard let d = destination(0), let a = source(1, .b32) else { return false }
    emit(.matrixTranspose) { ($0.d, $0.a) = (d, a) }
    return true
  }

  // MARK: Products

  private static let elements: [String: sim_matrix_type] = [
    "f16": SIM_MATRIX_F16, "bf16": SIM_MATRIX_BF16, "tf32": SIM_MATRIX_TF32, "e4m3": SIM_MATRIX_E4M3,
    "e5m2": SIM_MATRIX_E5M2, "s8": SIM_MATRIX_S8, "u8": SIM_MATRIX_U8,
  ]

  /// Operands that are lists of registers; those that hold literals are moved into registers of their own.
  private mutating func registers(_ operand: Operand) -> [Int32]? {
    sources(operand, .b32)?.map { slot in
      if slot >= 0 { return slot }
      let row = operandRow()
      emit(.copy32) {
        $0.predicate = .always
        ($0.d, $0.a) = (row, slot)
      }
      return row
    }
  }

  private mutating func decodeWarpProduct() -> Bool {
    guard let shape = MatrixShape(form["shape"]), let sum = SumType(form["d"]),
      let addend = SumType(form["c"]),
      let aType = form["a"].flatMap({ Self.elements[$0] }),
      let bType = form["b"].flatMap({ Self.elements[$0] }),
      let d = destinations(operands[0]), let a = registers(operands[1]), let b = registers(operands[2]),
      let c = sources(operands[3], .b32)
    else { return false }
    // Bytes of a row of A, of which a register of the warp holds 8 · 16.
    let rowBytes = shape.k * bytes(aType)
    guard a.count == rowBytes / 8, b.count == rowBytes / 16, d.count == 4 / sum.elementsOfRegister,
      c.count == 4 / addend.elementsOfRegister
    else { return false }
    var flags: ProductFlags = []
    if form.has("satfinite") { flags.insert(.saturates) }
    if addend == .f16 { flags.insert(.addsHalf) }
    emitProduct(.matrixMultiply, shape, sum, (aType, bType), flags, d + a + b + c)
    return true
  }

  private func bytes(_ type: sim_matrix_type) -> Int {
    switch type {
    case SIM_MATRIX_TF32: 4
    case SIM_MATRIX_F16, SIM_MATRIX_BF16: 2
    default: 1
    }
  }

  private mutating func emitProduct(
    _ opcode: Opcode, _ shape: MatrixShape, _ sum: SumType, _ types: (a: sim_matrix_type, b: sim_matrix_type),
    _ flags: ProductFlags, _ registers: [Int32], _ fill: (inout DecodedInstruction) -> Void = { _ in }
  ) {
    let (extra, count) = append(registers)
    emit(opcode) {
      $0.operation = sum.rawValue
      $0.type = UInt8(types.a.rawValue)
      $0.modifiers = UInt8(types.b.rawValue)
      $0.elementCount = UInt8(shape.n / 8)
      $0.elementBytes = UInt8(shape.k)
      $0.immediate = flags.rawValue
      ($0.extra, $0.extraCount) = (extra, count)
      fill(&$0)
    }
  }

  // MARK: Warpgroups

  private mutating func decodeWarpgroup() -> Bool {
    if form.has("fence") {
      emit(.warpgroupFence)
    } else if form.has("commit_group") {
      emit(.warpgroupCommit)
    } else if form.has("wait_group") {
      guard case .immediate(.integer(let count)) = operands[0], count >= 0 else { return false }
      emit(.warpgroupWait) { $0.immediate = count }
    } else {
      return decodeWarpgroupProduct()
    }
    return true
  }

  private mutating func decodeWarpgroupProduct() -> Bool {
    guard let shape = MatrixShape(form["shape"]), let sum = SumType(form["d"]),
      let aType = form["a"].flatMap({ Self.elements[$0] }),
      let bType = form["b"].flatMap({ Self.elements[$0] }),
      let d = destinations(operands[0]), d.count == shape.n / 2 / sum.elementsOfRegister,
      let b = source(2, .b64), let accumulates = predicate(operands[3])
    else { return false }
    var flags: ProductFlags = form.has("satfinite") ? .saturates : []
    var (a, fragment): (Int32, [Int32]) = (0, [])
    if case .vector = operands[1] {
      guard let registers = registers(operands[1]), registers.count == 4 else { return false }
      fragment = registers
    } else {
      guard let descriptor = source(1, .b64) else { return false }
      flags.insert(.isShared)
      a = descriptor
    }
    guard let signs = productFlags(after: 4, flags) else { return false }
    emitProduct(.warpgroupMultiply, shape, sum, (aType, bType), signs, d + fragment) {
      ($0.a, $0.b, $0.e) = (a, b, accumulates.index)
    }
    return true
  }

  /// Flags of the literals that follow the operands: two signs, then whether A (in shared memory) and B are contiguous
  /// along M and N. Nil when they are no such literals.
  private func productFlags(after first: Int, _ flags: ProductFlags) -> ProductFlags? {
    var flags = flags
    let literals = operands[first...].map { operand -> Int64? in
      guard case .immediate(.integer(let value)) = operand else { return nil }
      return value
    }
    var isNegated = false
    for sign in literals.prefix(2) {
      guard sign == 1 || sign == -1 else { return nil }
      if sign == -1 { isNegated.toggle() }
    }
    if isNegated { flags.insert(.negates) }
    let places: [ProductFlags] = flags.contains(.isShared) ? [.isAlongM, .isAlongN] : [.isAlongN]
    guard literals.count <= 2 + places.count else { return nil }
    for (literal, place) in zip(literals.dropFirst(2), places) {
      guard literal == 0 || literal == 1 else { return nil }
      if literal == 1 { flags.insert(place) }
    }
    return flags
  }
}

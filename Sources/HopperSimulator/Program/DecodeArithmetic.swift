import PTX
import SimulatorKernels

/// fp32 and fp64 operations in the `operation` of a decoded instruction; the rounding is in `type`.
enum FloatOperation: UInt8 {
  case add, subtract, multiply, fuse, minimum, maximum, absolute, negate, copySign
  case divide, reciprocal, squareRoot, reciprocalSquareRoot, sine, cosine, logarithm, power, hyperbolicTangent

  init?(mnemonic: String) {
    let operations: [String: FloatOperation] = [
      "add": .add, "sub": .subtract, "mul": .multiply, "fma": .fuse, "mad": .fuse, "min": .minimum,
      "max": .maximum, "abs": .absolute, "neg": .negate, "copysign": .copySign, "div": .divide,
      "rcp": .reciprocal,
      "sqrt": .squareRoot, "rsqrt": .reciprocalSquareRoot, "sin": .sine, "cos": .cosine, "lg2": .logarithm,
      "ex2": .power, "tanh": .hyperbolicTangent,
    ]
    guard let operation = operations[mnemonic] else { return nil }
    self = operation
  }
}

extension ScalarType {
  /// The type of SimulatorKernels for integers of this width; bits count as unsigned.
  var integerType: sim_integer_type? {
    switch self {
    case .u16, .b16: SIM_U16
    case .s16: SIM_S16
    case .u32, .b32, .f32: SIM_U32
    case .s32: SIM_S32
    case .u64, .b64, .f64: SIM_U64
    case .s64: SIM_S64
    default: nil
    }
  }
}

/// Decoding of what computes in registers.
extension Decoder {
  mutating func decodeArithmetic() -> Bool {
    let mnemonic = form.form.mnemonic
    switch mnemonic {
    case "mov": return decodeMove()
    case "setp": return decodeSetPredicate()
    case "set": return decodeSet()
    case "selp": return decodeSelection()
    case "cvt": return decodeConversion()
    case "cvta": return decodeGenericAddress()
    case "isspacep": return decodeIsSpace()
    case "mapa", "getctarank": return decodeClusterAddress(mnemonic)
    case "createpolicy": return decodePolicy()
    default: break
    }
    guard let type = form.type() ?? form.type("atype") else { return false }
    if type == .pred { return decodePredicateLogic(mnemonic) }
    if mnemonic == "testp" { return decodeNumberTest(type) }
    if let isKnown = decodeLaneByLane(mnemonic, type) { return isKnown }
    if form.has("xorsign") { return decodeSignedExtremum(mnemonic, type) }
    switch type {
    case .f32, .f64: return decodeFloat(mnemonic, type)
    case .f16, .f16x2, .bf16, .bf16x2: return decodeHalf(mnemonic, type)
    default: return decodeInteger(mnemonic, type)
    }
  }

  // MARK: Integers

  private mutating func decodeInteger(_ mnemonic: String, _ type: ScalarType) -> Bool {
    if form.has("cc") || mnemonic == "addc" || mnemonic == "subc" { return decodeCarry(mnemonic, type) }
    if let bits = Self.bitOperation(mnemonic, form) { return decodeBits(bits, mnemonic, type) }
    if mnemonic == "bfi" { return decodeInsertion(type) }
    guard let integerType = type.integerType, let operation = Self.integerOperation(mnemonic, form),
      let d = destination(0)
    else { return false }
    if form["part"] == "wide" { return decodeWideProduct(integerType, type, d) }
    // The amount of a shift has 32 bits, whatever is shifted.
    let isShift = mnemonic == "shl" || mnemonic == "shr"
    guard let a = source(1, type) else { return false }
    let b = operands.count > 2 ? source(2, isShift ? .u32 : type) : a
    let c = operands.count > 3 ? source(3, type) : a
    guard let b, let c else { return false }
    emit(.integer) {
      $0.operation = UInt8(operation.rawValue)
      $0.type = UInt8(integerType.rawValue)
      $0.isWide = type.bitCount == 64
      ($0.d, $0.a, $0.b, $0.c) = (d, a, b, c)
    }
    return true
  }

  private static func integerOperation(_ mnemonic: String, _ form: DecodedForm) -> sim_integer_operation? {
    switch (mnemonic, form["part"]) {
    case ("add", _): form.has("sat") ? SIM_ADD_SATURATED : SIM_ADD
    case ("sub", _): form.has("sat") ? SIM_SUB_SATURATED : SIM_SUB
    case ("mul", "hi"): SIM_MUL_HI
    case ("mul", _): SIM_MUL_LO
    case ("mad", "hi"): SIM_MAD_HI
    case ("mad", _): SIM_MAD_LO
    case ("div", _): SIM_DIV
    case ("rem", _): SIM_REM
    case ("min", _): SIM_MIN
    case ("max", _): SIM_MAX
    case ("abs", _): SIM_ABS
    case ("neg", _): SIM_NEG
    case ("and", _): SIM_AND
    case ("or", _): SIM_OR
    case ("xor", _): SIM_XOR
    case ("not", _): SIM_NOT
    case ("cnot", _): SIM_CNOT
    case ("shl", _): SIM_SHL
    case ("shr", _): SIM_SHR
    case ("sad", _): SIM_SAD
    default: nil
    }
  }

  private mutating func decodeWideProduct(_ integerType: sim_integer_type, _ type: ScalarType, _ d: Int32)
    -> Bool
  {
    let sumType: ScalarType = type.bitCount == 16 ? .u32 : .u64
    guard let a = source(1, type), let b = source(2, type) else { return false }
    let c = operands.count > 3 ? source(3, sumType) : nil
    if operands.count > 3, c == nil { return false }
    emit(.multiplyWide) {
      $0.type = UInt8(integerType.rawValue)
      $0.isWide = type.bitCount == 32
      $0.modifiers = c == nil ? 0 : 1
      ($0.d, $0.a, $0.b, $0.c) = (d, a, b, c ?? a)
    }
    return true
  }

  /// `add.cc` and its like: `operation` is bit 0 for a carry that comes in, bit 1 for one that goes out.
  private mutating func decodeCarry(_ mnemonic: String, _ type: ScalarType) -> Bool {
    guard mnemonic.hasPrefix("add") || mnemonic.hasPrefix("sub"), let d = destination(0),
      let a = source(1, type), let b = source(2, type)
    else { return false }
    let carry = scratch.carry
    let takesCarry = mnemonic == "addc" || mnemonic == "subc"
    emit(mnemonic.hasPrefix("add") ? .addCarry : .subtractCarry) { [self] in
      $0.operation = (takesCarry ? 1 : 0) + (form.has("cc") ? 2 : 0)
      $0.isWide = type.bitCount == 64
      ($0.d, $0.a, $0.b, $0.c) = (d, a, b, carry)
    }
    return true
  }

  private static func bitOperation(_ mnemonic: String, _ form: DecodedForm) -> sim_bit_operation? {
    let isSigned = form.type()?.isSigned ?? false
    switch mnemonic {
    case "prmt": return SIM_PRMT
    case "lop3": return SIM_LOP3
    case "shf":
      let wraps = form["mode"] == "wrap"
      return form["direction"] == "l"
        ? (wraps ? SIM_SHF_L_WRAP : SIM_SHF_L_CLAMP) : (wraps ? SIM_SHF_R_WRAP : SIM_SHF_R_CLAMP)
    case "popc": return SIM_POPC
    case "clz": return SIM_CLZ
    case "brev": return SIM_BREV
    case "bfe": return isSigned ? SIM_BFE_S : SIM_BFE_U
    case "bfind":
      return form.has("shiftamt")
        ? (isSigned ? SIM_BFIND_SHIFT_S : SIM_BFIND_SHIFT_U) : (isSigned ? SIM_BFIND_S : SIM_BFIND_U)
    case "dp4a":
      let signs = (form["atype"] == "s32", form["btype"] == "s32")
      return signs.0 ? (signs.1 ? SIM_DP4A_SS : SIM_DP4A_SU) : (signs.1 ? SIM_DP4A_US : SIM_DP4A_UU)
    default: return nil
    }
  }

  private static let permutationModes = ["f4e", "b4e", "rc8", "ecl", "ecr", "rc16"]

  private mutating func decodeBits(_ operation: sim_bit_operation, _ mnemonic: String, _ type: ScalarType)
    -> Bool
  {
    let isWide = type.bitCount == 64
    guard let d = destination(0), let a = source(1, type) else { return false }
    // Positions and lengths have 32 bits.
    let second: ScalarType = mnemonic == "bfe" ? .u32 : type
    let b = operands.count > 2 ? source(2, second) : a
    let c = operands.count > 3 ? source(3, .u32) : a
    guard let b, let c else { return false }
    var immediate: Int64 = 0
    if mnemonic == "lop3" {
      guard operands.count == 5, case .immediate(.integer(let table)) = operands[4] else { return false }
      immediate = table
    } else if mnemonic == "prmt", let mode = form["mode"] {
      immediate = Int64(1 + (Self.permutationModes.firstIndex(of: mode) ?? 0))
    }
    emit(isWide ? .bits64 : .bits32) {
      $0.operation = UInt8(operation.rawValue)
      $0.isWide = isWide && (mnemonic == "brev" || mnemonic == "bfe")
      $0.immediate = immediate
      ($0.d, $0.a, $0.b, $0.c) = (d, a, b, c)
    }
    return true
  }

  private mutating func decodeInsertion(_ type: ScalarType) -> Bool {
    guard let d = destination(0), let a = source(1, type), let b = source(2, type), let c = source(3, .u32),
      let e = source(4, .u32)
    else { return false }
    emit(type.bitCount == 64 ? .insert64 : .insert32) {
      $0.isWide = type.bitCount == 64
      ($0.d, $0.a, $0.b, $0.c, $0.e) = (d, a, b, c, e)
    }
    return true
  }

  // MARK: Floating point

  private mutating func decodeFloat(_ mnemonic: String, _ type: ScalarType) -> Bool {
    guard let operation = FloatOperation(mnemonic: mnemonic), let d = destination(0), let a = source(1, type)
    else {
      return false
    }
    let b = operands.count > 2 ? source(2, type) : a
    let c = operands.count > 3 ? source(3, type) : a
    guard let b, let c else { return false }
    let rounding = form["round"].flatMap { Rounding(modifier: $0) } ?? .nearestEven
    var modifiers = 0
    if form.has("ftz") { modifiers |= Int(SIM_FTZ) }
    if form.has("sat") { modifiers |= Int(SIM_SATURATE) }
    let propagatesNaN = form.has("nan")
    emit(type == .f64 ? .double : .float) {
      $0.operation = operation.rawValue
      $0.type = rounding.rawValue
      $0.modifiers = UInt8(modifiers)
      $0.immediate = propagatesNaN ? 1 : 0
      $0.isWide = type == .f64
      ($0.d, $0.a, $0.b, $0.c) = (d, a, b, c)
    }
    return true
  }

  private static let halfOperations: [String: sim_half_operation] = [
    "add": SIM_HALF_ADD, "sub": SIM_HALF_SUB, "mul": SIM_HALF_MUL, "fma": SIM_HALF_FMA, "min": SIM_HALF_MIN,
    "max": SIM_HALF_MAX, "neg": SIM_HALF_NEG, "abs": SIM_HALF_ABS, "ex2": SIM_HALF_EX2, "tanh": SIM_HALF_TANH,
  ]

  private mutating func decodeHalf(_ mnemonic: String, _ type: ScalarType) -> Bool {
    guard let operation = Self.halfOperations[mnemonic], let d = destination(0), let a = source(1, type)
    else {
      return false
    }
    let b = operands.count > 2 ? source(2, type) : a
    let c = operands.count > 3 ? source(3, type) : a
    guard let b, let c else { return false }
    var modifiers = 0
    if form.has("ftz") { modifiers |= Int(SIM_HALF_FTZ) }
    if form.has("sat") { modifiers |= Int(SIM_HALF_SATURATE) }
    if form.has("relu") { modifiers |= Int(SIM_HALF_RELU) }
    if form.has("nan") { modifiers |= Int(SIM_HALF_NAN) }
    emit(.half) {
      $0.operation = UInt8(operation.rawValue)
      $0.type = UInt8((type == .bf16 || type == .bf16x2 ? SIM_BF16 : SIM_F16).rawValue)
      $0.modifiers = UInt8(modifiers)
      $0.immediate = type == .f16x2 || type == .bf16x2 ? 1 : 0
      ($0.d, $0.a, $0.b, $0.c) = (d, a, b, c)
    }
    return true
  }
}

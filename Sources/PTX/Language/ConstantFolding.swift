/// Operations on one number that a shift, a mask or nothing does as well.
extension Value {
  /// The simpler operation; nil if there is none. Integers only: `x + 0` is not `x` for a floating-point -0.
  static func reduced(_ operation: Operation, _ left: Value, _ right: Value) -> Value? {
    guard !Element.scalarType.isFloatingPoint else { return nil }
    guard let number = right.constant else {
      let isCommutative = operation != .sub && operation != .div && operation != .rem
      return isCommutative && left.constant != nil ? reduced(operation, right, left) : nil
    }
    switch (operation, number) {
    case (.add, 0), (.sub, 0), (.or, 0), (.xor, 0), (.mul, 1), (.div, 1): return left
    default: break
    }
    guard number > 1, number & (number - 1) == 0 else { return nil }
    let shift = Value<U32>(number.trailingZeroBitCount)
    switch operation {
    case .mul: return Self.shift(.shl, left, shift)
    case .div where !Element.scalarType.isSigned: return Self.shift(.shr, left, shift)
    case .rem where !Element.scalarType.isSigned:
      return binary(.and, left, Value(bits: UInt64(number - 1)))
    default: return nil
    }
  }
}

/// Operations on two numbers, computed when the kernel is recorded, as the machine would compute them.
extension Value {
  static func folded(_ operation: Operation, _ left: Operand, _ right: Operand) -> Operand {
    guard case .immediate(let left) = left, case .immediate(let right) = right else { return left }
    switch (left, right) {
    case (.integer(let left), .integer(let right)):
      if let (format, count) = Element.scalarType.halves {
        return .immediate(.integer(foldedHalves(operation, left, right, format, count)))
      }
      return .immediate(.integer(foldedInteger(operation, left, right)))
    case (.float(let left), .float(let right)):
      let value = foldedFloat(operation, Float(bitPattern: left), Float(bitPattern: right))
      return .immediate(.float(value.bitPattern))
    case (.double(let left), .double(let right)):
      let value = foldedFloat(operation, Double(bitPattern: left), Double(bitPattern: right))
      return .immediate(.double(value.bitPattern))
    default:
      // A literal of one type and one of another do not meet: both sides have the type of the value.
      return .immediate(left)
    }
  }

  private static func foldedHalves(
    _ operation: Operation, _ left: Int64, _ right: Int64, _ format: HalfFormat, _ count: Int
  ) -> Int64 {
    (0..<count).reduce(0) { bits, index in
      let numbers = [left, right].map { format.number(UInt16(truncatingIfNeeded: $0 >> (16 * index))) }
      let result = foldedFloat(operation, numbers[0], numbers[1])
      return bits | Int64(format.bits(result)) << (16 * index)
    }
  }

  private static func foldedInteger(_ operation: Operation, _ left: Int64, _ right: Int64) -> Int64 {
    let width = Element.scalarType.bitCount
    let isSigned = Element.scalarType.isSigned
    let left = wrapped(left)
    let right = operation == .shl || operation == .shr ? right : wrapped(right)
    let unsigned = (left: UInt64(bitPattern: left), right: UInt64(bitPattern: right))
    let value: Int64 =
      switch operation {
      case .add: left &+ right
      case .sub: left &- right
      case .mul: left &* right
      case .div where right == 0, .rem where right == 0: -1
      case .div:
        isSigned
          ? left.dividedReportingOverflow(by: right).partialValue
          : Int64(bitPattern: unsigned.left / unsigned.right)
      case .rem:
        isSigned
          ? left.remainderReportingOverflow(dividingBy: right).partialValue
          : Int64(bitPattern: unsigned.left % unsigned.right)
      case .and: left & right
      case .or: left | right
      case .xor: left ^ right
      case .shl: right < 0 || right >= width ? 0 : left << right
      case .shr where isSigned: left >> min(UInt64(bitPattern: right), 63)
      case .shr: Int64(bitPattern: unsigned.left >> unsigned.right)
      }
    return wrapped(value)
  }

  /// The number that the type's bits hold: sign-extended for signed types, else zero-extended.
  private static func wrapped(_ number: Int64) -> Int64 {
    let spare = 64 - Element.scalarType.bitCount
    return Element.scalarType.isSigned
      ? (number << spare) >> spare : Int64(bitPattern: UInt64(bitPattern: number << spare) >> UInt64(spare))
  }

  private static func foldedFloat<F: BinaryFloatingPoint>(_ operation: Operation, _ left: F, _ right: F) -> F
  {
    switch operation {
    case .add: left + right
    case .sub: left - right
    case .mul: left * right
    default: left / right
    }
  }

  static func compared(_ comparison: Comparison, _ left: Operand, _ right: Operand) -> Bool {
    guard case .immediate(let left) = left, case .immediate(let right) = right else { return false }
    switch (left, right) {
    case (.integer(let left), .integer(let right)):
      if let (format, _) = Element.scalarType.halves {
        let pair = [left, right].map { format.number(UInt16(truncatingIfNeeded: $0)) }
        return holds(comparison, pair[0], pair[1], isNaN: pair[0].isNaN || pair[1].isNaN)
      }
      if Element.scalarType.isSigned { return holds(comparison, wrapped(left), wrapped(right), isNaN: false) }
      return holds(
        comparison, UInt64(bitPattern: wrapped(left)), UInt64(bitPattern: wrapped(right)), isNaN: false)
    case (.float(let left), .float(let right)):
      let pair = (Float(bitPattern: left), Float(bitPattern: right))
      return holds(comparison, pair.0, pair.1, isNaN: pair.0.isNaN || pair.1.isNaN)
    case (.double(let left), .double(let right)):
      let pair = (Double(bitPattern: left), Double(bitPattern: right))
      return holds(comparison, pair.0, pair.1, isNaN: pair.0.isNaN || pair.1.isNaN)
    default: return false
    }
  }

  private static func holds<C: Comparable>(_ comparison: Comparison, _ left: C, _ right: C, isNaN: Bool)
    -> Bool
  {
    switch comparison {
    case .num: !isNaN
    case .nan: isNaN
    case .eq: left == right
    case .ne: left != right && !isNaN
    case .lt: left < right
    case .le: left <= right
    case .gt: left > right
    case .ge: left >= right
    case .equ: left == right || isNaN
    case .neu: left != right || isNaN
    case .ltu: left < right || isNaN
    case .leu: left <= right || isNaN
    case .gtu: left > right || isNaN
    case .geu: left >= right || isNaN
    }
  }
}

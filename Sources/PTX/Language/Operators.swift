// Operators on values. Both sides have the same type; a number may stand on one side. Two numbers are computed
// when the kernel is recorded, as the machine would.
//
// What each becomes: integer `+ - * / %` as `add`, `sub`, `mul.lo`, `div`, `rem`; floating-point `+ - *` with
// rounding to nearest, `/` as `div.rn`; bits `& | ^ ~ << >>` (`>>` of a signed type keeps the sign); comparisons
// as `setp`, ordered (false for NaN) but for `!=`, which is true for NaN; `&& || !` on predicates, both sides
// evaluated.

/// An operation that an operator spells.
enum Operation: String {
  case add, sub, mul, div, rem, and, or, xor, shl, shr
}

/// How two values are compared (PTX ISA 9.7.6).
public enum Comparison: String, Sendable, Hashable, CaseIterable {
  case eq, ne, lt, le, gt, ge
  /// True too if an operand is NaN.
  case equ, neu, ltu, leu, gtu, geu
  /// Neither, or one, is NaN.
  case num, nan
}

/// The instruction that computes an operation on a type.
func spelling(_ operation: Operation, _ type: any RegisterElement.Type, flushing: Bool) -> String {
  let scalar = type.scalarType
  let ftz = flushing && scalar == .f32 ? ".ftz" : ""
  return switch operation {
  case .mul where !scalar.isFloatingPoint: "mul.lo.\(scalar.rawValue)"
  case .div where scalar.isFloatingPoint: "div.rn\(ftz).\(scalar.rawValue)"
  case .add, .sub, .mul, .div, .rem: "\(operation.rawValue)\(ftz).\(scalar.rawValue)"
  case .shr where scalar.isSigned: "shr.\(scalar.rawValue)"
  case .shr where scalar.rawValue.hasPrefix("u"): "shr.\(scalar.rawValue)"
  case .and, .or, .xor, .shl, .shr: "\(operation.rawValue).\(scalar.untyped)"
  }
}

extension ScalarType {
  /// `b32` for 32 bits and so on; predicates have no other name.
  var untyped: String { self == .pred ? "pred" : "b\(bitCount)" }
}

extension Value {
  /// One operation on two values of this type.
  static func binary(_ operation: Operation, _ left: Value, _ right: Value) -> Value {
    guard let builder = left.builder ?? right.builder else {
      return Value(builder: nil, operand: folded(operation, left.operand, right.operand))
    }
    if let simpler = reduced(operation, left, right) { return simpler }
    let spelling = spelling(operation, Element.self, flushing: builder.demands.flushesSubnormals)
    return builder.operating {
      builder.result(
        spelling, [builder.arithmeticOperand(left), builder.arithmeticOperand(right)], isOperator: true)
    }
  }

  /// A shift; the count is always `.u32`.
  static func shift(_ operation: Operation, _ left: Value, _ count: Value<U32>) -> Value {
    guard let builder = left.builder ?? count.builder else {
      return Value(builder: nil, operand: folded(operation, left.operand, count.operand))
    }
    let spelling = spelling(operation, Element.self, flushing: false)
    return builder.operating {
      builder.result(spelling, [builder.operand(left), builder.operand(count)], isOperator: true)
    }
  }

  /// A comparison of two values of this type.
  static func compare(_ comparison: Comparison, _ left: Value, _ right: Value) -> Value<Pred> {
    guard let builder = left.builder ?? right.builder else {
      return Value<Pred>(compared(comparison, left.operand, right.operand))
    }
    let ftz = builder.demands.flushesSubnormals && Element.scalarType == .f32 ? ".ftz" : ""
    return builder.operating {
      builder.result(
        "setp.\(comparison.rawValue)\(ftz).\(Element.scalarType.rawValue)",
        [builder.arithmeticOperand(left), builder.arithmeticOperand(right)], isOperator: true)
    }
  }
}

extension KernelBuilder {
  /// An operand of arithmetic: half-precision numbers must be in a register.
  func arithmeticOperand<T>(_ value: Value<T>) -> Operand {
    T.registerType == T.scalarType ? operand(value) : .register(register(value, isOperator: true))
  }
}

extension Value where Element: NumberElement {
  /// Sum.
  public static func + (left: Value, right: Value) -> Value { binary(.add, left, right) }

  /// Difference.
  public static func - (left: Value, right: Value) -> Value { binary(.sub, left, right) }

  /// Product; of integers the lower half.
  public static func * (left: Value, right: Value) -> Value { binary(.mul, left, right) }
}

extension Value where Element: FloatElement {
  /// Quotient.
  public static func / (left: Value, right: Value) -> Value { binary(.div, left, right) }
}

extension Value where Element: FloatElement {
  /// Sum.
  public static func + (left: Value, right: Double) -> Value { binary(.add, left, Value(right)) }

  /// Sum.
  public static func + (left: Double, right: Value) -> Value { binary(.add, Value(left), right) }

  /// Difference.
  public static func - (left: Value, right: Double) -> Value { binary(.sub, left, Value(right)) }

  /// Difference.
  public static func - (left: Double, right: Value) -> Value { binary(.sub, Value(left), right) }

  /// Product; of integers the lower half.
  public static func * (left: Value, right: Double) -> Value { binary(.mul, left, Value(right)) }

  /// Product; of integers the lower half.
  public static func * (left: Double, right: Value) -> Value { binary(.mul, Value(left), right) }

  /// Quotient.
  public static func / (left: Value, right: Double) -> Value { binary(.div, left, Value(right)) }

  /// Quotient.
  public static func / (left: Double, right: Value) -> Value { binary(.div, Value(left), right) }
}

extension Value where Element: IntegerElement {
  /// Quotient, towards zero; dividing by zero yields all ones.
  public static func / (left: Value, right: Value) -> Value { binary(.div, left, right) }

  /// Remainder, of the sign of the dividend.
  public static func % (left: Value, right: Value) -> Value { binary(.rem, left, right) }
}

extension Value where Element: IntegerElement {
  /// Sum.
  public static func + (left: Value, right: Int) -> Value { binary(.add, left, Value(right)) }

  /// Sum.
  public static func + (left: Int, right: Value) -> Value { binary(.add, Value(left), right) }

  /// Difference.
  public static func - (left: Value, right: Int) -> Value { binary(.sub, left, Value(right)) }

  /// Difference.
  public static func - (left: Int, right: Value) -> Value { binary(.sub, Value(left), right) }

  /// Product; of integers the lower half.
  public static func * (left: Value, right: Int) -> Value { binary(.mul, left, Value(right)) }

  /// Product; of integers the lower half.
  public static func * (left: Int, right: Value) -> Value { binary(.mul, Value(left), right) }

  /// Quotient, towards zero; dividing by zero yields all ones.
  public static func / (left: Value, right: Int) -> Value { binary(.div, left, Value(right)) }

  /// Quotient, towards zero; dividing by zero yields all ones.
  public static func / (left: Int, right: Value) -> Value { binary(.div, Value(left), right) }

  /// Remainder, of the sign of the dividend.
  public static func % (left: Value, right: Int) -> Value { binary(.rem, left, Value(right)) }

  /// Remainder, of the sign of the dividend.
  public static func % (left: Int, right: Value) -> Value { binary(.rem, Value(left), right) }
}

extension Value where Element: BitsElement {
  /// Bitwise and.
  public static func & (left: Value, right: Value) -> Value { binary(.and, left, right) }

  /// Bitwise or.
  public static func | (left: Value, right: Value) -> Value { binary(.or, left, right) }

  /// Bitwise exclusive or.
  public static func ^ (left: Value, right: Value) -> Value { binary(.xor, left, right) }
}

extension Value where Element: IntegerElement {
  /// Bitwise and.
  public static func & (left: Value, right: Int) -> Value { binary(.and, left, Value(right)) }

  /// Bitwise and.
  public static func & (left: Int, right: Value) -> Value { binary(.and, Value(left), right) }

  /// Bitwise or.
  public static func | (left: Value, right: Int) -> Value { binary(.or, left, Value(right)) }

  /// Bitwise or.
  public static func | (left: Int, right: Value) -> Value { binary(.or, Value(left), right) }

  /// Bitwise exclusive or.
  public static func ^ (left: Value, right: Int) -> Value { binary(.xor, left, Value(right)) }

  /// Bitwise exclusive or.
  public static func ^ (left: Int, right: Value) -> Value { binary(.xor, Value(left), right) }
}

extension Value where Element: BitsElement {
  /// Shift to the left by 0 to the width of the type; more yields 0.
  public static func << (left: Value, right: Value<U32>) -> Value { shift(.shl, left, right) }

  /// Shift to the left by a number of bits.
  public static func << (left: Value, right: Int) -> Value { shift(.shl, left, Value<U32>(right)) }

  /// Shift to the right; of a signed type with its sign.
  public static func >> (left: Value, right: Value<U32>) -> Value { shift(.shr, left, right) }

  /// Shift to the right by a number of bits; of a signed type with its sign.
  public static func >> (left: Value, right: Int) -> Value { shift(.shr, left, Value<U32>(right)) }

  /// Complement.
  public static prefix func ~ (value: Value) -> Value {
    guard let builder = value.builder else { return value ^ Value(bits: .max) }
    return builder.result(
      "not.\(Element.scalarType.untyped)", [builder.operand(value)], isOperator: true)
  }
}

extension Value where Element: NumberElement {
  /// The negative.
  public static prefix func - (value: Value) -> Value {
    guard let builder = value.builder, Element.scalarType.isSigned || Element.scalarType.isFloatingPoint
    else { return binary(.sub, 0, value) }
    let ftz = builder.demands.flushesSubnormals && Element.scalarType == .f32 ? ".ftz" : ""
    return builder.result(
      "neg\(ftz).\(Element.scalarType.rawValue)", [builder.arithmeticOperand(value)], isOperator: true)
  }
}

extension Value where Element: EquatableElement {
  /// Whether they are equal.
  public static func == (left: Value, right: Value) -> Value<Pred> {
    compare(.eq, left, right)
  }

  /// Whether they differ.
  public static func != (left: Value, right: Value) -> Value<Pred> {
    compare(Element.scalarType.isFloatingPoint ? .neu : .ne, left, right)
  }
}

extension Value where Element: OrderedElement {
  /// Whether the left is less.
  public static func < (left: Value, right: Value) -> Value<Pred> {
    compare(.lt, left, right)
  }

  /// Whether the left is not greater.
  public static func <= (left: Value, right: Value) -> Value<Pred> {
    compare(.le, left, right)
  }

  /// Whether the left is greater.
  public static func > (left: Value, right: Value) -> Value<Pred> {
    compare(.gt, left, right)
  }

  /// Whether the left is not less.
  public static func >= (left: Value, right: Value) -> Value<Pred> {
    compare(.ge, left, right)
  }
}

extension Value where Element: IntegerElement {
  /// Whether they are equal.
  public static func == (left: Value, right: Int) -> Value<Pred> {
    compare(.eq, left, Value(right))
  }

  /// Whether they differ.
  public static func != (left: Value, right: Int) -> Value<Pred> {
    compare(Element.scalarType.isFloatingPoint ? .neu : .ne, left, Value(right))
  }

  /// Whether the left is less.
  public static func < (left: Value, right: Int) -> Value<Pred> {
    compare(.lt, left, Value(right))
  }

  /// Whether the left is not greater.
  public static func <= (left: Value, right: Int) -> Value<Pred> {
    compare(.le, left, Value(right))
  }

  /// Whether the left is greater.
  public static func > (left: Value, right: Int) -> Value<Pred> {
    compare(.gt, left, Value(right))
  }

  /// Whether the left is not less.
  public static func >= (left: Value, right: Int) -> Value<Pred> {
    compare(.ge, left, Value(right))
  }
}

extension Value where Element: FloatElement {
  /// Whether they are equal.
  public static func == (left: Value, right: Double) -> Value<Pred> {
    compare(.eq, left, Value(right))
  }

  /// Whether they differ.
  public static func != (left: Value, right: Double) -> Value<Pred> {
    compare(Element.scalarType.isFloatingPoint ? .neu : .ne, left, Value(right))
  }

  /// Whether the left is less.
  public static func < (left: Value, right: Double) -> Value<Pred> {
    compare(.lt, left, Value(right))
  }

  /// Whether the left is not greater.
  public static func <= (left: Value, right: Double) -> Value<Pred> {
    compare(.le, left, Value(right))
  }

  /// Whether the left is greater.
  public static func > (left: Value, right: Double) -> Value<Pred> {
    compare(.gt, left, Value(right))
  }

  /// Whether the left is not less.
  public static func >= (left: Value, right: Double) -> Value<Pred> {
    compare(.ge, left, Value(right))
  }
}

extension Value where Element == Pred {
  /// Both; both sides are evaluated.
  public static func && (left: Value, right: Value) -> Value { logical(.and, left, right) }

  /// One or both; both sides are evaluated.
  public static func || (left: Value, right: Value) -> Value { logical(.or, left, right) }

  /// One, not both.
  public static func ^ (left: Value, right: Value) -> Value { logical(.xor, left, right) }

  /// The opposite.
  public static prefix func ! (value: Value) -> Value {
    guard let builder = value.builder else { return Value(value.constant == 0) }
    return builder.result("not.pred", [.register(builder.register(value))], isOperator: true)
  }

  private static func logical(_ operation: Operation, _ left: Value, _ right: Value) -> Value {
    guard let builder = left.builder ?? right.builder else {
      return Value(builder: nil, operand: folded(operation, left.operand, right.operand))
    }
    let operands = [left, right].map { Operand.register(builder.register($0, isOperator: true)) }
    return builder.result("\(operation.rawValue).pred", operands, isOperator: true)
  }
}

/// Assignment to what can be read and written, as an element in memory: `z[i] += x`.
extension Value where Element: NumberElement {
  /// Adds to it.
  public static func += (left: inout Value, right: Value) { left = left + right }

  /// Subtracts from it.
  public static func -= (left: inout Value, right: Value) { left = left - right }

  /// Multiplies it.
  public static func *= (left: inout Value, right: Value) { left = left * right }
}

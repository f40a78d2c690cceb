/// A value of one thread: what a register holds, or a number known when the kernel is recorded.
///
/// It never changes; what does is a `Mutable`. Operators on it append instructions to the kernel whose value it is.
public struct Value<Element: RegisterElement> {
  /// Nil for a number.
  let builder: KernelBuilder?
  /// A register or an immediate.
  let operand: Operand

  /// The bits of a number.
  var constant: Int64? {
    if case .immediate(.integer(let number)) = operand { return number }
    return nil
  }
}

extension Value {
  /// The same bits as a value of another type of equal width: no instruction, or a move between registers of integer
  /// and floating-point type.
  ///
  /// Throws at the end of recording if the widths differ.
  public func bits<Other: RegisterElement>(as other: Other.Type) -> Value<Other> {
    if Element.registerType.bitCount != Other.registerType.bitCount {
      builder?.fail(.mismatch("bits of .\(Element.scalarType.rawValue) as .\(Other.scalarType.rawValue)"))
    }
    guard let builder, case .register(let register) = operand else {
      return Value<Other>(builder: builder, operand: operand.bits(as: Other.registerType))
    }
    // PTX lets untyped instructions and registers meet all others, but not integers floating-point numbers.
    let declared = builder.registers[Int(register.index)].type
    let target = Other.registerType
    if declared == target || declared.isUntyped || target.isUntyped
      || !declared.isFloatingPoint && !target.isFloatingPoint
    {
      return Value<Other>(builder: builder, operand: operand)
    }
    return builder.result("mov.\(target.untyped)", [operand], isOperator: true)
  }

  /// A constant of untyped bits.
  public init(bits: UInt64) {
    self.init(builder: nil, operand: .immediate(.integer(Int64(bitPattern: bits))))
  }
}

extension Value where Element: IntegerElement {
  /// A number. What its type cannot hold is a mistake when it is used.
  public init(_ number: Int) {
    self.init(builder: nil, operand: .immediate(.integer(Int64(number))))
  }
}

extension Value: ExpressibleByIntegerLiteral {
  /// A number; a floating-point one for floating-point types.
  public init(integerLiteral number: Int) {
    self.init(builder: nil, operand: .immediate(Element.scalarType.immediate(number)))
  }
}

extension Value: ExpressibleByFloatLiteral where Element: RealElement {
  /// A number, rounded to the type; in both halves of a pair.
  public init(_ number: Double) {
    self.init(builder: nil, operand: .immediate(Element.scalarType.immediate(number)))
  }

  /// A number, rounded to the type.
  public init(floatLiteral number: Double) { self.init(number) }
}

extension Value: ExpressibleByBooleanLiteral where Element == Pred {
  /// Always or never.
  public init(_ isTrue: Bool) {
    self.init(builder: nil, operand: .immediate(.integer(isTrue ? 1 : 0)))
  }

  /// Always or never.
  public init(booleanLiteral isTrue: Bool) { self.init(isTrue) }
}

extension Operand {
  /// A number's bits as an immediate of another type.
  fileprivate func bits(as type: ScalarType) -> Operand {
    switch self {
    case .immediate(.float(let bits)) where type != .f32: .immediate(.integer(Int64(bits)))
    case .immediate(.double(let bits)) where type != .f64: .immediate(.integer(Int64(bitPattern: bits)))
    case .immediate(.integer(let bits)) where type == .f32:
      .immediate(.float(UInt32(truncatingIfNeeded: bits)))
    case .immediate(.integer(let bits)) where type == .f64: .immediate(.double(UInt64(bitPattern: bits)))
    default: self
    }
  }
}

extension ScalarType {
  /// Whether it is one of bits without a meaning.
  fileprivate var isUntyped: Bool { [.b8, .b16, .b32, .b64, .b128].contains(self) }

  /// An integer as an immediate of this type.
  fileprivate func immediate(_ number: Int) -> Immediate {
    self == .f32 || self == .f64 || halves != nil ? immediate(Double(number)) : .integer(Int64(number))
  }

  /// A number as an immediate of this floating-point type: of 16-bit types the bits.
  func immediate(_ number: Double) -> Immediate {
    if let (format, count) = halves {
      let bits = Int64(format.bits(number))
      return .integer(count == 2 ? bits << 16 | bits : bits)
    }
    return self == .f64 ? .double(number.bitPattern) : .float(Float(number).bitPattern)
  }
}

extension KernelBuilder {
  /// A value with a name: the register that the expression has written gets it, so that the PTX can be read. A
  /// number is moved into a register. The expression's instructions get this place.
  public func `let`<T>(
    _ name: String, _ value: Value<T>, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    if case .register(let register) = operand(value), isUnnamed(register) {
      registers[Int(register.index)].name = "%" + unique(name)
      return value
    }
    let register = newRegister(T.registerType, name: name)
    record("mov.\(T.registerType.rawValue)", [.register(register), value.operand])
    return Value(builder: self, operand: .register(register))
  }

  /// A mutable register that begins with a value.
  public func variable<T>(
    _ name: String, _ initial: Value<T>, file: String = #fileID, line: Int = #line
  ) -> Mutable<T> {
    locate(file, line)
    let variable = Mutable<T>(builder: self, register: newRegister(T.registerType, name: name))
    variable.assign(initial, isOperator: false)
    return variable
  }

  /// A mutable register of a type that begins with a number.
  public func variable<T>(
    _ name: String, _ type: T.Type, _ initial: Value<T>, file: String = #fileID, line: Int = #line
  ) -> Mutable<T> {
    variable(name, initial, file: file, line: line)
  }

  /// Mutable registers, not yet written: an accumulator or an operand of a matrix instruction, a vector.
  public func fragment<T>(
    _ name: String, _ type: T.Type = T.self, count: Int, file: String = #fileID, line: Int = #line
  ) -> Fragment<T> {
    locate(file, line)
    guard (1...512).contains(count) else {
      fail(.outOfRange(what: "registers of a fragment", value: count, allowed: "1 to 512"))
      return Fragment(builder: self, registers: [])
    }
    return Fragment(builder: self, registers: newRegisters(T.registerType, count: count, name: name))
  }

  private func isUnnamed(_ register: RegisterID) -> Bool {
    let index = Int(register.index)
    guard index < registers.count else { return false }
    return registers[index].name == "%\(Self.prefix(registers[index].type))\(index)"
  }
}

/// A register that the kernel assigns to.
public struct Mutable<Element: RegisterElement> {
  let builder: KernelBuilder
  let register: RegisterID

  /// What it holds now: later assignments do not change the value read.
  public var value: Value<Element> {
    builder.result(
      "mov.\(Element.registerType.rawValue)", [.register(register)], isOperator: true)
  }

  /// Assigns.
  public func set(_ value: Value<Element>, file: String = #fileID, line: Int = #line) {
    builder.locate(file, line)
    assign(value, isOperator: false)
  }

  func assign(_ value: Value<Element>, isOperator: Bool) {
    builder.record(
      "mov.\(Element.registerType.rawValue)", [.register(register), builder.operand(value)],
      isOperator: isOperator)
  }
}

extension Mutable where Element: NumberElement {
  /// Adds to it.
  public static func += (left: Mutable, right: Value<Element>) {
    left.assign(left.value + right, isOperator: true)
  }

  /// Subtracts from it.
  public static func -= (left: Mutable, right: Value<Element>) {
    left.assign(left.value - right, isOperator: true)
  }

  /// Multiplies it.
  public static func *= (left: Mutable, right: Value<Element>) {
    left.assign(left.value * right, isOperator: true)
  }
}

extension Mutable where Element: BitsElement {
  /// Exclusive or into it.
  public static func ^= (left: Mutable, right: Value<Element>) {
    left.assign(left.value ^ right, isOperator: true)
  }

  /// And into it.
  public static func &= (left: Mutable, right: Value<Element>) {
    left.assign(left.value & right, isOperator: true)
  }

  /// Or into it.
  public static func |= (left: Mutable, right: Value<Element>) {
    left.assign(left.value | right, isOperator: true)
  }
}

/// Mutable registers of one type: an accumulator, an operand of a matrix instruction, a vector.
public struct Fragment<Element: RegisterElement> {
  let builder: KernelBuilder
  let registers: [RegisterID]

  /// Registers.
  public var count: Int { registers.count }

  /// Indices of its registers.
  public var indices: Range<Int> { registers.indices }

  /// What a register holds now; assigning writes it.
  ///
  /// An index that is none of `indices` is a mistake, thrown at the end of recording.
  public subscript(index: Int, file: String = #fileID, line: Int = #line) -> Value<Element> {
    get {
      builder.locate(file, line)
      return variable(index).value
    }
    nonmutating set {
      builder.locate(file, line)
      variable(index).assign(newValue, isOperator: false)
    }
  }

  /// One of its registers.
  public func variable(_ index: Int) -> Mutable<Element> {
    guard registers.indices.contains(index) else {
      builder.fail(.outOfRange(what: "index of a fragment", value: index, allowed: "0..<\(count)"))
      return Mutable(builder: builder, register: registers.first ?? builder.newRegister(Element.registerType))
    }
    return Mutable(builder: builder, register: registers[index])
  }

  /// Some of its registers, in the same order.
  public subscript(range: Range<Int>) -> Fragment {
    guard registers.indices.contains(range.lowerBound) || range.isEmpty, range.upperBound <= count else {
      builder.fail(
        .outOfRange(what: "end of a part of a fragment", value: range.upperBound, allowed: "0...\(count)"))
      return self
    }
    return Fragment(builder: builder, registers: Array(registers[range]))
  }

  /// Assigns a value to every register.
  public func fill(_ value: Value<Element>, file: String = #fileID, line: Int = #line) {
    builder.locate(file, line)
    for index in indices { variable(index).assign(value, isOperator: false) }
  }

  /// As an operand, `{a, b, …}`.
  var vector: Operand { .vector(registers.map { .register($0) }) }
}

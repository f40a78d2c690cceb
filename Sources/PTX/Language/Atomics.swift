/// What an atomic computes from the old value and the operand.
public enum AtomicOperation: String, Sendable, Hashable {
  case add, min, max, and, or, xor
  /// Counts up to the operand, then from 0.
  case increment = "inc"
  /// Counts down, from the operand again after 0.
  case decrement = "dec"
  case exchange = "exch"
}

extension KernelBuilder {
  /// Computes in memory, as one access; yields the old value.
  public func atomic<T, Space>(
    _ operation: AtomicOperation, _ pointer: Pointer<T, Space>, _ value: Value<T>,
    order: MemoryOrder = .relaxed(.device), file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    return result(
      atomicSpelling("atom", operation, pointer, order), [address(pointer), arithmeticOperand(value)])
  }

  /// Computes in memory, as one access; the old value is not wanted.
  public func reduce<T, Space>(
    _ operation: AtomicOperation, _ pointer: Pointer<T, Space>, _ value: Value<T>,
    order: MemoryOrder = .relaxed(.device), file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    record(atomicSpelling("red", operation, pointer, order), [address(pointer), arithmeticOperand(value)])
  }

  /// Stores `value` where `expected` stands, as one access; yields the old value.
  public func compareAndSwap<T: BitsElement, Space>(
    _ pointer: Pointer<T, Space>, expected: Value<T>, value: Value<T>,
    order: MemoryOrder = .relaxed(.device), file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    return result(
      "atom\(order.modifier)\(Space.modifier).cas.\(T.scalarType.untyped)",
      [address(pointer), operand(expected), operand(value)])
  }

  private func atomicSpelling<T, Space>(
    _ mnemonic: String, _ operation: AtomicOperation, _ pointer: Pointer<T, Space>, _ order: MemoryOrder
  ) -> String {
    // Floating-point types must say what happens to subnormals if they are 16 bits wide.
    let noFlush = T.self is any HalfElement.Type ? ".noftz" : ""
    let isUntyped = [.and, .or, .xor, .exchange].contains(operation)
    var type = isUntyped ? T.scalarType.untyped : T.scalarType.rawValue
    // PTX has no signed 64-bit add: it is the same as the unsigned one.
    if operation == .add && T.scalarType == .s64 { type = "u64" }
    return "\(mnemonic)\(order.modifier)\(Space.modifier).\(operation.rawValue)\(noFlush).\(type)"
  }
}

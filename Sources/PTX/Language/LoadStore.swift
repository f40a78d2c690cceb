extension KernelBuilder {
  /// Loads one element.
  ///
  /// `isReadOnly`: nobody writes it while the kernel runs (`.nc`), global memory only.
  public func load<T, Space>(
    _ pointer: Pointer<T, Space>, order: MemoryOrder = .weak, isReadOnly: Bool = false,
    hints: CacheHints = .none, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    let spelling = loadSpelling(pointer, order, isReadOnly, hints, count: 1)
    return result(spelling, [address(pointer)] + policyOperands(hints.policy))
  }

  /// Loads 2 or 4 neighbouring elements, at most 16 bytes, aligned to their whole size.
  ///
  /// `isReadOnly`: nobody writes them while the kernel runs (`.nc`), global memory only.
  public func load<T, Space>(
    _ pointer: Pointer<T, Space>, count: Int, order: MemoryOrder = .weak, isReadOnly: Bool = false,
    hints: CacheHints = .none, file: String = #fileID, line: Int = #line
  ) -> [Value<T>] {
    locate(file, line)
    checkVector(pointer, count)
    let registers = (0..<Swift.min(Swift.max(count, 1), 4)).map { _ in newRegister(T.registerType) }
    record(
      loadSpelling(pointer, order, isReadOnly, hints, count: count),
      [.vector(registers.map { .register($0) }), address(pointer)] + policyOperands(hints.policy))
    return registers.map { Value(builder: self, operand: .register($0)) }
  }

  /// Stores one element.
  public func store<T, Space>(
    _ value: Value<T>, to pointer: Pointer<T, Space>, order: MemoryOrder = .weak,
    hints: CacheHints = .none, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    let spelling = "st\(order.modifier)\(Space.modifier)\(hints.modifier).\(T.memoryType.rawValue)"
    record(spelling, [address(pointer), arithmeticOperand(value)] + policyOperands(hints.policy))
  }

  /// Stores 2 or 4 neighbouring elements, at most 16 bytes, aligned to their whole size.
  public func store<T, Space>(
    _ values: [Value<T>], to pointer: Pointer<T, Space>, order: MemoryOrder = .weak,
    hints: CacheHints = .none, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    checkVector(pointer, values.count)
    let modifiers = "\(order.modifier)\(Space.modifier)\(hints.modifier).v\(values.count)"
    record(
      "st\(modifiers).\(T.memoryType.rawValue)",
      [address(pointer), .vector(values.map { .register(register($0)) })] + policyOperands(hints.policy))
  }

  /// Loads and stores of a pointer: the address, if it is of this kernel.
  func address<T, Space>(_ pointer: Pointer<T, Space>) -> Operand {
    if pointer.builder !== self { fail(.foreignValue) }
    pointer.check(alignedTo: T.byteCount, "an element of .\(T.scalarType.rawValue)")
    return pointer.address
  }

  private func loadSpelling<T, Space>(
    _ pointer: Pointer<T, Space>, _ order: MemoryOrder, _ isReadOnly: Bool, _ hints: CacheHints, count: Int
  ) -> String {
    if isReadOnly && Space.self != Global.self {
      fail(.mismatch("a read-only load from \(Space.modifier)"))
    }
    let vector = count == 1 ? "" : ".v\(count)"
    let readOnly = isReadOnly ? ".nc" : ""
    let modifiers = "\(order.modifier)\(Space.modifier)\(readOnly)\(hints.modifier)\(vector)"
    return "ld\(modifiers).\(T.memoryType.rawValue)"
  }

  private func checkVector<T, Space>(_ pointer: Pointer<T, Space>, _ count: Int) {
    let byteCount = count * T.byteCount
    if (count != 2 && count != 4) || byteCount > 16 {
      fail(.outOfRange(what: "elements of a vector", value: count, allowed: "2 or 4, at most 16 bytes"))
    } else {
      pointer.check(alignedTo: byteCount, "a vector of \(byteCount) bytes")
    }
  }
}

extension Pointer {
  /// The element so many further on: reading loads it, assigning stores it.
  public subscript(index: Value<U32>, file: String = #fileID, line: Int = #line) -> Value<Element> {
    get { builder.load(self + index, file: file, line: line) }
    nonmutating set { builder.store(newValue, to: self + index, file: file, line: line) }
  }

  /// The element so many further on: reading loads it, assigning stores it.
  public subscript(index: Value<S32>, file: String = #fileID, line: Int = #line) -> Value<Element> {
    get { builder.load(self + index, file: file, line: line) }
    nonmutating set { builder.store(newValue, to: self + index, file: file, line: line) }
  }

  /// The element so many further on: reading loads it, assigning stores it.
  public subscript(index: Int, file: String = #fileID, line: Int = #line) -> Value<Element> {
    get { builder.load(self + index, file: file, line: line) }
    nonmutating set { builder.store(newValue, to: self + index, file: file, line: line) }
  }
}

/// Where a prefetch brings data.
public enum CacheLevel: String, Sendable, Hashable {
  case l1 = "L1"
  case l2 = "L2"
}

extension KernelBuilder {
  /// Brings the cache line of an address into a cache.
  public func prefetch<T>(
    _ pointer: Pointer<T, Global>, to level: CacheLevel, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    record("prefetch.global.\(level.rawValue)", [pointer.address])
  }
}

/// What an argument of a call or of `emit` can be.
public protocol InstructionOperand {
  /// The operand in a kernel.
  func operand(in k: KernelBuilder) -> Operand
}

extension Value: InstructionOperand {
  /// The register or the number.
  public func operand(in k: KernelBuilder) -> Operand { k.operand(self) }
}

extension Mutable: InstructionOperand {
  /// The register.
  public func operand(in k: KernelBuilder) -> Operand { .register(register) }
}

extension Fragment: InstructionOperand {
  /// `{a, b, …}`.
  public func operand(in k: KernelBuilder) -> Operand { vector }
}

extension Pointer: InstructionOperand {
  /// `[address]`.
  public func operand(in k: KernelBuilder) -> Operand { address }
}

extension MemoryBarrier: InstructionOperand {
  /// `[address]`.
  public func operand(in k: KernelBuilder) -> Operand { address }
}

extension Int: InstructionOperand {
  /// The number.
  public func operand(in k: KernelBuilder) -> Operand { .immediate(.integer(Int64(self))) }
}

/// `_`: a result that is thrown away.
public struct Sink: InstructionOperand {
  /// The sink.
  public init() {}

  /// `_`.
  public func operand(in k: KernelBuilder) -> Operand { .sink }
}

extension KernelBuilder {
  /// Appends an instruction by its spelling: for forms that have no typed builder. The table must have it with so
  /// many operands; their types are nobody's check but `ptxas`'s.
  public func emit(
    _ spelling: String, _ operands: any InstructionOperand..., file: String = #fileID, line: Int = #line
  ) {
    let list = operands.map { $0.operand(in: self) }
    locate(file, line)
    record(spelling, list)
  }

  /// Memory of the thread: an array that its registers cannot hold.
  public func local<T>(
    _ name: String, _ type: T.Type = T.self, count: Int, alignment: Int = T.byteCount,
    file: String = #fileID, line: Int = #line
  ) -> Pointer<T, Local> {
    locate(file, line)
    declare(name)
    if !(1...1 << 17).contains(count) {
      fail(.outOfRange(what: "elements in local memory", value: count, allowed: "1 to 131072"))
    }
    let byteCount = Swift.max(count, 1) * T.byteCount
    variables.append(
      PTX.Variable(name, space: .local, type: .b8, dimensions: [byteCount], alignment: alignment))
    return Pointer(builder: self, base: .symbol(name), offset: 0, alignment: alignment)
  }

  /// Prints from the device, as `printf`: `%d`, `%u`, `%x` for 32 bits, `%lld`, `%llx` for 64, `%f` for fp64.
  public func print(
    _ format: String, _ values: any PrintArgument..., file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    guard predicate == nil else { return fail(.controlFlowUnderPredicate) }
    let text = constantText(format)
    var argument = Operand.immediate(.integer(0))
    if !values.isEmpty {
      // Each argument takes its natural alignment; 8 bytes for all is the strictest.
      let buffer = local(
        "print_arguments_\(variables.count)", U64.self, count: values.count, file: file, line: line)
      var offset = 0
      for value in values { offset = value.store(into: buffer, at: offset) }
      argument = .register(buffer.generic(file: file, line: line).addressRegister())
    }
    call("vprintf", .register(text.addressRegister()), argument)
  }

  /// Calls a function of the system with two addresses: `int vprintf(const char *, void *)`.
  private func call(_ function: String, _ first: Operand, _ second: Operand) {
    let number = variables.count
    let slots = ["call_\(number)_format", "call_\(number)_arguments"]
    let status = "call_\(number)_result"
    var declaration = Function(function, kind: .function, linkage: .extern)
    declaration.results = [PTX.Variable("\(function)_result", space: .parameter, type: .b32)]
    declaration.parameters = ["format", "arguments"].map {
      PTX.Variable("\(function)_\($0)", space: .parameter, type: .b64)
    }
    if !declarations.contains(declaration) { declarations.append(declaration) }
    for (slot, value) in zip(slots, [first, second]) {
      variables.append(PTX.Variable(slot, space: .parameter, type: .b64))
      record("st.param.b64", [.address(.symbol(slot), offset: 0), value])
    }
    variables.append(PTX.Variable(status, space: .parameter, type: .b32))
    record(
      "call.uni",
      [
        .list([.symbol(status, offset: 0)]), .symbol(function, offset: 0),
        .list(slots.map { .symbol($0, offset: 0) }),
      ])
    let _: Value<B32> = result("ld.param.b32", [.address(.symbol(status), offset: 0)])
  }

  /// A text in global memory, ended by a zero.
  private func constantText(_ text: String) -> Pointer<U8, Generic> {
    let bytes = Array(text.utf8) + [0]
    let variableName = unique("\(name)_text")
    var variable = PTX.Variable(
      variableName, space: .global, type: .b8, dimensions: [bytes.count], alignment: 1)
    variable.initialValues = bytes.map { .number(.integer(Int64($0))) }
    moduleVariables.append(variable)
    let pointer = Pointer<U8, Global>(
      builder: self, base: .symbol(variableName), offset: 0, alignment: 1)
    return pointer.generic(file: location?.file ?? "", line: location?.line ?? 0)
  }
}

/// What `print` prints.
public protocol PrintArgument {
  /// Stores it into the argument buffer from an offset on; yields the offset behind it.
  func store(into buffer: Pointer<U64, Local>, at offset: Int) -> Int
}

extension Value: PrintArgument where Element: MemoryElement {
  /// 32 and 64 bits as they are; fp32 as fp64, as C passes it.
  public func store(into buffer: Pointer<U64, Local>, at offset: Int) -> Int {
    let k = buffer.builder
    let file = k.location?.file ?? ""
    let line = k.location?.line ?? 0
    if Element.scalarType == .f32 {
      let wide: Value<F64> = k.result("cvt.f64.f32", [.register(k.register(self))])
      return wide.store(into: buffer, at: offset)
    }
    let size = Swift.max(Element.byteCount, 4)
    let start = (offset + size - 1) / size * size
    k.store(
      self, to: buffer.advanced(byBytes: start).reinterpreted(as: Element.self), file: file, line: line)
    return start + size
  }
}

/// Where an address points (PTX ISA 5.1). Types without cases.
public protocol AddressSpace: Sendable {
  /// The modifier of instructions, dot included; empty for generic addresses.
  static var modifier: String { get }
  /// Whether addresses have 32 bits: those of shared memory have, as windows are small.
  static var isNarrow: Bool { get }
}

extension AddressSpace {
  /// 64 bits.
  public static var isNarrow: Bool { false }
}

/// Memory of the device.
public enum Global: AddressSpace {
  /// `.global`.
  public static var modifier: String { ".global" }
}

/// Shared memory of the block.
public enum Shared: AddressSpace {
  /// `.shared`.
  public static var modifier: String { ".shared" }
  /// 32 bits.
  public static var isNarrow: Bool { true }
}

/// Shared memory of a block of the cluster.
public enum SharedCluster: AddressSpace {
  /// `.shared::cluster`.
  public static var modifier: String { ".shared::cluster" }
  /// 32 bits.
  public static var isNarrow: Bool { true }
}

/// Memory of the thread.
public enum Local: AddressSpace {
  /// `.local`.
  public static var modifier: String { ".local" }
}

/// Constant memory.
public enum Constant: AddressSpace {
  /// `.const`.
  public static var modifier: String { ".const" }
}

/// Parameters of the kernel.
public enum ParameterSpace: AddressSpace {
  /// `.param`.
  public static var modifier: String { ".param" }
}

/// Any space: the address says which.
public enum Generic: AddressSpace {
  /// None.
  public static var modifier: String { "" }
}

/// An address of elements of one type in one space.
///
/// `p[i]` loads, `p[i] = x` stores; `p + i` is the address of element `i`. A constant part of the address costs
/// no instruction.
public struct Pointer<Element: MemoryElement, Space: AddressSpace> {
  let builder: KernelBuilder
  /// A register, or a variable whose address it is.
  let base: AddressBase
  /// Bytes.
  let offset: Int
  /// What the whole address is known to be aligned to, in bytes; 1 if nothing is known.
  let alignment: Int

  /// As an operand.
  var address: Operand { .address(base, offset: Int64(offset)) }

  /// The same address as one of elements of another type.
  public func reinterpreted<Other: MemoryElement>(as type: Other.Type) -> Pointer<Other, Space> {
    Pointer<Other, Space>(builder: builder, base: base, offset: offset, alignment: alignment)
  }

  /// The address so many bytes further on.
  public func advanced(byBytes count: Int) -> Pointer {
    let limit = 1 << 31 - 1
    guard (-limit...limit).contains(count), (-limit...limit).contains(offset + count) else {
      builder.fail(.outOfRange(what: "offset of an address", value: count, allowed: "31 bits"))
      return self
    }
    // The alignment of the sum: the lower of both powers of two.
    let known = count == 0 ? alignment : min(alignment, count & -count)
    return Pointer(builder: builder, base: base, offset: offset + count, alignment: known)
  }

  /// The address of the element so many further on.
  public static func + (pointer: Pointer, index: Int) -> Pointer {
    pointer.builder.operating {
      pointer.advanced(byBytes: index.multipliedSaturating(by: Element.byteCount))
    }
  }

  /// The address of the element so many further on.
  public static func + (pointer: Pointer, index: Value<U32>) -> Pointer {
    pointer.builder.operating { pointer.indexed(index, stride: Element.byteCount) }
  }

  /// The address of the element so many further on; negative counts go back.
  public static func + (pointer: Pointer, index: Value<S32>) -> Pointer {
    pointer.builder.operating { pointer.indexed(index, stride: Element.byteCount) }
  }

  /// The address of the element so many further on, in a 64-bit space.
  public static func + (pointer: Pointer, index: Value<U64>) -> Pointer {
    pointer.builder.operating { pointer.indexed(wide: index) }
  }

  /// The address of the element so many further on, in a 64-bit space.
  public static func + (pointer: Pointer, index: Value<S64>) -> Pointer {
    pointer.builder.operating { pointer.indexed(wide: index) }
  }

  /// The address of the record of `stride` bytes of an index.
  func indexed<T: IndexElement>(_ index: Value<T>, stride: Int) -> Pointer {
    if let constant = index.constant {
      return advanced(byBytes: Int(constant).multipliedSaturating(by: stride))
    }
    let type = T.scalarType.rawValue
    let index = builder.operand(index)
    let bytes = Operand.immediate(.integer(Int64(stride)))
    let sum = builder.newRegister(Space.isNarrow ? .u32 : .u64)
    let base = Operand.register(baseRegister())
    if !Space.isNarrow {
      builder.record("mad.wide.\(type)", [.register(sum), index, bytes, base], isOperator: true)
    } else if stride == 1 {
      builder.record("add.\(type)", [.register(sum), base, index], isOperator: true)
    } else {
      builder.record("mad.lo.\(type)", [.register(sum), index, bytes, base], isOperator: true)
    }
    let known = min(alignment, stride & -stride)
    return Pointer(builder: builder, base: .register(sum), offset: offset, alignment: known)
  }

  private func indexed<T: IntegerElement>(wide index: Value<T>) -> Pointer {
    if let constant = index.constant { return self + Int(constant) }
    if Space.isNarrow { builder.fail(.mismatch("a 64-bit index into \(Space.modifier)")) }
    let type = T.scalarType.rawValue
    let scaled = builder.newRegister(.u64)
    let sum = builder.newRegister(.u64)
    let bytes = Operand.immediate(.integer(Int64(Element.byteCount)))
    builder.record(
      "mul.lo.\(type)", [.register(scaled), builder.operand(index), bytes], isOperator: true)
    builder.record(
      "add.\(type)", [.register(sum), .register(baseRegister()), .register(scaled)], isOperator: true)
    let known = min(alignment, Element.byteCount)
    return Pointer(builder: builder, base: .register(sum), offset: offset, alignment: known)
  }

  /// The base in a register, without the offset.
  private func baseRegister() -> RegisterID {
    if case .register(let register) = base { return register }
    let type: ScalarType = Space.isNarrow ? .u32 : .u64
    guard case .symbol(let name) = base else { return builder.newRegister(type) }
    if let known = builder.addressRegisters[name], builder.isInScope(known) { return known }
    let register = builder.newRegister(type)
    builder.record(
      "mov.\(type.rawValue)", [.register(register), .symbol(name, offset: 0)], isOperator: true)
    builder.addressRegisters[name] = register
    return register
  }

  /// The whole address in a register.
  func addressRegister() -> RegisterID {
    let register = baseRegister()
    if offset == 0 { return register }
    let type: ScalarType = Space.isNarrow ? .u32 : .u64
    let sum = builder.newRegister(type)
    builder.record(
      "add.\(type == .u32 ? "s32" : "s64")",
      [.register(sum), .register(register), .immediate(.integer(Int64(offset)))], isOperator: true)
    return sum
  }

  /// A mistake if the address is known not to be aligned as an instruction needs.
  func check(alignedTo required: Int, _ what: String) {
    if alignment < required, case .symbol = base {
      builder.fail(.misaligned(what: what, offset: offset, required: required))
    } else if offset % required != 0, alignment >= required {
      builder.fail(.misaligned(what: what, offset: offset, required: required))
    }
  }
}

extension Pointer {
  /// A pointer to an address that a kernel computed: of 64 bits.
  public init(
    _ address: Value<U64>, to type: Element.Type = Element.self, in space: Space.Type, of k: KernelBuilder
  )
  where Space: AddressSpace {
    if Space.isNarrow { k.fail(.mismatch("a 64-bit address in \(Space.modifier)")) }
    self.init(builder: k, base: .register(k.register(address)), offset: 0, alignment: 1)
  }

  /// A pointer to an address of shared memory that a kernel computed.
  public init(
    _ address: Value<U32>, to type: Element.Type = Element.self, in space: Space.Type, of k: KernelBuilder
  )
  where Space: AddressSpace {
    if !Space.isNarrow { k.fail(.mismatch("a 32-bit address in \(Space.modifier)")) }
    self.init(builder: k, base: .register(k.register(address)), offset: 0, alignment: 1)
  }

  /// The address as a number of 64 bits; one of shared memory is extended.
  public func address64(file: String = #fileID, line: Int = #line) -> Value<U64> {
    builder.locate(file, line)
    let address = addressRegister()
    builder.locate(file, line)
    if !Space.isNarrow { return Value(builder: builder, operand: .register(address)) }
    return builder.result("cvt.u64.u32", [.register(address)])
  }

  /// The address as a number of 32 bits; only shared memory has such.
  public func address32(file: String = #fileID, line: Int = #line) -> Value<U32> {
    builder.locate(file, line)
    if !Space.isNarrow { builder.fail(.mismatch("a 32-bit address of \(Space.modifier)")) }
    let address = addressRegister()
    builder.locate(file, line)
    return Value(builder: builder, operand: .register(address))
  }

  /// The same place as a generic address.
  public func generic(file: String = #fileID, line: Int = #line) -> Pointer<Element, Generic> {
    let address = address64(file: file, line: line)
    guard !Space.modifier.isEmpty else {
      return Pointer<Element, Generic>(builder: builder, base: base, offset: offset, alignment: alignment)
    }
    let generic: Value<U64> = builder.result("cvta\(Space.modifier).u64", [builder.operand(address)])
    return Pointer<Element, Generic>(
      builder: builder, base: .register(builder.register(generic)), offset: 0, alignment: alignment)
  }
}

extension Pointer where Space == Generic {
  /// The same place as an address of the space in which it lies. Elsewhere the result means nothing.
  public func `in`<Other: AddressSpace>(
    _ space: Other.Type, file: String = #fileID, line: Int = #line
  ) -> Pointer<Element, Other> {
    builder.locate(file, line)
    let address = addressRegister()
    builder.locate(file, line)
    guard !Other.modifier.isEmpty else {
      return Pointer<Element, Other>(builder: builder, base: base, offset: offset, alignment: alignment)
    }
    var result: Value<U64> = builder.result("cvta.to\(Other.modifier).u64", [.register(address)])
    if Other.isNarrow {
      let narrow: Value<U32> = builder.result("cvt.u32.u64", [builder.operand(result)])
      result = Value(builder: builder, operand: narrow.operand)
    }
    return Pointer<Element, Other>(
      builder: builder, base: .register(builder.register(result)), offset: 0, alignment: alignment)
  }
}

extension Int {
  /// The product, or the greatest number if that is too large: a later check refuses it.
  func multipliedSaturating(by other: Int) -> Int {
    let (product, overflows) = multipliedReportingOverflow(by: other)
    return overflows ? .max : product
  }
}

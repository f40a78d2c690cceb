/// A struct that a kernel takes by value: its fields with their offsets, for the kernel and for whoever packs the
/// parameter block.
public struct ParameterLayout: Sendable, Hashable {
  /// A field of a type at an offset.
  public struct Field<Element: MemoryElement>: Sendable, Hashable {
    /// Of the field from the struct's beginning, in bytes.
    public let offset: Int
    /// Elements: more than 1 for a vector or an array.
    public let count: Int
  }

  /// A pointer field.
  public struct PointerField<Element: MemoryElement>: Sendable, Hashable {
    /// In bytes.
    public let offset: Int
  }

  /// A tensor map's place: 128 bytes.
  public struct TensorMapField<Element: MemoryElement>: Sendable, Hashable {
    /// In bytes.
    public let offset: Int
    /// Dimensions of the tensor.
    public let rank: Int
  }

  /// Bytes up to the last field's end, filled up to the alignment.
  public var byteCount: Int { (end + alignment - 1) / alignment * alignment }
  /// The strictest of the fields, in bytes.
  public private(set) var alignment = 1
  private var end = 0

  /// A struct without fields.
  public init() {}

  /// Appends a scalar, or a vector of 2 or 4 that is loaded as one, at its natural alignment as C has it.
  public mutating func field<T>(_ type: T.Type, count: Int = 1) -> Field<T> {
    // More than a parameter block holds is refused where the struct becomes a parameter.
    let count = Swift.min(Swift.max(count, 1), 1 << 16)
    let isVector = count == 2 || count == 4
    return Field(
      offset: place(byteCount: T.byteCount * count, alignment: isVector ? T.byteCount * count : T.byteCount),
      count: count)
  }

  /// Appends a pointer to device memory.
  public mutating func pointer<T>(to type: T.Type) -> PointerField<T> {
    PointerField(offset: place(byteCount: 8, alignment: 8))
  }

  /// Appends a tensor map.
  public mutating func tensorMap<T>(of type: T.Type, rank: Int) -> TensorMapField<T> {
    TensorMapField(
      offset: place(byteCount: TensorMap<T>.byteCount, alignment: TensorMap<T>.alignment), rank: rank)
  }

  private mutating func place(byteCount: Int, alignment: Int) -> Int {
    let offset = (end + alignment - 1) / alignment * alignment
    end = offset + byteCount
    self.alignment = max(self.alignment, alignment)
    return offset
  }
}

/// A struct parameter of a kernel.
public struct ParameterStruct {
  let pointer: Pointer<U8, ParameterSpace>
  let byteCount: Int

  /// Loads a field: of a vector or array the first element.
  public subscript<T>(
    field: ParameterLayout.Field<T>, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    pointer.builder.load(at(field.offset, as: T.self, T.byteCount), file: file, line: line)
  }

  /// Loads a vector of 2 or 4.
  public func vector<T>(
    _ field: ParameterLayout.Field<T>, file: String = #fileID, line: Int = #line
  ) -> [Value<T>] {
    pointer.builder.load(
      at(field.offset, as: T.self, T.byteCount * field.count), count: field.count, file: file, line: line)
  }

  /// Loads a pointer.
  public subscript<T>(
    field: ParameterLayout.PointerField<T>, file: String = #fileID, line: Int = #line
  ) -> Pointer<T, Global> {
    let k = pointer.builder
    return k.globalPointer(k.load(at(field.offset, as: U64.self, 8), file: file, line: line))
  }

  /// A tensor map.
  public func tensorMap<T>(
    _ field: ParameterLayout.TensorMapField<T>, file: String = #fileID, line: Int = #line
  ) -> TensorMap<T> {
    TensorMap(
      pointer: at(field.offset, as: U8.self, TensorMap<T>.byteCount).generic(file: file, line: line),
      rank: field.rank)
  }

  private func at<T>(_ offset: Int, as type: T.Type, _ byteCount: Int) -> Pointer<T, ParameterSpace> {
    if offset + byteCount > self.byteCount {
      pointer.builder.fail(.outOfRange(what: "offset of a field", value: offset, allowed: "this struct's"))
    }
    return pointer.advanced(byBytes: offset).reinterpreted(as: type)
  }
}

extension KernelBuilder {
  /// Declares a scalar parameter and loads it.
  public func parameter<T: MemoryElement>(
    _ name: String, _ type: T.Type, file: String = #fileID, line: Int = #line
  ) -> Value<T> {
    locate(file, line)
    declare(name)
    let variable = PTX.Variable(name, space: .parameter, type: T.memoryType)
    append(parameter: variable)
    return result(
      "ld.param.\(T.memoryType.rawValue)", [.address(.symbol(name), offset: 0)])
  }

  /// Declares a parameter that points to device memory and loads it.
  ///
  /// `alignment` in bytes is a promise of the caller.
  public func parameter<T: MemoryElement>(
    _ name: String, pointerTo type: T.Type, alignment: Int = T.byteCount, file: String = #fileID,
    line: Int = #line
  ) -> Pointer<T, Global> {
    locate(file, line)
    declare(name)
    var variable = PTX.Variable(name, space: .parameter, type: .u64)
    variable.pointer = PointerAttribute(space: .global, alignment: alignment)
    append(parameter: variable)
    let address: Value<U64> = result("ld.param.u64", [.address(.symbol(name), offset: 0)])
    var pointer: Pointer<T, Global> = globalPointer(address)
    pointer = Pointer(builder: self, base: pointer.base, offset: 0, alignment: alignment)
    return pointer
  }

  /// Declares a struct parameter.
  public func parameter(
    _ name: String, _ layout: ParameterLayout, file: String = #fileID, line: Int = #line
  ) -> ParameterStruct {
    locate(file, line)
    declare(name)
    let byteCount = Swift.max(layout.byteCount, 1)
    append(
      parameter: PTX.Variable(
        name, space: .parameter, type: .b8, dimensions: [byteCount], alignment: layout.alignment))
    let pointer = Pointer<U8, ParameterSpace>(
      builder: self, base: .symbol(name), offset: 0, alignment: layout.alignment)
    return ParameterStruct(pointer: pointer, byteCount: byteCount)
  }

  /// Declares a tensor map parameter: 128 bytes, made by the device's tensor map encoder.
  public func parameter<T: MemoryElement>(
    _ name: String, tensorMapOf type: T.Type, rank: Int, file: String = #fileID, line: Int = #line
  ) -> TensorMap<T> {
    var layout = ParameterLayout()
    let field = layout.tensorMap(of: type, rank: rank)
    return parameter(name, layout, file: file, line: line).tensorMap(field, file: file, line: line)
  }

  /// Appends a parameter; all of them may have 32,764 bytes, and more than 4096 only since `.version` 8.1 (PTX ISA
  /// 7.1).
  private func append(parameter: PTX.Variable) {
    parameters.append(parameter)
    let byteCount = parameters.reduce(0) { offset, parameter in
      let alignment = parameter.effectiveAlignment
      return (offset + alignment - 1) / alignment * alignment + parameter.byteCount
    }
    if byteCount > 4096 { version = Swift.max(version, Module.Version(8, 1)) }
    if byteCount > 32_764 {
      fail(.outOfRange(what: "bytes of parameters", value: byteCount, allowed: "at most 32764"))
    }
  }

  /// A pointer that the host passed: a generic address of global memory.
  func globalPointer<T>(_ address: Value<U64>) -> Pointer<T, Global> {
    let global: Value<U64> = result("cvta.to.global.u64", [operand(address)])
    return Pointer(builder: self, base: .register(register(global)), offset: 0, alignment: T.byteCount)
  }
}

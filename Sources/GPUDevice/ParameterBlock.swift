/// One argument of a kernel: its bytes, and the alignment of the parameter.
public struct KernelArgument: Sendable, Hashable {
  /// The bytes, as many as the parameter has.
  public let bytes: [UInt8]
  /// The alignment, a power of two.
  public let alignment: Int

  /// A scalar, or a struct with the layout that C would give it: `.value(Int32(4))`. The type says how many bytes
  /// the parameter has.
  public static func value<Value: BitwiseCopyable>(_ value: Value) -> KernelArgument {
    var bytes = unsafe withUnsafeBytes(of: value) { unsafe [UInt8]($0) }
    // C counts the bytes after the last member, up to the alignment, into a struct.
    bytes += [UInt8](repeating: 0, count: MemoryLayout<Value>.stride - bytes.count)
    return KernelArgument(bytes: bytes, alignment: MemoryLayout<Value>.alignment)
  }

  /// An address in global memory.
  public static func address(_ address: DeviceAddress) -> KernelArgument { value(address.rawValue) }

  /// The address of memory. The argument does not keep the memory.
  public static func memory(_ memory: DeviceMemory) -> KernelArgument { address(memory.address) }

  /// A tensor map by value.
  public static func tensorMap(_ map: TensorMap) -> KernelArgument {
    KernelArgument(bytes: map.bytes, alignment: TensorMap.alignment)
  }

  /// A struct by value, as its bytes.
  ///
  /// - Throws: ``GPUDeviceError/invalid(operation:field:value:requirement:)`` if the alignment is no power of two.
  public static func bytes(_ bytes: [UInt8], alignment: Int) throws(GPUDeviceError) -> KernelArgument {
    guard alignment > 0, alignment & (alignment - 1) == 0 else {
      throw .invalid(
        operation: "kernel argument", field: "alignment", value: "\(alignment)", requirement: "a power of two"
      )
    }
    return KernelArgument(bytes: bytes, alignment: alignment)
  }
}

/// Where a parameter lies in the parameter block of its kernel.
public struct KernelParameter: Sendable, Hashable, CustomStringConvertible {
  /// Bytes before it.
  public var offset: Int
  /// Its bytes.
  public var byteCount: Int

  /// A parameter of so many bytes at an offset.
  public init(offset: Int, byteCount: Int) {
    self.offset = offset
    self.byteCount = byteCount
  }

  /// As `8 bytes at 16`.
  public var description: String { "\(byteCount) bytes at \(offset)" }
}

/// All arguments of a launch, as the bytes that the kernel's parameters read. It can be kept and changed between
/// launches; a launch takes a copy.
public struct ParameterBlock: Sendable, Hashable {
  /// The bytes.
  public private(set) var bytes: [UInt8]

  /// A block that the caller laid out.
  public init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// A block of arguments in order, each at the next multiple of its alignment, as PTX lays parameters out.
  public init(_ arguments: [KernelArgument]) {
    bytes = []
    for argument in arguments {
      let padding = -bytes.count & (argument.alignment - 1)
      bytes += [UInt8](repeating: 0, count: padding)
      bytes += argument.bytes
    }
  }

  /// A block of arguments in order, each where the kernel reads it: a kernel may align its parameters more than
  /// their types ask for.
  ///
  /// - Throws: ``GPUDeviceError/invalid(operation:field:value:requirement:)`` with the first argument that the kernel
  ///   does not take.
  public init(_ arguments: [KernelArgument], for kernel: any GPUKernel) throws(GPUDeviceError) {
    guard let parameters = kernel.parameters else {
      self.init(arguments)
      return
    }
    let operation = "launch of \(kernel.name)"
    guard arguments.count == parameters.count else {
      throw .invalid(
        operation: operation, field: "arguments.count", value: "\(arguments.count)",
        requirement: "\(parameters.count)")
    }
    for (index, (argument, parameter)) in zip(arguments, parameters).enumerated()
    where argument.bytes.count != parameter.byteCount {
      throw .invalid(
        operation: operation, field: "arguments[\(index)]", value: "\(argument.bytes.count) bytes",
        requirement: "\(parameter.byteCount) bytes")
    }
    self.init(bytes: [UInt8](repeating: 0, count: ParameterBlock.byteCount(of: parameters)))
    for (argument, parameter) in zip(arguments, parameters) {
      bytes.replaceSubrange(parameter.offset..<parameter.offset + parameter.byteCount, with: argument.bytes)
    }
  }

  /// Puts a value over the bytes at an offset: an address or a number within a struct, or an argument that changes
  /// between launches.
  ///
  /// - Throws: ``GPUDeviceError/invalid(operation:field:value:requirement:)`` unless the offset is a multiple of the
  ///   value's alignment and the block has its bytes.
  public mutating func write(_ argument: KernelArgument, at offset: Int) throws(GPUDeviceError) {
    guard offset >= 0, offset % argument.alignment == 0, offset <= bytes.count - argument.bytes.count else {
      throw .invalid(
        operation: "parameter block", field: "offset", value: "\(offset)",
        requirement: "a multiple of \(argument.alignment), with \(argument.bytes.count) of the block's "
          + "\(bytes.count) bytes from there")
    }
    bytes.replaceSubrange(offset..<offset + argument.bytes.count, with: argument.bytes)
  }

  /// Checks that a kernel reads so many bytes. Every device calls it before a launch.
  ///
  /// - Throws: ``GPUDeviceError/invalid(operation:field:value:requirement:)``.
  public func validate(for kernel: any GPUKernel) throws(GPUDeviceError) {
    guard let parameters = kernel.parameters else { return }
    let byteCount = ParameterBlock.byteCount(of: parameters)
    guard bytes.count == byteCount else {
      throw .invalid(
        operation: "launch of \(kernel.name)", field: "parameter bytes", value: "\(bytes.count)",
        requirement: "\(byteCount)")
    }
  }

  /// From the block's first byte to the last that a parameter has.
  private static func byteCount(of parameters: [KernelParameter]) -> Int {
    parameters.map { $0.offset + $0.byteCount }.max() ?? 0
  }
}

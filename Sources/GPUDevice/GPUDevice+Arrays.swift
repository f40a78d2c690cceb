extension GPUDevice {
  /// Allocates memory for these values and copies them there.
  ///
  /// - Throws: what ``allocate(byteCount:)`` and the copy throw; an empty array is invalid.
  public func upload<Value: BitwiseCopyable>(_ values: [Value]) throws(GPUDeviceError) -> DeviceMemory {
    let memory = try allocate(byteCount: values.count * MemoryLayout<Value>.stride)
    try defaultStream.copy(values, to: memory.address)
    return memory
  }

  /// Copies values from memory, from its beginning unless an offset in bytes is given.
  ///
  /// - Throws: ``GPUDeviceError/invalid(operation:field:value:requirement:)`` if the memory has not so many, and what
  ///   earlier work of the default stream met.
  public func download<Value: BitwiseCopyable & ExpressibleByIntegerLiteral>(
    _ count: Int, of type: Value.Type, from memory: DeviceMemory, at offset: Int = 0
  ) throws(GPUDeviceError) -> [Value] {
    let (byteCount, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Value>.stride)
    let address = try memory.address(at: offset, byteCount: overflows ? -1 : byteCount)
    var values = [Value](repeating: 0, count: count)
    var span = values.mutableSpan
    var bytes = unsafe span.mutableBytes  // Of numbers: any bits are a value.
    try defaultStream.copy(from: address, to: &bytes)
    return values
  }
}

extension GPUStream {
  /// Copies the bytes of an array to the device.
  ///
  /// - Throws: as ``copy(from:to:)``.
  public func copy<Value: BitwiseCopyable>(
    _ values: [Value], to address: DeviceAddress
  ) throws(GPUDeviceError) {
    try unsafe copy(from: values.span.bytes, to: address)  // Bytes between members may be anything.
  }

  /// Launches a kernel with arguments in the order of its parameters.
  ///
  /// - Throws: as ``launch(_:_:_:)``.
  public func launch(
    _ kernel: any GPUKernel, _ configuration: LaunchConfiguration, arguments: [KernelArgument]
  ) throws(GPUDeviceError) {
    try launch(kernel, configuration, ParameterBlock(arguments, for: kernel))
  }
}

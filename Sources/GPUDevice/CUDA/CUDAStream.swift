import CUDADriver

/// A stream of the driver.
@safe final class CUDAStream: GPUStream, @unchecked Sendable {
  private let context: CUDAContext
  private let properties: DeviceProperties
  /// Null for the default stream.
  private let handle: cuda_stream?

  /// The null stream.
  init(default context: CUDAContext, properties: DeviceProperties) {
    self.context = context
    self.properties = properties
    unsafe handle = nil
  }

  init(context: CUDAContext, properties: DeviceProperties) throws(GPUDeviceError) {
    self.context = context
    self.properties = properties
    var handle: cuda_stream?
    try context.call("making a stream") { driver in
      unsafe driver.table.stream_create(&handle, UInt32(cuda_stream_non_blocking))
    }
    unsafe self.handle = handle
  }

  deinit {
    guard let handle = unsafe handle else { return }
    context.release { driver in unsafe driver.table.stream_destroy(handle) }
  }

  func copy(from host: RawSpan, to address: DeviceAddress) throws(GPUDeviceError) {
    guard host.byteCount > 0 else { return }
    try context.call("copy of \(host.byteCount) bytes to \(address)") { driver in
      unsafe host.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress else { return cuda_result(cuda_success) }
        let result = unsafe driver.table.copy_to_device(address.rawValue, base, bytes.count, handle)
        return result == cuda_success ? unsafe driver.table.stream_synchronize(handle) : result
      }
    }
  }

  func copy(from address: DeviceAddress, to host: inout MutableRawSpan) throws(GPUDeviceError) {
    let byteCount = host.byteCount
    guard byteCount > 0 else { return }
    try context.call("copy of \(byteCount) bytes from \(address)") { driver in
      unsafe host.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return cuda_result(cuda_success) }
        let result = unsafe driver.table.copy_to_host(base, address.rawValue, bytes.count, handle)
        return result == cuda_success ? unsafe driver.table.stream_synchronize(handle) : result
      }
    }
  }

  func copy(from source: DeviceAddress, to target: DeviceAddress, byteCount: Int) throws(GPUDeviceError) {
    try checkByteCount(byteCount, "copy within the device")
    try context.call("copy of \(byteCount) bytes from \(source) to \(target)") { driver in
      unsafe driver.table.copy_in_device(target.rawValue, source.rawValue, byteCount, handle)
    }
  }

  func fill(_ address: DeviceAddress, byteCount: Int, with byte: UInt8) throws(GPUDeviceError) {
    try checkByteCount(byteCount, "fill")
    try context.call("fill of \(byteCount) bytes at \(address)") { driver in
      unsafe driver.table.fill_bytes(address.rawValue, byte, byteCount, handle)
    }
  }

  private func checkByteCount(_ byteCount: Int, _ operation: String) throws(GPUDeviceError) {
    guard byteCount >= 0 else {
      throw .invalid(
        operation: operation, field: "byteCount", value: "\(byteCount)", requirement: "at least 0")
    }
  }

  func launch(
    _ kernel: any GPUKernel, _ configuration: LaunchConfiguration, _ parameters: ParameterBlock
  ) throws(GPUDeviceError) {
    guard let kernel = kernel as? CUDAKernel, kernel.module.context === context else {
      throw .otherDevice(operation: "launch of \(kernel.name)", field: "kernel")
    }
    try configuration.validate(kernel: kernel.name, attributes: kernel.attributes, properties: properties)
    try parameters.validate(for: kernel)
    do {
      try context.call("launch of \(kernel.name)") { driver in
        unsafe parameters.bytes.withUnsafeBytes { bytes in
          var launch = unsafe cuda_launch(
            configuration, cluster: configuration.effectiveCluster(kernel.attributes))
          unsafe launch.parameters = bytes.baseAddress
          unsafe launch.parameter_bytes = bytes.count
          return unsafe cuda_driver_launch(driver.pointer, kernel.handle, handle, &launch)
        }
      }
    } catch .driverFailed(let operation, cuda_error_cooperative_launch_too_large, _) {
      throw .invalid(
        operation: operation, field: "grid", value: "\(configuration.grid)",
        requirement: "resident all at once, as the launch is cooperative")
    } catch .driverFailed(let operation, cuda_error_invalid_cluster_size, _) {
      throw .invalid(
        operation: operation, field: "cluster", value: "\(configuration.cluster)",
        requirement: "small enough that its blocks are resident at once")
    }
  }

  func record(_ event: any GPUEvent) throws(GPUDeviceError) {
    let event = try CUDAEvent.own(event, context, "recording an event", "event")
    try context.call("recording an event") { driver in
      unsafe driver.table.event_record(event.handle, handle)
    }
  }

  func wait(for event: any GPUEvent) throws(GPUDeviceError) {
    let event = try CUDAEvent.own(event, context, "waiting for an event", "event")
    try context.call("waiting for an event") { driver in
      unsafe driver.table.stream_wait_event(handle, event.handle, 0)
    }
  }

  func synchronize() throws(GPUDeviceError) {
    try context.call("waiting for a stream") { driver in unsafe driver.table.stream_synchronize(handle) }
  }
}

/// An event of the driver.
@safe final class CUDAEvent: GPUEvent, @unchecked Sendable {
  fileprivate let handle: cuda_event
  private let context: CUDAContext

  init(context: CUDAContext) throws(GPUDeviceError) {
    self.context = context
    var handle: cuda_event?
    try context.call("making an event") { driver in unsafe driver.table.event_create(&handle, 0) }
    guard let handle = unsafe handle else {
      throw .driverFailed(operation: "making an event", code: 0, name: "no event")
    }
    unsafe self.handle = handle
  }

  deinit {
    context.release { [handle = unsafe handle] driver in unsafe driver.table.event_destroy(handle) }
  }

  /// The event as one of this context.
  fileprivate static func own(
    _ event: any GPUEvent, _ context: CUDAContext, _ operation: String, _ field: String
  ) throws(GPUDeviceError) -> CUDAEvent {
    guard let event = event as? CUDAEvent, event.context === context else {
      throw .otherDevice(operation: operation, field: field)
    }
    return event
  }

  func synchronize() throws(GPUDeviceError) {
    try context.call("waiting for an event") { driver in unsafe driver.table.event_synchronize(handle) }
  }

  func elapsed(since start: any GPUEvent) throws(GPUDeviceError) -> Duration {
    let start = try CUDAEvent.own(start, context, "time between events", "start")
    try start.synchronize()
    try synchronize()
    var milliseconds: Float = 0
    try context.call("time between events") { driver in
      unsafe driver.table.event_elapsed(&milliseconds, start.handle, handle)
    }
    return .nanoseconds(Int64((Double(milliseconds) * 1e6).rounded()))
  }
}

extension cuda_launch {
  /// A launch without parameters. The configuration is valid.
  fileprivate init(_ configuration: LaunchConfiguration, cluster: Extent) {
    unsafe self.init()
    unsafe grid = Self.sizes(configuration.grid)
    unsafe block = Self.sizes(configuration.block)
    unsafe self.cluster = Self.sizes(cluster)
    unsafe dynamic_shared_bytes = UInt32(configuration.dynamicSharedByteCount)
    unsafe is_cooperative = configuration.isCooperative
    unsafe allows_early_start = configuration.allowsEarlyStart
  }

  private static func sizes(_ extent: Extent) -> (UInt32, UInt32, UInt32) {
    (UInt32(extent.x), UInt32(extent.y), UInt32(extent.z))
  }
}

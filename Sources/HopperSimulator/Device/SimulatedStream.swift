import GPUDevice

/// A stream of a simulated device.
final class SimulatedStream: GPUStream, @unchecked Sendable {
  private let context: SimulatedContext
  /// Only the context looks into it.
  private let work = SimulatedContext.Work()

  init(_ context: SimulatedContext) {
    self.context = context
  }

  func copy(from host: RawSpan, to address: DeviceAddress) throws(GPUDeviceError) {
    try context.finish(work)
    guard host.byteCount > 0 else { return }
    try context.run("copy to the device") { simulator throws(SimulationError) in
      try simulator.write(host, to: address.rawValue)
    }
  }

  func copy(from address: DeviceAddress, to host: inout MutableRawSpan) throws(GPUDeviceError) {
    try context.finish(work)
    guard host.byteCount > 0 else { return }
    try context.run("copy from the device") { simulator throws(SimulationError) in
      try simulator.read(address.rawValue, into: &host)
    }
  }

  func copy(from source: DeviceAddress, to target: DeviceAddress, byteCount: Int) throws(GPUDeviceError) {
    try change("copy within the device", byteCount) { simulator throws(SimulationError) in
      try simulator.copy(from: source.rawValue, to: target.rawValue, byteCount: byteCount)
    }
  }

  func fill(_ address: DeviceAddress, byteCount: Int, with byte: UInt8) throws(GPUDeviceError) {
    try change("fill", byteCount) { simulator throws(SimulationError) in
      try simulator.fill(address.rawValue, byteCount: byteCount, with: byte)
    }
  }

  private func change(
    _ operation: String, _ byteCount: Int, _ body: (Simulator) throws(SimulationError) -> Void
  ) throws(GPUDeviceError) {
    guard byteCount >= 0 else {
      throw .invalid(
        operation: operation, field: "byteCount", value: "\(byteCount)", requirement: "at least 0")
    }
    try context.finish(work)
    guard byteCount > 0 else { return }
    try context.run(operation, body)
  }

  func launch(
    _ kernel: any GPUKernel, _ configuration: LaunchConfiguration, _ parameters: ParameterBlock
  ) throws(GPUDeviceError) {
    guard let kernel = kernel as? SimulatedKernel, kernel.module.context === context else {
      throw .otherDevice(operation: "launch of \(kernel.name)", field: "kernel")
    }
    let launch = KernelLaunch(
      module: kernel.module.loaded, kernel: kernel.name, configuration: configuration,
      parameters: parameters.bytes)
    try context.add(SimulatedContext.PendingLaunch(launch: launch, kernel: kernel), to: work)
  }

  func record(_ event: any GPUEvent) throws(GPUDeviceError) {
    let event = try SimulatedEvent.own(event, context, "recording an event", "event")
    try event.record(context.time(of: work))
  }

  func wait(for event: any GPUEvent) throws(GPUDeviceError) {
    let event = try SimulatedEvent.own(event, context, "waiting for an event", "event")
    if let time = event.time { try context.delay(work, until: time) }
  }

  func synchronize() throws(GPUDeviceError) { try context.finish(work) }
}

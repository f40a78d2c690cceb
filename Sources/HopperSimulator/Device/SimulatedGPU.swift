import GPUDevice

/// A simulated Hopper GPU: any PTX runs on it, without hardware.
///
/// Launches take simulated time, which events measure; copies and fills take none. Work of several streams is done one
/// after the other. A launch runs when its results can be asked for: at the stream's next operation that is not a
/// launch allowed to start early, or when anything waits for the stream. A kernel's fault is thrown there, and the
/// device goes on: later work runs.
public final class SimulatedGPU: GPUDevice {
  /// What is simulated.
  public let description: DeviceDescription
  /// What it is and how large a launch may be.
  public let properties: DeviceProperties
  /// The stream for work that needs no order of its own.
  public let defaultStream: any GPUStream
  private let context: SimulatedContext

  /// A device without memory in use.
  ///
  /// - Parameters:
  ///   - description: what is simulated.
  ///   - threadCount: threads that simulate, all of the machine's when nil. Results and cycles do not depend on it.
  ///   - limits: how much a launch may do before it fails.
  ///   - trace: what launches write a trace of, nothing when nil.
  public init(
    _ description: DeviceDescription = .h100, threadCount: Int? = nil, limits: LaunchLimits = LaunchLimits(),
    trace: TraceRequest? = nil
  ) {
    self.description = description
    properties = description.properties
    let simulator = Simulator(description)
    simulator.limits = limits
    simulator.trace = trace
    if let threadCount { simulator.threadCount = max(1, threadCount) }
    context = SimulatedContext(simulator)
    defaultStream = SimulatedStream(context)
  }

  /// Allocates global memory. Its contents are undefined.
  public func allocate(byteCount: Int) throws(GPUDeviceError) -> DeviceMemory {
    guard byteCount > 0 else {
      throw .invalid(
        operation: "allocation", field: "byteCount", value: "\(byteCount)", requirement: "positive")
    }
    let address = try context.run("allocation") { simulator throws(SimulationError) in
      try simulator.allocate(byteCount)
    }
    return DeviceMemory(address: DeviceAddress(address), byteCount: byteCount) { [context] in
      context.free([address])
    }
  }

  /// Parses a PTX text. Instructions that the simulator does not have are errors when they run, not here.
  public func load(ptx: String) throws(GPUDeviceError) -> any GPUModule {
    try SimulatedModule(ptx: ptx, context: context)
  }

  /// Makes a tensor map in the simulator's own encoding.
  public func makeTensorMap(_ description: TensorMapDescription) throws(GPUDeviceError) -> TensorMap {
    try description.validate()
    return try TensorMap(bytes: TensorMapFields(description).bytes)
  }

  /// Makes a stream.
  public func makeStream() throws(GPUDeviceError) -> any GPUStream { SimulatedStream(context) }

  /// Makes an event, which takes the simulated time.
  public func makeEvent() throws(GPUDeviceError) -> any GPUEvent { SimulatedEvent(context) }

  /// Runs what is left of all streams.
  public func synchronize() throws(GPUDeviceError) { try context.synchronize() }

  /// What was noticed in launches that have run, since it was last asked.
  public func takeFindings() -> [any LaunchFinding] { context.takeFindings() }

  /// Launches that have run since it was last asked, in the order of their ends: of more than 4096, the last.
  public func takeLaunches() -> [SimulatedLaunch] { context.takeLaunches() }
}

/// A launch that has run on a simulated device.
public struct SimulatedLaunch: Sendable {
  /// The kernel.
  public var kernel: String
  /// How it was launched.
  public var configuration: LaunchConfiguration
  /// Cycles and what was counted in them.
  public var report: LaunchReport
  /// When its first block could start, on the device's clock. The launch itself took the time before.
  public var start: Duration
  /// When its last block had ended.
  public var end: Duration
}

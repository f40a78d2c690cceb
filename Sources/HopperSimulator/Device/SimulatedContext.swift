import Foundation
import GPUDevice

/// What the objects of one simulated device share. Calls from several threads are done one after the other.
final class SimulatedContext: @unchecked Sendable {
  /// A launch that has not run, and the kernel, which keeps its module.
  struct PendingLaunch {
    var launch: KernelLaunch
    var kernel: SimulatedKernel
  }

  /// A stream's work that has not run: a launch and those after it that may start early; and when what has run ended.
  final class Work {
    var pending: [PendingLaunch] = []
    var time = Duration.zero
  }

  /// Recursive: memory that a run lets go is freed within.
  private let lock = NSRecursiveLock()
  private let simulator: Simulator
  /// Of streams with launches that have not run, in the order of the first of them.
  private var waiting: [Work] = []
  /// When the multiprocessors are free.
  private var time = Duration.zero
  private var launches: [SimulatedLaunch] = []
  /// What runs have met that nobody has been told yet.
  private var faults: [(work: Work, error: GPUDeviceError)] = []

  private static let keptLaunchCount = 4096

  init(_ simulator: Simulator) {
    self.simulator = simulator
  }

  private func locked<Result>(_ body: () throws(GPUDeviceError) -> Result) throws(GPUDeviceError) -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body()
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    lock.lock()
    defer { lock.unlock() }
    return body()
  }

  // MARK: Memory

  /// Does something with the simulator; what it throws belongs to an operation of this name.
  func run<Result>(
    _ operation: String, _ body: (Simulator) throws(SimulationError) -> Result
  ) throws(GPUDeviceError) -> Result {
    try locked { () throws(GPUDeviceError) in
      do throws(SimulationError) {
        return try body(simulator)
      } catch {
        throw GPUDeviceError(error, operation: operation, kernel: nil)
      }
    }
  }

  /// Frees allocations of this device. As with real devices, what has been launched runs first.
  func free(_ addresses: some Collection<UInt64>) {
    locked {
      while let work = waiting.first { run(work) }
      for address in addresses { try? simulator.free(address) }
    }
  }

  // MARK: Launches

  /// Adds a checked launch to a stream's work. What is there runs first unless this may start early.
  func add(_ launch: PendingLaunch, to work: Work) throws(GPUDeviceError) {
    try locked { () throws(GPUDeviceError) in
      try run("launch of \(launch.kernel.name)") { simulator throws(SimulationError) in
        try simulator.check(launch.launch)
      }
      if !launch.launch.configuration.allowsEarlyStart { try finish(work) }
      if work.pending.isEmpty { waiting.append(work) }
      work.pending.append(launch)
    }
  }

  /// Runs what is left of a stream's work, and throws what it, or a run before, has met.
  func finish(_ work: Work) throws(GPUDeviceError) {
    try locked { () throws(GPUDeviceError) in
      run(work)
      guard let place = faults.firstIndex(where: { $0.work === work }) else { return }
      throw faults.remove(at: place).error
    }
  }

  private func run(_ work: Work) {
    let pending = work.pending
    work.pending = []
    waiting.removeAll { $0 === work }
    guard !pending.isEmpty else { return }
    do throws(SimulationError) {
      try run(pending, of: work)
    } catch {
      let kernel = (pending.first { $0.kernel.name == error.place?.function } ?? pending[0]).kernel.name
      faults.append((work, GPUDeviceError(error, operation: "launch of \(kernel)", kernel: kernel)))
    }
  }

  /// Runs a launch, and those that may start before the one ahead of them has ended.
  private func run(_ pending: [PendingLaunch], of work: Work) throws(SimulationError) {
    let device = simulator.device
    let zero = max(time, work.time) + .seconds(device.launchLatency.value * 1e-6)
    let results = try simulator.run(pending.map(\.launch))
    for (pending, result) in zip(pending, results) {
      let start = zero + .seconds(Double(result.start) / (device.clock.value * 1e9))
      let end = start + .seconds(result.report.seconds)
      launches.append(
        SimulatedLaunch(
          kernel: pending.kernel.name, configuration: pending.launch.configuration, report: result.report,
          start: start, end: end))
      if launches.count > Self.keptLaunchCount { launches.removeFirst() }
      time = max(time, end)
    }
    work.time = time
  }

  /// Runs what is left of all streams, and throws the first fault.
  func synchronize() throws(GPUDeviceError) {
    try locked { () throws(GPUDeviceError) in
      while let work = waiting.first { run(work) }
      guard let fault = faults.first else { return }
      faults = []
      throw fault.error
    }
  }

  /// A stream's time, when all its work has run.
  func time(of work: Work) throws(GPUDeviceError) -> Duration {
    try locked { () throws(GPUDeviceError) in
      try finish(work)
      return work.time
    }
  }

  /// Has a stream's later work start no earlier than a time.
  func delay(_ work: Work, until time: Duration) throws(GPUDeviceError) {
    try locked { () throws(GPUDeviceError) in
      try finish(work)
      work.time = max(work.time, time)
    }
  }

  // MARK: What has run

  func takeFindings() -> [any LaunchFinding] {
    locked { simulator.takeFindings() }
  }

  func takeLaunches() -> [SimulatedLaunch] {
    locked {
      defer { launches = [] }
      return launches
    }
  }
}

extension GPUDeviceError {
  /// What an error of the simulator is to the caller of an operation; a fault while a kernel ran names it.
  init(_ error: SimulationError, operation: String, kernel: String?) {
    switch error.reason {
    case .badLaunch(let field, let value, let requirement):
      self = .invalid(operation: operation, field: field, value: value, requirement: requirement)
    case .parameterSize(let given, let expected):
      self = .invalid(
        operation: operation, field: "parameter bytes", value: "\(given)", requirement: "\(expected)")
    case .noSuchKernel(let name): self = .kernelNotFound(name: name)
    case .outOfMemory(let byteCount): self = .outOfMemory(byteCount: byteCount)
    case .outOfBounds(_, let address, let byteCount, _) where kernel == nil:
      self = .invalid(
        operation: operation, field: "bytes", value: "\(byteCount) at \(DeviceAddress(address))",
        requirement: "within an allocation")
    default: self = .kernelFailed(kernel: kernel, reason: "\(error)")
    }
  }
}

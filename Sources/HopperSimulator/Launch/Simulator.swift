import Foundation
import GPUDevice
import PTX
import WorkerThreads

/// A module that is ready to be launched.
public final class LoadedModule: Sendable {
  /// Its syntax tree.
  public let module: Module
  /// Addresses of its variables in global and constant memory.
  public let addresses: [String: UInt64]
  private let kernels: [String: Program]
  /// Device functions of each kernel that has calls, by name.
  private let functions: [String: [String: Program]]

  init(_ module: Module, addresses: [String: UInt64]) {
    self.module = module
    self.addresses = addresses
    var (kernels, functions) = ([String: Program](), [String: [String: Program]]())
    let defined = module.functions.filter { $0.kind == .function && $0.body != nil }
    var site = 0
    func program(_ function: Function, of kernel: Function) -> Program {
      let program = Program(function, of: kernel, module: module, globals: addresses, firstSite: site)
      // One more for the exit at the end.
      site += program.instructions.count + 1
      return program
    }
    for kernel in module.kernels where kernel.body != nil {
      let made = program(kernel, of: kernel)
      kernels[kernel.name] = made
      guard !made.callSites.isEmpty else { continue }
      functions[kernel.name] = Dictionary(
        uniqueKeysWithValues: defined.map { ($0.name, program($0, of: kernel)) })
    }
    self.kernels = kernels
    self.functions = functions
  }

  func kernel(_ name: String) -> Program? { kernels[name] }

  /// Device functions that a kernel may call.
  func functions(of kernel: String) -> [String: Program] { functions[kernel] ?? [:] }
}

/// A simulated Hopper GPU: memory, and modules that run on it.
public final class Simulator {
  private let memory: GlobalMemory
  private var nextGridID: UInt64 = 1
  /// How much a launch may do before it is given up.
  public var limits = LaunchLimits()
  /// What is simulated.
  public let device: DeviceDescription
  private let cache: L2Cache
  /// Of what launches write a trace down; nil for nothing.
  public var trace: TraceRequest?
  /// Threads of the simulator. Results and cycles do not depend on it.
  public var threadCount = ProcessInfo.processInfo.activeProcessorCount
  /// Those threads, which are made when they are first needed.
  private var pool: WorkerPool?

  /// Whether hazards are looked for: that costs time, and changes neither results nor cycles.
  public var checksHazards = true
  /// What launches have found since ``takeFindings()``.
  private var findings: [HazardFinding] = []

  /// A device without memory in use.
  public init(_ device: DeviceDescription = .h100) {
    self.device = device
    memory = GlobalMemory(capacity: Int(device.memoryByteCount.value))
    cache = L2Cache(byteCount: Int(device.l2ByteCount.value))
  }

  // MARK: Memory

  /// Allocates memory; its contents are unspecified.
  public func allocate(_ byteCount: Int) throws(SimulationError) -> UInt64 { try memory.allocate(byteCount) }

  /// Frees memory that begins at an address.
  public func free(_ address: UInt64) throws(SimulationError) {
    guard memory.free(address) else {
      throw SimulationError(reason: .outOfBounds(space: "global", address: address, byteCount: 0, lane: 0))
    }
  }

  /// Copies bytes to the device.
  public func write(_ bytes: [UInt8], to address: UInt64) throws(SimulationError) {
    try unsafe write(bytes.span.bytes, to: address)
  }

  /// Copies bytes to the device.
  public func write(_ bytes: RawSpan, to address: UInt64) throws(SimulationError) {
    let target = try unsafe pointer(address, bytes.byteCount)
    memory.markInitialised(address, bytes.byteCount)
    unsafe bytes.withUnsafeBytes { bytes in
      if let base = bytes.baseAddress { unsafe target.copyMemory(from: base, byteCount: bytes.count) }
    }
  }

  /// Copies bytes from the device.
  public func read(_ address: UInt64, byteCount: Int) throws(SimulationError) -> [UInt8] {
    let source = try unsafe pointer(address, byteCount)
    return unsafe Array(UnsafeRawBufferPointer(start: source, count: byteCount))
  }

  /// Copies bytes from the device.
  public func read(_ address: UInt64, into bytes: inout MutableRawSpan) throws(SimulationError) {
    let source = try unsafe pointer(address, bytes.byteCount)
    unsafe bytes.withUnsafeMutableBytes { bytes in
      if let base = bytes.baseAddress { unsafe base.copyMemory(from: source, byteCount: bytes.count) }
    }
  }

  /// Copies bytes within the device.
  public func copy(from source: UInt64, to target: UInt64, byteCount: Int) throws(SimulationError) {
    let from = try unsafe pointer(source, byteCount)
    unsafe try pointer(target, byteCount).copyMemory(from: from, byteCount: byteCount)
    memory.markInitialised(target, byteCount)
  }

  /// Fills bytes of the device with one value.
  public func fill(_ address: UInt64, byteCount: Int, with byte: UInt8) throws(SimulationError) {
    unsafe try pointer(address, byteCount).initializeMemory(as: UInt8.self, repeating: byte, count: byteCount)
    memory.markInitialised(address, byteCount)
  }

  @unsafe private func pointer(_ address: UInt64, _ byteCount: Int) throws(SimulationError)
    -> UnsafeMutableRawPointer
  {
    guard byteCount >= 0, let pointer = unsafe memory.pointer(address, byteCount) else {
      throw SimulationError(
        reason: .outOfBounds(space: "global", address: address, byteCount: byteCount, lane: 0))
    }
    return unsafe pointer
  }

  /// Empties L2. A launch finds in it what earlier launches have left.
  public func clearCache() { cache.clear() }

  // MARK: Modules

  /// Places a module's variables, and makes its functions ready.
  public func load(_ module: Module) throws(SimulationError) -> LoadedModule {
    var addresses: [String: UInt64] = [:]
    for variable in module.variables where variable.space == .global || variable.space == .constant {
      addresses[variable.name] = try memory.allocate(variable.byteCount)
    }
    let functions = module.functionAddresses
    for variable in module.variables {
      guard let address = addresses[variable.name] else { continue }
      if variable.initialValues.isEmpty {
        try fill(address, byteCount: variable.byteCount, with: 0)
        continue
      }
      try write(Self.initialBytes(variable, addresses.merging(functions) { $1 }), to: address)
    }
    return LoadedModule(module, addresses: addresses)
  }

  private static func initialBytes(_ variable: Variable, _ addresses: [String: UInt64]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: variable.byteCount)
    let size = variable.type.byteCount
    for (index, value) in variable.initialValues.enumerated() where (index + 1) * size <= bytes.count {
      let bits: UInt64 =
        switch value {
        case .number(let number): Decoder.bits(number, variable.type)
        case .address(let name, let offset, _): (addresses[name] ?? 0) &+ UInt64(bitPattern: offset)
        case .addressByte(let name, let offset, _, let byte):
          ((addresses[name] ?? 0) &+ UInt64(bitPattern: offset)) >> UInt64(8 * byte) & 0xFF
        }
      for byte in 0..<min(size, 8) {
        bytes[index * size + byte] = UInt8(truncatingIfNeeded: bits >> UInt64(8 * byte))
      }
    }
    return bytes
  }

  // MARK: Launches

  /// Checks a launch as ``launch(_:_:_:parameters:)`` does, and runs nothing.
  public func check(_ launch: KernelLaunch) throws(SimulationError) {
    let program = try program(of: launch)
    _ = try LaunchCheck(program, launch.configuration, device: device).limits()
  }

  /// Bytes of a kernel's parameters at the most (PTX ISA 5.1.6).
  private static let parameterCapacity = 32764

  private func program(of launch: KernelLaunch) throws(SimulationError) -> Program {
    guard let program = launch.module.kernel(launch.kernel) else {
      throw SimulationError(reason: .noSuchKernel(launch.kernel))
    }
    let byteCount = program.layout.parameterByteCount
    guard byteCount <= Self.parameterCapacity else {
      throw SimulationError(
        reason: .badLaunch(
          field: "parameter bytes of the kernel", value: "\(byteCount)",
          requirement: "at most \(Self.parameterCapacity)"))
    }
    guard launch.parameters.count == byteCount else {
      throw SimulationError(
        reason: .parameterSize(given: launch.parameters.count, expected: byteCount))
    }
    return program
  }

  /// Runs a kernel to its end.
  ///
  /// `parameters` is the parameter block: the kernel's parameters in order, each at its alignment.
  public func launch(
    _ module: LoadedModule, _ kernel: String, _ configuration: LaunchConfiguration, parameters: [UInt8]
  ) throws(SimulationError) -> LaunchReport {
    try run(
      KernelLaunch(module: module, kernel: kernel, configuration: configuration, parameters: parameters))
  }

  /// Runs a kernel to its end.
  public func run(_ launch: KernelLaunch) throws(SimulationError) -> LaunchReport {
    try run([launch])[0].report
  }

  /// Runs kernels of which each starts when the one before lets it, by `griddepcontrol.launch_dependents` or by ending:
  /// programmatic dependent launch. The launch of each takes its time from the start of the one before.
  public func run(_ launches: [KernelLaunch]) throws(SimulationError) -> [OverlappedReport] {
    var workspaces: [UInt64] = []
    defer { for workspace in workspaces { _ = memory.free(workspace) } }
    var grids: [GridRun] = []
    let hazards = checksHazards ? GlobalHazards(memory) : nil
    for launch in launches {
      let workspace = launch.configuration.isCooperative ? try allocateWorkspace() : 0
      if workspace != 0 { workspaces.append(workspace) }
      grids.append(try grid(launch, workspace: workspace, hazards, after: grids))
    }
    let runner = LaunchRunner(
      grids, device: device, limits: limits, pool: workers(), cache: cache)
    defer { findings += runner.findings }
    return try runner.run()
  }

  /// Nil when the calling thread does all: also when there are no threads to be had, as results do not depend on them.
  private func workers() -> WorkerPool? {
    // More would find nothing to do.
    let count = min(threadCount, Int(device.processorCount.value))
    guard count > 1 else { return nil }
    if let pool, pool.workerCount == count { return pool }
    // Windows of few blocks are short: whoever sleeps meanwhile is not waited for, and costs nothing.
    pool = try? WorkerPool(workerCount: count, spinCount: 1000)
    return pool
  }

  /// Memory for the barrier of a cooperative grid, as the driver gives it.
  private func allocateWorkspace() throws(SimulationError) -> UInt64 {
    let byteCount = 64
    let address = try memory.allocate(byteCount)
    try fill(address, byteCount: byteCount, with: 0)
    return address
  }

  private func grid(
    _ launch: KernelLaunch, workspace: UInt64, _ hazards: GlobalHazards?, after grids: [GridRun]
  ) throws(SimulationError) -> GridRun {
    let program = try program(of: launch)
    // What it writes is then not known.
    if !checksHazards { memory.markAllInitialised() }
    let limits = try LaunchCheck(program, launch.configuration, device: device).limits()
    var configuration = launch.configuration
    configuration.cluster = configuration.effectiveCluster(program.attributes)
    let context = LaunchContext(
      program: program, functions: launch.module.functions(of: launch.kernel), configuration: configuration,
      memory: memory,
      parameters: launch.parameters, registersPerThread: limits.registersPerThread, device: device,
      gridID: nextGridID, workspace: workspace, trace: trace, global: hazards, after: grids)
    nextGridID += 1
    return GridRun(context, residentClusters: limits.residentClusters)
  }

  /// The hazards of all launches since this was last called, also of those that an error has ended.
  public func takeFindings() -> [HazardFinding] {
    defer { findings = [] }
    return findings
  }
}

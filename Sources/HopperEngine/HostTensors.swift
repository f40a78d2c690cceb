import GPUDevice
import LatentAttention

/// Runs plans on a Hopper GPU for tensors in host memory: it copies them there for each run and the results back. For
/// checks and comparisons, not for speed.
///
/// Tensors keep their strides, and their addresses modulo 256. Results are copied back with what lies between their rows, which
/// nobody may change meanwhile.
public final class HostHopperEngine: AttentionEngine {
  /// As of the engine.
  public typealias Failure = HopperEngineError

  /// The engine that works on the device's memory.
  public let engine: HopperEngine

  /// An engine for host memory.
  public init(_ engine: HopperEngine) {
    self.engine = engine
  }

  /// Plans a batch for the device's multiprocessors.
  public func plan(
    _ batch: Batch, geometry: AttentionGeometry, policy: any PlanningPolicy = BalancedPolicy()
  ) throws(HopperEngineError) -> AttentionPlan {
    try engine.plan(batch, geometry: geometry, policy: policy)
  }

  /// Computes attention for all rows of the plan's batch and waits for it.
  public func run(
    _ plan: AttentionPlan, queries: QueryView, cache: CacheView, output: OutputView
  ) throws(HopperEngineError) {
    _ = try timedRun(plan, queries: queries, cache: cache, output: output)
  }

  /// Computes attention for all rows of the plan's batch, waits for it, and returns the device's time from before the
  /// first launch to the end of the last: simulated on a simulated device, and without the copies of the tensors.
  ///
  /// - Throws: as ``run(_:queries:cache:output:)``.
  public func timedRun(
    _ plan: AttentionPlan, queries: QueryView, cache: CacheView, output: OutputView
  ) throws(HopperEngineError) -> Duration {
    let device = engine.device
    try asProblem { () throws(ProblemError) in
      try engine.check(plan, queries: queries, cache: cache, output: output)
    }
    let queryCopies = try DeviceCopies([queries.latent, queries.rope], on: device)
    let cacheCopies = try DeviceCopies([cache.latent, cache.rope], on: device)
    let outputCopies = try DeviceCopies([output.output.view], on: device)
    let lseCopies = try DeviceCopies([output.lse?.view], on: device)
    let views = try asProblem { () throws(ProblemError) in
      (
        QueryView(
          latent: try queryCopies.view(of: queries.latent), rope: try queryCopies.view(ifThere: queries.rope)),
        CacheView(
          latent: try cacheCopies.view(of: cache.latent), rope: try cacheCopies.view(ifThere: cache.rope)),
        OutputView(
          output: try outputCopies.view(of: output.output),
          lse: try output.lse.map { (lse) throws(ProblemError) in try lseCopies.view(of: lse) },
          lseBase: output.lseBase)
      )
    }
    let start = try recordedEvent()
    try engine.run(plan, queries: views.0, cache: views.1, output: views.2)
    let end = try recordedEvent()
    let elapsed = try onDevice { () throws(GPUDeviceError) in
      try outputCopies.copyBack(output.output, on: device)
      if let lse = output.lse { try lseCopies.copyBack(lse, on: device) }
      try device.synchronize()
      return try end.elapsed(since: start)
    }
    // Views keep no memory.
    withExtendedLifetime((queryCopies, cacheCopies)) {}
    return elapsed
  }

  /// Marks where the default stream's work is.
  private func recordedEvent() throws(HopperEngineError) -> any GPUEvent {
    try onDevice { () throws(GPUDeviceError) in
      let event = try engine.device.makeEvent()
      try engine.device.defaultStream.record(event)
      return event
    }
  }
}

/// Copies of tensors in device memory. Tensors that interleave, as latent and rope parts of one, are copied as one.
private struct DeviceCopies {
  /// Of each copy: the host addresses, and how far away the device addresses are.
  private struct Copy {
    var host: Range<UInt>
    var memory: DeviceMemory
    var first: DeviceAddress
  }
  private var copies: [Copy] = []
  private static let alignment: UInt = 256

  init(_ views: [TensorView?], on device: any GPUDevice) throws(HopperEngineError) {
    var ranges: [Range<UInt>] = []
    for view in views.compactMap({ $0 }) where !view.isEmpty {
      if let last = ranges.last, last.overlaps(view.addresses) {
        ranges[ranges.count - 1] =
          min(last.lowerBound, view.addresses.lowerBound)..<max(last.upperBound, view.addresses.upperBound)
      } else {
        ranges.append(view.addresses)
      }
    }
    for host in ranges {
      let copy = try onDevice { () throws(GPUDeviceError) in
        let memory = try device.allocate(byteCount: host.count + Int(Self.alignment))
        let first = memory.address.advanced(by: Int(host.lowerBound % Self.alignment))
        let bytes = unsafe UnsafeRawBufferPointer(
          start: UnsafeRawPointer(bitPattern: host.lowerBound), count: host.count)
        try unsafe device.defaultStream.copy(from: bytes.bytes, to: first)
        return Copy(host: host, memory: memory, first: first)
      }
      copies.append(copy)
    }
  }

  /// The device address that a host address was copied to.
  private func address(_ host: UInt) -> DeviceAddress {
    for copy in copies where copy.host.contains(host) {
      return copy.first.advanced(by: Int(host - copy.host.lowerBound))
    }
    return DeviceAddress(0)
  }

  private func bytes(_ view: TensorView) -> UnsafeMutableRawBufferPointer {
    guard !view.isEmpty else { return unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0) }
    let first = UInt(address(view.addresses.lowerBound).rawValue)
    return unsafe UnsafeMutableRawBufferPointer(
      start: UnsafeMutableRawPointer(bitPattern: first), count: view.byteReach)
  }

  /// The view of the copy.
  func view(of view: TensorView) throws(ProblemError) -> TensorView {
    unsafe try TensorView(
      UnsafeRawBufferPointer(bytes(view)), view.elementType,
      shape: (view.outerCount, view.innerCount, view.width), strides: (view.outerStride, view.innerStride))
  }

  func view(ifThere view: TensorView?) throws(ProblemError) -> TensorView? {
    guard let view else { return nil }
    return try self.view(of: view)
  }

  func view(of tensor: MutableTensorView) throws(ProblemError) -> MutableTensorView {
    let view = tensor.view
    return unsafe try MutableTensorView(
      bytes(view), view.elementType, shape: (view.outerCount, view.innerCount, view.width),
      strides: (view.outerStride, view.innerStride))
  }

  /// Copies a tensor back to where it came from.
  func copyBack(_ tensor: MutableTensorView, on device: any GPUDevice) throws(GPUDeviceError) {
    let view = tensor.view
    guard !view.isEmpty else { return }
    let host = unsafe UnsafeMutableRawBufferPointer(start: tensor.baseAddress, count: view.byteReach)
    var bytes = unsafe host.mutableBytes
    try device.defaultStream.copy(from: address(view.addresses.lowerBound), to: &bytes)
  }
}

import Dispatch
import Foundation
import GPUDevice
import HopperEngine
import HopperSimulator
import LatentAttention
import Reports
import Synchronization

/// A run to be timed: a plan of a shape's requests on an engine that the timer made.
struct TimedRun: Sendable {
  let plan: AttentionPlan
  let shape: DecodeCall.Shape
  let engine: HopperEngine
}

/// Says what decode calls take on a device.
protocol CallTimer {
  /// Whether times are simulated.
  var isSimulated: Bool { get }

  /// The constants of the device; of a real one, of what simulates it.
  var description: DeviceDescription { get }

  /// The share by which times of the same run differ.
  var spread: Double { get }

  /// An engine on the device.
  func engine(_ options: HopperEngineOptions) throws -> HopperEngine

  /// Seconds that each run takes, from the first block's start to the last one's end, or a little more. Keys are in DRAM,
  /// not in L2.
  func seconds(_ runs: [TimedRun]) throws -> [Double]
}

/// Runs each call once on a simulated device of its own, several calls at a time: threads of one simulation wait for each
/// other.
struct SimulatedCallTimer: CallTimer {
  let description: DeviceDescription
  let threads: Int?

  var isSimulated: Bool { true }
  var spread: Double { 0 }

  func engine(_ options: HopperEngineOptions) -> HopperEngine {
    HopperEngine(device: SimulatedGPU(description, threadCount: threads), options: options)
  }

  func seconds(_ runs: [TimedRun]) throws -> [Double] {
    let processors = threads ?? ProcessInfo.processInfo.activeProcessorCount
    let atOnce = max(1, min(runs.count, processors))
    let next = Atomic(0)
    // The longest ones first, so that none is left when the others are done.
    let order = runs.indices.sorted { runs[$0].shape.tilePairs > runs[$1].shape.tilePairs }
    let results = Mutex([Result<Double, any Error>?](repeating: nil, count: runs.count))
    DispatchQueue.concurrentPerform(iterations: atOnce) { _ in
      while true {
        let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard place < runs.count else { return }
        let index = order[place]
        let result = Result { try seconds(runs[index], threads: processors / atOnce) }
        results.withLock { $0[index] = result }
      }
    }
    return try results.withLock { $0 }.compactMap { try $0?.get() }
  }

  private func seconds(_ run: TimedRun, threads: Int) throws -> Double {
    let device = SimulatedGPU(description, threadCount: threads)
    let engine = HopperEngine(device: device, options: run.engine.options)
    try DecodeCall(run.shape, run.plan.batch, on: device).run(run.plan, on: engine)
    return device.takeLaunches().seconds
  }
}

/// Runs each call several times on this machine's GPU and takes the median, by the GPU's clock.
///
/// Before each run the GPU reads more memory than L2 holds, so that keys come from DRAM; before the first run so often that
/// the host has asked for all runs when the GPU gets there: on a busy machine that takes milliseconds.
final class MeasuringCallTimer: CallTimer {
  let description: DeviceDescription
  private let device: CUDADevice
  private let sweep: CacheSweep
  private var engines: [HopperEngineOptions: HopperEngine] = [:]
  /// The tensors that were used last: variants of a call come one after the other.
  private var last: (shape: DecodeCall.Shape, call: DecodeCall)?

  private static let warmUps = 2
  private static let runs = 9
  private static let sweepsBeforeRuns = 64
  private static let sweepsOfNewCall = 100

  init() throws {
    device = try CUDADevice()
    sweep = try CacheSweep(device)
    let names = DeviceDescription.all.map(\.name)
    description =
      DeviceDescription(name: HopperEngine.tableName(ofDevice: device.properties.name, in: names)) ?? .h100
  }

  var isSimulated: Bool { false }

  /// Of 800 calls of an H100 that were timed twice nine tenths differed by less.
  static let measuredSpread = 0.02

  var spread: Double { Self.measuredSpread }

  func engine(_ options: HopperEngineOptions) -> HopperEngine {
    if let known = engines[options] { return known }
    let engine = HopperEngine(device: device, options: options)
    engines[options] = engine
    return engine
  }

  func seconds(_ runs: [TimedRun]) throws -> [Double] { try runs.map(seconds) }

  private func seconds(_ run: TimedRun) throws -> Double {
    let call = try call(run.shape, run.plan.batch)
    for _ in 0..<Self.warmUps { try call.enqueue(run.plan, on: run.engine) }
    let stream = device.defaultStream
    for _ in 0..<Self.sweepsBeforeRuns { try sweep.enqueue(on: stream) }
    let events = try (0..<Self.runs).map { _ in
      let (start, end) = (try device.makeEvent(), try device.makeEvent())
      try sweep.enqueue(on: stream)
      try stream.record(start)
      try call.enqueue(run.plan, on: run.engine)
      try stream.record(end)
      return (start, end)
    }
    try device.synchronize()
    return Spread(try events.map { try $1.elapsed(since: $0).inSeconds })?.median ?? .nan
  }

  private func call(_ shape: DecodeCall.Shape, _ batch: Batch) throws -> DecodeCall {
    if let last, last.shape == shape { return last.call }
    // First the memory of the call before is given back.
    last = nil
    let call = try DecodeCall(shape, batch, on: device)
    // While tensors were made the GPU had little to do: its clock has fallen.
    for _ in 0..<Self.sweepsOfNewCall { try sweep.enqueue(on: device.defaultStream) }
    last = (shape, call)
    return call
  }
}

extension [SimulatedLaunch] {
  /// From the first block's start to the last one's end.
  var seconds: Double {
    let start = map(\.start).min() ?? .zero
    return ((map(\.end).max() ?? .zero) - start).inSeconds
  }

  /// The share of `seconds` in which a unit was used.
  func utilisation(_ unit: UnitReport.Name) -> Double {
    reduce(0) { $0 + ($1.report.unit(unit)?.utilisation ?? 0) * $1.report.seconds } / seconds
  }
}

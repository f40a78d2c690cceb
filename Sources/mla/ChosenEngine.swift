import CPUEngine
import GPUDevice
import HopperEngine
import HopperSimulator
import LatentAttention
import Reports

/// An engine that times its runs by the clock that fits it.
protocol TimedEngine: AttentionEngine {
  /// Runs a plan, and returns the time that attention took.
  func timedRun(
    _ plan: AttentionPlan, queries: QueryView, cache: CacheView, output: OutputView
  ) throws(Failure) -> Duration
}

extension CPUEngine: TimedEngine {
  func timedRun(
    _ plan: AttentionPlan, queries: QueryView, cache: CacheView, output: OutputView
  ) throws(ProblemError) -> Duration {
    let start = ContinuousClock.now
    try run(plan, queries: queries, cache: cache, output: output)
    return start.duration(to: .now)
  }
}

extension HostHopperEngine: TimedEngine {}

/// An engine that is ready, with names for it.
struct ChosenEngine {
  let engine: any TimedEngine
  /// What results call it; one whose times are simulated says so.
  let name: String
  /// The instruction set, or the device.
  let place: String
  let threadCount: Int
  /// The device, if it has one.
  let device: (any GPUDevice)?
  /// What its runs are held against.
  let limits: LimitSource

  init(_ engine: CPUEngine) {
    self.engine = engine
    name = EngineName.cpu.rawValue
    place = engine.instructionSet.rawValue
    threadCount = engine.threadCount
    device = nil
    limits = .measured(engine)
  }

  /// A Hopper engine; `simulated` says what its device simulates, nil for a real one.
  init(_ engine: HostHopperEngine, simulated description: DeviceDescription?, threads: Int?) {
    self.engine = engine
    let hopper = EngineName.hopper.rawValue
    name = description.map { "\(hopper)-\($0.name)-simulated" } ?? hopper
    place = engine.engine.device.properties.name
    threadCount = threads ?? CPUEngine.availableThreadCount
    device = engine.engine.device
    limits = description.map { .known(EngineLimits($0)) } ?? .unknown
  }
}

/// What an engine's machine can do.
struct EngineLimits {
  /// Floating-point operations per second.
  var flopsPerSecond: Double
  /// Bytes per second from memory.
  var readBytesPerSecond: Double
}

extension EngineLimits {
  /// The peak of a simulated device's tensor cores, and what streams reach of its DRAM's bandwidth.
  init(_ device: DeviceDescription) {
    flopsPerSecond = device.tensorRate.value * device.processorCount.value * device.clock.value * 1e9
    readBytesPerSecond = device.dramBandwidth.value * device.dramEfficiency.value * 1e9
  }
}

/// Where an engine's limits are from.
enum LimitSource {
  /// Measured on the engine's own threads.
  case measured(CPUEngine)
  /// Known beforehand.
  case known(EngineLimits)
  /// Nobody has measured them.
  case unknown

  /// The limits for an element type, measured now where they have to be; nil where there are none.
  func limits(_ type: ElementType) -> EngineLimits? {
    switch self {
    case .measured(let engine):
      let limits = engine.measureLimits(type)
      return EngineLimits(flopsPerSecond: limits.peakGflops * 1e9, readBytesPerSecond: limits.readGBps * 1e9)
    case .known(let limits): return limits
    case .unknown: return nil
    }
  }
}

/// Limits of an engine, measured round by round between its calls where they are not known.
final class LimitRounds {
  private var known: EngineLimits?
  private var products, reads: LimitProbe?
  private var productRates: [Double] = []
  private var readRates: [Double] = []

  /// Reading memory takes long; the best of a few rounds is enough.
  private static let readRounds = 5

  /// Limits for an element type; `buffer`, which is large, is made and read only where they are measured.
  init(_ source: LimitSource, _ type: ElementType, reading buffer: @autoclosure () -> ReadBuffer) {
    switch source {
    case .measured(let engine):
      products = LimitProbe.products(of: engine, type)
      reads = LimitProbe.memoryReads(of: engine, buffer())
    case .known(let limits): known = limits
    case .unknown: break
    }
  }

  func measureRound() {
    if let products { productRates.append(products.measureRound()) }
    if let reads, readRates.count < Self.readRounds { readRates.append(reads.measureRound()) }
  }

  /// The limits so far; nil where there are none.
  var limits: EngineLimits? {
    guard let products = Spread(productRates), let reads = Spread(readRates) else { return known }
    return EngineLimits(flopsPerSecond: products.median, readBytesPerSecond: reads.maximum)
  }
}

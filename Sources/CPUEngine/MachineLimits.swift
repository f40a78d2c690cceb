import CPUMicrokernels
import LatentAttention
import WorkerThreads

/// What the machine itself can do, measured: the limits that a decode step is held against.
public struct MachineLimits: Sendable, Hashable, Codable {
  /// Threads that were measured together.
  public var threads: Int
  /// Products of the element type on operands that never leave the registers, GFLOP/s.
  public var peakGflops: Double
  /// Reading memory far larger than the caches, GB/s (10⁹ bytes).
  public var readGBps: Double
}

/// Measures one limit round by round, so that rounds can be interleaved with what is held against it: a machine
/// whose speed drifts drifts for both.
public final class LimitProbe {
  private let engine: CPUEngine
  private let work: any MeasuredWork

  private init(_ engine: CPUEngine, _ work: some MeasuredWork) {
    self.engine = engine
    self.work = work
    _ = measureRound()
  }

  /// Products of an element type in registers, on all threads of an engine; a round takes about 2 ms.
  public static func products(of engine: CPUEngine, _ elementType: ElementType) -> LimitProbe {
    LimitProbe(
      engine, ProductRounds(kernels: engine.kernels(for: elementType), workerCount: engine.threadCount))
  }

  /// Reads of memory far larger than the caches, on all threads of an engine.
  public static func memoryReads(of engine: CPUEngine, _ buffer: ReadBuffer) -> LimitProbe {
    LimitProbe(engine, MemoryRounds(buffer, workerCount: engine.threadCount))
  }

  /// Floating-point operations or bytes per second in one round.
  public func measureRound() -> Double {
    let elapsed = ContinuousClock().measure { engine.runExclusively(work) }
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    return work.amountPerRound / seconds
  }
}

extension CPUEngine {
  /// Measures this machine's limits with this engine's threads and instruction set: the best of several rounds
  /// each. Takes about a quarter of a second and, for the time of the call, 256 MB.
  public func measureLimits(_ elementType: ElementType) -> MachineLimits {
    let products = LimitProbe.products(of: self, elementType)
    let reads = LimitProbe.memoryReads(of: self, ReadBuffer())
    return MachineLimits(
      threads: threadCount,
      peakGflops: (0..<20).reduce(0) { best, _ in max(best, products.measureRound()) } / 1e9,
      readGBps: (0..<5).reduce(0) { best, _ in max(best, reads.measureRound()) } / 1e9)
  }
}

/// Pool work that does a known amount per round.
private protocol MeasuredWork: PoolWork {
  /// Floating-point operations or bytes of all workers together.
  var amountPerRound: Double { get }
}

/// Independent products in registers, about 2 ms per round.
private final class ProductRounds: MeasuredWork {
  private static let iterations: Int64 = 400_000
  private let kernels: MicrokernelSet
  let amountPerRound: Double

  init(kernels: MicrokernelSet, workerCount: Int) {
    self.kernels = kernels
    var sink: Float = 0
    let perIteration = unsafe kernels.functions.pointee.dot_peak(1, &sink)
    amountPerRound = perIteration * Double(Self.iterations) * Double(workerCount)
  }

  func perform(worker: Int) {
    var sink: Float = 0
    _ = unsafe kernels.functions.pointee.dot_peak(Self.iterations, &sink)
  }
}

/// 256 MB to read, far more than the last-level cache holds: made once, for any number of probes.
@safe public final class ReadBuffer: @unchecked Sendable {
  fileprivate static let byteCount = 256 << 20
  private let bytes: UnsafeMutableRawBufferPointer

  /// Takes the memory and writes to all of it.
  public init() {
    unsafe bytes = .allocate(byteCount: Self.byteCount, alignment: 4096)
    // Pages that were never written may all be one page of zeros.
    unsafe bytes.initializeMemory(as: UInt8.self, repeating: 1)
  }

  deinit {
    unsafe bytes.deallocate()
  }

  fileprivate func read(from offset: Int, byteCount: Int) {
    unsafe withExtendedLifetime(mla_read_lines(bytes.baseAddress! + offset, Int64(byteCount))) {}
  }
}

/// Reads a buffer, each worker its own part.
private final class MemoryRounds: MeasuredWork {
  private let buffer: ReadBuffer
  private let bytesPerWorker: Int
  let amountPerRound: Double

  init(_ buffer: ReadBuffer, workerCount: Int) {
    self.buffer = buffer
    bytesPerWorker = ReadBuffer.byteCount / workerCount / 4096 * 4096
    amountPerRound = Double(bytesPerWorker * workerCount)
  }

  func perform(worker: Int) {
    buffer.read(from: worker * bytesPerWorker, byteCount: bytesPerWorker)
  }
}

import CPUEngine
import LatentAttention
import Workloads

/// One combination of the grid.
struct BenchPoint: Hashable {
  var instructionSet: InstructionSet?
  var type = ElementType.bfloat16
  var heads = 1
  var batch = 1
  var kv = 1
  var query = 1
  var threads = 1

  /// The point without its type and threads: what those are compared on.
  var shape: BenchPoint {
    var shape = self
    shape.type = .bfloat16
    shape.threads = 1
    return shape
  }
}

/// The tensors and the batch of a point.
struct BenchProblem {
  let geometry: AttentionGeometry
  let batch: Batch
  let work: CallWork
  private let cache: BenchCache
  private let buffers: CallBuffers

  init(_ point: BenchPoint, pageSize: Int) throws {
    geometry = try AttentionGeometry.deepSeek(headCount: point.heads)
    let pagesPerRequest = (point.kv - 1) / pageSize + 1
    let pageCount = try pagesPerRequest.multiplied(by: point.batch, field: "kv")
    cache = try BenchCache(geometry: geometry, type: point.type, pageSize: pageSize, pageCount: pageCount)
    var generator = SeededGenerator(seed: 1)
    let pages = (0..<Int32(pageCount)).shuffled(using: &generator)
    batch = try Batch(
      queryOffsets: (0...point.batch).map { $0 * point.query },
      pageOffsets: (0...point.batch).map { $0 * pagesPerRequest }, pageIndices: pages,
      keyLengths: Array(repeating: point.kv, count: point.batch), pageSize: pageSize,
      poolPageCount: pageCount,
      isCausal: true)
    buffers = try CallBuffers(
      geometry: geometry, elementType: point.type.queryType, tokenCount: batch.queryTokenCount, seed: 2)
    work = CallWork(batch, geometry: geometry, elementType: point.type)
  }

  /// Runs a plan, and returns the time that attention took.
  func run(_ plan: AttentionPlan, on engine: any TimedEngine) throws -> Duration {
    let tokens = batch.queryTokenCount
    return try engine.timedRun(
      plan, queries: buffers.queries(tokens), cache: cache.view, output: buffers.output(tokens))
  }
}

/// A pool of random keys that a struct can hold.
private final class BenchCache {
  private let pool: PagedCache

  init(geometry: AttentionGeometry, type: ElementType, pageSize: Int, pageCount: Int) throws {
    var pool = try PagedCache(geometry: geometry, elementType: type, pageSize: pageSize, pageCount: pageCount)
    pool.fill(seed: 3)
    self.pool = pool
  }

  var view: CacheView { pool.view }
}

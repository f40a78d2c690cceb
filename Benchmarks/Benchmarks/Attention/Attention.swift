import Benchmark
import CPUEngine
import LatentAttention
import Workloads

/// Requests of one query token each, their pages one after another.
private func decodeBatch(_ lengths: [Int], pageSize: Int = 64) throws -> Batch {
  let pageCounts = lengths.map { ($0 + pageSize - 1) / pageSize }
  var next: Int32 = 0
  let lists = pageCounts.map { count in
    defer { next += Int32(count) }
    return Array(next..<next + Int32(count))
  }
  return try Batch(
    queryCounts: Array(repeating: 1, count: lengths.count), pageLists: lists, keyLengths: lengths,
    pageSize: pageSize, poolPageCount: pageCounts.reduce(0, +), isCausal: true)
}

/// A decode call with everything it needs: one query token per request.
private final class DecodeCall {
  let geometry: AttentionGeometry
  let batch: Batch
  private let cache: PagedCache
  private let queries: PagedCache
  private let outputMemory: UnsafeMutableRawBufferPointer
  private let output: OutputView

  init(heads: Int, lengths: [Int]) throws {
    geometry = try AttentionGeometry.deepSeek(headCount: heads)
    batch = try decodeBatch(lengths)
    var cache = try PagedCache(
      geometry: geometry, elementType: .bfloat16, pageSize: batch.pageSize, pageCount: batch.poolPageCount)
    cache.fill(seed: 1)
    self.cache = cache
    // Pages of one slot per head have the layout of queries.
    var queries = try PagedCache(
      geometry: geometry, elementType: .bfloat16, pageSize: heads, pageCount: lengths.count)
    queries.fill(seed: 2)
    self.queries = queries
    outputMemory = .allocate(byteCount: lengths.count * heads * geometry.latentWidth * 2, alignment: 64)
    output = OutputView(
      output: try MutableTensorView(
        outputMemory, .bfloat16, shape: (lengths.count, heads, geometry.latentWidth)))
  }

  deinit {
    outputMemory.deallocate()
  }

  func run(_ plan: AttentionPlan, on engine: CPUEngine) throws {
    let view = queries.view
    try engine.run(
      plan, queries: QueryView(latent: view.latent, rope: view.rope), cache: cache.view, output: output)
  }
}

let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration.metrics = [.wallClock, .throughput]

  for policy in PolicyName.allCases {
    Benchmark("plan, 256 requests, 132 workers, \(policy.rawValue)") { benchmark in
      let lengths = try SyntheticStream(seed: 1, requestCount: 256, arrivalRate: 1).trace()
        .requests.map(\.promptLength)
      let batch = try decodeBatch(lengths)
      let geometry = try AttentionGeometry.deepSeek(headCount: 16)
      let planner = try Planner(
        policy: policy.policy, workerCount: 132, tileRows: 64, costModel: .hopperEstimate)
      benchmark.startMeasurement()
      for _ in benchmark.scaledIterations {
        blackHole(try planner.plan(batch, geometry: geometry))
      }
    }
  }

  for (heads, requests, keys) in [(128, 1, 4096), (16, 16, 1024)] {
    Benchmark("decode, \(heads) heads, \(requests) × \(keys) keys, bf16") { benchmark in
      let call = try DecodeCall(heads: heads, lengths: Array(repeating: keys, count: requests))
      let engine = try CPUEngine()
      let plan = try engine.plan(call.batch, geometry: call.geometry)
      benchmark.startMeasurement()
      for _ in benchmark.scaledIterations { try call.run(plan, on: engine) }
      benchmark.stopMeasurement()
    }
  }
}

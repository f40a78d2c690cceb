import LatentAttention
import TestSupport
import Testing

@Suite struct CallValidationTests {
  private let geometry: AttentionGeometry
  private let batch: Batch
  /// `[page, slot, latent and rope]`, which only this test's good calls read.
  private let cacheTensor: OwnedTensor
  private let queryTensor: OwnedTensor
  private let outputTensor: OwnedTensor
  private let lseTensor: OwnedTensor

  init() throws {
    geometry = try AttentionGeometry(headCount: 3, latentWidth: 8, ropeWidth: 4, softmaxScale: 1)
    batch = try Batch(
      queryCounts: [2, 1], pageLists: [[0], [1]], keyLengths: [2, 1], pageSize: 2, poolPageCount: 5,
      isCausal: true)
    cacheTensor = try OwnedTensor(.bfloat16, (5, 2, 12), repeating: 0)
    queryTensor = try OwnedTensor(.bfloat16, (3, 3, 12), repeating: 0)
    outputTensor = try OwnedTensor(.bfloat16, (3, 3, 8), repeating: 0)
    lseTensor = try OwnedTensor(.float32, (3, 3, 1), repeating: 0)
  }

  private func check(
    queries: QueryView? = nil, cache: CacheView? = nil, output: OutputView? = nil
  ) throws {
    try CallValidation.check(
      batch: batch, geometry: geometry,
      queries: queries ?? QueryView(combined: queryTensor.view, geometry: geometry),
      cache: cache ?? CacheView(combined: cacheTensor.view, geometry: geometry),
      output: output ?? OutputView(output: outputTensor.rows, lse: lseTensor.rows))
  }

  @Test func goodCalls() throws {
    try check()
    try check(output: OutputView(output: outputTensor.rows))
    let wide = try OwnedTensor(.float32, (3, 3, 8), repeating: 0)
    try check(output: OutputView(output: wide.rows))
  }

  @Test func combinedTensorsOfTheWrongWidth() throws {
    expectProblem(.mismatch, "queries.width", value: "8") {
      _ = try QueryView(combined: outputTensor.view, geometry: geometry)
    }
    expectProblem(.mismatch, "cache.width", value: "8") {
      _ = try CacheView(combined: outputTensor.view, geometry: geometry)
    }
  }

  @Test func queryOffsetsThatDoNotEndAtTheRows() throws {
    let tensor = try OwnedTensor(.bfloat16, (4, 3, 12), repeating: 0)
    expectProblem(.mismatch, "queries.latent.shape", value: "(4, 3, 8)") {
      try check(queries: QueryView(combined: tensor.view, geometry: geometry))
    }
  }

  @Test func wrongShapes() throws {
    let wide = try OwnedTensor(.bfloat16, (3, 3, 9), repeating: 0)
    let rope = try OwnedTensor(.bfloat16, (3, 3, 4), repeating: 0)
    let pages = try OwnedTensor(.bfloat16, (4, 2, 12), repeating: 0)
    let heads = try OwnedTensor(.bfloat16, (3, 2, 8), repeating: 0)
    let flatLSE = try OwnedTensor(.float32, (1, 9, 1), repeating: 0)
    expectProblem(.mismatch, "queries.latent.shape", value: "(3, 3, 9)") {
      try check(queries: QueryView(latent: wide.view, rope: rope.view))
    }
    expectProblem(.mismatch, "queries.rope.shape", value: "(3, 3, 8)") {
      try check(queries: QueryView(latent: outputTensor.view, rope: outputTensor.view))
    }
    expectProblem(.mismatch, "queries.rope", value: "nil") {
      try check(queries: QueryView(latent: outputTensor.view, rope: nil))
    }
    expectProblem(.mismatch, "cache.latent.shape", value: "(4, 2, 8)") {
      try check(cache: CacheView(combined: pages.view, geometry: geometry))
    }
    expectProblem(.mismatch, "cache.rope", value: "nil") {
      try check(cache: CacheView(latent: cacheTensor.view.columns(0..<8), rope: nil))
    }
    expectProblem(.mismatch, "output.shape", value: "(3, 2, 8)") {
      try check(output: OutputView(output: heads.rows))
    }
    expectProblem(.mismatch, "lse.shape", value: "(1, 9, 1)") {
      try check(output: OutputView(output: outputTensor.rows, lse: flatLSE.rows))
    }
  }

  @Test func ropeWhereTheGeometryHasNone() throws {
    let plain = try AttentionGeometry(headCount: 3, latentWidth: 12, ropeWidth: 0, softmaxScale: 1)
    expectProblem(.mismatch, "queries.rope.width", value: "8") {
      try CallValidation.checkInputs(
        batch: batch, geometry: plain,
        queries: QueryView(latent: queryTensor.view, rope: outputTensor.view),
        cache: CacheView(latent: cacheTensor.view, rope: nil))
    }
  }

  @Test func wrongTypes() throws {
    let half = try OwnedTensor(.float16, (5, 2, 12), repeating: 0)
    let halfRope = try OwnedTensor(.float16, (3, 3, 4), repeating: 0)
    let halfOutput = try OwnedTensor(.float16, (3, 3, 8), repeating: 0)
    let shortLSE = try OwnedTensor(.bfloat16, (3, 3, 1), repeating: 0)
    expectProblem(.mismatch, "cache.latent.elementType", value: "fp16") {
      try check(cache: CacheView(combined: half.view, geometry: geometry))
    }
    expectProblem(.mismatch, "queries.rope.elementType", value: "fp16") {
      try check(queries: QueryView(latent: outputTensor.view, rope: halfRope.view))
    }
    expectProblem(.mismatch, "output.elementType", value: "fp16") {
      try check(output: OutputView(output: halfOutput.rows))
    }
    expectProblem(.mismatch, "lse.elementType", value: "bf16") {
      try check(output: OutputView(output: outputTensor.rows, lse: shortLSE.rows))
    }
  }

  /// One piece of memory for all tensors of a call.
  private struct CallMemory {
    private let memory: AlignedMemory

    init() throws {
      memory = try AlignedMemory(byteCount: 4096, field: "memory")
      memory.fill(0)
    }

    func view(_ offset: Int, _ shape: (Int, Int, Int), _ type: ElementType) throws -> MutableTensorView {
      unsafe try MutableTensorView(
        UnsafeMutableRawBufferPointer(rebasing: memory.bytes[offset...]), type, shape: shape)
    }
  }

  @Test func outputsThatOverlapInputs() throws {
    // All tensors of the call fit, but the outputs touch what they must not.
    let memory = try CallMemory()
    // Bytes 0 ..< 216 and 512 ..< 752.
    let queries = try QueryView(combined: memory.view(0, (3, 3, 12), .bfloat16).view, geometry: geometry)
    let cache = try CacheView(combined: memory.view(512, (5, 2, 12), .bfloat16).view, geometry: geometry)
    func check(output: Int, lse: Int?) throws {
      try self.check(
        queries: queries, cache: cache,
        output: OutputView(
          output: memory.view(output, (3, 3, 8), .bfloat16),
          lse: lse.map { try memory.view($0, (3, 3, 1), .float32) }))
    }
    try check(output: 216, lse: 360)
    try check(output: 752, lse: 476)
    expectProblem(.overlap, "output") { try check(output: 200, lse: nil) }
    expectProblem(.overlap, "output") { try check(output: 370, lse: nil) }
    expectProblem(.overlap, "lse") { try check(output: 752, lse: 200) }
    expectProblem(.overlap, "lse") { try check(output: 752, lse: 480) }
    expectProblem(.overlap, "lse") { try check(output: 216, lse: 356) }
  }

  @Test func outputsThatOverlapRopesInTensorsOfTheirOwn() throws {
    let memory = try CallMemory()
    // Bytes 0 ..< 144 and 144 ..< 216; 512 ..< 672 and 672 ..< 752.
    let queries = try QueryView(
      latent: memory.view(0, (3, 3, 8), .bfloat16).view, rope: memory.view(144, (3, 3, 4), .bfloat16).view)
    let cache = try CacheView(
      latent: memory.view(512, (5, 2, 8), .bfloat16).view, rope: memory.view(672, (5, 2, 4), .bfloat16).view)
    func check(output: Int, lse: Int, maximumScores: Int) throws {
      try self.check(
        queries: queries, cache: cache,
        output: OutputView(
          output: memory.view(output, (3, 3, 8), .bfloat16), lse: memory.view(lse, (3, 3, 1), .float32),
          maximumScores: memory.view(maximumScores, (3, 3, 1), .float32)))
    }
    try check(output: 216, lse: 752, maximumScores: 788)
    expectProblem(.overlap, "output") { try check(output: 214, lse: 752, maximumScores: 788) }
    expectProblem(.overlap, "output") { try check(output: 750, lse: 360, maximumScores: 396) }
    expectProblem(.overlap, "lse") { try check(output: 216, lse: 748, maximumScores: 788) }
    expectProblem(.overlap, "lse") { try check(output: 752, lse: 212, maximumScores: 360) }
    expectProblem(.overlap, "maximumScores") { try check(output: 752, lse: 360, maximumScores: 212) }
    expectProblem(.overlap, "maximumScores") { try check(output: 216, lse: 788, maximumScores: 748) }
    expectProblem(.overlap, "maximumScores") { try check(output: 216, lse: 752, maximumScores: 356) }
    expectProblem(.overlap, "maximumScores") { try check(output: 216, lse: 752, maximumScores: 784) }
  }
}

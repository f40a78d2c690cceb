import CPUEngine
import LatentAttention
import TestSupport
import Testing

/// Caches of 8 bits: every layout and kind of scale, on every instruction set, against the oracle.
@Suite struct CodedCacheTests {
  /// A layout of tokens.
  enum Layout: CaseIterable {
    case uniform, uniformWithoutRope, groups, groupsOf64WithBF16Rope, tokensOf656Bytes, tokensOf584Bytes
  }

  @Test(arguments: InstructionSet.available, Layout.allCases)
  func allLayouts(set: InstructionSet, layout: Layout) throws {
    for (heads, threads) in [(1, 1), (3, 2), (8, 1), (20, 3), (64, 2)] {
      let problem = try CodedProblem(layout, heads: heads, lengths: [130, 0, 7], queryCount: 2)
      try problem.check(on: CPUEngine(threadCount: threads, instructionSet: set))
    }
  }

  /// Every code but the NaNs has its value, and their order as numbers is that of their magnitudes.
  @Test func codes() {
    for code in UInt8(0)..<0x7F {
      let value = E4M3Bits.value(code)
      #expect(E4M3Bits.rounding(value) == code && E4M3Bits.rounding(-value) == code | 0x80)
      #expect(E4M3Bits.value(code | 0x80) == -value)
      guard code > 0 else { continue }
      let below = E4M3Bits.value(code - 1)
      #expect(value > below)
      let middle = (value + below) / 2
      #expect(E4M3Bits.rounding(middle) == (code % 2 == 0 ? code : code - 1))
      #expect(E4M3Bits.rounding(middle.nextUp) == code && E4M3Bits.rounding(middle.nextDown) == code - 1)
    }
    #expect(E4M3Bits.value(0x38) == 1 && E4M3Bits.value(1) == 0x1p-9 && E4M3Bits.value(0x7E) == 448)
    #expect(E4M3Bits.value(0x7F).isNaN && E4M3Bits.value(0xFF).isNaN)
    for value in [465, 1e9, .infinity, .nan] as [Float] { #expect(E4M3Bits.rounding(value) & 0x7F == 0x7F) }
    #expect(E4M3Bits.rounding(464) == 0x7E)
  }

  @Test(arguments: InstructionSet.available)
  func everyCodeIsDecoded(set: InstructionSet) throws {
    // One key is all of the softmax: the output is its values.
    let codes = (0..<256).map { UInt8($0) }.filter { $0 & 0x7F != 0x7F }
    let geometry = try AttentionGeometry(headCount: 1, latentWidth: 256, ropeWidth: 0, softmaxScale: 0)
    let bytes = codes + [0, 0]
    let output = try OwnedTensor(.float32, (1, 1, 256), repeating: 9)
    let queries = try OwnedTensor(.bfloat16, (1, 1, 256), repeating: 1)
    let engine = try CPUEngine(threadCount: 1, instructionSet: set)
    let batch = try Batch(
      queryCounts: [1], pageLists: [[0]], keyLengths: [1], pageSize: 1, poolPageCount: 1, isCausal: false)
    try unsafe bytes.withUnsafeBytes { memory in
      let cache = CacheView(
        latent: unsafe try TensorView(memory, .float8, shape: (1, 1, 256)), rope: nil,
        scales: CacheScales(latent: .uniform(0.5)))
      try engine.run(
        engine.plan(batch, geometry: geometry), queries: QueryView(latent: queries.view, rope: nil),
        cache: cache,
        output: OutputView(output: output.rows))
    }
    #expect(output.row(0, 0) == bytes.map { E4M3Bits.value($0) / 2 })
    withExtendedLifetime(queries) {}
  }

  @Test func mistakesAreNamed() throws {
    let problem = try CodedProblem(.groups, heads: 2, lengths: [3], queryCount: 1)
    func expect(_ field: String, _ cache: CacheView) {
      let engine = problem.engine
      let error = #expect(throws: ProblemError.self) {
        try engine.run(
          engine.plan(problem.batch, geometry: problem.geometry), queries: problem.queries, cache: cache,
          output: problem.output)
      }
      #expect(error?.field == field)
    }
    let cache = problem.cache
    guard case .groups(let scales, _) = cache.scales?.latent else { return }
    expect("cache.scales", CacheView(latent: cache.latent, rope: cache.rope))
    for width in [0, -64, 32, 100] {
      expect(
        "cache.scales.width",
        CacheView(
          latent: cache.latent, rope: cache.rope, scales: CacheScales(latent: .groups(scales, width: width))))
    }
    expect(
      "cache.scales.shape",
      CacheView(
        latent: cache.latent, rope: cache.rope, scales: CacheScales(latent: .groups(scales, width: 64))))
    expect(
      "cache.scales.elementType",
      CacheView(
        latent: cache.latent, rope: cache.rope, scales: CacheScales(latent: .exponents(scales, width: 128))))
    expect("cache.rope", CacheView(latent: cache.latent, rope: nil, scales: cache.scales))
  }
}

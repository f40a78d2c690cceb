import Foundation
import LatentAttention
import Testing
import Workloads

@Suite struct SeededGeneratorTests {
  /// The reference implementation's first outputs for this seed.
  @Test func isSplitMix64() {
    var generator = SeededGenerator(seed: 1_234_567)
    let numbers = (0..<5).map { _ in generator.next() }
    #expect(
      numbers == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
        4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
      ])
  }

  @Test func integersAreUniform() {
    var generator = SeededGenerator(seed: 1)
    var counts: [Int: Int] = [:]
    for _ in 0..<70_000 { counts[generator.integer(in: -3...3), default: 0] += 1 }
    #expect(counts.keys.sorted() == Array(-3...3))
    // Five standard deviations: √(70000 · 1/7 · 6/7) ≈ 93.
    for count in counts.values { #expect(abs(count - 10_000) < 463) }
  }

  @Test func integersReachTheEndsOfExtremeRanges() {
    var generator = SeededGenerator(seed: 2)
    #expect(generator.integer(in: Int.max...Int.max) == Int.max)
    let wide = (0..<1000).map { _ in generator.integer(in: Int.min...Int.max) }
    #expect(wide.contains { $0 < 0 } && wide.contains { $0 > 0 })
    let nearlyWide = (0..<1000).map { _ in generator.integer(in: (Int.min + 1)...Int.max) }
    #expect(nearlyWide.contains { $0 < 0 } && nearlyWide.contains { $0 > 0 })
  }

  @Test func normalsHaveTheMomentsAndTailsOfTheDistribution() {
    var generator = SeededGenerator(seed: 3)
    let count = 200_000
    let numbers = (0..<count).map { _ in generator.normal() }
    let mean = numbers.reduce(0, +) / Double(count)
    let variance = numbers.reduce(0) { $0 + $1 * $1 } / Double(count)
    let beyondTwo = Double(numbers.count { abs($0) > 2 }) / Double(count)
    #expect(abs(mean) < 0.012)
    #expect(abs(variance - 1) < 0.017)
    #expect(abs(beyondTwo - erfc(2 / 2.0.squareRoot())) < 0.0025)
  }

  @Test func exponentialsHaveTheQuantilesOfTheDistribution() {
    var generator = SeededGenerator(seed: 4)
    let count = 100_001
    let numbers = (0..<count).map { _ in generator.exponential() }.sorted()
    #expect(numbers[0] >= 0)
    for quantile in [0.1, 0.5, 0.9, 0.99] {
      let found = numbers[Int(quantile * Double(count))]
      // Five standard errors of a quantile: √(q(1−q)/n) ÷ density, the density being 1 − q.
      let tolerance = 5 * (quantile * (1 - quantile) / Double(count)).squareRoot() / (1 - quantile)
      #expect(abs(found + log(1 - quantile)) < tolerance)
    }
  }

  @Test(arguments: [1.0, 1.5, 20, 343]) func geometricsHaveTheirMean(_ mean: Double) {
    var generator = SeededGenerator(seed: 5)
    let count = 100_000
    let numbers = (0..<count).map { _ in generator.geometric(mean: mean) }
    #expect(numbers.allSatisfy { $0 >= 1 })
    let deviation = (mean * (mean - 1)).squareRoot()
    let found = Double(numbers.reduce(0, +)) / Double(count)
    #expect(abs(found - mean) <= 5 * deviation / Double(count).squareRoot())
    let ones = Double(numbers.count { $0 == 1 }) / Double(count)
    #expect(abs(ones - 1 / mean) < 0.01)
  }

  @Test func geometricsTakeAnyMean() {
    var generator = SeededGenerator(seed: 6)
    for mean in [-1.0, 0, .nan, 1.0.nextUp, 1e18, 1e300, .infinity] {
      for _ in 0..<100 { #expect(generator.geometric(mean: mean) >= 1) }
    }
  }

  /// The system's logarithm and exponential as the second opinion: the transformations are inverted.
  @Test func logNormalsAgreeWithTheSystemsMathematics() {
    for seed: UInt64 in 0..<1000 {
      var generator = SeededGenerator(seed: seed)
      var twin = generator
      let normal = twin.normal()
      let expected = 1000 * exp(1.7 * normal)
      #expect(abs(generator.logNormal(median: 1000, sigma: 1.7) - expected) <= 4e-15 * expected)
      twin = generator
      let expectedExponential = -log(1 - twin.uniform())
      #expect(abs(generator.exponential() - expectedExponential) <= 4e-15 * max(1, expectedExponential))
    }
  }
}

@Suite struct SyntheticStreamTests {
  @Test func followsFromTheSeed() throws {
    var stream = SyntheticStream(seed: 11, requestCount: 500, arrivalRate: 3)
    stream.prefixShare = 0.5
    let trace = try stream.trace()
    #expect(try stream.trace() == trace)
    stream.seed = 12
    #expect(try stream.trace().requests != trace.requests)
  }

  /// The hash (FNV-1a over 64-bit words) comes from an independent implementation of the documented
  /// distributions, so a change of the sequence, or a machine that rounds differently, is seen.
  @Test func isTheSameOnEveryMachine() throws {
    var stream = SyntheticStream(seed: 2026, requestCount: 1000, arrivalRate: 4)
    stream.prefixShare = 0.25
    stream.prefixCount = 3
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for request in try stream.trace().requests {
      let words = [
        request.arrival.bitPattern, UInt64(request.promptLength), UInt64(request.outputLength),
        UInt64(request.prefixBlocks.first ?? 999),
      ]
      for word in words { hash = (hash ^ word) &* 0x100_0000_01B3 }
    }
    #expect(hash == 0x7106_ECC0_8DE4_1298)
  }

  @Test func hasTheDocumentedDistributions() throws {
    var stream = SyntheticStream(seed: 1, requestCount: 50_000, arrivalRate: 8)
    stream.promptMedian = 2000
    stream.promptSigma = 0.8
    stream.outputMean = 300
    stream.outputLimit = 100_000
    let requests = try stream.trace().requests
    let count = Double(requests.count)
    let prompts = requests.map { Double($0.promptLength) }.sorted()
    #expect(abs(prompts[prompts.count / 2] / 2000 - 1) < 0.03)
    let logarithms = prompts.map { log($0) }
    let mean = logarithms.reduce(0, +) / count
    let sigma = (logarithms.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
    #expect(abs(sigma - 0.8) < 0.02)
    #expect(abs(requests.reduce(0) { $0 + Double($1.outputLength) } / count - 300) < 7)
    // A Poisson process: the gaps' mean and deviation are both 1 / rate.
    let gaps = zip(requests.dropFirst(), requests).map { $0.arrival - $1.arrival }
    let gapMean = gaps.reduce(0, +) / count
    let gapDeviation = (gaps.reduce(0) { $0 + ($1 - gapMean) * ($1 - gapMean) } / count).squareRoot()
    #expect(abs(gapMean - 0.125) < 0.003)
    #expect(abs(gapDeviation - 0.125) < 0.005)
    #expect(requests.allSatisfy { $0.prefixBlocks.isEmpty })
  }

  @Test func clampsLengths() throws {
    var stream = SyntheticStream(seed: 1, requestCount: 2000, arrivalRate: 8)
    stream.promptSigma = 8
    stream.promptLimits = 100...5000
    stream.outputLimit = 50
    let requests = try stream.trace().requests
    #expect(requests.map(\.promptLength).min() == 100)
    #expect(requests.map(\.promptLength).max() == 5000)
    #expect(requests.map(\.outputLength).max() == 50)
  }

  @Test func givesAShareOfTheRequestsACommonPrefix() throws {
    var stream = SyntheticStream(seed: 1, requestCount: 20_000, arrivalRate: 8)
    stream.prefixShare = 0.3
    stream.prefixCount = 4
    stream.prefixBlockCount = 2
    let prefixed = try stream.trace().requests.filter { !$0.prefixBlocks.isEmpty }
    #expect(abs(Double(prefixed.count) - 6000) < 325)
    #expect(prefixed.allSatisfy { $0.promptLength > 1024 })
    let kinds = Dictionary(grouping: prefixed, by: \.prefixBlocks).mapValues(\.count)
    #expect(Set(kinds.keys) == [[0, 1], [2, 3], [4, 5], [6, 7]])
    for count in kinds.values { #expect(abs(count - prefixed.count / 4) < 180) }
  }

  @Test func refusesNumbersOutOfRange() {
    func expectError(_ field: String, _ change: (inout SyntheticStream) -> Void) {
      var stream = SyntheticStream(seed: 1, requestCount: 1, arrivalRate: 1)
      change(&stream)
      #expect {
        try stream.trace()
      } throws: {
        ($0 as? ProblemError)?.field == field
      }
    }
    expectError("requestCount") { $0.requestCount = -1 }
    for rate in [0, -1, .nan, .infinity] { expectError("arrivalRate") { $0.arrivalRate = rate } }
    for median in [0, .nan, .infinity] { expectError("promptMedian") { $0.promptMedian = median } }
    for sigma in [-0.1, 9, .nan] { expectError("promptSigma") { $0.promptSigma = sigma } }
    expectError("promptLimits.lowerBound") { $0.promptLimits = 0...5 }
    expectError("promptLimits.upperBound") { $0.promptLimits = 1...Int.max }
    for mean in [0.5, .nan, .infinity] { expectError("outputMean") { $0.outputMean = mean } }
    expectError("outputLimit") { $0.outputLimit = 0 }
    for share in [-0.1, 1.1, .nan] { expectError("prefixShare") { $0.prefixShare = share } }
    expectError("prefixCount") { $0.prefixCount = 0 }
    for blocks in [-1, 1 << 30] { expectError("prefixBlockCount") { $0.prefixBlockCount = blocks } }
  }

  @Test func requestsRefuseNumbersOutOfRange() {
    #expect(throws: ProblemError.self) {
      try TraceRequest(arrival: -1, promptLength: 1, outputLength: 1)
    }
    #expect(throws: ProblemError.self) {
      try TraceRequest(arrival: .nan, promptLength: 1, outputLength: 1)
    }
    #expect(throws: ProblemError.self) {
      try TraceRequest(arrival: 0, promptLength: 0, outputLength: 1)
    }
    #expect(throws: ProblemError.self) {
      try TraceRequest(arrival: 0, promptLength: 1, outputLength: 0)
    }
    #expect(throws: ProblemError.self) {
      try RequestTrace(source: "a", prefixBlockSize: 0, requests: [])
    }
  }
}

import Testing
import Workloads

/// Random traces through random small pools, every step checked against a model of the cache.
@Suite struct BatcherInvariantTests {
  /// Requests with up to four blocks of eight tokens, few identities and bursts of arrivals.
  static func randomTrace(using generator: inout SeededGenerator) throws -> RequestTrace {
    var time = 0.0
    let requests = try (0..<60).map { _ in
      if generator.uniform() < 0.5 { time += 8 * generator.exponential() }
      let prompt = generator.integer(in: 1...36)
      let blockCount = generator.integer(in: 0...((prompt + 7) / 8))
      let blocks = (0..<blockCount).map { _ in generator.integer(in: 0...1) }
      return try TraceRequest(
        arrival: time, promptLength: prompt, outputLength: generator.integer(in: 1...30),
        prefixBlocks: blocks)
    }
    return try RequestTrace(source: "random", prefixBlockSize: 8, requests: requests)
  }

  /// Replays a trace, lets random times pass, and checks what a finished replay must have done.
  static func replay(
    _ trace: RequestTrace, tokenBudget: Int, pageSize: Int, maximumBatchSize: Int,
    using generator: inout SeededGenerator
  ) throws -> BatcherStatistics {
    var batcher = try ContinuousBatcher(
      trace: trace, tokenBudget: tokenBudget, pageSize: pageSize, maximumBatchSize: maximumBatchSize)
    var model = ReplayModel(
      trace: trace, tokenBudget: tokenBudget, pageSize: pageSize, maximumBatchSize: maximumBatchSize)
    while let step = batcher.nextStep() {
      try model.follow(step)
      try batcher.advance(by: generator.uniform())
    }
    let impossible = trace.requests.indices.filter {
      let tokens = trace.requests[$0].promptLength + trace.requests[$0].outputLength
      return (tokens + pageSize - 1) / pageSize > tokenBudget / pageSize
    }
    let statistics = batcher.statistics
    #expect(batcher.rejections.map(\.request) == impossible)
    #expect(Set(model.completed).union(impossible) == Set(trace.requests.indices))
    #expect(statistics.completedCount == model.completed.count)
    #expect(statistics.rejectedCount == impossible.count)
    #expect(statistics.completedCount + statistics.rejectedCount == trace.requests.count)
    #expect(statistics.generatedTokenCount == model.generatedTokenCount)
    #expect(statistics.preemptionCount == model.preemptionCount)
    #expect(statistics.sharedPageHitCount == model.sharedPageHitCount)
    #expect(statistics.peakPagesInUse == model.peakPagesInUse)
    #expect(batcher.nextStep() == nil)
    return statistics
  }

  @Test(arguments: 0..<40) func keepsEveryRule(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let trace = try Self.randomTrace(using: &generator)
    // Page sizes that divide a block of eight, and some that do not.
    for pageSize in [1, 2, 3, 4, 8, 16] {
      _ = try Self.replay(
        trace, tokenBudget: generator.integer(in: 40...200), pageSize: pageSize,
        maximumBatchSize: generator.integer(in: 1...8), using: &generator)
    }
  }

  /// Pools so small that requests push each other out all the time.
  @Test func finishesEverythingInTinyPools() throws {
    var preemptionCount = 0
    var sharedPageHitCount = 0
    for seed: UInt64 in 100..<120 {
      var generator = SeededGenerator(seed: seed)
      let trace = try Self.randomTrace(using: &generator)
      let statistics = try Self.replay(
        trace, tokenBudget: 68, pageSize: 2, maximumBatchSize: 16, using: &generator)
      #expect(statistics.rejectedCount == 0)
      preemptionCount += statistics.preemptionCount
      sharedPageHitCount += statistics.sharedPageHitCount
    }
    #expect(preemptionCount > 100)
    #expect(sharedPageHitCount > 100)
  }

  /// Enough requests that the page table is moved together many times.
  @Test func replaysASyntheticStream() throws {
    var stream = SyntheticStream(seed: 5, requestCount: 300, arrivalRate: 2)
    stream.promptMedian = 100
    stream.promptLimits = 1...800
    stream.outputMean = 20
    stream.prefixShare = 0.5
    stream.prefixCount = 3
    stream.prefixBlockCount = 1
    var generator = SeededGenerator(seed: 6)
    let statistics = try Self.replay(
      try stream.trace(), tokenBudget: 6000, pageSize: 64, maximumBatchSize: 24, using: &generator)
    #expect(statistics.completedCount == 300)
    #expect(statistics.sharedPageHitCount > 300)
  }
}

import LatentAttention
import Testing
import Workloads

/// Small schedules worked out by hand.
@Suite struct BatcherPolicyTests {
  static func request(
    _ prompt: Int, _ output: Int, at arrival: Double = 0, blocks: [Int] = []
  ) throws -> TraceRequest {
    try TraceRequest(arrival: arrival, promptLength: prompt, outputLength: output, prefixBlocks: blocks)
  }

  /// Blocks of eight tokens.
  static func batcher(
    _ requests: [TraceRequest], pages: Int, pageSize: Int = 4, maximumBatchSize: Int = 8
  ) throws -> ContinuousBatcher {
    try ContinuousBatcher(
      trace: try RequestTrace(source: "by hand", prefixBlockSize: 8, requests: requests),
      tokenBudget: pages * pageSize, pageSize: pageSize, maximumBatchSize: maximumBatchSize)
  }

  static func allSteps(_ batcher: inout ContinuousBatcher) -> [DecodeStep] {
    var steps: [DecodeStep] = []
    while let step = batcher.nextStep() { steps.append(step) }
    return steps
  }

  @Test func appendsATokenAStepAndReusesPages() throws {
    var batcher = try Self.batcher([try Self.request(3, 3), try Self.request(4, 1)], pages: 4)
    let steps = Self.allSteps(&batcher)
    #expect(steps.map(\.requests) == [[0, 1], [0], [0]])
    #expect(steps.map(\.keyLengths) == [[4, 5], [5], [6]])
    #expect(steps.map(\.completed) == [[1], [], [0]])
    #expect(steps[0].admissions.map(\.pagesToFill) == [[0], [1]])
    #expect(steps[0].appendedTokens.map(\.page) == [0, 2])
    #expect(steps[0].appendedTokens.map(\.slot) == [3, 0])
    #expect(steps[1].appendedTokens.map(\.slot) == [0])
    #expect(steps.map(\.poolUse.inUse) == [3, 2, 2])
    #expect(batcher.statistics.peakPagesInUse == 3)
  }

  @Test func sharesFullBlocksOnly() throws {
    // Both prompts are 20 tokens: two full blocks and half a third, which stays private though its
    // identity is the same.
    let request = try Self.request(20, 2, blocks: [1, 2, 3])
    var batcher = try Self.batcher([request, request], pages: 20)
    let next = batcher.nextStep()
    let step = try #require(next)
    #expect(step.admissions.map(\.sharedLength) == [0, 16])
    #expect(step.admissions.map(\.pagesToFill.count) == [5, 1])
    let first = step.pageIndices[step.pageOffsets[0]..<step.pageOffsets[1]]
    let second = step.pageIndices[step.pageOffsets[1]..<step.pageOffsets[2]]
    #expect(first.prefix(4) == second.prefix(4))
    #expect(Set(first.dropFirst(4)).isDisjoint(with: second.dropFirst(4)))
    #expect(batcher.statistics.sharedPageHitCount == 4)
    #expect(step.poolUse.inUse == 8)
  }

  @Test func sharesNothingWhereBlocksAreNotWholePages() throws {
    let request = try Self.request(20, 2, blocks: [1, 2])
    for pageSize in [3, 16] {
      var batcher = try Self.batcher([request, request], pages: 40, pageSize: pageSize)
      let next = batcher.nextStep()
      let step = try #require(next)
      #expect(step.admissions.map(\.sharedLength) == [0, 0])
      #expect(Set(step.pageIndices.filter { $0 >= 0 }).count == step.pageIndices.count { $0 >= 0 })
    }
  }

  @Test func theSameBlockElsewhereIsAnotherBlock() throws {
    var batcher = try Self.batcher(
      [try Self.request(17, 1, blocks: [5, 5]), try Self.request(17, 1, blocks: [6, 5])], pages: 20)
    let next = batcher.nextStep()
    let step = try #require(next)
    #expect(step.admissions.map(\.sharedLength) == [0, 0])
    #expect(step.poolUse.inUse == 10)
  }

  @Test func keepsPrefixesUntilRoomIsNeeded() throws {
    // Seven pages of four. Requests 0 and 1 leave two cached pages each; 2 needs five and so evicts one
    // block, the one used longer ago; 3 then finds block 2, and 4 no block 1.
    var batcher = try Self.batcher(
      [
        try Self.request(8, 1, blocks: [1]), try Self.request(8, 1, at: 1, blocks: [2]),
        try Self.request(19, 1, at: 2), try Self.request(8, 1, at: 3, blocks: [2]),
        try Self.request(8, 1, at: 4, blocks: [1]),
      ], pages: 7)
    let steps = Self.allSteps(&batcher)
    #expect(steps.map(\.requests) == [[0], [1], [2], [3], [4]])
    #expect(steps.map(\.poolUse.cached) == [0, 2, 2, 0, 2])
    #expect(steps.map { $0.admissions[0].sharedLength } == [0, 0, 0, 8, 0])
    #expect(batcher.statistics.sharedPageHitCount == 2)
  }

  @Test func admitsInOrderWithinTheBatchLimit() throws {
    let requests = try [3, 1, 2, 1].map { try Self.request(1, $0) }
    var batcher = try Self.batcher(requests, pages: 20, maximumBatchSize: 2)
    #expect(Self.allSteps(&batcher).map(\.requests) == [[0, 1], [0, 2], [0, 2], [3]])
  }

  @Test func keepsAPageInReserveForEachActiveRequest() throws {
    // Request 0 holds one page of three; 1 would take the other two, and leave none for 0 to grow.
    let requests = [try Self.request(3, 1), try Self.request(4, 2)]
    var batcher = try Self.batcher(requests, pages: 3)
    let steps = Self.allSteps(&batcher)
    #expect(steps.map(\.requests) == [[0], [1], [1]])
    #expect(batcher.statistics.preemptionCount == 0)
  }

  @Test func jumpsToTheNextArrivalWhenIdle() throws {
    var batcher = try Self.batcher(
      [try Self.request(1, 1, at: 50), try Self.request(1, 2, at: 100)], pages: 4)
    #expect(batcher.nextStep()?.time == 50)
    try batcher.advance(by: 2.5)
    #expect(batcher.time == 52.5)
    #expect(batcher.nextStep()?.time == 100)
    try batcher.advance(by: 0.5)
    #expect(batcher.nextStep()?.time == 100.5)
    #expect(batcher.nextStep() == nil)
  }

  @Test func admitsWhatArrivesWhileOthersRun() throws {
    var batcher = try Self.batcher([try Self.request(1, 3), try Self.request(1, 1, at: 0.5)], pages: 4)
    #expect(batcher.nextStep()?.requests == [0])
    try batcher.advance(by: 0.4)
    #expect(batcher.nextStep()?.requests == [0])
    try batcher.advance(by: 0.1)
    #expect(batcher.nextStep()?.requests == [0, 1])
  }

  @Test func rejectsWhatCanNeverFit() throws {
    // Four pages of four: 12 + 5 tokens need five.
    var batcher = try Self.batcher(
      [
        try Self.request(12, 5), try Self.request(12, 4),
        try Self.request(1, TraceRequest.maximumLength, at: 9),
      ],
      pages: 4)
    let steps = Self.allSteps(&batcher)
    #expect(steps.map(\.requests) == [[1], [1], [1], [1]])
    #expect(batcher.rejections.map(\.request) == [0, 2])
    #expect(batcher.rejections.map(\.neededPageCount) == [5, 536_870_912])
    #expect(batcher.rejections.map(\.poolPageCount) == [4, 4])
    #expect(batcher.statistics.rejectedCount == 2)
    #expect(batcher.statistics.completedCount == 1)
  }

  @Test func preemptsTheYoungestAndLetsItGoOn() throws {
    // Eight pages of one token. At step 2 request 0 takes the last page and request 1 finds none.
    var batcher = try Self.batcher(
      [try Self.request(2, 5), try Self.request(1, 3)], pages: 8, pageSize: 1)
    let steps = Self.allSteps(&batcher)
    #expect(steps.map(\.requests) == [[0, 1], [0, 1], [0], [0], [0], [1]])
    #expect(steps.map(\.keyLengths) == [[3, 2], [4, 3], [5], [6], [7], [4]])
    #expect(steps.map(\.preempted) == [[], [], [1], [], [], []])
    #expect(steps[5].admissions.map(\.promptLength) == [3])
    #expect(steps.map(\.completed) == [[], [], [], [], [0], [1]])
    #expect(batcher.statistics.preemptionCount == 1)
    #expect(batcher.statistics.generatedTokenCount == 8)
  }

  @Test func anEmptyTraceHasNoSteps() throws {
    var batcher = try Self.batcher([], pages: 1)
    #expect(batcher.nextStep() == nil)
  }

  @Test func refusesNumbersOutOfRange() throws {
    let trace = try RequestTrace(source: "empty", requests: [])
    func expectError(_ field: String, budget: Int = 64, pageSize: Int = 4, maximumBatchSize: Int = 8) {
      #expect {
        try ContinuousBatcher(
          trace: trace, tokenBudget: budget, pageSize: pageSize, maximumBatchSize: maximumBatchSize)
      } throws: {
        ($0 as? ProblemError)?.field == field
      }
    }
    expectError("pageSize", pageSize: 0)
    expectError("maximumBatchSize", maximumBatchSize: 0)
    expectError("tokenBudget", budget: 3)
    expectError("tokenBudget", budget: -1)
    expectError("pageCount", budget: Int.max, pageSize: 1)
    var batcher = try Self.batcher([], pages: 1)
    for seconds in [-1, .nan, .infinity] as [Double] {
      #expect(throws: ProblemError.self) { try batcher.advance(by: seconds) }
    }
    #expect(batcher.time == 0)
  }
}

import AllocationCounter
import CPUEngine
import LatentAttention
import Testing

/// A process counts all of its allocations, so that each test here has one of its own.
@Suite struct AllocationTests {
  @Test func runsAllocateNothingAndStartNoThreads() async {
    await #expect(processExitsWith: .success) {
      for elementType in [ElementType.bfloat16, .float16] {
        for policy in PolicyName.allCases {
          for requests in [
            [CaseRecipe.Request(1, 3000), .init(2, 40)], Array(repeating: .init(1, 200), count: 30),
          ] {
            try Self.expectNoAllocation(elementType, policy.policy, requests)
          }
        }
        try Self.expectNoAllocation(elementType, BatchInvariantPolicy(chunkKeys: 100), [.init(2, 1500)])
      }
    }
  }

  private static func expectNoAllocation(
    _ elementType: ElementType, _ policy: any PlanningPolicy, _ requests: [CaseRecipe.Request]
  ) throws {
    var recipe = CaseRecipe("counted", requests: requests)
    recipe.elementType = elementType
    recipe.outputType = elementType
    let verificationCase = try VerificationCase(recipe)
    let engine = try CPUEngine(threadCount: 3)
    let plan = try engine.plan(verificationCase.batch, geometry: verificationCase.geometry, policy: policy)
    func run() throws {
      try engine.run(
        plan, queries: verificationCase.queries, cache: verificationCase.cache,
        output: verificationCase.output)
    }
    try run()
    allocation_counter_start()
    for _ in 0..<5 { try run() }
    let count = allocation_counter_stop()
    #expect(count == 0, "\(elementType), \(policy.name), \(plan.mergeJobs.count) merge jobs")
    #expect(allocation_counter_threads() == 0)
  }

  @Test func mergesAreAmongTheCounted() throws {
    let engine = try CPUEngine(threadCount: 3)
    let split = try VerificationCase(CaseRecipe("split", requests: [.init(1, 3000), .init(2, 40)]))
    let whole = try VerificationCase(
      CaseRecipe("whole", requests: Array(repeating: .init(1, 200), count: 30)))
    #expect(try !engine.plan(split.batch, geometry: split.geometry).mergeJobs.isEmpty)
    #expect(try engine.plan(whole.batch, geometry: whole.geometry).mergeJobs.isEmpty)
  }

  @Test func counterSeesAllocationsAndThreads() async {
    await #expect(processExitsWith: .success) {
      allocation_counter_start()
      let small = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 8)
      let aligned = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 4096)
      // An escape, without which the allocations could be optimised away.
      unsafe small.storeBytes(of: UInt(bitPattern: aligned), as: UInt.self)
      let engine = try CPUEngine(threadCount: 2)
      let count = allocation_counter_stop()
      #expect(count > 4, "\(engine.threadCount) threads")
      #expect(allocation_counter_threads() == 1)
      unsafe small.deallocate()
      unsafe aligned.deallocate()
    }
  }
}

import CPUEngine
import Foundation
import LatentAttention
import Synchronization
import Testing

@Suite struct EngineConcurrencyTests {
  /// Runs `body` on as many new threads at once, whatever the number of processors, and waits for all.
  private func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) -> [String] {
    let problems = Problems()
    let group = DispatchGroup()
    for index in 0..<count {
      group.enter()
      Thread {
        do { try body(index) } catch { problems.add("thread \(index): \(error)") }
        group.leave()
      }.start()
    }
    group.wait()
    return problems.all
  }

  private final class Problems: Sendable {
    private let list = Mutex<[String]>([])
    func add(_ problem: String) { list.withLock { $0.append(problem) } }
    var all: [String] { list.withLock { $0 } }
  }

  private struct WrongResult: Error {
    let comparison: Comparison
    let recipe: CaseRecipe
  }

  /// Plans and runs a random case again and again; the results of the last run are checked.
  private static func runRepeatedly(_ count: Int = 25, index: Int, on engine: CPUEngine) throws {
    let verificationCase = try VerificationCase(seed: 31, index: index)
    let policy = PolicyName.allCases[index % PolicyName.allCases.count].policy
    for _ in 0..<count {
      let plan = try engine.plan(
        verificationCase.batch, geometry: verificationCase.geometry, policy: policy)
      try engine.run(
        plan, queries: verificationCase.queries, cache: verificationCase.cache,
        output: verificationCase.output)
    }
    let comparison = try verificationCase.check()
    guard comparison.passed else {
      throw WrongResult(comparison: comparison, recipe: verificationCase.recipe)
    }
  }

  @Test func eightCallersOfOneEngine() throws {
    let engine = try CPUEngine(threadCount: 3)
    let problems = onThreads(8) { try Self.runRepeatedly(index: $0, on: engine) }
    #expect(problems == [])
  }

  @Test func fourEnginesSideBySide() {
    let problems = onThreads(4) {
      try Self.runRepeatedly(index: $0 + 8, on: CPUEngine(threadCount: $0 % 3 + 1))
    }
    #expect(problems == [])
  }

  /// In a process of its own, so that no other test's threads are counted.
  @Test func enginesTakeTheirThreadsWithThem() async {
    await #expect(processExitsWith: .success) {
      func threadCount() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
      }
      // A thread that has ended but was not joined keeps its stack and that one's guard page: two mappings.
      // Read to the end: the size that the file states is 0, and a first read gives a page of it.
      func mappingCount() throws -> Int {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/maps"))
        return try file.readToEnd()?.count { $0 == UInt8(ascii: "\n") } ?? 0
      }
      let before = try threadCount()
      try Self.runRepeatedly(1, index: 1, on: CPUEngine(threadCount: 4))
      let mappingsBefore = try mappingCount()
      for round in 0..<200 {
        let engine = try CPUEngine(threadCount: 4)
        // Some engines go right after a run, most before their threads first wait.
        if round.isMultiple(of: 20) { try Self.runRepeatedly(1, index: 1, on: engine) }
        if round == 0 { #expect(try threadCount() >= before + 3) }
      }
      // The system takes a joined thread off the list a little after the join; the test runner may have
      // started a few threads of its own.
      var after = try threadCount()
      for _ in 0..<100 where after > before {
        usleep(10_000)
        after = try threadCount()
      }
      #expect(after < before + 6)
      // 600 threads came and went. A few stacks are kept for the next threads, a few arenas of the allocator too.
      #expect(try mappingCount() < mappingsBefore + 300)
    }
  }

  /// In a process of its own: the clock is the whole process's.
  @Test func idleEngineTakesNoProcessorTime() async {
    await #expect(processExitsWith: .success) {
      func processorSeconds() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
      }
      let engine = try CPUEngine(threadCount: 3)
      try Self.runRepeatedly(index: 1, on: engine)
      // Long enough for the threads to stop spinning.
      usleep(50_000)
      let before = processorSeconds()
      usleep(200_000)
      let spent = processorSeconds() - before
      #expect(spent < 0.05, "\(engine.threadCount) threads")
    }
  }
}

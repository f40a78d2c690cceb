import Synchronization
import Testing
import WorkerThreads

/// Shares of runs, counted.
@Suite("Worker pool")
struct WorkerPoolTests {
  /// Counts how often each worker's share was done; in every other run, those of helpers take a while.
  private final class CountedWork: PoolWork {
    let counts = Mutex([0, 0, 0, 0])
    let isSlow = Atomic<Bool>(false)

    func perform(worker: Int) {
      if worker > 0, isSlow.load(ordering: .relaxed) {
        let end = ContinuousClock.now + .microseconds(50)
        while ContinuousClock.now < end {}
      }
      counts.withLock { $0[worker] += 1 }
    }
  }

  @Test("Every share of every run is done once", arguments: [0, 100, 10_000], [true, false])
  func shares(spinCount: Int, waits: Bool) throws {
    let pool = try WorkerPool(workerCount: 4, spinCount: spinCount)
    let work = CountedWork()
    for run in 1...400 {
      work.isSlow.store(run % 2 == 0, ordering: .relaxed)
      if waits { pool.run(work) } else { pool.runWithoutWaiting(work) }
      // A share of a run that is done later would be missing here, or be one too many in the next.
      #expect(work.counts.withLock { $0 } == [Int](repeating: run, count: 4))
    }
  }

  @Test("A run ends when a share has ended that another thread has begun")
  func waiting() throws {
    /// Its first share ends when the second has begun, which takes a while.
    final class Work: PoolWork {
      let hasBegun = Atomic<Bool>(false)
      let isDone = Atomic<Bool>(false)

      func perform(worker: Int) {
        if worker == 0 {
          while !hasBegun.load(ordering: .acquiring) {}
        } else {
          hasBegun.store(true, ordering: .releasing)
          let end = ContinuousClock.now + .milliseconds(2)
          while ContinuousClock.now < end {}
          isDone.store(true, ordering: .releasing)
        }
      }
    }
    let pool = try WorkerPool(workerCount: 2)
    for _ in 0..<5 {
      let work = Work()
      pool.runWithoutWaiting(work)
      let isDone = work.isDone.load(ordering: .acquiring)
      #expect(isDone)
    }
  }
}

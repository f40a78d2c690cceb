import SpinHint
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Work that a pool spreads over its workers.
package protocol PoolWork: AnyObject, Sendable {
  /// Does the share of one worker; called once per worker and run, at the same time on all of them.
  func perform(worker: Int)
}

/// Why a pool could not be made.
package struct ThreadCreationError: Error {
  /// As `pthread_create` returns it.
  package let errorNumber: Int32
}

/// Threads that wait for work: they spin for a while after a run, as the next run usually comes at once, and then sleep
/// until woken, so that an idle pool costs nothing.
///
/// The calling thread is worker 0. Runs from several callers are done one after another.
package final class WorkerPool: Sendable {
  package let workerCount: Int
  private let shared: PoolState
  private let threads: [pthread_t]

  /// Starts `workerCount − 1` threads, which look for the next run so many times before they go to sleep.
  ///
  /// 10,000 times take about 200 µs on a machine of 3 GHz. Waking a sleeper takes 60 to 100 µs: where runs are short and
  /// all workers must come, with less, caller and helper would send each other to sleep over and over.
  package init(workerCount: Int, spinCount: Int = 10_000) throws(ThreadCreationError) {
    self.workerCount = workerCount
    shared = PoolState(workerCount: max(1, workerCount), spinCount: spinCount)
    var threads: [pthread_t] = []
    for worker in 1..<max(1, workerCount) {
      var thread = pthread_t()
      let start = unsafe Unmanaged.passRetained(WorkerStart(worker: worker, shared: shared))
      let result = unsafe pthread_create(&thread, nil, runWorker, start.toOpaque())
      guard result == 0 else {
        unsafe start.release()
        shared.stop()
        for thread in threads { _ = pthread_join(thread, nil) }
        throw ThreadCreationError(errorNumber: result)
      }
      threads.append(thread)
    }
    self.threads = threads
  }

  deinit {
    shared.stop()
    for thread in threads { _ = pthread_join(thread, nil) }
  }

  /// Calls `work.perform` once for each worker, on the worker's thread, and returns when all are done. Allocates nothing.
  package func run(_ work: some PoolWork) {
    guard workerCount > 1 else { return work.perform(worker: 0) }
    _ = shared.begin(work, helpers: workerCount - 1)
    work.perform(worker: 0)
    shared.waitUntilDone()
  }

  /// As above, but the calling thread also does the shares of workers who have not begun when it is done with its own: on a
  /// busy machine short runs then take no longer than one thread takes for them.
  package func runWithoutWaiting(_ work: some PoolWork) {
    guard workerCount > 1 else { return work.perform(worker: 0) }
    let generation = shared.begin(work, helpers: workerCount - 1)
    work.perform(worker: 0)
    for worker in 1..<workerCount where shared.claim(worker, generation) {
      work.perform(worker: worker)
      shared.finishShare()
    }
    shared.waitUntilDone()
  }
}

/// What a new thread is handed.
private final class WorkerStart: Sendable {
  let worker: Int
  let shared: PoolState

  init(worker: Int, shared: PoolState) {
    self.worker = worker
    self.shared = shared
  }
}

private func runWorker(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument = unsafe argument else { return nil }
  let start = unsafe Unmanaged<WorkerStart>.fromOpaque(argument).takeRetainedValue()
  var seen: UInt64 = 0
  while let generation = start.shared.nextGeneration(after: seen) {
    seen = generation
    start.shared.performShare(of: start.worker, generation)
  }
  return nil
}

/// What pool and threads share.
///
/// A run is announced by a new generation number; a share of it is done by who claims it, a run ends when all have been
/// done. A helper that comes late finds its share claimed, and touches nothing else of the run. Who goes to sleep says so
/// first and looks again after, with sequentially consistent operations on both sides, so that either the sleeper sees the
/// news or the waker sees the sleeper.
@safe private final class PoolState: @unchecked Sendable {
  private let generation = Atomic<UInt64>(0)
  private let busyHelpers = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let callerSleeps = Atomic<Bool>(false)
  private let isStopped = Atomic<Bool>(false)
  /// Of each worker, the last generation whose share has been claimed.
  private let claims: UnsafeMutablePointer<Atomic<UInt64>>
  private let workerCount: Int
  private let spinCount: Int
  /// Written before the generation is announced, read after it is seen.
  private var work: (any PoolWork)?
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let workArrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let workDone = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init(workerCount: Int, spinCount: Int) {
    self.workerCount = workerCount
    self.spinCount = spinCount
    unsafe claims = .allocate(capacity: workerCount)
    for worker in 0..<workerCount { unsafe (claims + worker).initialize(to: Atomic(0)) }
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(workArrived, nil)
    unsafe pthread_cond_init(workDone, nil)
  }

  deinit {
    unsafe claims.deinitialize(count: workerCount)
    unsafe claims.deallocate()
    unsafe pthread_cond_destroy(workDone)
    unsafe pthread_cond_destroy(workArrived)
    unsafe pthread_mutex_destroy(mutex)
    unsafe workDone.deallocate()
    unsafe workArrived.deallocate()
    unsafe mutex.deallocate()
  }

  /// Returns the run's generation.
  func begin(_ newWork: some PoolWork, helpers: Int) -> UInt64 {
    work = newWork
    busyHelpers.store(helpers, ordering: .relaxed)
    return announce()
  }

  func stop() {
    isStopped.store(true, ordering: .relaxed)
    _ = announce()
  }

  private func announce() -> UInt64 {
    let new = generation.add(1, ordering: .sequentiallyConsistent).newValue
    guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return new }
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_broadcast(workArrived)
    unsafe pthread_mutex_unlock(mutex)
    return new
  }

  /// Waits for a generation after `seen`; nil when the pool stops.
  func nextGeneration(after seen: UInt64) -> UInt64? {
    for _ in 0..<spinCount where generation.load(ordering: .acquiring) == seen { mla_relax() }
    if generation.load(ordering: .acquiring) == seen {
      unsafe pthread_mutex_lock(mutex)
      sleepers.add(1, ordering: .sequentiallyConsistent)
      while generation.load(ordering: .sequentiallyConsistent) == seen {
        unsafe pthread_cond_wait(workArrived, mutex)
      }
      sleepers.subtract(1, ordering: .sequentiallyConsistent)
      unsafe pthread_mutex_unlock(mutex)
    }
    let current = generation.load(ordering: .acquiring)
    return isStopped.load(ordering: .relaxed) ? nil : current
  }

  /// Whether the share of a worker in a run is now the caller's to do.
  func claim(_ worker: Int, _ generation: UInt64) -> Bool {
    let known = unsafe claims[worker].load(ordering: .relaxed)
    guard known < generation else { return false }
    return unsafe claims[worker].compareExchange(
      expected: known, desired: generation, ordering: .acquiringAndReleasing
    ).exchanged
  }

  func performShare(of worker: Int, _ generation: UInt64) {
    guard claim(worker, generation) else { return }
    work?.perform(worker: worker)
    finishShare()
  }

  func finishShare() {
    let left = busyHelpers.subtract(1, ordering: .sequentiallyConsistent).newValue
    guard left == 0, callerSleeps.load(ordering: .sequentiallyConsistent) else { return }
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_signal(workDone)
    unsafe pthread_mutex_unlock(mutex)
  }

  func waitUntilDone() {
    for _ in 0..<spinCount where busyHelpers.load(ordering: .acquiring) > 0 { mla_relax() }
    if busyHelpers.load(ordering: .acquiring) > 0 {
      unsafe pthread_mutex_lock(mutex)
      callerSleeps.store(true, ordering: .sequentiallyConsistent)
      while busyHelpers.load(ordering: .sequentiallyConsistent) > 0 {
        unsafe pthread_cond_wait(workDone, mutex)
      }
      callerSleeps.store(false, ordering: .relaxed)
      unsafe pthread_mutex_unlock(mutex)
    }
    work = nil
  }
}

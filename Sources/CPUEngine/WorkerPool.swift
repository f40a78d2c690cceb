import CPUMicrokernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Work that a pool spreads over its workers.
protocol PoolWork: AnyObject, Sendable {
  /// Does the share of one worker; called once per worker and run, at the same time on all of them.
  func perform(worker: Int)
}

/// Threads that wait for work: they spin for a fraction of a millisecond after a run, as the next layer's run
/// usually comes at once, and then sleep until woken, so that an idle pool costs nothing.
///
/// The calling thread is worker 0. Runs from several callers are done one after another.
final class WorkerPool: Sendable {
  let workerCount: Int
  private let shared: PoolState
  private let threads: [pthread_t]

  /// Starts `workerCount − 1` threads.
  init(workerCount: Int) throws(CPUEngineError) {
    self.workerCount = workerCount
    shared = PoolState()
    var threads: [pthread_t] = []
    for worker in 1..<max(1, workerCount) {
      var thread = pthread_t()
      let start = unsafe Unmanaged.passRetained(WorkerStart(worker: worker, shared: shared))
      let result = unsafe pthread_create(&thread, nil, runWorker, start.toOpaque())
      guard result == 0 else {
        unsafe start.release()
        shared.stop()
        for thread in threads { _ = pthread_join(thread, nil) }
        throw .threadCreationFailed(errorNumber: result)
      }
      threads.append(thread)
    }
    self.threads = threads
  }

  deinit {
    shared.stop()
    for thread in threads { _ = pthread_join(thread, nil) }
  }

  /// Calls `work.perform` once for each worker and returns when all are done. Allocates nothing.
  func run(_ work: some PoolWork) {
    guard workerCount > 1 else { return work.perform(worker: 0) }
    shared.begin(work, helpers: workerCount - 1)
    work.perform(worker: 0)
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
    start.shared.performShare(worker: start.worker)
  }
  return nil
}

/// What pool and threads share.
///
/// A run is announced by a new generation number; helpers count themselves out when done. Who goes to sleep
/// says so first and looks again after, with sequentially consistent operations on both sides, so that either
/// the sleeper sees the news or the waker sees the sleeper.
@safe private final class PoolState: @unchecked Sendable {
  private let generation = Atomic<UInt64>(0)
  private let busyHelpers = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let callerSleeps = Atomic<Bool>(false)
  private let isStopped = Atomic<Bool>(false)
  /// Written before the generation is announced, read after it is seen.
  private var work: (any PoolWork)?
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let workArrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let workDone = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// Looks at the news before going to sleep: about 200 µs on a machine of 3 GHz. Waking a sleeper takes 60 to
  /// 100 µs; with less, caller and helper would send each other to sleep over and over in short runs.
  private static let spinCount = 10_000

  init() {
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(workArrived, nil)
    unsafe pthread_cond_init(workDone, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(workDone)
    unsafe pthread_cond_destroy(workArrived)
    unsafe pthread_mutex_destroy(mutex)
    unsafe workDone.deallocate()
    unsafe workArrived.deallocate()
    unsafe mutex.deallocate()
  }

  func begin(_ newWork: some PoolWork, helpers: Int) {
    work = newWork
    busyHelpers.store(helpers, ordering: .relaxed)
    announce()
  }

  func stop() {
    isStopped.store(true, ordering: .relaxed)
    announce()
  }

  private func announce() {
    generation.add(1, ordering: .sequentiallyConsistent)
    guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_broadcast(workArrived)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Waits for a generation after `seen`; nil when the pool stops.
  func nextGeneration(after seen: UInt64) -> UInt64? {
    for _ in 0..<Self.spinCount where generation.load(ordering: .acquiring) == seen { mla_relax() }
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

  func performShare(worker: Int) {
    work?.perform(worker: worker)
    let left = busyHelpers.subtract(1, ordering: .sequentiallyConsistent).newValue
    guard left == 0, callerSleeps.load(ordering: .sequentiallyConsistent) else { return }
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_signal(workDone)
    unsafe pthread_mutex_unlock(mutex)
  }

  func waitUntilDone() {
    for _ in 0..<Self.spinCount where busyHelpers.load(ordering: .acquiring) > 0 { mla_relax() }
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

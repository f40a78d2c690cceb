import GPUDevice
import WorkerThreads

/// Runs the blocks of a launch, or of several of which each may start before the one ahead of it has ended, window after
/// window of time.
///
/// Within a window, the multiprocessors run apart from each other, on several threads. What they want of global memory
/// is timed at the window's end, and operations whose order among clusters matters (atomics, acquires, releases,
/// volatile accesses) stop their warps and are executed then, one after the other, all in the order of time,
/// multiprocessor and warp. So results and cycles do not depend on the number of threads.
final class LaunchRunner {
  private let grids: [GridRun]
  /// Of `grids`, how many have ended, and how many have started.
  private var endedCount = 0
  private var startedCount = 0
  private var results: [OverlappedReport] = []
  /// Of the grids that run, in their order.
  private var interpreters: [Interpreter] = []
  private var memory: MemorySystem
  private let device: DeviceDescription
  private let limits: LaunchLimits
  /// Nil when all is done by the calling thread.
  private let pool: WorkerPool?
  /// When the last window has ended.
  private var now: UInt64 = 0

  /// Cycles of a window: less than anything takes from one multiprocessor to another.
  private static let window: UInt64 = 150

  init(
    _ grids: [GridRun], device: DeviceDescription, limits: LaunchLimits, pool: WorkerPool?, cache: L2Cache
  ) {
    self.grids = grids
    self.device = device
    self.limits = limits
    self.pool = pool
    memory = MemorySystem(device, cache: cache)
  }

  private var running: ArraySlice<GridRun> { grids[endedCount..<startedCount] }

  /// Runs all grids to their ends.
  func run() throws(SimulationError) -> [OverlappedReport] {
    for grid in grids.dropFirst() { grid.launch.mustWaitForGrids = true }
    start(at: 0)
    while endedCount < grids.count {
      if startNext() { continue }
      let begin = interpreters.map(\.nextTime).min() ?? .max
      let end = (begin == .max ? now : begin) + Self.window
      now = max(now, end)
      let hasRun = try runWindow(until: end)
      for interpreter in interpreters { interpreter.takeAccesses() }
      let hasTurned = try takeTurns(at: end)
      let hasAnswered = answerRequests(at: end)
      for grid in running { grid.writeTrace(memory, from: begin == .max ? end : begin, to: end) }
      let hasRetired = retire(at: end)
      let isAsking = interpreters.contains { !$0.requests.isEmpty }
      guard hasRun || hasAnswered || hasTurned || hasRetired || isAsking else {
        for interpreter in interpreters { interpreter.reportWaits() }
        throw SimulationError(reason: .deadlock(interpreters.flatMap(\.waits)))
      }
      for grid in running { if let error = grid.error(beyond: limits, at: now) { throw error } }
    }
    return results
  }

  // MARK: Grids

  /// Starts the next grid.
  private func start(at time: UInt64) {
    grids[startedCount].begin(at: time, memory.counts)
    startedCount += 1
    interpreters = running.flatMap(\.interpreters)
    startClusters(at: time)
  }

  /// Starts the next grid if the one before lets it, and if it is time for it: the launch of a grid takes its time from
  /// the start of the one before. True when one has started.
  private func startNext() -> Bool {
    guard startedCount < grids.count, let before = grids[startedCount - 1].startTime,
      grids[startedCount - 1].letsNextStart
    else { return false }
    let time = max(now, before + device.launchCycles)
    let begin = interpreters.map(\.nextTime).min() ?? .max
    guard running.isEmpty || time <= (begin == .max ? now : begin) else { return false }
    start(at: time)
    if running.count == 1 { running.first?.releaseWaiting(at: time) }
    return true
  }

  private func startClusters(at time: UInt64) {
    for grid in running {
      var use: [BlockFootprint]?
      if running.count > 1 {
        var taken = [BlockFootprint](repeating: BlockFootprint(), count: grid.launch.processorCount)
        for other in running { other.addUse(to: &taken) }
        use = taken
      }
      grid.startClusters(at: time, beside: use)
    }
    let isAlone = interpreters.count == 1
    for interpreter in interpreters { interpreter.isAlone = isAlone && interpreter.residentCount <= 1 }
  }

  /// Forgets clusters and grids that have ended, and starts what comes next.
  private func retire(at time: UInt64) -> Bool {
    var hasRetired = false
    for grid in running where grid.retireClusters() { hasRetired = true }
    while let grid = running.first, grid.isFinished {
      results.append(OverlappedReport(start: grid.startTime ?? 0, report: grid.end(memory)))
      endedCount += 1
      hasRetired = true
      running.first?.releaseWaiting(at: time)
    }
    guard hasRetired else { return false }
    interpreters = running.flatMap(\.interpreters)
    startClusters(at: time)
    return true
  }

  // MARK: A window

  private func runWindow(until end: UInt64) throws(SimulationError) -> Bool {
    let active = interpreters.filter { $0.nextTime < end }
    let window = WindowWork(active, until: end, workers: min(pool?.workerCount ?? 1, active.count))
    if let pool, active.count > 1 { pool.runWithoutWaiting(window) } else { window.perform(worker: 0) }
    return try window.hasRun()
  }

  /// Tells everybody when what they have asked of memory before a time is there: in the order of time, multiprocessor
  /// and issue.
  private func answerRequests(at end: UInt64) -> Bool {
    var due: [DueRequest] = []
    for place in interpreters.indices where interpreters[place].requests.firstTime < end {
      interpreters[place].requests.take(before: end) { request, index in
        due.append(
          DueRequest(
            time: request.time, processor: request.processor, sequence: request.sequence, interpreter: place,
            index: index))
      }
    }
    if due.isEmpty { return false }
    due.sort()
    for next in due {
      let (request, runs) = interpreters[next.interpreter].requests.taken(next.index)
      let done = max(memory.resolve(request, runs), end)
      switch request.completion {
      case .nobody: break
      case .registers(let frame, let instruction): frame.scoreboard.arrive(instruction, at: done)
      case .action(let action): action(done)
      }
    }
    for interpreter in interpreters {
      interpreter.requests.forgetTaken()
      interpreter.releaseWaitingForMemory()
    }
    return true
  }

  private func takeTurns(at end: UInt64) throws(SimulationError) -> Bool {
    var waiting: [(time: UInt64, interpreter: Interpreter, warp: Warp)] = []
    for interpreter in interpreters {
      for warp in interpreter.warpsWaitingForTurn() { waiting.append((warp.time, interpreter, warp)) }
    }
    waiting.sort {
      ($0.time, $0.interpreter.launch.gridID, $0.warp.block.index, $0.warp.index)
        < ($1.time, $1.interpreter.launch.gridID, $1.warp.block.index, $1.warp.index)
    }
    for (_, interpreter, warp) in waiting {
      guard let place = warp.fragments.firstIndex(where: { $0.wait == .turn }) else { continue }
      try interpreter.takeTurn(warp, place)
      warp.wait(until: end, .memoryOrder)
      warp.publish()
      if warp.waitsForTurn { interpreter.hasWaitingForTurn = true }
    }
    return !waiting.isEmpty
  }

  /// Hazards so far.
  var findings: [HazardFinding] { grids.flatMap(\.findings) }
}

/// A request that is to be answered: when and for whom, and where it is.
private struct DueRequest: Comparable {
  let time: UInt64
  let processor: Int
  let sequence: Int
  let interpreter: Int
  let index: Int

  static func < (a: DueRequest, b: DueRequest) -> Bool {
    if a.time != b.time { return a.time < b.time }
    return (a.processor, a.sequence, a.interpreter, a.index)
      < (b.processor, b.sequence, b.interpreter, b.index)
  }
}

/// One window of some interpreters. Each worker has neighbours, whose memory often lies side by side.
@safe private final class WindowWork: PoolWork, @unchecked Sendable {
  private let interpreters: [Interpreter]
  private let end: UInt64
  private let workers: Int
  /// Of each interpreter, written by one worker.
  private let results: UnsafeMutablePointer<Result<Bool, SimulationError>>

  init(_ interpreters: [Interpreter], until end: UInt64, workers: Int) {
    self.interpreters = interpreters
    self.end = end
    self.workers = workers
    unsafe results = .allocate(capacity: interpreters.count)
    unsafe results.initialize(repeating: .success(false), count: interpreters.count)
  }

  deinit {
    unsafe results.deinitialize(count: interpreters.count)
    unsafe results.deallocate()
  }

  /// All run their window, also when one has met an error: what they find does not depend on the workers.
  func perform(worker: Int) {
    guard worker < workers else { return }
    let count = interpreters.count
    for index in worker * count / workers..<(worker + 1) * count / workers {
      unsafe results[index] = Result { () throws(SimulationError) in try interpreters[index].run(until: end) }
    }
  }

  /// Whether anything has happened; the error of the first that has met one.
  func hasRun() throws(SimulationError) -> Bool {
    var hasRun = false
    for index in interpreters.indices where try unsafe results[index].get() { hasRun = true }
    return hasRun
  }
}

extension Interpreter {
  /// When the earliest warp that can go on does so, the next data arrives or is asked for; the largest number when
  /// nothing will.
  var nextTime: UInt64 {
    min(warpTime, events.isEmpty ? .max : events[0].time, requests.firstTime)
  }
}

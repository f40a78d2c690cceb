import Dispatch
import GPUDevice

/// Runs the blocks of a launch, window after window of time.
///
/// Within a window, the multiprocessors run apart from each other, on several threads. What they want of global memory
/// is timed at the window's end, and operations whose order among clusters matters (atomics, acquires, releases,
/// volatile accesses) stop their warps and are executed then, one after the other, all in the order of time,
/// multiprocessor and warp. So results and cycles do not depend on the number of threads.
final class LaunchRunner {
  private let launch: LaunchContext
  private let interpreters: [Interpreter]
  private var memory: MemorySystem
  private let device: DeviceDescription
  private let instructionLimit: UInt64
  private let threadCount: Int
  /// Clusters that have not started.
  private var nextCluster = 0
  private var endTime: UInt64 = 0
  private var recorder = TraceRecorder()
  /// Hazards of clusters that have ended.
  private var log = FindingLog()

  /// Cycles of a window: less than anything takes from one multiprocessor to another.
  private static let window: UInt64 = 150

  /// `residentClusters` are those that the device holds at once.
  init(
    _ launch: LaunchContext, device: DeviceDescription, residentClusters: Int, instructionLimit: UInt64,
    threadCount: Int, cache: L2Cache
  ) {
    self.launch = launch
    self.device = device
    self.instructionLimit = instructionLimit
    self.threadCount = threadCount
    memory = MemorySystem(device, cache: cache)
    let size = launch.configuration.cluster.count
    let sets = max(1, launch.processorCount / size)
    let needed = min(sets, launch.clusterGrid.count)
    interpreters = (0..<needed).map { set in
      // Clusters that do not divide evenly: the first sets hold one more.
      let count = residentClusters / sets + (set < residentClusters % sets ? 1 : 0)
      return Interpreter(
        launch, processors: (0..<size).map { set * size + $0 }, residentClusters: max(1, count),
        device: device)
    }
  }

  /// Runs to the end.
  func run() throws(SimulationError) -> LaunchReport {
    start(at: 0)
    while interpreters.contains(where: { !$0.isIdle }) {
      let begin = interpreters.map(\.nextTime).min() ?? .max
      let end = (begin == .max ? endTime : begin) + Self.window
      endTime = max(endTime, end)
      let hasRun = try runWindow(until: end)
      for interpreter in interpreters { interpreter.takeAccesses() }
      let hasTurned = try takeTurns(at: end)
      let hasAnswered = answerRequests(at: end)
      if launch.trace != nil { writeTrace(from: begin == .max ? end : begin, to: end) }
      let hasRetired = retire(at: end)
      let isAsking = interpreters.contains { !$0.requests.isEmpty }
      guard hasRun || hasAnswered || hasTurned || hasRetired || isAsking else {
        throw SimulationError(reason: .deadlock(interpreters.flatMap(\.waits)))
      }
      if instructionCount > instructionLimit {
        throw SimulationError(reason: .instructionLimit(instructionLimit))
      }
    }
    return report
  }

  private var instructionCount: UInt64 { interpreters.reduce(0) { $0 + $1.instructionCount } }

  /// Starts clusters in the order of the grid, each where the fewest run.
  private func start(at time: UInt64) {
    while nextCluster < launch.clusterGrid.count {
      let free = interpreters.filter(\.hasRoom)
      guard let next = free.min(by: { $0.residentCount < $1.residentCount }) else { break }
      next.start(nextCluster, at: time)
      nextCluster += 1
    }
    let isAlone = interpreters.count == 1
    for interpreter in interpreters { interpreter.isAlone = isAlone && interpreter.residentCount <= 1 }
  }

  // MARK: A window

  private func runWindow(until end: UInt64) throws(SimulationError) -> Bool {
    let active = interpreters.filter { $0.nextTime < end }
    let results = WindowResults(count: active.count)
    let share = max(1, min(threadCount, active.count))
    // All run their window, also when one has met an error: what they find does not depend on the threads.
    @Sendable func run(_ thread: Int) {
      for index in stride(from: thread, to: active.count, by: share) {
        results.set(index, Result { () throws(SimulationError) in try active[index].run(until: end) })
      }
    }
    if share == 1 { run(0) } else { DispatchQueue.concurrentPerform(iterations: share, execute: run) }
    var hasRun = false
    for index in active.indices where try results.get(index).get() { hasRun = true }
    return hasRun
  }

  /// Tells everybody when what they have asked of memory before a time is there: in the order of time, multiprocessor
  /// and issue.
  private func answerRequests(at end: UInt64) -> Bool {
    var due: [(request: MemoryRequest, runs: ArraySlice<RequestQueue.Run>)] = []
    for interpreter in interpreters where !interpreter.requests.isEmpty {
      due += interpreter.requests.take(before: end)
    }
    if due.isEmpty { return false }
    let order = due.indices.sorted {
      let (a, b) = (due[$0].request, due[$1].request)
      return (a.time, a.processor, a.sequence) < (b.time, b.processor, b.sequence)
    }
    for place in order {
      let (request, runs) = due[place]
      let done = max(memory.resolve(request, runs), end)
      switch request.completion {
      case .nobody: break
      case .registers(let frame, let instruction): frame.arrive(instruction, at: done)
      case .action(let action): action(done)
      }
    }
    for interpreter in interpreters {
      for warp in interpreter.warps { warp.release(at: 0) { $0 == .memory } }
    }
    return true
  }

  private func takeTurns(at end: UInt64) throws(SimulationError) -> Bool {
    var waiting: [(time: UInt64, interpreter: Interpreter, warp: Warp)] = []
    for interpreter in interpreters {
      for warp in interpreter.warps where warp.fragments.contains(where: { $0.wait == .turn }) {
        waiting.append((warp.time, interpreter, warp))
      }
    }
    waiting.sort {
      ($0.time, $0.warp.block.index, $0.warp.index) < ($1.time, $1.warp.block.index, $1.warp.index)
    }
    for (_, interpreter, warp) in waiting {
      guard let place = warp.fragments.firstIndex(where: { $0.wait == .turn }) else { continue }
      try interpreter.takeTurn(warp, place)
      warp.wait(until: end, .memoryOrder)
      warp.publish()
    }
    return !waiting.isEmpty
  }

  /// Forgets what has ended, and starts what comes next.
  private func retire(at time: UInt64) -> Bool {
    var hasRetired = false
    for interpreter in interpreters {
      if interpreter.retire(&log) { hasRetired = true }
    }
    if hasRetired { start(at: time) }
    return hasRetired
  }

  private func writeTrace(from begin: UInt64, to end: UInt64) {
    recorder.sample(memory.counts, from: begin)
    for clock in interpreters.flatMap(\.clocks) { clock.trace?.sample(clock, at: end) }
  }

  private var report: LaunchReport {
    var report = LaunchReport(
      launch, cycles: max(memory.idleTime, interpreters.map(\.endTime).max() ?? 0),
      instructionCount: instructionCount, memory: memory.counts, interpreters)
    if launch.trace != nil { report.trace = recorder.trace(interpreters, launch.program.regions) }
    report.findings = findings
    return report
  }

  /// Hazards so far.
  var findings: [HazardFinding] {
    var all = log
    if let global = launch.global { all.merge(global.log) }
    for interpreter in interpreters {
      for cluster in interpreter.clusters { if let hazards = cluster?.hazards { all.merge(hazards.log) } }
    }
    return all.findings
  }
}

/// What each interpreter has come to in a window; each is written by one thread.
@safe private final class WindowResults: @unchecked Sendable {
  private let results: UnsafeMutablePointer<Result<Bool, SimulationError>>
  private let count: Int

  init(count: Int) {
    self.count = count
    unsafe results = .allocate(capacity: count)
    unsafe results.initialize(repeating: .success(false), count: count)
  }

  deinit {
    unsafe results.deinitialize(count: count)
    unsafe results.deallocate()
  }

  func set(_ index: Int, _ result: Result<Bool, SimulationError>) { unsafe results[index] = result }

  func get(_ index: Int) -> Result<Bool, SimulationError> { unsafe results[index] }
}

extension Interpreter {
  /// When the earliest warp that can go on does so, the next data arrives or is asked for; the largest number when
  /// nothing will.
  var nextTime: UInt64 {
    min(warpTime, events.first?.time ?? .max, requests.firstTime)
  }

  /// Who waits for what, in words.
  var waits: [String] {
    warps.filter { $0.live != 0 }.flatMap { warp in
      warp.fragments.map { fragment in
        let program = fragment.frame.program
        let statement = unsafe Int(program.code.base[fragment.index].statement)
        return "\(ExecutionPlace(program, statement, warp)) waits for \(words(fragment.wait, warp))"
      }
    }
  }

  private func words(_ wait: Wait, _ warp: Warp) -> String {
    switch wait {
    case .nothing: return "nothing"
    case .barrier(let number):
      let barrier = warp.block.barriers[number]
      let expected = barrier.expected > 0 ? barrier.expected : warp.block.liveWarpCount * 32
      return "barrier \(number): \(barrier.arrived) of \(expected) threads have arrived"
    case .object(let address, let parity):
      let offset = Int(address & (1 << AddressWindow.sharedBits - 1))
      let block = warp.block.cluster.blocks[Int(address >> AddressWindow.sharedBits)]
      let object = BarrierObject(bits: unsafe (block.shared + offset).load(as: UInt64.self))
      let state = object.map {
        "\($0.pending) of \($0.expected) arrivals and \($0.transactions) bytes are missing"
      }
      return
        "the phase of parity \(parity) of the mbarrier at 0x\(String(address, radix: 16)): \(state ?? "it is gone")"
    case .cluster:
      return
        "the cluster's barrier: \(warp.block.cluster.arrivedWarpCount) of \(warp.block.cluster.liveWarpCount) warps have arrived"
    case .lanes(let mask): return "lanes 0x\(String(mask, radix: 16)) of its warp"
    case .turn: return "its turn"
    case .memory: return "data from memory"
    case .registers: return "registers: \(warp.block.freeRegisters) of the block are free"
    case .grid: return "the grid before"
    case .products: return warp.block.warpgroup(of: warp).waits
    }
  }
}

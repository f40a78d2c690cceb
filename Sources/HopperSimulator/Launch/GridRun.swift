import GPUDevice

/// A grid that runs, or that waits until the one before it lets it start.
///
/// A grid that starts early has multiprocessors of its own for issue and execution units, yet shares the room for
/// blocks, L2 and DRAM with the grid before it. Uncalibrated: such grids mostly wait.
final class GridRun {
  let launch: LaunchContext
  private let residentClusters: Int
  private(set) var interpreters: [Interpreter] = []
  /// Clusters before it have started.
  private var nextCluster = 0
  /// When its blocks could start; nil before.
  private(set) var startTime: UInt64?
  private var countsAtStart = MemorySystem.Counts()
  private var recorder = TraceRecorder(MemorySystem.Counts())
  /// Hazards of clusters that have ended.
  private var log = FindingLog()

  /// `residentClusters` are those that an empty device holds at once.
  init(_ launch: LaunchContext, residentClusters: Int) {
    self.launch = launch
    self.residentClusters = residentClusters
  }

  /// Makes room for its clusters, none of which starts.
  func begin(at time: UInt64, _ counts: MemorySystem.Counts) {
    startTime = time
    countsAtStart = counts
    recorder = TraceRecorder(counts)
    let size = launch.configuration.cluster.count
    let sets = max(1, launch.processorCount / size)
    let needed = min(sets, launch.clusterGrid.count)
    interpreters = (0..<needed).map { set in
      // Clusters that do not divide evenly: the first sets hold one more.
      let count = residentClusters / sets + (set < residentClusters % sets ? 1 : 0)
      return Interpreter(
        launch, processors: (0..<size).map { set * size + $0 }, residentClusters: max(1, count),
        device: launch.device)
    }
  }

  /// Starts clusters in the order of the grid, each where the fewest run; `use` is what other grids take of each
  /// multiprocessor.
  func startClusters(at time: UInt64, beside use: [BlockFootprint]?) {
    var use = use
    while nextCluster < launch.clusterGrid.count {
      let free = interpreters.filter { $0.hasRoom && hasRoom(on: $0.processors, beside: use) }
      guard let next = free.min(by: { $0.residentCount < $1.residentCount }) else { break }
      next.start(nextCluster, at: time)
      nextCluster += 1
      for processor in next.processors {
        if let taken = use?[processor] { use?[processor] = taken + launch.footprint }
      }
    }
  }

  private func hasRoom(on processors: [Int], beside use: [BlockFootprint]?) -> Bool {
    guard let use else { return true }
    let properties = launch.device.properties
    return processors.allSatisfy { launch.footprint.fits(beside: use[$0], in: properties) }
  }

  /// Adds what its blocks take of each multiprocessor.
  func addUse(to use: inout [BlockFootprint]) {
    for interpreter in interpreters {
      for _ in 0..<interpreter.residentCount {
        for processor in interpreter.processors { use[processor] = use[processor] + launch.footprint }
      }
    }
  }

  /// Forgets clusters that have ended; true when one has.
  func retireClusters() -> Bool {
    var hasRetired = false
    for interpreter in interpreters where interpreter.retire(&log) { hasRetired = true }
    return hasRetired
  }

  /// Hazards so far.
  var findings: [HazardFinding] {
    var all = log
    if let global = launch.global { all.merge(global.log(ofGrid: launch.gridIndex)) }
    for interpreter in interpreters {
      all.merge(interpreter.lateFindings.log)
      for cluster in interpreter.clusters { if let hazards = cluster?.hazards { all.merge(hazards.log) } }
    }
    return all.findings + interpreters.compactMap(\.fault)
  }

  /// Whether all its blocks have ended, and what they have started has arrived.
  var isFinished: Bool { nextCluster == launch.clusterGrid.count && interpreters.allSatisfy(\.isIdle) }

  /// Whether the next grid may start: every block has said so, or has ended (PTX ISA 9.7.13.13).
  var letsNextStart: Bool {
    guard nextCluster == launch.clusterGrid.count else { return false }
    return interpreters.allSatisfy { interpreter in
      interpreter.clusters.allSatisfy { cluster in
        cluster?.blocks.allSatisfy { $0.letsDependentsStart || $0.isFinished } ?? true
      }
    }
  }

  var instructionCount: UInt64 { interpreters.reduce(0) { $0 + $1.instructionCount } }

  /// Says that the grids before it have ended and what they have written is there.
  func releaseWaiting(at time: UInt64) {
    launch.mustWaitForGrids = false
    for warp in interpreters.flatMap(\.warps) { warp.release(at: time) { $0 == .grid } }
  }

  func writeTrace(_ memory: MemorySystem, from begin: UInt64, to end: UInt64) {
    guard launch.trace != nil else { return }
    recorder.sample(memory.counts, from: begin)
    for clock in interpreters.flatMap(\.clocks) { clock.trace?.sample(clock, at: end) }
  }

  /// What it has come to. It must have ended; what it held is let go. Memory counts what other grids moved meanwhile, too.
  func end(_ memory: MemorySystem) -> LaunchReport {
    defer { interpreters = [] }
    let start = startTime ?? 0
    let end = max(start, memory.idleTime, interpreters.map(\.endTime).max() ?? 0)
    var report = LaunchReport(
      launch, cycles: end - start, instructionCount: instructionCount, memory: memory.counts - countsAtStart,
      interpreters)
    report.findings = findings
    for interpreter in interpreters { log.merge(interpreter.lateFindings.log) }
    if launch.trace != nil {
      var trace = recorder.trace(interpreters, launch.program.regions)
      trace.move(by: -Int64(start))
      report.trace = trace
    }
    return report
  }
}

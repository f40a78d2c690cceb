import GPUDevice

/// Runs the blocks of a launch, window after window of time.
///
/// Within a window, clusters run apart from each other, on several threads; operations whose order among clusters
/// matters (atomics, acquires, releases, volatile accesses) stop their warps, and are executed at the window's end one
/// after the other, in the order of time, block and warp. So results do not depend on the number of threads.
final class LaunchRunner {
  private let launch: LaunchContext
  private let limits: ProcessorLimits
  private var running: [Interpreter] = []
  /// Clusters that have not started.
  private var nextCluster = 0
  private var finishedInstructionCount: UInt64 = 0
  private let instructionLimit: UInt64
  private var endTime: UInt64 = 0

  /// Cycles of a window: less than anything takes from one multiprocessor to another.
  private static let window: UInt64 = 200

  init(_ launch: LaunchContext, limits: ProcessorLimits, instructionLimit: UInt64) {
    self.launch = launch
    self.limits = limits
    self.instructionLimit = instructionLimit
  }

  /// Runs to the end. Returns instructions of warps, and cycles.
  func run() throws(SimulationError) -> (instructions: UInt64, cycles: UInt64) {
    start(at: 0)
    while !running.isEmpty {
      let begin = running.compactMap(\.nextTime).min() ?? endTime
      let hasRun = try runWindow(until: begin + Self.window)
      let hasTurned = try takeTurns(at: begin + Self.window)
      retire()
      guard hasRun || hasTurned || running.isEmpty else {
        throw SimulationError(reason: .deadlock(running.flatMap(\.waits)))
      }
      let count = finishedInstructionCount + running.reduce(0) { $0 + $1.instructionCount }
      if count > instructionLimit { throw SimulationError(reason: .instructionLimit(instructionLimit)) }
    }
    return (finishedInstructionCount, endTime)
  }

  private func start(at time: UInt64) {
    let size = launch.configuration.cluster.count
    while nextCluster < launch.clusterGrid.count, running.count < limits.residentClusterCount {
      let first = nextCluster * size
      let processors = (0..<size).map { (first + $0) % launch.processorCount }
      let cluster = Cluster(launch, index: nextCluster, processors: processors)
      for warp in cluster.blocks.flatMap(\.warps) { warp.time = time }
      running.append(Interpreter(launch, cluster))
      nextCluster += 1
    }
    let isAlone = running.count == 1 && nextCluster == launch.clusterGrid.count
    for interpreter in running { interpreter.isAlone = isAlone }
  }

  private func runWindow(until end: UInt64) throws(SimulationError) -> Bool {
    var hasRun = false
    for interpreter in running where try interpreter.run(until: end) { hasRun = true }
    return hasRun
  }

  private func takeTurns(at end: UInt64) throws(SimulationError) -> Bool {
    var waiting: [(time: UInt64, interpreter: Interpreter, warp: Warp)] = []
    for interpreter in running {
      for warp in interpreter.cluster.blocks.flatMap(\.warps)
      where warp.fragments.contains(where: { $0.wait == .turn }) {
        waiting.append((warp.time, interpreter, warp))
      }
    }
    waiting.sort {
      ($0.time, $0.warp.block.index, $0.warp.index) < ($1.time, $1.warp.block.index, $1.warp.index)
    }
    for (_, interpreter, warp) in waiting {
      guard let place = warp.fragments.firstIndex(where: { $0.wait == .turn }) else { continue }
      try interpreter.takeTurn(warp, place)
      warp.time = max(warp.time, end)
    }
    return !waiting.isEmpty
  }

  private func retire() {
    // Stores that a finished cluster has started still arrive.
    let finished = running.filter { $0.cluster.isFinished && $0.events.isEmpty }
    guard !finished.isEmpty else { return }
    running.removeAll { $0.cluster.isFinished && $0.events.isEmpty }
    for interpreter in finished {
      finishedInstructionCount += interpreter.instructionCount
      endTime = max(endTime, interpreter.cluster.blocks.flatMap(\.warps).map(\.time).max() ?? 0)
    }
    start(at: endTime)
  }
}

/// What fits on the device at once.
struct ProcessorLimits {
  var residentClusterCount: Int
}

extension Interpreter {
  /// When the earliest warp that can go on does so, or the next data arrives; nil when nothing will.
  var nextTime: UInt64? {
    let warps = cluster.blocks.flatMap(\.warps).filter { $0.live != 0 && $0.nextFragment() != nil }.map(
      \.time)
    return (warps + (events.first.map { [$0.time] } ?? [])).min()
  }

  /// Who waits for what, in words.
  var waits: [String] {
    cluster.blocks.flatMap(\.warps).flatMap { warp in
      warp.fragments.map { fragment in
        let program = fragment.frame.program
        let statement = unsafe Int(program.code.base[fragment.index].statement)
        return "\(place(statement, warp, program)) waits for \(words(fragment.wait, warp))"
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
      let block = cluster.blocks[Int(address >> AddressWindow.sharedBits)]
      let object = BarrierObject(bits: unsafe (block.shared + offset).load(as: UInt64.self))
      let state = object.map {
        "\($0.pending) of \($0.expected) arrivals and \($0.transactions) bytes are missing"
      }
      return
        "the phase of parity \(parity) of the mbarrier at 0x\(String(address, radix: 16)): \(state ?? "it is gone")"
    case .cluster:
      return
        "the cluster's barrier: \(cluster.arrivedWarpCount) of \(cluster.liveWarpCount) warps have arrived"
    case .lanes(let mask): return "lanes 0x\(String(mask, radix: 16)) of its warp"
    case .turn: return "its turn"
    case .registers: return "registers: \(warp.block.freeRegisters) of the block are free"
    case .grid: return "the grid before"
    }
  }
}

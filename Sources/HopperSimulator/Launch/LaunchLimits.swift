/// How much a launch may do before it is given up: without limits, a kernel that never ends keeps its caller for ever.
public struct LaunchLimits: Sendable, Hashable {
  /// Instructions of all warps.
  public var instructionCount: UInt64
  /// Cycles since the first block could start. Warps that look again and again for what nobody writes execute few
  /// instructions in much time.
  public var cycleCount: UInt64

  /// Limits that only a kernel of more than half a second on the device, or one that never ends, comes to.
  public init(instructionCount: UInt64 = 10_000_000_000, cycleCount: UInt64 = 1_000_000_000) {
    self.instructionCount = instructionCount
    self.cycleCount = cycleCount
  }
}

extension GridRun {
  /// The error of a launch that has done more than it may by a time; nil within the limits. Its place is where the warp
  /// is that has executed the most, the first of those that are alike.
  func error(beyond limits: LaunchLimits, at time: UInt64) -> SimulationError? {
    let cycles = time - min(time, startTime ?? time)
    guard instructionCount > limits.instructionCount || cycles > limits.cycleCount else { return nil }
    let running = interpreters.flatMap(\.warps).filter { $0.live != 0 }
    let busiest = running.max {
      ($0.profile.issuedCount, $1.block.index, $1.index) < ($1.profile.issuedCount, $0.block.index, $0.index)
    }
    let count = busiest?.profile.issuedCount ?? 0
    return SimulationError(
      reason: instructionCount > limits.instructionCount
        ? .instructionLimit(limits.instructionCount, executed: instructionCount, byWarp: count)
        : .cycleLimit(limits.cycleCount, executed: instructionCount, byWarp: count),
      place: busiest.map(\.place))
  }
}

extension Warp {
  /// Where its lanes are; the first of them, when they have parted.
  fileprivate var place: ExecutionPlace {
    let (program, index) = (fragments[0].frame.program, fragments[0].index)
    return ExecutionPlace(program, unsafe Int(program.code.base[index].statement), self)
  }
}

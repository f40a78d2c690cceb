/// What is written down of one multiprocessor.
final class ProcessorTrace {
  /// Units whose work is shown piece by piece.
  enum Unit: String, CaseIterable {
    case tensor = "tensor cores"
    case tensorCopy = "TMA"
  }

  struct Slice {
    var unit: Unit
    var name: String
    var start: UInt64
    var end: UInt64
  }

  /// Shares of units in a stretch of time that begins at a time.
  struct Sample {
    var time: UInt64
    var shares: [(name: String, share: Double)]
  }

  /// Of each unit, one after the other.
  private(set) var slices: [Slice] = []
  private(set) var samples: [Sample] = []
  private var lastTime: UInt64
  private var lastBusy: [UInt64]

  init(_ clock: ProcessorClock, at time: UInt64) {
    lastTime = time
    lastBusy = Self.busy(clock)
  }

  func add(_ unit: Unit, _ name: String, from start: UInt64, to end: UInt64) {
    slices.append(Slice(unit: unit, name: name, start: start, end: end))
  }

  /// Notes what units have done since the last time.
  func sample(_ clock: ProcessorClock, at time: UInt64) {
    guard time > lastTime else { return }
    let busy = Self.busy(clock)
    let cycles = Double(time - lastTime)
    let shares = zip(Self.counters, zip(busy, lastBusy)).map { counter, values in
      (counter.name, Double(values.0 - values.1) / counter.perCycle / cycles)
    }
    samples.append(Sample(time: lastTime, shares: shares))
    lastBusy = busy
    lastTime = time
  }

  /// Names of the units that are counted, and what they count in a cycle of full use.
  private static let counters: [(name: String, perCycle: Double)] =
    [("shared memory", 1), ("TMA", 1)]
    + ExecutionPipe.allCases.filter { $0 != .other }.map {
      ("\($0)", 16 * Double(ProcessorClock.schedulerCount))
    }

  private static func busy(_ clock: ProcessorClock) -> [UInt64] {
    [clock.sharedBusy, clock.tensorCopyBusy]
      + ExecutionPipe.allCases.filter { $0 != .other }.map { unsafe clock.pipeBusy[$0.rawValue] }
  }
}

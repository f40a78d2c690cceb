/// Collects the trace of a launch.
struct TraceRecorder {
  /// What memory has moved in a stretch of time that begins at a time.
  private struct MemorySample {
    var time: UInt64
    var dramBytes: UInt64
    var l2Bytes: UInt64
  }

  private var memorySamples: [MemorySample] = []
  private var lastCounts: MemorySystem.Counts

  /// Nothing yet, of a launch before which memory has moved so much.
  init(_ counts: MemorySystem.Counts) { lastCounts = counts }

  /// Notes what memory has moved in a window that begins at a time.
  mutating func sample(_ counts: MemorySystem.Counts, from time: UInt64) {
    memorySamples.append(
      MemorySample(
        time: time, dramBytes: counts.dramBytes - lastCounts.dramBytes,
        l2Bytes: counts.l2Bytes - lastCounts.l2Bytes))
    lastCounts = counts
  }

  /// All that has been written down.
  func trace(_ interpreters: [Interpreter], _ table: RegionTable) -> LaunchTrace {
    var trace = LaunchTrace()
    let process = trace.addProcess("memory")
    for sample in memorySamples {
      trace.addCounter(process, "DRAM bytes", sample.time, Double(sample.dramBytes))
      trace.addCounter(process, "L2 bytes", sample.time, Double(sample.l2Bytes))
    }
    for interpreter in interpreters {
      for (rank, processor) in interpreter.processors.enumerated() {
        guard let recorded = interpreter.clocks[rank].trace else { continue }
        let process = trace.addProcess("SM \(processor)")
        Self.add(recorded, process, &trace)
        for warp in interpreter.tracedWarps where warp.processor == processor {
          Self.add(warp, process, table, &trace)
        }
      }
    }
    trace.sort()
    return trace
  }

  private static func add(_ recorded: ProcessorTrace, _ process: Int, _ trace: inout LaunchTrace) {
    for unit in ProcessorTrace.Unit.allCases {
      let slices = recorded.slices.filter { $0.unit == unit }
      if slices.isEmpty { continue }
      let track = trace.addTrack(process, unit.rawValue)
      for slice in slices { trace.addSlice(track, slice.name, .unit, slice.start, slice.end) }
    }
    for sample in recorded.samples {
      for (name, share) in sample.shares { trace.addCounter(process, "\(name), %", sample.time, 100 * share) }
    }
  }

  private static func add(
    _ warp: TracedWarp, _ process: Int, _ table: RegionTable, _ trace: inout LaunchTrace
  ) {
    let track = trace.addTrack(process, "CTA \(warp.block) warp \(warp.index) (\(warp.role))")
    for region in warp.trace.regions {
      trace.addSlice(track, table.regions[region.number].name, .region, region.start, region.end)
    }
    for stall in warp.trace.stalls {
      trace.addSlice(track, stall.reason.name, .stall, stall.start, stall.end)
    }
  }
}

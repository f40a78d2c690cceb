extension LaunchReport {
  /// Of what the interpreters of a launch have come to.
  init(
    _ launch: LaunchContext, cycles: UInt64, instructionCount: UInt64, memory: MemorySystem.Counts,
    _ interpreters: [Interpreter]
  ) {
    let device = launch.device
    kernel = launch.program.function.name
    self.device = device.name
    self.instructionCount = instructionCount
    self.cycles = cycles
    liveRegisterCount = launch.program.liveRegisterCount
    clock = device.clock.value
    launchSeconds = device.launchLatency.value * 1e-6
    self.memory = MemoryReport(memory)
    let clocks = interpreters.flatMap(\.clocks)
    shared = SharedReport(
      wavefronts: clocks.reduce(0) { $0 + $1.sharedBusy },
      conflictWavefronts: clocks.reduce(0) { $0 + $1.bankConflicts })
    processors = interpreters.flatMap { interpreter in
      interpreter.processors.indices.map { rank in
        ProcessorReport(
          index: interpreter.processors[rank], blockCount: interpreter.blockCounts[rank],
          busyCycles: interpreter.busyCycles, issued: interpreter.issueCounts[rank])
      }
    }
    roles = Self.roles(interpreters, launch.program.regions)
    units = UnitAssembly(device, cycles: Double(max(1, cycles))).units(clocks, processors, self.memory)
  }

  private static func roles(_ interpreters: [Interpreter], _ table: RegionTable) -> [RoleReport] {
    let account = interpreters.reduce(into: WarpAccount()) { $0.add($1.account) }
    return account.roles.sorted { $0.key < $1.key }.map { name, role in
      let total = role.regions.reduce(into: StallCounts()) { $0.add($1) }
      let regions = role.regions.indices.filter { role.regions[$0].total > 0 }.map {
        RegionReport(
          path: table.path($0), time: WarpTimeReport(role.regions[$0], cycles: role.regions[$0].total))
      }
      return RoleReport(
        name: name, warpCount: role.warpCount, time: WarpTimeReport(total, cycles: role.cycles),
        regions: regions)
    }
  }
}

extension MemoryReport {
  init(_ counts: MemorySystem.Counts) {
    l2Hits = counts.hits
    l2Misses = counts.misses
    l2ReadBytes = counts.l2ReadBytes
    l2BusyCycles = counts.l2BusyCycles
    l2WriteBytes = counts.l2WriteBytes
    dramReadBytes = counts.dramReadBytes
    dramWriteBytes = counts.dramWriteBytes
  }
}

/// Makes shares of time from what the clocks have counted.
private struct UnitAssembly {
  private let device: DeviceDescription
  private let cycles: Double

  init(_ device: DeviceDescription, cycles: Double) {
    self.device = device
    self.cycles = cycles
  }

  func units(_ clocks: [ProcessorClock], _ processors: [ProcessorReport], _ memory: MemoryReport)
    -> [UnitReport]
  {
    let schedulers = Double(ProcessorClock.schedulerCount)
    func pipe(_ pipe: ExecutionPipe) -> [Double] {
      clocks.map { unsafe Double($0.pipeBusy[pipe.rawValue]) / 16 / schedulers }
    }
    return [
      unit(.issue, processors.map { Double($0.issued) / schedulers }),
      unit(.tensor, zip(clocks, pipe(.tensor)).map { Double($0.tensor.busy) + $1 }),
      unit(.float, pipe(.float)), unit(.integer, pipe(.integer)), unit(.specialFunction, pipe(.special)),
      unit(.double, pipe(.double)), unit(.loadStore, pipe(.loadStore)),
      unit(.shared, clocks.map { Double($0.sharedBusy) }),
      unit(.tensorCopy, clocks.map { Double($0.tensorCopyBusy) }),
      whole(.l2, memory.l2BusyCycles),
      whole(.dram, Double(memory.dramReadBytes + memory.dramWriteBytes) / device.dramBytesPerCycle),
    ]
  }

  private func unit(_ name: UnitReport.Name, _ busy: [Double]) -> UnitReport {
    UnitReport(
      name: name, utilisation: busy.reduce(0, +) / device.processorCount.value / cycles,
      peak: (busy.max() ?? 0) / cycles)
  }

  private func whole(_ name: UnitReport.Name, _ busy: Double) -> UnitReport {
    UnitReport(name: name, utilisation: busy / cycles, peak: busy / cycles)
  }
}

/// What a launch came to. Cycles are those of the multiprocessors' clock.
public struct LaunchReport: Sendable, Hashable, Codable {
  /// Name of the kernel.
  public var kernel: String
  /// Name of the device description.
  public var device: String
  /// Instructions, each counted once for a warp.
  public var instructionCount: UInt64
  /// From the start of the first block to the end of the last, when all that it has written is in memory.
  public var cycles: UInt64
  /// The most 32-bit registers of a thread that are live at once.
  public var liveRegisterCount: Int
  /// Gigahertz by which `seconds` counts.
  public var clock: Double
  /// What a launch takes before its first block runs, in seconds; not part of `cycles`.
  public var launchSeconds: Double
  /// The device's units, in a fixed order.
  public var units: [UnitReport]
  /// L2 and DRAM.
  public var memory: MemoryReport
  /// Shared memory of all multiprocessors.
  public var shared: SharedReport
  /// What kept warps waiting, by role, in the order of their names.
  public var roles: [RoleReport]
  /// Multiprocessors that have run blocks.
  public var processors: [ProcessorReport]
  /// Hazards, in the order of clusters and of time.
  public var findings: [HazardFinding] = []
  /// What was asked for by `Simulator.trace`; not part of the coded form.
  public var trace: LaunchTrace?

  private enum CodingKeys: CodingKey {
    case kernel, device, instructionCount, cycles, liveRegisterCount, clock, launchSeconds, units, memory,
      shared,
      roles, processors, findings
  }

  /// Duration by the clock of the description.
  public var seconds: Double { Double(cycles) / (clock * 1e9) }

  /// The unit that has been used most, if it has been for more than `share` of the time; else none is, and latency is
  /// what limits.
  public func limitingUnit(share: Double = 0.6) -> UnitReport? {
    units.max { $0.utilisation < $1.utilisation }.flatMap { $0.utilisation >= share ? $0 : nil }
  }

  /// The report of a unit by its name.
  public func unit(_ name: UnitReport.Name) -> UnitReport? { units.first { $0.name == name } }
}

/// How much of a unit has been used.
public struct UnitReport: Sendable, Hashable, Codable {
  /// A unit.
  public enum Name: String, Sendable, Hashable, Codable, CaseIterable {
    /// Issue slots of the schedulers.
    case issue
    /// Tensor cores.
    case tensor
    /// Floating-point pipe: also half precision and integer products.
    case float
    /// Integer pipe: also logic, comparison and conversion.
    case integer
    /// Transcendental functions.
    case specialFunction
    /// Double precision.
    case double
    /// The way of warps' accesses to memory and of exchanges among lanes.
    case loadStore
    /// Bandwidth of shared memory.
    case shared
    /// The unit that copies tiles and bulk data.
    case tensorCopy
    /// Bandwidth of L2.
    case l2
    /// Bandwidth of DRAM, of what streams can reach.
    case dram
  }

  /// Which unit.
  public var name: Name
  /// Share of the kernel's cycles, over all multiprocessors of the device, from 0 to 1.
  public var utilisation: Double
  /// The same of the multiprocessor that has used it most; of L2 and DRAM the same number.
  public var peak: Double
}

/// What has gone through L2 and DRAM.
public struct MemoryReport: Sendable, Hashable, Codable {
  /// Sectors of 32 bytes that reads have found in L2, and not.
  public var l2Hits: UInt64
  /// Sectors that came from DRAM.
  public var l2Misses: UInt64
  /// Bytes that multiprocessors have read from L2 and written to it, in sectors.
  public var l2ReadBytes: UInt64
  /// Cycles in which L2 was busy.
  public var l2BusyCycles: Double
  /// Bytes written to L2.
  public var l2WriteBytes: UInt64
  /// Bytes read from DRAM.
  public var dramReadBytes: UInt64
  /// Bytes of written lines that have left L2; what is still in it at the end is not counted.
  public var dramWriteBytes: UInt64

  /// Share of reads that L2 has answered, from 0 to 1; nil without reads.
  public var hitRate: Double? {
    l2Hits + l2Misses == 0 ? nil : Double(l2Hits) / Double(l2Hits + l2Misses)
  }
}

/// What has gone through shared memory.
public struct SharedReport: Sendable, Hashable, Codable {
  /// Wavefronts of 128 bytes.
  public var wavefronts: UInt64
  /// Those of them that bank conflicts have added.
  public var conflictWavefronts: UInt64
}

/// Where the time of a role's warps has gone.
public struct RoleReport: Sendable, Hashable, Codable {
  /// The role: a named region, or which warps.
  public var name: String
  /// Warps of all blocks that have had it.
  public var warpCount: Int
  /// Of all its time.
  public var time: WarpTimeReport
  /// Of each named region in which its warps have been, by path; the empty path is what lies outside of all.
  public var regions: [RegionReport]
}

/// Where time of a region has gone.
public struct RegionReport: Sendable, Hashable, Codable {
  /// Names from the outermost inwards, joined by slashes.
  public var path: String
  /// Without that of regions inside.
  public var time: WarpTimeReport
}

/// Cycles of warps, added up.
public struct WarpTimeReport: Sendable, Hashable, Codable {
  /// From start to end.
  public var cycles: UInt64
  /// In which an instruction was issued.
  public var issued: UInt64
  /// In which none was, by reason; reasons that did not occur are left out. With `issued` they add up to `cycles`.
  public var stalls: [StallReason: UInt64]

  init(_ counts: StallCounts, cycles: UInt64) {
    self.cycles = cycles
    issued = counts.issued
    stalls = [:]
    for reason in StallReason.allCases where counts.cycles[Int(reason.rawValue)] > 0 {
      stalls[reason] = counts.cycles[Int(reason.rawValue)]
    }
  }
}

/// What one multiprocessor has done.
public struct ProcessorReport: Sendable, Hashable, Codable {
  /// Its index.
  public var index: Int
  /// Blocks that it has run.
  public var blockCount: Int
  /// Cycles in which it has had a block.
  public var busyCycles: UInt64
  /// Instructions issued.
  public var issued: UInt64
}

extension StallReason: Codable, CodingKeyRepresentable {
  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// The reason's name.
  public var codingKey: any CodingKey { Key(stringValue: name) }

  /// The reason of a name; nil when there is none.
  public init?<T: CodingKey>(codingKey: T) {
    guard let reason = Self.allCases.first(where: { $0.name == codingKey.stringValue }) else { return nil }
    self = reason
  }
}

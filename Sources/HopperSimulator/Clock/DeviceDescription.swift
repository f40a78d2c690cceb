import PTX

/// A number of a device description, and where it is from.
public struct DeviceConstant: Sendable, Hashable {
  /// How a number is known.
  public enum Kind: String, Sendable, Hashable {
    /// The vendor states it.
    case documented
    /// Others have measured and published it.
    case measured
    /// Assumed: no measurement backs it.
    case estimated
  }

  /// In the unit of the field that holds it.
  public var value: Double
  /// How it is known.
  public var kind: Kind
  /// Where it stands.
  public var source: String

  /// A number with its origin.
  public init(_ value: Double, _ kind: Kind, _ source: String) {
    self.value = value
    self.kind = kind
    self.source = source
  }
}

/// Issue interval and latency of a unit of a multiprocessor's quarter.
public struct UnitTiming: Sendable, Hashable {
  /// Cycles that one instruction of a warp keeps the unit busy: 32 lanes divided by lanes per cycle and scheduler.
  public var interval: DeviceConstant
  /// Cycles from issue until a dependent instruction can issue.
  public var latency: DeviceConstant
  /// `interval` while a `wgmma` of the multiprocessor is being done, whose operands and results take ports of the register
  /// file; nil where it is the same.
  public var intervalBesideProducts: DeviceConstant?
}

/// What the clock knows of a device. Cycles are those of a multiprocessor's clock.
public struct DeviceDescription: Sendable {
  /// By which the command names it.
  public var name: String
  /// As the vendor calls it.
  public var fullName: String
  /// Multiprocessors.
  public var processorCount: DeviceConstant
  /// Gigahertz under sustained tensor load, at which times are given.
  public var clock: DeviceConstant
  /// Bytes of device memory.
  public var memoryByteCount: DeviceConstant
  /// Bytes of L2 cache.
  public var l2ByteCount: DeviceConstant
  /// Gigabytes per second of DRAM, as stated.
  public var dramBandwidth: DeviceConstant
  /// Share of `dramBandwidth` that streams reach.
  public var dramEfficiency: DeviceConstant
  /// Bytes per cycle that L2 gives all multiprocessors together of what it has; a multicast is given once.
  public var l2Bandwidth: DeviceConstant
  /// Bytes per cycle of what is still on its way from DRAM when it is asked for; each receiver of a multicast counts.
  public var l2MissBandwidth: DeviceConstant
  /// Bytes per cycle that L2 takes from all of them.
  public var l2WriteBandwidth: DeviceConstant
  /// Bytes per cycle between L2 and one multiprocessor.
  public var processorBandwidth: DeviceConstant
  /// Cycles of a load that hits in L2, and of one that goes to DRAM.
  public var l2Latency: DeviceConstant
  /// Cycles of a load that goes to DRAM.
  public var dramLatency: DeviceConstant
  /// Cycles that TMA adds to the latency of memory.
  public var tensorCopyLatency: DeviceConstant
  /// Bytes per cycle of shared memory.
  public var sharedBandwidth: DeviceConstant
  /// Cycles of a load from shared memory without conflicts.
  public var sharedLatency: DeviceConstant
  /// Cycles from one block's shared memory to another's of its cluster.
  public var remoteSharedLatency: DeviceConstant
  /// Cycles from an mbarrier's or named barrier's completion until a waiting warp goes on.
  public var barrierLatency: DeviceConstant
  /// Cycles of a cluster's barrier.
  public var clusterBarrierLatency: DeviceConstant
  /// Dense 16-bit floating-point operations per cycle and multiprocessor.
  public var tensorRate: DeviceConstant
  /// Cycles from the last operation of a `wgmma` until its result is there.
  public var tensorLatency: DeviceConstant
  /// Cycles that a fence waits which orders accesses with asynchronous ones to shared memory.
  public var proxyFenceLatency: DeviceConstant
  /// Cycles that a fence or a release waits at the scope of a cluster or the device; an arrival at an mbarrier with
  /// `.release.cluster` is one.
  public var memoryFenceLatency: DeviceConstant
  /// Microseconds from the launch of a kernel until its blocks run.
  public var launchLatency: DeviceConstant
  /// Bytes per cycle of a multiprocessor's TMA unit.
  public var tensorCopyRate: DeviceConstant
  /// Cycles for which an atomic operation keeps its word in L2.
  public var atomicInterval: DeviceConstant
  /// Cycles that the load/store unit of a multiprocessor takes for a line of 128 bytes of global memory.
  public var globalLineInterval: DeviceConstant
  /// Lines of 128 bytes of instructions that a multiprocessor executes without waiting for them.
  public var instructionLineCount: DeviceConstant
  /// Lines in the second level of its instruction cache.
  public var instructionLineCountOfLevelTwo: DeviceConstant
  /// Lines of a kernel that are in the second level when it is launched.
  public var launchedLineCount: DeviceConstant
  /// Cycles in which a multiprocessor gets the next line that its second level has.
  public var instructionLineInterval: DeviceConstant
  /// Cycles in which straight code gets the next line from L2.
  public var distantStreamInterval: DeviceConstant
  /// Cycles in which a multiprocessor gets the next line from L2, when its warps are at several places of the code.
  public var distantLineInterval: DeviceConstant
  /// Cycles of a multiprocessor's first reading of 64 bytes of a kernel's parameters.
  public var parameterLatency: DeviceConstant
  /// Cycles on top of the latency of memory when a multiprocessor comes to a page of 2 MB for the first time in a launch.
  public var translationLatency: DeviceConstant
  /// Instructions by which a compiler looks ahead when it lists those of a basic block; rounded down to a power of two.
  public var schedulingWindow: DeviceConstant
  /// Of each execution unit.
  public var units: [ExecutionUnit: UnitTiming]

  /// Cycles that a launch takes before blocks run.
  var launchCycles: UInt64 { UInt64(launchLatency.value * clock.value * 1000) }

  /// Every constant with its name, for a listing.
  public var constants: [(name: String, constant: DeviceConstant)] {
    [
      ("multiprocessors", processorCount), ("clock, GHz", clock), ("memory, bytes", memoryByteCount),
      ("L2, bytes", l2ByteCount), ("DRAM, GB/s", dramBandwidth), ("DRAM, reachable share", dramEfficiency),
      ("L2, bytes per cycle", l2Bandwidth), ("L2 through DRAM, bytes per cycle", l2MissBandwidth),
      ("L2, written bytes per cycle", l2WriteBandwidth),
      ("L2 to one multiprocessor, bytes per cycle", processorBandwidth),
      ("L2 latency", l2Latency), ("DRAM latency", dramLatency), ("TMA latency on top", tensorCopyLatency),
      ("shared memory, bytes per cycle", sharedBandwidth), ("shared memory latency", sharedLatency),
      ("distributed shared memory latency", remoteSharedLatency), ("barrier latency", barrierLatency),
      ("cluster barrier latency", clusterBarrierLatency), ("proxy fence latency", proxyFenceLatency),
      ("memory fence latency", memoryFenceLatency), ("tensor FLOP per cycle", tensorRate),
      ("tensor latency", tensorLatency), ("launch latency, µs", launchLatency),
      ("TMA, bytes per cycle", tensorCopyRate), ("L2 atomic interval", atomicInterval),
      ("global memory line interval", globalLineInterval),
      ("instruction lines, first level", instructionLineCount),
      ("instruction lines, second level", instructionLineCountOfLevelTwo),
      ("instruction lines at launch", launchedLineCount),
      ("instruction line interval", instructionLineInterval),
      ("instruction line interval, stream from L2", distantStreamInterval),
      ("instruction line interval, L2", distantLineInterval),
      ("parameter latency", parameterLatency), ("translation latency", translationLatency),
      ("scheduling window, instructions", schedulingWindow),
    ]
      + ExecutionUnit.allCases.flatMap { unit in
        units[unit].map {
          [("\(unit.rawValue) interval", $0.interval), ("\(unit.rawValue) latency", $0.latency)]
            + ($0.intervalBesideProducts.map { [("\(unit.rawValue) interval beside products", $0)] } ?? [])
        } ?? []
      }
  }

  /// Floating-point operations that the tensor cores of all multiprocessors can do in a second, dense and 16-bit.
  public var tensorFlopsPerSecond: Double { tensorRate.value * processorCount.value * clock.value * 1e9 }

  /// DRAM bytes per second that streams reach.
  public var dramBytesPerSecond: Double { dramBandwidth.value * dramEfficiency.value * 1e9 }

  /// DRAM bytes per cycle that streams reach.
  var dramBytesPerCycle: Double { dramBytesPerSecond / (clock.value * 1e9) }

  /// The devices that the simulator knows.
  public static let all = [h100, h800, h200, h20]
}

extension DeviceDescription {
  /// The device of a name such as `h100`; nil when there is none.
  public init?(name: String) {
    guard let device = Self.all.first(where: { $0.name == name }) else { return nil }
    self = device
  }
}

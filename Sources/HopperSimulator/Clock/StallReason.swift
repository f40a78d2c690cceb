/// Why a warp did not issue an instruction in a cycle.
public enum StallReason: UInt8, Sendable, Hashable, CaseIterable {
  /// A result of an instruction that takes a fixed time.
  case dependency
  /// A result of a load from shared memory, its own block's or another's.
  case sharedMemory
  /// A result of a load from, or an atomic operation on, global memory.
  case globalMemory
  /// A unit works on earlier instructions.
  case unitBusy
  /// Its scheduler issues for another warp.
  case issueSlot
  /// The end of an mbarrier's phase.
  case mbarrier
  /// Other warps at a named barrier.
  case namedBarrier
  /// Other blocks at the cluster's barrier.
  case clusterBarrier
  /// `wgmma.wait_group`.
  case matrixWait
  /// Groups of `cp.async` or bulk copies.
  case copyWait
  /// Registers that `setmaxnreg.inc` needs.
  case registers
  /// That what is ordered before an atomic operation, an acquire or a release has been done.
  case memoryOrder
  /// The grid before, for `griddepcontrol.wait`.
  case grid
  /// Other lanes of the warp.
  case lanes
  /// `nanosleep`.
  case sleep
  /// Instructions that the multiprocessor has not executed before.
  case instructionFetch

  /// As reports name it.
  public var name: String {
    switch self {
    case .dependency: "fixed-latency result"
    case .sharedMemory: "shared memory"
    case .globalMemory: "global memory"
    case .unitBusy: "unit busy"
    case .issueSlot: "issue slot"
    case .mbarrier: "mbarrier"
    case .namedBarrier: "named barrier"
    case .clusterBarrier: "cluster barrier"
    case .matrixWait: "wgmma wait"
    case .copyWait: "copy wait"
    case .registers: "registers"
    case .memoryOrder: "memory order"
    case .grid: "previous grid"
    case .lanes: "other lanes"
    case .sleep: "sleep"
    case .instructionFetch: "instruction fetch"
    }
  }
}

extension StallReason {
  init(_ wait: Wait) {
    self =
      switch wait {
      case .nothing: .dependency
      case .barrier: .namedBarrier
      case .object: .mbarrier
      case .cluster: .clusterBarrier
      case .lanes: .lanes
      case .turn: .memoryOrder
      case .registers: .registers
      case .memory: .globalMemory
      case .grid: .grid
      case .products: .matrixWait
      }
  }
}

/// A time, and what happens then: the later of two is the larger number.
///
/// The clock keeps times that warps may have to wait for in this form, so that the maximum of several tells the reason
/// too. Four bits hold the reason.
struct ReasonedTime {
  static func bits(_ time: UInt64, _ reason: StallReason) -> UInt64 { time << 4 | UInt64(reason.rawValue) }
  static func time(_ bits: UInt64) -> UInt64 { bits >> 4 }
  static func reasonIndex(_ bits: UInt64) -> Int { Int(bits & 15) }
}

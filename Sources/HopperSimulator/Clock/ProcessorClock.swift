import PTX

/// Issue slots and units of one multiprocessor (its four schedulers, with a quarter of the units each), and what they
/// have been busy with.
///
/// A unit's time is taken where an instruction has its issue slot, also when it waits for operands longer: an
/// instruction of another warp that is ready earlier finds the unit free.
@safe final class ProcessorClock {
  static let schedulerCount = 4
  static let unitCount = ExecutionUnit.allCases.count

  /// When each scheduler can issue next.
  let nextIssue: UnsafeMutablePointer<UInt64>
  /// When each unit of each scheduler is free, in 1/16 cycles.
  let unitFree: UnsafeMutablePointer<UInt64>
  /// Cycles, in sixteenths, for which one instruction keeps a unit, and latencies in cycles.
  let intervals: UnsafeMutablePointer<UInt64>
  let latencies: UnsafeMutablePointer<UInt64>
  /// When shared memory can take the next access.
  var sharedFree: UInt64 = 0
  let tensor: TensorQueue

  private let sharedBandwidth: UInt64
  let sharedLatency: UInt64
  let barrierLatency: UInt64
  let clusterBarrierLatency: UInt64
  let remoteSharedLatency: UInt64

  /// Busy sixteenths of cycles of each unit, over all schedulers.
  let unitBusy: UnsafeMutablePointer<UInt64>
  var sharedBusy: UInt64 = 0
  private(set) var bankConflicts: UInt64 = 0

  init(_ device: DeviceDescription) {
    unsafe nextIssue = .allocate(capacity: Self.schedulerCount)
    unsafe nextIssue.initialize(repeating: 0, count: Self.schedulerCount)
    tensor = TensorQueue(device)
    let all = Self.schedulerCount * Self.unitCount
    unsafe unitFree = .allocate(capacity: all)
    unsafe unitFree.initialize(repeating: 0, count: all)
    unsafe intervals = .allocate(capacity: Self.unitCount)
    unsafe latencies = .allocate(capacity: Self.unitCount)
    unsafe unitBusy = .allocate(capacity: Self.unitCount)
    unsafe unitBusy.initialize(repeating: 0, count: Self.unitCount)
    for (index, unit) in ExecutionUnit.allCases.enumerated() {
      let timing = device.units[unit]
      unsafe (intervals + index).initialize(to: UInt64((timing?.interval.value ?? 1) * 16))
      unsafe (latencies + index).initialize(to: UInt64(timing?.latency.value ?? 1))
    }
    sharedBandwidth = UInt64(device.sharedBandwidth.value)
    sharedLatency = UInt64(device.sharedLatency.value)
    barrierLatency = UInt64(device.barrierLatency.value)
    clusterBarrierLatency = UInt64(device.clusterBarrierLatency.value)
    remoteSharedLatency = UInt64(device.remoteSharedLatency.value)
  }

  deinit {
    unsafe nextIssue.deallocate()
    unsafe unitFree.deallocate()
    unsafe intervals.deallocate()
    unsafe latencies.deallocate()
    unsafe unitBusy.deallocate()
  }

  /// Takes time of shared memory for so many wavefronts of 128 bytes, where the instruction has its issue slot. Returns
  /// when the first begins: not before `time`, when its operands are there.
  func takeShared(at time: UInt64, slot: UInt64, wavefronts: UInt64, conflicts: UInt64 = 0) -> UInt64 {
    let start = max(sharedFree, slot)
    // Operands of a product are read in turn with other accesses.
    sharedFree = start + wavefronts * (tensor.isReading ? 2 : 1)
    sharedBusy += wavefronts
    bankConflicts += conflicts
    return max(start, time)
  }

  /// Wavefronts of bytes that are read without conflicts.
  func wavefronts(_ byteCount: Int) -> UInt64 { (UInt64(byteCount) + sharedBandwidth - 1) / sharedBandwidth }
}

/// How an instruction uses registers and a unit, for the clock.
struct TimedInstruction {
  /// First of its registers in the list: those read, then those written. A row's index, or that of a predicate behind
  /// the rows.
  var first: Int32 = 0
  var readCount: UInt16 = 0
  var writeCount: UInt16 = 0
  var unit: UInt8 = 0
  /// Whether it takes an issue slot: not when the decoder added it.
  var isIssued = true
  /// Whether instructions before it must have issued: it is not moved.
  var isOrdered = false
}

/// Bank conflicts of an access to shared memory (CUDA C++ programming guide, shared memory, compute capability 5 and
/// up): 32 banks of 4 bytes; lanes that read the same word share it.
enum BankConflicts {
  /// Wavefronts that an access takes. `byteCount` for each lane; wide accesses go in halves and quarters of the warp.
  static func wavefronts(_ addresses: (Int) -> UInt64, active: UInt32, byteCount: Int) -> (
    total: UInt64, least: UInt64
  ) {
    let lanesAtOnce = byteCount <= 4 ? 32 : byteCount == 8 ? 16 : 8
    var total: UInt64 = 0
    var least: UInt64 = 0
    for first in stride(from: 0, to: 32, by: lanesAtOnce) {
      let group = active >> UInt32(first) & (lanesAtOnce == 32 ? .max : 1 << UInt32(lanesAtOnce) - 1)
      if group == 0 { continue }
      least += 1
      total += most(addresses, group, first, byteCount)
    }
    return (total, least)
  }

  /// The most different words that one bank has to give.
  private static func most(_ addresses: (Int) -> UInt64, _ group: UInt32, _ first: Int, _ byteCount: Int)
    -> UInt64
  {
    var words = InlineArray<32, UInt64>(repeating: .max)
    var counts = InlineArray<32, UInt8>(repeating: 0)
    var rest = group
    var most: UInt8 = 1
    while rest != 0 {
      let lane = first + rest.trailingZeroBitCount
      rest &= rest &- 1
      for word in 0..<max(1, byteCount / 4) {
        let address = addresses(lane) / 4 + UInt64(word)
        let bank = Int(address & 31)
        // Words of one bank are told apart by their last; a repeated one that is not the last counts again.
        if words[bank] == address { continue }
        words[bank] = address
        counts[bank] += 1
        most = max(most, counts[bank])
      }
    }
    return UInt64(most)
  }
}

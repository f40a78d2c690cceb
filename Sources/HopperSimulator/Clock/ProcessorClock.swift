import PTX

/// Issue slots and units of one multiprocessor (its four schedulers, with a quarter of the units each), and what they
/// have been busy with.
///
/// A unit's time is taken where an instruction has its issue slot, also when it waits for operands longer: an
/// instruction of another warp that is ready earlier finds the unit free.
@safe final class ProcessorClock {
  static let schedulerCount = 4
  static let pipeCount = ExecutionPipe.allCases.count

  /// When each scheduler can issue next.
  let nextIssue: UnsafeMutablePointer<UInt64>
  /// When each pipe of each scheduler is free, in 1/16 cycles.
  let pipeFree: UnsafeMutablePointer<UInt64>
  /// Of each unit of the instruction table: its pipe, the cycles, in sixteenths, for which an instruction keeps that, and
  /// the latency in cycles.
  let pipes: UnsafeMutablePointer<Int>
  @safe @exclusivity(unchecked) private(set) var intervals: UnsafeMutablePointer<UInt64>
  let latencies: UnsafeMutablePointer<UInt64>
  /// When shared memory can take the next access.
  private var sharedFree: UInt64 = 0
  /// Wavefronts that copies have still to write into it.
  private var copiedWavefronts: UInt64 = 0
  /// Wavefronts of accesses of warps.
  private(set) var accessedWavefronts: UInt64 = 0
  private var tensorCopyFree: UInt64 = 0
  /// When the load/store unit can take the next line of global memory.
  private var globalFree: UInt64 = 0
  /// When each 64 bytes of parameters have come; 0 for those that have not been asked for.
  private var parameterArrivals = [UInt64](repeating: 0, count: 512)
  let instructions: UnsafeMutablePointer<InstructionCache>
  /// The number of the kernel's first instruction among all of the module.
  let firstSite: Int
  let tensor: TensorQueue
  /// Whether a product is being done, which reads shared memory, and keeps the pipes longer from their operands.
  var isMultiplying = false {
    didSet { unsafe intervals = isMultiplying ? intervalsBesideProducts : intervalsAlone }
  }
  private let intervalsAlone, intervalsBesideProducts: UnsafeMutablePointer<UInt64>

  /// Instructions of a basic block that a warp may have issued and not started; a power of two.
  let schedulingWindow: Int
  private let sharedBandwidth: UInt64
  private let tensorCopyRate: UInt64
  private let globalLineInterval: UInt64
  private let parameterLatency: UInt64
  let sharedLatency: UInt64
  let barrierLatency: UInt64
  let clusterBarrierLatency: UInt64
  let remoteSharedLatency: UInt64
  let proxyFenceLatency: UInt64
  let memoryFenceLatency: UInt64

  /// Busy sixteenths of cycles of each pipe, over all schedulers.
  let pipeBusy: UnsafeMutablePointer<UInt64>
  /// Wavefronts of shared memory, and those of them that bank conflicts have added.
  private(set) var sharedBusy: UInt64 = 0
  private(set) var bankConflicts: UInt64 = 0
  private(set) var tensorCopyBusy: UInt64 = 0
  /// What is written down of the multiprocessor, while it is traced.
  var trace: ProcessorTrace?

  init(_ device: DeviceDescription, firstSite: Int) {
    self.firstSite = firstSite
    unsafe nextIssue = .allocate(capacity: Self.schedulerCount)
    unsafe nextIssue.initialize(repeating: 0, count: Self.schedulerCount)
    tensor = TensorQueue(device)
    unsafe instructions = .allocate(capacity: 1)
    unsafe instructions.initialize(to: InstructionCache(device))
    unsafe pipeFree = .allocate(capacity: Self.schedulerCount * Self.pipeCount)
    unsafe pipeFree.initialize(repeating: 0, count: Self.schedulerCount * Self.pipeCount)
    unsafe pipeBusy = .allocate(capacity: Self.pipeCount)
    unsafe pipeBusy.initialize(repeating: 0, count: Self.pipeCount)
    let units = ExecutionUnit.allCases
    unsafe pipes = .allocate(capacity: units.count)
    unsafe intervalsAlone = .allocate(capacity: units.count)
    unsafe intervalsBesideProducts = .allocate(capacity: units.count)
    unsafe intervals = intervalsAlone
    unsafe latencies = .allocate(capacity: units.count)
    for (index, unit) in units.enumerated() {
      let timing = device.units[unit]
      unsafe (pipes + index).initialize(to: ExecutionPipe(unit).rawValue)
      let interval = timing?.interval.value ?? 1
      unsafe (intervalsAlone + index).initialize(to: UInt64((interval * 16).rounded()))
      unsafe (intervalsBesideProducts + index).initialize(
        to: UInt64(((timing?.intervalBesideProducts?.value ?? interval) * 16).rounded()))
      unsafe (latencies + index).initialize(to: UInt64(timing?.latency.value ?? 1))
    }
    schedulingWindow = 1 << max(1, device.schedulingWindow.value).exponent
    sharedBandwidth = UInt64(device.sharedBandwidth.value)
    tensorCopyRate = UInt64(device.tensorCopyRate.value)
    sharedLatency = UInt64(device.sharedLatency.value)
    barrierLatency = UInt64(device.barrierLatency.value)
    clusterBarrierLatency = UInt64(device.clusterBarrierLatency.value)
    remoteSharedLatency = UInt64(device.remoteSharedLatency.value)
    proxyFenceLatency = UInt64(device.proxyFenceLatency.value)
    memoryFenceLatency = UInt64(device.memoryFenceLatency.value)
    globalLineInterval = UInt64(device.globalLineInterval.value)
    parameterLatency = UInt64(device.parameterLatency.value)
  }

  deinit {
    unsafe nextIssue.deallocate()
    unsafe pipeFree.deallocate()
    unsafe pipes.deallocate()
    unsafe intervalsAlone.deallocate()
    unsafe intervalsBesideProducts.deallocate()
    unsafe latencies.deallocate()
    unsafe pipeBusy.deallocate()
    unsafe instructions.pointee.deallocate()
    unsafe instructions.deallocate()
  }

  /// Takes time of the load/store unit for lines of global memory; returns when it has asked for the first: not before
  /// `time`, when the operands are there.
  func takeGlobal(at time: UInt64, slot: UInt64, lines: UInt64) -> UInt64 {
    let start = max(globalFree, slot)
    globalFree = start + lines * globalLineInterval
    return max(start, time)
  }

  /// When a warp has the parameter at an offset that it reads at a time.
  func takeParameter(at time: UInt64, offset: UInt64) -> UInt64 {
    let line = Int(offset / 64) % parameterArrivals.count
    if parameterArrivals[line] == 0 { parameterArrivals[line] = time + parameterLatency }
    return max(parameterArrivals[line], time + sharedLatency)
  }

  /// Takes time of shared memory for so many wavefronts of 128 bytes, where the instruction has its issue slot. Returns
  /// when the first begins: not before `time`, when its operands are there.
  func takeShared(at time: UInt64, slot: UInt64, wavefronts: UInt64, conflicts: UInt64 = 0) -> UInt64 {
    payCopies(until: slot)
    let start = max(sharedFree, slot)
    // What copies still have to write takes every other wavefront, and so do operands of a product.
    let copied = min(copiedWavefronts, wavefronts)
    copiedWavefronts -= copied
    sharedFree = start + wavefronts * (isMultiplying ? 2 : 1) + copied
    sharedBusy += wavefronts
    accessedWavefronts += wavefronts
    bankConflicts += conflicts
    return max(start, time)
  }

  /// Takes time of shared memory for data that a copy brings. It waits where accesses of warps leave room.
  func takeSharedForCopy(_ byteCount: Int, at time: UInt64) {
    payCopies(until: time)
    copiedWavefronts += wavefronts(byteCount)
    sharedBusy += wavefronts(byteCount)
  }

  /// Wavefronts of copies that cannot wait for room any longer: what is on its way is bounded. Uncalibrated.
  var overdueWavefronts: UInt64 { copiedWavefronts - min(copiedWavefronts, 512) }

  /// Takes time of shared memory for the operands of a product, and lets copies write in the cycles that these leave.
  func takeSharedForProduct(_ wavefronts: UInt64, room: UInt64) {
    sharedBusy += wavefronts
    copiedWavefronts -= min(copiedWavefronts, room)
  }

  /// Copies write while shared memory has nothing else to do. What a product leaves is known when it ends.
  private func payCopies(until time: UInt64) {
    guard time > sharedFree, copiedWavefronts > 0, !isMultiplying else { return }
    let paid = min(copiedWavefronts, time - sharedFree)
    copiedWavefronts -= paid
    sharedFree += paid
  }

  /// Takes time of the TMA unit; returns when it asks for the bytes.
  func takeTensorCopy(at time: UInt64, _ byteCount: Int) -> UInt64 {
    let start = max(tensorCopyFree, time)
    let cycles = (UInt64(byteCount) + tensorCopyRate - 1) / tensorCopyRate
    tensorCopyFree = start + cycles
    tensorCopyBusy += cycles
    trace?.add(.tensorCopy, "\(byteCount) bytes", from: start, to: start + cycles)
    return start
  }

  /// Wavefronts of bytes that are read without conflicts.
  func wavefronts(_ byteCount: Int) -> UInt64 { (UInt64(byteCount) + sharedBandwidth - 1) / sharedBandwidth }

  /// Cycles of an access to a shared address from the block of a rank.
  func sharedLatency(_ address: UInt64, from rank: Int) -> UInt64 {
    address >> AddressWindow.sharedBits & 0xFF == UInt64(rank) ? sharedLatency : remoteSharedLatency
  }
}

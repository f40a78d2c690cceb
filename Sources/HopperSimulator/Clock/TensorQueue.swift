/// A product of a warpgroup, for the clock.
struct TensorProduct {
  /// When the last of the four warps has executed it.
  let arrival: UInt64
  /// Of the tensor cores.
  let cycles: UInt64
  /// Of shared memory, for its operands.
  let wavefronts: UInt64
}

/// The tensor cores of a multiprocessor, one for each scheduler: all four work on one warpgroup's product at a time.
///
/// Products of a warpgroup are done in order. Of several warpgroups that have some, the one goes next that has been
/// ready the longest, so that they take turns. Uncalibrated: the hardware's choice is not published.
final class TensorQueue {
  private let rate: Double
  /// Cycles from the end of a product until its result is there.
  let latency: UInt64
  /// Those that have products to do.
  @safe @exclusivity(unchecked) private var warpgroups: [Warpgroup] = []
  /// Whether a product is being done, or an event will choose the next.
  var isActive = false
  /// Cycles in which products were done.
  var busy: UInt64 = 0

  init(_ device: DeviceDescription) {
    rate = device.tensorRate.value
    latency = UInt64(device.tensorLatency.value)
  }

  /// Cycles of a product of 64 rows and so many columns. Of narrower types an instruction has more along K, and the
  /// rate is higher in the same measure: 16 elements of 16 bits stand for all.
  func cycles(columns: Int) -> UInt64 { UInt64((Double(2 * 64 * 16 * columns) / rate).rounded(.up)) }

  func add(_ product: TensorProduct, of warpgroup: Warpgroup) {
    warpgroup.queue.append(product)
    if !warpgroups.contains(where: { $0 === warpgroup }) { warpgroups.append(warpgroup) }
  }

  /// The warpgroup whose product is next, and when that can begin; nil when there is none.
  func next() -> (warpgroup: Warpgroup, time: UInt64)? {
    warpgroups.removeAll { $0.queue.isEmpty }
    var next: (warpgroup: Warpgroup, time: UInt64)?
    for warpgroup in warpgroups {
      let ready = max(warpgroup.queue[0].arrival, warpgroup.tensorEnd)
      if next.map({ ready < $0.time }) ?? true { next = (warpgroup, ready) }
    }
    return next
  }
}

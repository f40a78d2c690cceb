import SimulatorKernels

/// Products that a warp has executed, and its groups of them.
final class ProductGroups {
  /// Products that the warp has executed: the number of the next.
  private(set) var executedCount = 0
  /// For each committed group that the warp has not waited for, how many products it had executed.
  @safe @exclusivity(unchecked) private var committed: [Int] = []
  /// How many products the warp has waited for.
  private(set) var waitedCount = 0
  /// Groups that it has committed, and those of them that it has waited for.
  private(set) var groupCount = 0
  var waitedGroupCount: Int { groupCount - committed.count }

  func execute() { executedCount += 1 }

  func commit() {
    committed.append(executedCount)
    groupCount += 1
  }

  /// How many products must have ended for all but the newest `count` groups to have.
  func endedCount(allBut count: Int) -> Int {
    committed.count > count ? committed[committed.count - count - 1] : 0
  }

  /// All but the newest `count` groups have been waited for.
  func forget(allBut count: Int) {
    waitedCount = max(waitedCount, endedCount(allBut: count))
    committed.removeFirst(max(0, committed.count - count))
  }
}

/// Four warps that multiply together (PTX ISA 9.7.15.2).
///
/// A product belongs to all four: it begins when the last of them has executed the instruction. B is read when the
/// first does, and each warp's rows of A and D when it does itself: until the product has ended nobody may change them.
@safe final class Warpgroup {
  /// A product that has not begun: not all warps have executed it.
  private struct Open {
    let statement: Int32
    let a: UInt64?
    let b: UInt64
    let operand: OperandMemory
    var arrivedCount = 0
    var lastArrival: UInt64 = 0

    func isSame(_ arrival: Arrival) -> Bool {
      statement == arrival.statement && a == arrival.a && b == arrival.b
    }
  }

  private let warps: ArraySlice<Warp>
  /// Whether there are four warps of which no thread has exited.
  private var isComplete: Bool
  @safe @exclusivity(unchecked) private var open: [Open] = []
  /// Products that have begun: the number of the first open one.
  private(set) var begunCount = 0
  /// Memory for B that no open product needs.
  @safe @exclusivity(unchecked) private var free: [OperandMemory] = []
  /// Products whose end is known, and when the results of those that somebody may still wait for are there.
  private(set) var endedCount = 0
  @safe @exclusivity(unchecked) private var results: [UInt64] = []
  /// Begun products that the tensor cores have not taken, and when they are done with the last one that they took.
  @safe @exclusivity(unchecked) var queue: [TensorProduct] = []
  var tensorEnd: UInt64 = 0

  init(_ warps: ArraySlice<Warp>) {
    self.warps = warps
    isComplete = warps.count == 4 && warps.allSatisfy { $0.live == .max }
  }

  /// Threads of one of its warps have exited.
  func loseThreads() { isComplete = false }

  /// Whether it has four warps, all of whose threads are there or have executed the `number`-th product before they
  /// exited. The latter is for the hazard checks to report.
  func isWhole(for number: Int) -> Bool {
    isComplete
      || warps.count == 4
        && warps.allSatisfy { $0.live == .max || $0.products.executedCount > number }
  }

  // MARK: Products

  /// What a warp executes that is the `number`-th product of its warpgroup.
  struct Arrival {
    let number: Int
    let statement: Int32
    /// Descriptors.
    let a: UInt64?
    let b: UInt64
    let time: UInt64
  }

  /// Whether another warp has executed the same: then its operands have been looked at.
  func isOpen(_ arrival: Arrival) -> Bool {
    let place = arrival.number - begunCount
    return place < open.count && open[place].isSame(arrival)
  }

  /// B of a product, which `read` prepares for the first warp that arrives; nil when the others have executed something
  /// else.
  func operand(_ arrival: Arrival, read: (OperandMemory) -> Void) -> OperandMemory? {
    let place = arrival.number - begunCount
    if place == open.count {
      let memory = free.popLast() ?? OperandMemory()
      read(memory)
      open.append(Open(statement: arrival.statement, a: arrival.a, b: arrival.b, operand: memory))
      return memory
    }
    return open[place].isSame(arrival) ? open[place].operand : nil
  }

  /// Counts a warp that has executed its part of a product. Returns when the last did, if all have.
  func arrive(_ arrival: Arrival) -> UInt64? {
    let place = arrival.number - begunCount
    open[place].arrivedCount += 1
    open[place].lastArrival = max(open[place].lastArrival, arrival.time)
    guard open[place].arrivedCount == 4 else { return nil }
    // Warps execute products in order, so this is the oldest.
    let product = open.removeFirst()
    free.append(product.operand)
    begunCount += 1
    return product.lastArrival
  }

  // MARK: Ends

  /// Says when the results of the next product are there, and lets warps go on.
  func end(at time: UInt64) {
    results.append(time)
    endedCount += 1
    for warp in warps { warp.release(at: time) { $0 == .products } }
  }

  /// When the results of the first `count` products are there; nil while that is not known.
  func resultTime(_ count: Int) -> UInt64? {
    guard count <= endedCount else { return nil }
    let first = endedCount - results.count
    return count > first ? results[count - first - 1] : 0
  }

  /// Forgets times that no warp will ask for any more.
  func forgetResults() {
    var waited = Int.max
    for warp in warps { waited = min(waited, warp.products.waitedCount) }
    results.removeFirst(max(0, waited - (endedCount - results.count)))
  }

  /// What its warps wait for, in words.
  var waits: String {
    let arrived = open.first?.arrivedCount
    return "products of its warpgroup: \(endedCount) of \(begunCount) have ended"
      + (arrived.map { ", \($0) of 4 warps have executed the next" } ?? "")
  }
}

/// B as products want it: [k][columns].
@safe final class OperandMemory {
  let base = unsafe ProductMemory.allocate(Int(SIM_MATRIX_COLUMNS) * Int(SIM_MATRIX_DEPTH))

  deinit { unsafe base.deallocate() }
}

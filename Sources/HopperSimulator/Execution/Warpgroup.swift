import SimulatorKernels

/// Products that a warp has executed, and its groups of them.
struct ProductGroups {
  /// Products that the warp has executed: the number of the next.
  private(set) var executedCount = 0
  /// For each committed group that the warp has not waited for, how many products it had executed.
  private var committed: [Int] = []
  /// How many products the warp has waited for.
  private(set) var waitedCount = 0
  /// Groups that it has committed, and those of them that it has waited for.
  private(set) var groupCount = 0
  var waitedGroupCount: Int { groupCount - committed.count }

  mutating func execute() { executedCount += 1 }

  mutating func commit() {
    committed.append(executedCount)
    groupCount += 1
  }

  /// How many products must have ended for all but the newest `count` groups to have.
  func endedCount(allBut count: Int) -> Int {
    committed.count > count ? committed[committed.count - count - 1] : 0
  }

  /// All but the newest `count` groups have been waited for.
  mutating func forget(allBut count: Int) {
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
  @safe private struct Open {
    let first: Arrival
    let operand: UnsafeMutablePointer<Float>
    var arrivedCount = 0
    var lastArrival: UInt64 = 0
  }

  private let warps: ArraySlice<Warp>
  /// Whether there are four warps of which no thread has exited.
  private var isComplete: Bool
  @safe @exclusivity(unchecked) private var open: [Open] = []
  /// Products that have begun: the number of the first open one.
  private(set) var begunCount = 0
  /// Memory for B that no open product needs.
  @safe @exclusivity(unchecked) private var free: [UnsafeMutablePointer<Float>] = unsafe []
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

  deinit {
    unsafe free.forEach { unsafe $0.deallocate() }
    for product in open { unsafe product.operand.deallocate() }
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

    /// Whether both are parts of one product.
    func isAlike(_ other: Arrival) -> Bool {
      statement == other.statement && a == other.a && b == other.b
    }
  }

  /// A warp's part of a product.
  @safe struct Part {
    /// Memory for B as products want it, [k][columns], which is the first warp's to prepare. It is valid until the next
    /// product begins.
    let operand: UnsafeMutablePointer<Float>
    let isFirst: Bool
    /// When the last of the four warps has executed the product; nil while that has not.
    let lastArrival: UInt64?
  }

  /// Counts a warp that executes its part of a product; nil when the others have executed something else.
  func join(_ arrival: Arrival) -> Part? {
    let place = arrival.number - begunCount
    let isFirst = place == open.count
    if isFirst {
      unsafe open.append(Open(first: arrival, operand: free.popLast() ?? Self.operandMemory()))
    } else if !open[place].first.isAlike(arrival) {
      return nil
    }
    open[place].arrivedCount += 1
    open[place].lastArrival = max(open[place].lastArrival, arrival.time)
    let product = open[place]
    guard product.arrivedCount == 4 else {
      return unsafe Part(operand: product.operand, isFirst: isFirst, lastArrival: nil)
    }
    // Warps execute products in order, so this is the oldest.
    open.removeFirst()
    unsafe free.append(product.operand)
    begunCount += 1
    return unsafe Part(operand: product.operand, isFirst: isFirst, lastArrival: product.lastArrival)
  }

  private static func operandMemory() -> UnsafeMutablePointer<Float> {
    unsafe ProductMemory.allocate(Int(SIM_MATRIX_COLUMNS) * Int(SIM_MATRIX_DEPTH))
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

/// The access histories of a cluster's shared memory, each under a number, so that a word's history is one number.
///
/// Words that were accessed alike have the same history: an access to a tile asks for few different successors, and
/// those of the last accesses are remembered.
@safe final class HistoryTable {
  private struct Successor {
    var old: UInt32
    var new: UInt32
    var access: Access
  }

  @safe @exclusivity(unchecked) private var histories = HistoryList()
  /// Memory for the histories that are kept when others are forgotten.
  private var spare = HistoryList()
  /// Histories after which those that no word has any more are forgotten. Few, so that they stay in the processor's cache.
  private var capacity = leastCapacity
  private let successors: UnsafeMutablePointer<Successor>

  private static let successorCount = 1024
  private static let leastCapacity = 1 << 12

  init() {
    unsafe successors = .allocate(capacity: Self.successorCount)
    forgetSuccessors()
  }

  deinit { unsafe successors.deallocate() }

  private func forgetSuccessors() {
    let none = Access(kind: .read, mask: 0, agent: -1, time: 0, warp: -1, site: -1)
    unsafe successors.initialize(
      repeating: Successor(old: .max, new: 0, access: none), count: Self.successorCount)
  }

  /// The history after an access of a warp. `conflict` is called if the access conflicts with something.
  @inline(__always)
  func successor(
    of old: UInt32, _ access: Access, _ warp: WarpHazards, conflict: (HazardFinding.Kind, Access?) -> Void
  ) -> UInt32 {
    let place = Self.place(old, access)
    let known = unsafe successors[place]
    // A read that changes nothing does not, whichever instruction does it.
    if known.old == old, known.access.isAlike(access),
      known.access.site == access.site || known.new == old && !access.kind.isWrite
    {
      return known.new
    }
    return newSuccessor(of: old, access, warp, at: place, conflict: conflict)
  }

  @inline(never)
  private func newSuccessor(
    of old: UInt32, _ access: Access, _ warp: WarpHazards, at place: Int,
    conflict: (HazardFinding.Kind, Access?) -> Void
  ) -> UInt32 {
    let found = histories.conflict(access, warp.causality, with: old)
    if let (kind, other) = found { conflict(kind, other) }
    let new =
      access.replacesAll
      ? replaced(access)
      : found == nil && histories.contains(access, in: old) ? old : histories.append(access, to: old)
    // What a warp has seen only grows: an access without conflict will have none when it is repeated.
    if found == nil { unsafe successors[place] = Successor(old: old, new: new, access: access) }
    return new
  }

  /// The history that only has a write of the whole word: the same for words whatever they had.
  private func replaced(_ write: Access) -> UInt32 {
    let place = Self.place(.max, write)
    let known = unsafe successors[place]
    if known.old == .max, known.access.isAlike(write), known.access.site == write.site { return known.new }
    let new = histories.append(write, to: HistoryList.untouched)
    unsafe successors[place] = Successor(old: .max, new: new, access: write)
    return new
  }

  private static func place(_ old: UInt32, _ access: Access) -> Int {
    var hash = UInt64(old) << 32
    if access.kind.isWrite { hash ^= UInt64(UInt32(bitPattern: access.site)) }
    hash ^= UInt64(access.time) << 20 ^ UInt64(UInt32(bitPattern: access.agent)) << 44
    hash ^= UInt64(access.kind.rawValue) << 58 ^ UInt64(access.mask) << 12
    return Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 54)
  }

  // MARK: Forgetting

  var isFull: Bool { histories.count > capacity }

  /// Numbers anew the histories that words still have.
  func compact(_ shadows: [SharedShadow]) {
    var renumbered = [UInt32?](repeating: nil, count: histories.count)
    renumbered[Int(HistoryList.untouched)] = HistoryList.untouched
    renumbered[Int(HistoryList.initialised)] = HistoryList.initialised
    spare.removeAll()
    for shadow in shadows {
      shadow.renumber { old in
        if let new = renumbered[Int(old)] { return new }
        let new = spare.append(old, of: histories)
        renumbered[Int(old)] = new
        return new
      }
    }
    swap(&histories, &spare)
    capacity = max(Self.leastCapacity, 4 * histories.count)
    forgetSuccessors()
  }
}

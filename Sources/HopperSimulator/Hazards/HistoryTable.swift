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

  /// By number; 0 is that of words which nobody has touched. Two numbers may stand for equal histories.
  private var histories = [AccessHistory(), .initialisedWord]
  private let successors: UnsafeMutablePointer<Successor>

  private static let successorCount = 1024
  /// Histories after which those that no word has any more are forgotten.
  private static let capacity = 1 << 15

  /// Number of the history of initialised words that conflict with nothing.
  static let initialised: UInt32 = 1

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

  /// The history after an access. `conflict` is called if the access conflicts with something.
  func successor(
    of old: UInt32, _ access: Access, _ causality: Causality,
    conflict: (HazardFinding.Kind, Access?) -> Void
  ) -> UInt32 {
    let place = Self.place(old, access)
    let known = unsafe successors[place]
    if known.old == old, known.access == access { return known.new }
    let history = histories[Int(old)]
    if let (kind, other) = history.conflict(access, causality) {
      conflict(kind, other)
      return access.replacesAll ? replaced(access) : append(history.adding(access))
    }
    // What a warp has seen only grows: an access without conflict will have none when it is repeated.
    let new =
      access.replacesAll
      ? replaced(access) : history.contains(access) ? old : append(history.adding(access))
    unsafe successors[place] = Successor(old: old, new: new, access: access)
    return new
  }

  /// The history that only has a write of the whole word: the same for words whatever they had.
  private func replaced(_ write: Access) -> UInt32 {
    let place = Self.place(.max, write)
    let known = unsafe successors[place]
    if known.old == .max, known.access == write { return known.new }
    let new = append(AccessHistory().adding(write))
    unsafe successors[place] = Successor(old: .max, new: new, access: write)
    return new
  }

  private static func place(_ old: UInt32, _ access: Access) -> Int {
    var hash = UInt64(old) << 32 ^ UInt64(UInt32(bitPattern: access.site))
    hash ^= UInt64(access.time) << 20 ^ UInt64(UInt32(bitPattern: access.agent)) << 44
    hash ^= UInt64(access.kind.rawValue) << 58 ^ UInt64(access.mask) << 12
    return Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 54)
  }

  private func append(_ history: AccessHistory) -> UInt32 {
    histories.append(history)
    return UInt32(histories.count - 1)
  }

  // MARK: Forgetting

  var isFull: Bool { histories.count > Self.capacity }

  /// Numbers anew the histories that words still have.
  func compact(_ shadows: [SharedShadow]) {
    var renumbered = [UInt32?](repeating: nil, count: histories.count)
    (renumbered[0], renumbered[1]) = (0, 1)
    var kept = Array(histories.prefix(2))
    for shadow in shadows {
      shadow.renumber { old in
        if let new = renumbered[Int(old)] { return new }
        let new = UInt32(kept.count)
        kept.append(histories[Int(old)])
        renumbered[Int(old)] = new
        return new
      }
    }
    histories = kept
    forgetSuccessors()
  }
}

/// The histories of the words of one block's shared memory, by number.
@safe final class SharedShadow {
  private let words: UnsafeMutablePointer<UInt32>
  let wordCount: Int

  init(byteCount: Int) {
    wordCount = (byteCount + 3) / 4
    unsafe words = .allocate(capacity: wordCount)
    unsafe words.initialize(repeating: 0, count: wordCount)
  }

  deinit { unsafe words.deallocate() }

  /// Replaces the numbers of some words. Those with the same number get the same: `successor` is asked once for
  /// neighbours.
  @inline(__always)
  func update(_ range: Range<Int>, _ successor: (UInt32, Int) -> UInt32) {
    let words = unsafe words
    var (lastOld, lastNew) = (UInt32.max, UInt32.max)
    for index in range.clamped(to: 0..<wordCount) {
      let old = unsafe words[index]
      if old != lastOld { (lastOld, lastNew) = (old, successor(old, index)) }
      unsafe words[index] = lastNew
    }
  }

  /// As above, for words of the lanes of an access.
  @inline(__always)
  func update(_ lanes: MemoryAccess, _ active: UInt32, _ successor: (UInt32, Int) -> UInt32) {
    let words = unsafe words
    let count = lanes.byteCount / 4
    var (lastOld, lastNew) = (UInt32.max, UInt32.max)
    var rest = active
    while rest != 0 {
      let first = Int(lanes[rest.trailingZeroBitCount] & (1 << AddressWindow.sharedBits - 1)) / 4
      rest &= rest &- 1
      guard first + count <= wordCount else { continue }
      for index in first..<first + count {
        let old = unsafe words[index]
        if old != lastOld { (lastOld, lastNew) = (old, successor(old, index)) }
        unsafe words[index] = lastNew
      }
    }
  }

  /// As above, for units of 16 bytes at some offsets.
  @inline(__always)
  func update(_ units: UnsafeBufferPointer<UInt32>, _ successor: (UInt32, Int) -> UInt32) {
    let words = unsafe words
    var (lastOld, lastNew) = (UInt32.max, UInt32.max)
    for number in units.indices {
      let first = unsafe Int(units[number]) / 4
      guard first + 4 <= wordCount else { continue }
      // Neighbours mostly have the same history: four are compared at once.
      let unit = unsafe UnsafeMutableRawPointer(words + first)
      if unsafe unit.loadUnaligned(as: SIMD4<UInt32>.self) == SIMD4(repeating: lastOld) {
        unsafe unit.storeBytes(of: SIMD4(repeating: lastNew), as: SIMD4<UInt32>.self)
        continue
      }
      for index in first..<first + 4 {
        let old = unsafe words[index]
        if old != lastOld { (lastOld, lastNew) = (old, successor(old, index)) }
        unsafe words[index] = lastNew
      }
    }
  }

  func renumber(_ number: (UInt32) -> UInt32) {
    for index in 0..<wordCount { unsafe words[index] = number(words[index]) }
  }

  func set(_ range: Range<Int>, to number: UInt32) {
    for index in range.clamped(to: 0..<wordCount) { unsafe words[index] = number }
  }
}

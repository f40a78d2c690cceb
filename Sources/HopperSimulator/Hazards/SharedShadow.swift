import SimulatorKernels

/// The histories of the words of one block's shared memory, by number.
///
/// Words that are replaced together and have the same number get the same: `successor` is asked once for neighbours, with
/// the number and the word's index.
@safe final class SharedShadow {
  private let words: UnsafeMutablePointer<UInt32>
  let wordCount: Int

  init(byteCount: Int) {
    wordCount = (byteCount + 3) / 4
    unsafe words = .allocate(capacity: wordCount)
    unsafe words.initialize(repeating: HistoryList.untouched, count: wordCount)
  }

  deinit { unsafe words.deallocate() }

  /// Replaces the numbers of some words.
  @inline(__always)
  func update(_ range: Range<Int>, _ successor: (UInt32, Int) -> UInt32) {
    var index = max(range.lowerBound, 0)
    let end = min(range.upperBound, wordCount)
    while index < end {
      let first = unsafe words + index
      let count = unsafe sim_equal_count(first, Int32(end - index))
      let (old, new) = unsafe (first.pointee, successor(first.pointee, index))
      if new != old { unsafe first.update(repeating: new, count: Int(count)) }
      index += Int(count)
    }
  }

  /// As above, for words of the lanes of an access.
  @inline(__always)
  func update(_ lanes: MemoryAccess, _ active: UInt32, _ successor: (UInt32, Int) -> UInt32) {
    let words = unsafe words
    let count = lanes.byteCount / 4
    let mask: UInt64 = 1 << AddressWindow.sharedBits - 1
    if active == .max, let old = unsafe lanes.equalNumber(in: words, wordCount: wordCount) {
      let new = successor(old, Int(lanes.first & mask) / 4)
      if new == old { return }
      for lane in 0..<32 { unsafe words[Int(lanes[lane] & mask) / 4] = new }
      return
    }
    var (lastOld, lastNew) = (UInt32.max, UInt32.max)
    var rest = active
    while rest != 0 {
      let first = Int(lanes[rest.trailingZeroBitCount] & mask) / 4
      rest &= rest &- 1
      guard first + count <= wordCount else { continue }
      for index in first..<first + count {
        let old = unsafe words[index]
        if old != lastOld { (lastOld, lastNew) = (old, successor(old, index)) }
        if lastNew != old { unsafe words[index] = lastNew }
      }
    }
  }

  /// As above, for the units of 16 bytes of some rows of an operand of `wgmma`. `successor` also says whether the number may
  /// be taken for others without asking.
  @inline(__always)
  func update(
    _ tile: OperandTile, rows: Range<Int>, _ successor: (UInt32, Int) -> (number: UInt32, isForAll: Bool)
  ) {
    let words = unsafe words
    var known = sim_replacements()
    var unit = 0
    let count = tile.unitCount(rows: rows)
    var (lastOld, lastNew) = (UInt32.max, UInt32.max)
    while true {
      let next = unsafe tile.replace(known, in: words, rows: rows, from: unit)
      if next == count { return }
      if next > unit { lastOld = .max }
      unit = next
      let first = tile.address(ofUnit: unit, rows: rows) / 4
      for index in first..<first + 4 {
        let old = unsafe words[index]
        if old != lastOld {
          let (new, isForAll) = successor(old, index)
          if isForAll { unsafe sim_add_replacement(&known, old, new) }
          (lastOld, lastNew) = (old, new)
        }
        unsafe words[index] = lastNew
      }
      unit += 1
      if unit == count { return }
    }
  }

  func renumber(_ number: (UInt32) -> UInt32) {
    for index in 0..<wordCount { unsafe words[index] = number(words[index]) }
  }

  func set(_ range: Range<Int>, to number: UInt32) {
    for index in range.clamped(to: 0..<wordCount) { unsafe words[index] = number }
  }
}

import SimulatorKernels

/// The histories of the words of one block's shared memory, by number.
///
/// Words that are replaced together and have the same number get the same: `successor` is asked once for neighbours, with
/// the number and the word's index.
@safe final class SharedShadow {
  private let words: UnsafeMutablePointer<UInt32>
  let wordCount: Int
  /// How often numbers have been replaced by others.
  private var changeCount = 0
  /// The last operands of `wgmma` that were read without conflict: A and B of a product, mostly.
  @safe @exclusivity(unchecked) private var operands: [OperandRead?] = [nil, nil]
  private var nextOperand = 0

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
      if new != old {
        unsafe first.update(repeating: new, count: Int(count))
        changeCount += 1
      }
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
      changeCount += 1
      for lane in 0..<32 { unsafe words[Int(lanes[lane] & mask) / 4] = new }
      return
    }
    changeCount += 1
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

  /// As above, for the units of 16 bytes of some rows of an operand of `wgmma`. `successor` also says whether the access is
  /// without conflict: then the number is taken for other words without asking. What was read so, and has not changed
  /// since, is not looked at again for an access of the same time.
  @inline(__always)
  func update(
    _ tile: OperandTile, rows: Range<Int>, _ access: Access,
    _ successor: (UInt32, Int) -> (number: UInt32, isRight: Bool)
  ) {
    var read = OperandRead(tile: tile, rows: rows, access: access, changeCount: changeCount)
    if operands.contains(where: { $0?.covers(read) ?? false }) { return }
    guard replace(tile, rows, successor) else { return }
    read.changeCount = changeCount
    operands[nextOperand] = read
    nextOperand = (nextOperand + 1) % operands.count
  }

  /// Whether all of it is without conflict.
  @inline(__always)
  private func replace(
    _ tile: OperandTile, _ rows: Range<Int>, _ successor: (UInt32, Int) -> (number: UInt32, isRight: Bool)
  ) -> Bool {
    let words = unsafe words
    let count = tile.unitCount(rows: rows)
    var known = sim_replacements()
    var (lastOld, lastNew) = (UInt32.max, UInt32.max)
    var isRight = true
    var unit = 0
    while true {
      let next = unsafe tile.replace(known, in: words, rows: rows, from: unit)
      if next == count { return isRight }
      if next > unit { lastOld = .max }
      unit = next
      let first = tile.address(ofUnit: unit, rows: rows) / 4
      for index in first..<first + 4 {
        let old = unsafe words[index]
        if old != lastOld {
          let (new, isFree) = successor(old, index)
          if isFree { unsafe sim_add_replacement(&known, old, new) }
          isRight = isRight && isFree
          if new != old { changeCount += 1 }
          (lastOld, lastNew) = (old, new)
        }
        unsafe words[index] = lastNew
      }
      unit += 1
      if unit == count { return isRight }
    }
  }

  func renumber(_ number: (UInt32) -> UInt32) {
    changeCount += 1
    for index in 0..<wordCount { unsafe words[index] = number(words[index]) }
  }

  func set(_ range: Range<Int>, to number: UInt32) {
    changeCount += 1
    for index in range.clamped(to: 0..<wordCount) { unsafe words[index] = number }
  }
}

/// An operand that a product has read.
private struct OperandRead {
  let tile: OperandTile
  let rows: Range<Int>
  let access: Access
  /// When nothing had changed since.
  var changeCount: Int

  func covers(_ other: OperandRead) -> Bool {
    changeCount == other.changeCount && access.isAlike(other.access) && rows == other.rows
      && tile.isSame(as: other.tile)
  }
}

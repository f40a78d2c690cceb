import SimulatorKernels

/// The histories of the words of one block's shared memory, by number.
///
/// Most accesses are to whole units of 16 bytes, whose words then have one number: it is kept by unit, and by word only
/// where words of a unit have parted. Words that are replaced together and have the same number get the same: `successor`
/// is asked once for neighbours, with the number and the word's index.
@safe final class SharedShadow {
  /// Of each unit the number of its four words, or `parted`.
  private let units: UnsafeMutablePointer<UInt32>
  /// Of each word of parted units; of others anything.
  private let words: UnsafeMutablePointer<UInt32>
  private let unitCount: Int
  let wordCount: Int
  /// How often numbers have been replaced by others.
  private var changeCount = 0
  /// The last operands of `wgmma` that were read without conflict: A and B of a product, mostly.
  @safe @exclusivity(unchecked) private var operands: [OperandRead?] = [nil, nil]
  private var nextOperand = 0
  /// What takes the place of numbers in the operand that is being looked at.
  private let known: UnsafeMutablePointer<sim_replacements>

  /// In place of a number, that the words of a unit have their own.
  private static let parted = UInt32.max

  init(byteCount: Int) {
    wordCount = (byteCount + 3) / 4
    unitCount = (byteCount + 15) / 16
    unsafe units = .allocate(capacity: unitCount)
    unsafe units.initialize(repeating: HistoryList.untouched, count: unitCount)
    // Pages that are never touched take no memory.
    unsafe words = .allocate(capacity: 4 * unitCount)
    unsafe known = .allocate(capacity: 1)
  }

  deinit {
    unsafe units.deallocate()
    unsafe words.deallocate()
    unsafe known.deallocate()
  }

  // MARK: Runs and lanes

  /// Replaces the numbers of some words.
  @inline(__always)
  func update(_ range: Range<Int>, _ successor: (UInt32, Int) -> UInt32) {
    let range = range.clamped(to: 0..<wordCount)
    var last = Replacement()
    var index = range.lowerBound
    while index < range.upperBound {
      let unit = index / 4
      guard index & 3 == 0, index + 4 <= range.upperBound else {
        replaceWord(index, &last, successor)
        index += 1
        continue
      }
      let old = unsafe units[unit]
      if old == Self.parted {
        replaceParted(unit, &last, successor)
        index += 4
        continue
      }
      let count = unsafe Int(sim_equal_count(units + unit, Int32((range.upperBound - index) / 4)))
      let new = last.next(old, index, successor)
      if new != old {
        unsafe (units + unit).update(repeating: new, count: count)
        changeCount += 1
      }
      index += 4 * count
    }
  }

  /// As above, for words of the lanes of an access.
  @inline(__always)
  func update(_ lanes: MemoryAccess, _ active: UInt32, _ successor: (UInt32, Int) -> UInt32) {
    let count = lanes.byteCount / 4
    let mask: UInt64 = 1 << AddressWindow.sharedBits - 1
    var last = Replacement()
    if active == .max, let known = equalNumber(lanes) {
      let new = successor(known.number, Int(lanes.first & mask) / 4)
      if new == known.number { return }
      if known.isOfWords {
        changeCount += 1
        unsafe lanes.setNumbers(of: words, to: new)
        return
      }
      last = Replacement(of: known.number, by: new)
    }
    var rest = active
    while rest != 0 {
      let first = Int(lanes[rest.trailingZeroBitCount] & mask) / 4
      rest &= rest &- 1
      guard first + count <= wordCount else { continue }
      if count == 4 {
        replaceUnit(first / 4, &last, successor)
      } else {
        for index in first..<first + count { replaceWord(index, &last, successor) }
      }
    }
  }

  /// The number of all words that 32 lanes access, if they have the same: by word, or by unit.
  private func equalNumber(_ lanes: MemoryAccess) -> (number: UInt32, isOfWords: Bool)? {
    guard let found = unsafe lanes.equalNumber(in: units, count: unitCount, unit: 16) else { return nil }
    if found != Self.parted { return (found, false) }
    guard lanes.byteCount == 4 else { return nil }
    let number = unsafe lanes.equalNumber(in: words, count: wordCount, unit: 4)
    return number.map { ($0, true) }
  }

  @inline(__always)
  private func replaceUnit(
    _ unit: Int, _ last: inout Replacement, _ successor: (UInt32, Int) -> UInt32
  ) {
    let old = unsafe units[unit]
    if old == Self.parted { return replaceParted(unit, &last, successor) }
    let new = last.next(old, unit * 4, successor)
    if new == old { return }
    unsafe units[unit] = new
    changeCount += 1
  }

  /// All words of a unit in which they have parted; perhaps they have not any more.
  @inline(__always)
  private func replaceParted(
    _ unit: Int, _ last: inout Replacement, _ successor: (UInt32, Int) -> UInt32
  ) {
    for index in unit * 4..<unit * 4 + 4 {
      let old = unsafe words[index]
      let new = last.next(old, index, successor)
      if new == old { continue }
      unsafe words[index] = new
      changeCount += 1
    }
    join(unit)
  }

  @inline(__always)
  private func replaceWord(
    _ index: Int, _ last: inout Replacement, _ successor: (UInt32, Int) -> UInt32
  ) {
    let whole = unsafe units[index / 4]
    let old = unsafe whole == Self.parted ? words[index] : whole
    let new = last.next(old, index, successor)
    if new == old { return }
    changeCount += 1
    part(index / 4)
    unsafe words[index] = new
  }

  /// Gives the words of a unit numbers of their own.
  private func part(_ unit: Int) {
    let number = unsafe units[unit]
    if number == Self.parted { return }
    unsafe (words + unit * 4).update(repeating: number, count: 4)
    unsafe units[unit] = Self.parted
  }

  /// Gives a unit the number of its words, if that is one.
  private func join(_ unit: Int) {
    let words = unsafe words + unit * 4
    let number = unsafe words[0]
    if unsafe words[1] == number && words[2] == number && words[3] == number { unsafe units[unit] = number }
  }

  // MARK: Operands of wgmma

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
    let count = tile.unitCount(rows: rows)
    unsafe sim_forget_replacements(known)
    var last = Replacement()
    var isRight = true
    var place = 0
    while true {
      let next = unsafe tile.replace(known, in: units, rows: rows, from: place)
      if next == count { return isRight }
      if next > place { last = Replacement() }
      place = next
      let unit = tile.address(ofUnit: place, rows: rows) / 16
      replaceUnit(unit, &last) { old, index in
        let (new, isFree) = successor(old, index)
        if isFree { unsafe sim_add_replacement(known, old, new) }
        isRight = isRight && isFree
        return new
      }
      place += 1
      if place == count { return isRight }
    }
  }

  // MARK: All words

  func renumber(_ number: (UInt32) -> UInt32) {
    changeCount += 1
    for unit in 0..<unitCount {
      if unsafe units[unit] != Self.parted {
        unsafe units[unit] = number(units[unit])
      } else {
        for word in unit * 4..<unit * 4 + 4 { unsafe words[word] = number(words[word]) }
      }
    }
  }

  func set(_ range: Range<Int>, to number: UInt32) { update(range) { _, _ in number } }
}

/// The last number that was replaced, and by what; none at first.
private struct Replacement {
  private var old = UInt32.max
  private var new = UInt32.max

  init() {}

  init(of old: UInt32, by new: UInt32) { (self.old, self.new) = (old, new) }

  @inline(__always)
  mutating func next(_ number: UInt32, _ index: Int, _ successor: (UInt32, Int) -> UInt32) -> UInt32 {
    if number != old { (old, new) = (number, successor(number, index)) }
    return new
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

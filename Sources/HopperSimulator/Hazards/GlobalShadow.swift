import Foundation

/// Who has accessed an allocation last, word by word; byte by byte where accesses are to parts of words.
@safe final class GlobalShadow {
  private struct Entry: Equatable {
    /// The last write, and the last read since. Numbers in `actors`, 0 for none; the sign says that the access was ordered
    /// among clusters.
    var write: Int32 = 0
    var read: Int32 = 0

    mutating func add(_ number: Int32, isWrite: Bool) {
      if isWrite { self = Entry(write: number) } else { read = number }
    }
  }

  private let address: UInt64
  private let byteCount: Int
  private let words: EntryMemory<Entry>
  /// Made when a part of a word is first accessed.
  @safe @exclusivity(unchecked) private var bytes: EntryMemory<Entry>?
  @safe @exclusivity(unchecked) private var actors: [GlobalActor] = []
  @safe @exclusivity(unchecked) private var numbers: [GlobalActor: Int32] = [:]
  /// The actor of the last access: several accesses in a row have the same.
  @safe @exclusivity(unchecked) private var last: (actor: GlobalActor, number: Int32)?

  init(address: UInt64, byteCount: Int) {
    self.address = address
    self.byteCount = byteCount
    words = EntryMemory(count: byteCount / 4)
  }

  var addresses: Range<UInt64> { address..<address + UInt64(byteCount) }

  /// Notes an access. `conflict` is called with accesses that it races with.
  func take(
    _ access: GlobalAccess, _ states: [GlobalState?], _ seen: VectorClock,
    conflict: (GlobalActor, UInt64) -> Void
  ) {
    let number = number(access.actor) * (access.kind.isSynchronizing ? -1 : 1)
    let first = Int(access.address - address)
    let end = min(first + access.byteCount, byteCount)
    let (firstWord, endWord) = ((first + 3) / 4, end / 4)
    if firstWord < endWord {
      takeWords(firstWord..<endWord, access, number, states, seen, conflict)
      takeBytes(first..<firstWord * 4, access, number, states, seen, conflict)
      takeBytes(endWord * 4..<end, access, number, states, seen, conflict)
    } else {
      takeBytes(first..<end, access, number, states, seen, conflict)
    }
  }

  private func takeWords(
    _ range: Range<Int>, _ access: GlobalAccess, _ number: Int32, _ states: [GlobalState?],
    _ seen: VectorClock, _ conflict: (GlobalActor, UInt64) -> Void
  ) {
    var (lastEntry, isChecked) = (Entry(), false)
    for word in range.clamped(to: 0..<words.count) {
      let entry = words[word]
      if !isChecked || entry != lastEntry {
        if let other = earlier(access, entry, states, seen) { conflict(other, address + UInt64(word * 4)) }
        (lastEntry, isChecked) = (entry, true)
      }
      words[word].add(number, isWrite: access.kind.isWrite)
    }
    guard let bytes else { return }
    let parts = (range.lowerBound * 4..<range.upperBound * 4).clamped(to: 0..<bytes.count)
    for byte in parts where bytes[byte] != Entry() {
      if let other = earlier(access, bytes[byte], states, seen) { conflict(other, address + UInt64(byte)) }
      if access.kind.isWrite { bytes[byte] = Entry() }
    }
  }

  /// Parts of words. What whole words have is left there: who comes after a part comes after what that came after.
  private func takeBytes(
    _ range: Range<Int>, _ access: GlobalAccess, _ number: Int32, _ states: [GlobalState?],
    _ seen: VectorClock, _ conflict: (GlobalActor, UInt64) -> Void
  ) {
    if range.isEmpty { return }
    let bytes = bytes ?? EntryMemory(count: byteCount)
    self.bytes = bytes
    for byte in range.clamped(to: 0..<bytes.count) {
      let word = byte / 4 < words.count ? words[byte / 4] : Entry()
      if let other = earlier(access, word, states, seen) ?? earlier(access, bytes[byte], states, seen) {
        conflict(other, address + UInt64(byte))
      }
      bytes[byte].add(number, isWrite: access.kind.isWrite)
    }
  }

  private func number(_ actor: GlobalActor) -> Int32 {
    if let last, last.actor == actor { return last.number }
    let number = numbers[actor] ?? Int32(actors.count + 1)
    if number > actors.count {
      actors.append(actor)
      numbers[actor] = number
    }
    last = (actor, number)
    return number
  }

  /// What an access races with.
  private func earlier(_ access: GlobalAccess, _ entry: Entry, _ states: [GlobalState?], _ seen: VectorClock)
    -> GlobalActor?
  {
    if let other = unordered(entry.write, access, states, seen) { return other }
    return access.kind.isWrite ? unordered(entry.read, access, states, seen) : nil
  }

  private func unordered(
    _ number: Int32, _ access: GlobalAccess, _ states: [GlobalState?], _ seen: VectorClock
  )
    -> GlobalActor?
  {
    if number == 0 || number < 0 && access.kind.isSynchronizing { return nil }
    let other = actors[Int(number.magnitude) - 1]
    return access.isUnordered(other, states, seen) ? other : nil
  }
}

/// Zeroed memory for entries. Pages that are never touched take none; if there is none, it is empty.
@safe private final class EntryMemory<Entry: BitwiseCopyable> {
  private let base: UnsafeMutablePointer<Entry>?
  let count: Int

  /// `Entry` must be all zeros at first.
  init(count: Int) {
    let memory = unsafe calloc(max(1, count), MemoryLayout<Entry>.stride)
    self.count = unsafe memory == nil ? 0 : count
    unsafe base = memory?.bindMemory(to: Entry.self, capacity: max(1, count))
  }

  deinit { unsafe free(base) }

  /// `index` must be in `0..<count`.
  @inline(__always)
  subscript(index: Int) -> Entry {
    get { unsafe base.unsafelyUnwrapped[index] }
    _modify { yield unsafe &base.unsafelyUnwrapped[index] }
  }
}

import Foundation

/// Which words of 4 bytes of an allocation somebody has written, at least in part.
///
/// Interpreters mark words at the same time: each word has its own byte, and marks are never taken back. Copies share their
/// marks, which are not counted: threads that count references to one object keep each other waiting.
@safe struct InitialisedWords: @unchecked Sendable {
  private let marks: UnsafeMutablePointer<UInt8>?
  private let wordCount: Int
  /// Whether all have been written. Changed only between launches.
  private(set) var isWhole: Bool

  init(byteCount: Int) {
    wordCount = (byteCount + 3) / 4
    // Pages that are never touched take no memory. If there is none, nothing is looked for.
    let memory = unsafe calloc(max(1, wordCount), 1)
    unsafe marks = memory?.bindMemory(to: UInt8.self, capacity: max(1, wordCount))
    isWhole = unsafe memory == nil || byteCount == 0
  }

  /// Gives up the marks, which no copy may use any more.
  func deallocate() { unsafe free(marks) }

  /// The host, or a launch that is not looked at, writes.
  mutating func markAll() { isWhole = true }

  func mark(_ bytes: Range<Int>) {
    guard !isWhole, !bytes.isEmpty, let marks = unsafe marks else { return }
    for word in bytes.lowerBound / 4..<min(wordCount, (bytes.upperBound + 3) / 4) { unsafe marks[word] = 1 }
  }

  /// The first byte of a word in these bytes that nobody has written.
  func firstMissing(_ bytes: Range<Int>) -> Int? {
    guard !isWhole, !bytes.isEmpty, let marks = unsafe marks else { return nil }
    for word in bytes.lowerBound / 4..<min(wordCount, (bytes.upperBound + 3) / 4)
    where unsafe marks[word] == 0 { return max(bytes.lowerBound, word * 4) }
    return nil
  }
}

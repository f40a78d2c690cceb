/// The distinct words of a text, each as a small number: later stages look names up by index instead of hashing
/// strings.
struct WordTable {
  /// Text of each word.
  private(set) var texts: [String] = []
  /// Open addressing; -1 for a free place. A power of two in number.
  private var places = [Int32](repeating: -1, count: 1024)
  private var hashes: [UInt32] = []
  /// UTF-8 of all words, one behind the other, and where each begins.
  private var bytes: [UInt8] = []
  private var starts: [Int] = [0]

  /// The number of the word that stands in a range of a text.
  mutating func word(_ source: [UInt8], _ range: Range<Int>) -> Int {
    var hash: UInt32 = 2_166_136_261
    for index in range { hash = (hash ^ UInt32(source[index])) &* 16_777_619 }
    var place = Int(hash ^ (hash >> 15)) & (places.count - 1)
    while places[place] >= 0 {
      let candidate = Int(places[place])
      if hashes[candidate] == hash, matches(candidate, source, range) { return candidate }
      place = (place + 1) & (places.count - 1)
    }
    places[place] = Int32(texts.count)
    append(source[range], hash)
    return texts.count - 1
  }

  /// The number of a word given as a string.
  mutating func word(_ text: String) -> Int {
    let source = Array(text.utf8)
    return word(source, 0..<source.count)
  }

  private func matches(_ candidate: Int, _ source: [UInt8], _ range: Range<Int>) -> Bool {
    let start = starts[candidate]
    guard starts[candidate + 1] - start == range.count else { return false }
    for index in 0..<range.count where bytes[start + index] != source[range.lowerBound + index] {
      return false
    }
    return true
  }

  private mutating func append(_ word: ArraySlice<UInt8>, _ hash: UInt32) {
    texts.append(String(decoding: word, as: UTF8.self))
    hashes.append(hash)
    bytes += word
    starts.append(bytes.count)
    if texts.count * 2 > places.count { grow() }
  }

  private mutating func grow() {
    places = [Int32](repeating: -1, count: places.count * 2)
    for (word, hash) in hashes.enumerated() {
      var place = Int(hash ^ (hash >> 15)) & (places.count - 1)
      while places[place] >= 0 { place = (place + 1) & (places.count - 1) }
      places[place] = Int32(word)
    }
  }
}

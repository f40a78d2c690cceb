/// Cuts PTX text into tokens. One token is read ahead: `kind` and what belongs to it describe it, `advance()`
/// goes to the next.
struct Lexer {
  /// What a token is.
  enum Kind: Equatable {
    /// A name, an instruction's spelling up to white space, or a special register: `word`.
    case word
    /// `.name`, up to the next dot: `word`, dot included.
    case dotWord
    /// `number`.
    case number
    /// `"…"`, between the quotes: `textRange`.
    case string
    /// A single character.
    case punctuation(UInt8)
    /// What no token begins with, or a comment or string without an end.
    case invalid
    case end
  }

  /// The token read ahead.
  private(set) var kind = Kind.end
  /// Of a word: its number in `words`.
  private(set) var word = 0
  /// Of a number: its value.
  private(set) var number = Immediate.integer(0)
  /// Where the token stands.
  private(set) var range = 0..<0
  /// Line of the token, from 1.
  private(set) var line = 1
  /// The words so far.
  var words: WordTable
  /// The text, and zeros behind it so that looking a few bytes ahead needs no check.
  let bytes: [UInt8]

  private let count: Int
  private var position = 0
  private var currentLine = 1
  private static let margin = 4

  /// At the first token of a text; `words` holds the words whose numbers are known beforehand.
  init(_ text: String, words: WordTable) {
    self.words = words
    var bytes = Array(text.utf8)
    count = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: Self.margin))
    self.bytes = bytes
    advance()
  }

  /// Byte of the line at which the token stands, from 1.
  var column: Int {
    var start = range.lowerBound
    while start > 0, bytes[start - 1] != UInt8(ascii: "\n") { start -= 1 }
    return range.lowerBound - start + 1
  }

  /// The text of the token, shortened.
  var found: String {
    if kind == .end { return "the end of the text" }
    let shown = range.prefix(40)
    let text = String(decoding: bytes[shown.startIndex..<shown.endIndex], as: UTF8.self)
    return "'\(text)'"
  }

  /// The text of the token.
  var text: String { String(decoding: bytes[range], as: UTF8.self) }

  /// Reads the next token.
  mutating func advance() {
    skipBlanks()
    let start = position
    line = currentLine
    range = start..<start
    guard kind != .invalid else { return }
    guard start < count else {
      kind = .end
      return
    }
    let byte = bytes[start]
    switch Self.classes[Int(byte)] {
    case .letter: readWord()
    case .digit: readNumber()
    case .dot where Self.classes[Int(bytes[start + 1])] == .letter: readDotWord()
    case .quote: readString()
    case .dot, .other:
      position += 1
      kind = .punctuation(byte)
    case .foreign:
      position += 1
      kind = .invalid
    }
    range = start..<position
    if kind == .word || kind == .dotWord { word = words.word(bytes, range) }
  }

  /// White space and comments. A comment without an end becomes the invalid token.
  private mutating func skipBlanks() {
    kind = .end
    while true {
      switch bytes[position] {
      case UInt8(ascii: "\n"):
        currentLine += 1
        position += 1
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): position += 1
      case UInt8(ascii: "/") where bytes[position + 1] == UInt8(ascii: "/"):
        while position < count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
      case UInt8(ascii: "/") where bytes[position + 1] == UInt8(ascii: "*"):
        guard skipBlockComment() else {
          kind = .invalid
          return
        }
      default: return
      }
    }
  }

  private mutating func skipBlockComment() -> Bool {
    var end = position + 2
    var lines = 0
    while end < count {
      if bytes[end] == UInt8(ascii: "*"), bytes[end + 1] == UInt8(ascii: "/") {
        position = end + 2
        currentLine += lines
        return true
      }
      if bytes[end] == UInt8(ascii: "\n") { lines += 1 }
      end += 1
    }
    return false
  }

  /// `name`, `%tid.x`, `cp.async.bulk.shared::cluster.global`.
  private mutating func readWord() {
    kind = .word
    while true {
      while Self.isWordByte(bytes[position]) { position += 1 }
      if bytes[position] == UInt8(ascii: "."), Self.isWordByte(bytes[position + 1]) {
        position += 1
      } else if bytes[position] == UInt8(ascii: ":"), bytes[position + 1] == UInt8(ascii: ":"),
        Self.isWordByte(bytes[position + 2])
      {
        position += 2
      } else {
        return
      }
    }
  }

  private mutating func readDotWord() {
    kind = .dotWord
    position += 1
    while Self.isWordByte(bytes[position]) { position += 1 }
    // `.shared::cta`
    if bytes[position] == UInt8(ascii: ":"), bytes[position + 1] == UInt8(ascii: ":") {
      position += 2
      while Self.isWordByte(bytes[position]) { position += 1 }
    }
  }

  private mutating func readString() {
    let start = position
    var end = position + 1
    while end < count, bytes[end] != UInt8(ascii: "\n") {
      if bytes[end] == UInt8(ascii: "\"") {
        position = end + 1
        kind = .string
        return
      }
      end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1
    }
    position = start + 1
    kind = .invalid
  }

  private mutating func readNumber() {
    let start = position
    while Self.isWordByte(bytes[position]) || bytes[position] == UInt8(ascii: ".")
      || Self.isExponentSign(bytes, position)
    {
      position += 1
    }
    guard let value = NumberSyntax.value(bytes[start..<position]) else {
      kind = .invalid
      return
    }
    number = value
    kind = .number
  }

  /// Whether a sign belongs to the exponent before it: `1e-5`, but not `0xe-5`.
  private static func isExponentSign(_ bytes: [UInt8], _ position: Int) -> Bool {
    guard bytes[position] == UInt8(ascii: "-") || bytes[position] == UInt8(ascii: "+") else { return false }
    guard bytes[position - 1] | 0x20 == UInt8(ascii: "e") else { return false }
    var start = position - 1
    while start > 0, isWordByte(bytes[start - 1]) || bytes[start - 1] == UInt8(ascii: ".") { start -= 1 }
    return bytes[start + 1] | 0x20 != UInt8(ascii: "x") && bytes[start + 1] | 0x20 != UInt8(ascii: "f")
      && bytes[start + 1] | 0x20 != UInt8(ascii: "d")
  }

  private enum ByteClass { case letter, digit, dot, quote, other, foreign }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    let kind = classes[Int(byte)]
    return kind == .letter || kind == .digit
  }

  private static let classes: [ByteClass] = (0..<256).map { value in
    let byte = UInt8(value)
    return switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): .letter
    case UInt8(ascii: "_"), UInt8(ascii: "$"), UInt8(ascii: "%"): .letter
    case UInt8(ascii: "0")...UInt8(ascii: "9"): .digit
    case UInt8(ascii: "."): .dot
    case UInt8(ascii: "\""): .quote
    case 33...126: .other
    default: .foreign
    }
  }
}

/// How PTX writes numbers (PTX ISA 4.5).
enum NumberSyntax {
  /// The number that a token beginning with a digit is; nil when it is none, or an integer of more than 64 bits.
  static func value(_ token: ArraySlice<UInt8>) -> Immediate? {
    let start = token.startIndex
    guard token.count > 1 else { return integer(token, radix: 10) }
    let digits = token.dropFirst(2)
    if token[start] == UInt8(ascii: "0") {
      switch token[start + 1] | 0x20 {
      case UInt8(ascii: "x"): return integer(digits, radix: 16)
      case UInt8(ascii: "b"): return integer(digits, radix: 2)
      case UInt8(ascii: "f"):
        guard digits.count == 8 else { return nil }
        return bits(digits, radix: 16).map { .float(UInt32(truncatingIfNeeded: $0)) }
      case UInt8(ascii: "d"):
        guard digits.count == 16 else { return nil }
        return bits(digits, radix: 16).map { .double($0) }
      default: break
      }
    }
    if token.contains(where: { $0 == UInt8(ascii: ".") || $0 | 0x20 == UInt8(ascii: "e") }) {
      return decimal(token)
    }
    return integer(token, radix: token[start] == UInt8(ascii: "0") ? 8 : 10)
  }

  /// An integer with an optional suffix `U`.
  private static func integer(_ token: ArraySlice<UInt8>, radix: UInt64) -> Immediate? {
    let isUnsigned = token.last.map { $0 | 0x20 == UInt8(ascii: "u") } ?? false
    let digits = isUnsigned && token.count > 1 ? token.dropLast() : token
    // `0U` in octal is the zero of any radix.
    return bits(digits, radix: radix).map { .integer(Int64(bitPattern: $0)) }
  }

  private static func bits(_ digits: ArraySlice<UInt8>, radix: UInt64) -> UInt64? {
    guard !digits.isEmpty else { return nil }
    var value: UInt64 = 0
    for byte in digits {
      let digit: UInt64
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = UInt64(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = UInt64(byte - UInt8(ascii: "a")) + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = UInt64(byte - UInt8(ascii: "A")) + 10
      default: return nil
      }
      guard digit < radix else { return nil }
      let (product, overflows) = value.multipliedReportingOverflow(by: radix)
      let (sum, carries) = product.addingReportingOverflow(digit)
      guard !overflows, !carries else { return nil }
      value = sum
    }
    return value
  }

  private static func decimal(_ token: ArraySlice<UInt8>) -> Immediate? {
    let text = String(decoding: token, as: UTF8.self)
    return Double(text.hasSuffix(".") ? text + "0" : text).map { .double($0.bitPattern) }
  }
}

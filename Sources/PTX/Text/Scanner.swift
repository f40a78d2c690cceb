/// A position in PTX text, and the lexical rules of PTX (PTX ISA 4).
///
/// Works on bytes: PTX is ASCII, and compilers' texts are long.
struct Scanner {
  let bytes: [UInt8]
  /// Of the next byte.
  var position = 0
  /// Of the next byte, counted from 1.
  private(set) var line = 1
  private var lineStart = 0

  init(_ text: String) {
    bytes = Array(text.utf8)
  }

  /// The next byte; 0 at the end.
  var next: UInt8 { position < bytes.count ? bytes[position] : 0 }

  var isAtEnd: Bool { position >= bytes.count }

  /// The byte so far ahead; 0 beyond the end.
  func peek(_ distance: Int) -> UInt8 {
    position + distance < bytes.count ? bytes[position + distance] : 0
  }

  // MARK: Errors

  func error(_ reason: ParseError.Reason) -> ParseError {
    ParseError(reason: reason, line: line, column: position - lineStart + 1)
  }

  func unexpected(_ expected: String) -> ParseError {
    error(.unexpected(found: found, expected: expected))
  }

  /// What stands here, for a message.
  private var found: String {
    guard !isAtEnd else { return "the end of the text" }
    var end = position + 1
    if Self.isNameByte(bytes[position]) {
      while end < bytes.count, end < position + 40, Self.isNameByte(bytes[end]) { end += 1 }
    }
    return "'\(String(decoding: bytes[position..<end], as: UTF8.self))'"
  }

  // MARK: Space

  /// Skips blanks, line ends and comments.
  mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case ASCII.newline: advanceLine()
      case 0x20, 0x09, 0x0D, 0x0B, 0x0C: position += 1
      case ASCII.slash:
        if peek(1) == ASCII.slash {
          skipLine()
        } else if peek(1) == ASCII.star {
          skipBlockComment()
        } else {
          return
        }
      default: return
      }
    }
  }

  private mutating func advanceLine() {
    position += 1
    line += 1
    lineStart = position
  }

  /// Skips to the end of the line.
  mutating func skipLine() {
    while position < bytes.count, bytes[position] != ASCII.newline { position += 1 }
  }

  private mutating func skipBlockComment() {
    position += 2
    while position < bytes.count {
      if bytes[position] == ASCII.star, peek(1) == ASCII.slash {
        position += 2
        return
      }
      if bytes[position] == ASCII.newline { advanceLine() } else { position += 1 }
    }
  }

  // MARK: Punctuation

  /// Skips space, and then this byte if it is next.
  mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard next == byte, !isAtEnd else { return false }
    position += 1
    return true
  }

  mutating func expect(_ byte: UInt8) throws(ParseError) {
    guard take(byte) else { throw unexpected("'\(Unicode.Scalar(byte))'") }
  }

  // MARK: Words

  static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, ASCII.underscore, ASCII.dollar, ASCII.percent: true
    default: false
    }
  }

  /// Whether a name starts here, after space.
  mutating func isAtName() -> Bool {
    skipSpace()
    return Self.isNameByte(next) && !ASCII.isDigit(next)
  }

  /// A name: a register, a variable, a function, a label.
  mutating func name() throws(ParseError) -> String {
    guard let range = skipName() else { throw unexpected("a name") }
    return text(from: range.lowerBound)
  }

  /// Skips a name if one is next; yields where it stands.
  mutating func skipName() -> Range<Int>? {
    guard isAtName() else { return nil }
    let start = position
    while Self.isNameByte(next) { position += 1 }
    return start..<position
  }

  /// Skips a single colon if one is next.
  mutating func skipColon() -> Bool {
    skipSpace()
    guard next == ASCII.colon, peek(1) != ASCII.colon else { return false }
    position += 1
    return true
  }

  /// A directive with its dot, such as `.reg`; nil when none is next.
  mutating func directive() -> String? {
    skipSpace()
    guard next == ASCII.dot, Self.isNameByte(peek(1)) else { return nil }
    let start = position
    position += 1
    while Self.isNameByte(next) { position += 1 }
    return text(from: start)
  }

  /// An instruction's name with its modifiers: names joined by dots and double colons.
  mutating func spelling() throws(ParseError) -> String {
    guard isAtName() else { throw unexpected("an instruction") }
    let start = position
    while true {
      if Self.isNameByte(next) || next == ASCII.dot {
        position += 1
      } else if next == ASCII.colon, peek(1) == ASCII.colon {
        position += 2
      } else {
        break
      }
    }
    var spelling = text(from: start)
    // `add .u32`: modifiers may stand apart.
    while let modifier = directive() { spelling += modifier }
    return spelling
  }

  func text(from start: Int) -> String {
    String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// A quoted string, without its quotes; PTX has no escapes in those that matter here.
  mutating func quoted() throws(ParseError) -> String {
    try expect(ASCII.quote)
    let start = position
    while next != ASCII.quote {
      guard !isAtEnd, next != ASCII.newline else { throw unexpected("'\"'") }
      position += 1
    }
    let result = text(from: start)
    position += 1
    return result
  }

  // MARK: Numbers

  /// Whether a number starts here, after space: a digit, or a minus before one.
  mutating func isAtNumber() -> Bool {
    skipSpace()
    return ASCII.isDigit(next) || (next == ASCII.minus && ASCII.isDigit(peek(1)))
  }

  /// A literal (PTX ISA 4.5).
  mutating func number() throws(ParseError) -> Immediate {
    skipSpace()
    let isNegative = next == ASCII.minus
    if isNegative { position += 1 }
    guard ASCII.isDigit(next) else { throw unexpected("a number") }
    let marker = peek(1) | 0x20
    if next == ASCII.zero, marker == ASCII.f, let bits = hexadecimal(digits: 8) {
      return .float(UInt32(truncatingIfNeeded: bits) ^ (isNegative ? 1 << 31 : 0))
    }
    if next == ASCII.zero, marker == ASCII.d, let bits = hexadecimal(digits: 16) {
      return .double(bits ^ (isNegative ? 1 << 63 : 0))
    }
    return try decimalOrInteger(isNegative: isNegative)
  }

  /// So many hexadecimal digits after two bytes of prefix; nil, and nothing taken, when they are not there.
  private mutating func hexadecimal(digits: Int) -> UInt64? {
    var bits: UInt64 = 0
    for index in 2..<2 + digits {
      guard let digit = ASCII.hexadecimalValue(peek(index)) else { return nil }
      bits = bits << 4 | UInt64(digit)
    }
    position += 2 + digits
    return bits
  }

  private mutating func decimalOrInteger(isNegative: Bool) throws(ParseError) -> Immediate {
    let start = position
    while ASCII.isDigit(next) || Self.isNameByte(next) || next == ASCII.dot || isExponentSign(from: start) {
      position += 1
    }
    let literal = text(from: start)
    if isReal(literal) {
      guard let value = Double(literal.last == "." ? literal + "0" : literal) else {
        throw error(.numberOutOfRange(literal))
      }
      return .double((isNegative ? -value : value).bitPattern)
    }
    guard let magnitude = Self.integer(literal) else { throw error(.numberOutOfRange(literal)) }
    let bits = Int64(bitPattern: magnitude)
    return .integer(isNegative ? 0 &- bits : bits)
  }

  /// Whether a sign continues a real number: after its `e`.
  private func isExponentSign(from start: Int) -> Bool {
    guard next == ASCII.minus || next == ASCII.plus, position > start else { return false }
    return bytes[position - 1] | 0x20 == ASCII.e && ASCII.isDigit(peek(1))
      && !(bytes[start] == ASCII.zero && position > start + 1 && bytes[start + 1] | 0x20 == ASCII.x)
  }

  private func isReal(_ literal: String) -> Bool {
    if literal.utf8.contains(ASCII.dot) { return true }
    let isHexadecimal = literal.utf8.dropFirst().first.map { $0 | 0x20 } == ASCII.x
    return !isHexadecimal && literal.utf8.contains { $0 | 0x20 == ASCII.e }
  }

  /// The value of `0x…`, `0b…`, octal or decimal digits with or without `U`; nil when it is none of 64 bits.
  private static func integer(_ literal: String) -> UInt64? {
    var digits = Substring(literal)
    if digits.last == "U" || digits.last == "u" { digits.removeLast() }
    let lower = digits.prefix(2).lowercased()
    if lower == "0x" { return UInt64(digits.dropFirst(2), radix: 16) }
    if lower == "0b" { return UInt64(digits.dropFirst(2), radix: 2) }
    if digits.first == "0", digits.count > 1 { return UInt64(digits.dropFirst(), radix: 8) }
    return UInt64(digits)
  }

  /// A number of threads, bytes, elements, …: not negative, and small enough to count with.
  mutating func count() throws(ParseError) -> Int {
    let start = position
    guard case .integer(let value) = try number() else { throw unexpected("an integer") }
    guard (0...Int64(UInt32.max)).contains(value) else { throw error(.numberOutOfRange(text(from: start))) }
    return Int(value)
  }
}

/// Bytes of the characters that PTX is made of.
enum ASCII {
  static let newline: UInt8 = 0x0A
  static let quote: UInt8 = 0x22
  static let dollar: UInt8 = 0x24
  static let percent: UInt8 = 0x25
  static let open: UInt8 = 0x28
  static let close: UInt8 = 0x29
  static let star: UInt8 = 0x2A
  static let plus: UInt8 = 0x2B
  static let comma: UInt8 = 0x2C
  static let minus: UInt8 = 0x2D
  static let dot: UInt8 = 0x2E
  static let slash: UInt8 = 0x2F
  static let zero: UInt8 = 0x30
  static let colon: UInt8 = 0x3A
  static let semicolon: UInt8 = 0x3B
  static let less: UInt8 = 0x3C
  static let equals: UInt8 = 0x3D
  static let greater: UInt8 = 0x3E
  static let at: UInt8 = 0x40
  static let bang: UInt8 = 0x21
  static let openBracket: UInt8 = 0x5B
  static let closeBracket: UInt8 = 0x5D
  static let underscore: UInt8 = 0x5F
  static let d: UInt8 = 0x64
  static let e: UInt8 = 0x65
  static let f: UInt8 = 0x66
  static let x: UInt8 = 0x78
  static let openBrace: UInt8 = 0x7B
  static let bar: UInt8 = 0x7C
  static let closeBrace: UInt8 = 0x7D

  static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  static func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }
}

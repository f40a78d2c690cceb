extension Module {
  /// The module that a PTX text describes.
  ///
  /// Only the syntax matters: an instruction that no table knows is read like any other. Debug sections and
  /// comments are dropped. Where nested scopes reuse a name, the later ones are renamed so that names are unique
  /// in their function.
  ///
  /// - Parameter text: PTX as a compiler or `description` writes it.
  /// - Throws: What the text lacks, with line and column.
  public init(parsing text: String) throws(ParseError) {
    var parser = Parser(text)
    self = try parser.parse()
  }
}

/// A recursive-descent parser of PTX. This file holds what all parts use; the parts are extensions.
struct Parser {
  /// The text, one token ahead.
  var lexer: Lexer
  /// What names mean at the place reached.
  var names = NameScopes()
  /// Words of the names that the module declares.
  var moduleNames: Set<Int> = []
  /// What is read so far.
  var module = Module()
  /// Files of `.file`, by their number.
  var files: [Int64: String] = [:]
  /// Instructions whose `.file` was not known when they were read: compilers write it at the end.
  var lateSources: [LateSource] = []
  /// The type that a word is; words of types are the first of the table, behind the keywords.
  private let types: [ScalarType?]

  /// An instruction whose file is still a number.
  struct LateSource {
    var function: Int
    var statement: Int
    var file: Int64
    var line: Int
  }

  /// At the beginning of a text.
  init(_ text: String) {
    var words = WordTable()
    for keyword in Keyword.allCases { _ = words.word(keyword.text) }
    var types = [ScalarType?](repeating: nil, count: Keyword.allCases.count)
    for type in ScalarType.allCases {
      _ = words.word("." + type.rawValue)
      types.append(type)
    }
    self.types = types
    lexer = Lexer(text, words: words)
  }

  // MARK: What the next token is

  /// The keyword that the next token is, if it is one.
  var keyword: Keyword? {
    lexer.kind == .dotWord || lexer.kind == .word ? Keyword(rawValue: lexer.word) : nil
  }

  /// The type that the next token is, if it is one.
  var type: ScalarType? {
    lexer.kind == .dotWord && lexer.word < types.count ? types[lexer.word] : nil
  }

  /// Whether the next token is this character.
  func isAt(_ character: Unicode.Scalar) -> Bool {
    lexer.kind == .punctuation(UInt8(ascii: character))
  }

  // MARK: Taking tokens

  /// Takes this character if it is next.
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard isAt(character) else { return false }
    lexer.advance()
    return true
  }

  /// Takes this keyword if it is next.
  mutating func take(_ wanted: Keyword) -> Bool {
    guard keyword == wanted else { return false }
    lexer.advance()
    return true
  }

  /// Takes this character, which must be next.
  mutating func expect(_ character: Unicode.Scalar) throws(ParseError) {
    guard take(character) else { throw unexpected("'\(character)'") }
  }

  /// Takes a name; yields its word.
  mutating func name(_ expected: String) throws(ParseError) -> Int {
    guard lexer.kind == .word else { throw unexpected(expected) }
    let word = lexer.word
    lexer.advance()
    return word
  }

  /// Takes an integer within limits, with its sign.
  mutating func integer(
    _ expected: String, in allowed: ClosedRange<Int64> = .min ... .max
  ) throws(ParseError) -> Int64 {
    let isNegative = take("-")
    guard lexer.kind == .number, case .integer(let value) = lexer.number else { throw unexpected(expected) }
    let signed = isNegative ? 0 &- value : value
    guard allowed.contains(signed) else { throw error(.outOfRange(lexer.text)) }
    lexer.advance()
    return signed
  }

  /// Takes a string, which is between quotes.
  mutating func string(_ expected: String) throws(ParseError) -> String {
    guard lexer.kind == .string else { throw unexpected(expected) }
    let text = String(lexer.text.dropFirst().dropLast())
    lexer.advance()
    return text
  }

  /// Takes a type.
  mutating func scalarType() throws(ParseError) -> ScalarType {
    guard let type else { throw unexpected("a type") }
    lexer.advance()
    return type
  }

  /// Takes parts between separators until a closing character, which it takes too.
  mutating func list(
    until close: Unicode.Scalar, _ part: (inout Parser) throws(ParseError) -> Void
  ) throws(ParseError) {
    if take(close) { return }
    repeat { try part(&self) } while take(",")
    try expect(close)
  }

  // MARK: Errors

  /// That something else stands where `expected` should.
  func unexpected(_ expected: String) -> ParseError {
    if lexer.kind == .invalid, let digit = lexer.text.utf8.first,
      UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit
    {
      return error(.outOfRange(lexer.text))
    }
    return error(.unexpected(found: lexer.found, expected: expected))
  }

  /// A problem of the next token.
  func error(_ problem: ParseError.Problem) -> ParseError {
    ParseError(line: lexer.line, column: lexer.column, problem: problem)
  }
}

/// The words with a meaning of their own. They are the first of the table of words, in this order.
enum Keyword: Int, CaseIterable {
  case version, target, address_size
  case file, loc, section, pragma
  case visible, extern, weak, common
  case entry, `func`, param, reg, shared, local, const, global
  case align, ptr, v2, v4, attribute
  case maxntid, reqntid, minnctapersm, maxnctapersm, maxnreg
  case explicitcluster, reqnctapercluster, maxclusterrank, blocksareclusters, noreturn
  case branchtargets, calltargets, callprototype
  /// These three are written without a dot.
  case function_name, inlined_at, generic

  /// As PTX spells it.
  var text: String {
    switch self {
    case .function_name, .inlined_at, .generic: "\(self)"
    default: ".\(self)"
    }
  }
}

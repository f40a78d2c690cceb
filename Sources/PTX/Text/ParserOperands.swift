/// Operands of instructions (PTX ISA 6).
extension Parser {
  /// Vectors, lists and pairs within one another end here.
  private static let deepest = 16

  /// Operands up to the semicolon, which it takes too.
  mutating func operands(of spelling: String, _ state: inout FunctionState) throws(ParseError) -> [Operand] {
    if take(";") { return [] }
    var operands: [Operand] = []
    let isBranch = spelling == "bra" || spelling.hasPrefix("bra.")
    if isBranch {
      operands.append(.label(try labelOperand(&state)))
    } else {
      let isCall = spelling.hasPrefix("call") || spelling.hasPrefix("brx")
      operands.reserveCapacity(4)
      repeat { operands.append(try operand(&state, isCall: isCall, depth: 0)) } while take(",")
    }
    try expect(";")
    return operands
  }

  /// A label of this function, wherever it stands.
  mutating func labelOperand(_ state: inout FunctionState) throws(ParseError) -> LabelID {
    guard lexer.kind == .word else { throw unexpected("a label") }
    let label = state.namedLabel(lexer.word, missing: error(.undeclared(lexer.words.texts[lexer.word])))
    lexer.advance()
    return label
  }

  private mutating func operand(
    _ state: inout FunctionState, isCall: Bool, depth: Int
  ) throws(ParseError) -> Operand {
    guard depth < Self.deepest else { throw error(.nestedTooDeeply) }
    switch lexer.kind {
    case .word:
      guard let operand = try namedOperand(&state, isCall: isCall) else {
        throw error(.undeclared(lexer.words.texts[lexer.word]))
      }
      guard take("|") else { return operand }
      return .pair(operand, try self.operand(&state, isCall: isCall, depth: depth + 1))
    case .number: return .immediate(try immediate())
    case .punctuation(UInt8(ascii: "-")), .punctuation(UInt8(ascii: "~")): return .immediate(try immediate())
    case .punctuation(UInt8(ascii: "[")): return try address(&state, depth: depth)
    case .punctuation(UInt8(ascii: "{")):
      lexer.advance()
      return .vector(try operandList("}", &state, isCall: isCall, depth: depth + 1))
    case .punctuation(UInt8(ascii: "(")):
      lexer.advance()
      return .list(try operandList(")", &state, isCall: isCall, depth: depth + 1))
    case .punctuation(UInt8(ascii: "!")):
      lexer.advance()
      guard case .register(let register)? = try namedOperand(&state, isCall: false) else {
        throw unexpected("a predicate register")
      }
      return .negated(register)
    default: throw unexpected("an operand")
    }
  }

  /// Operands up to a closing character, which it takes too.
  private mutating func operandList(
    _ close: Unicode.Scalar, _ state: inout FunctionState, isCall: Bool, depth: Int
  ) throws(ParseError) -> [Operand] {
    var operands: [Operand] = []
    if take(close) { return operands }
    repeat { operands.append(try operand(&state, isCall: isCall, depth: depth)) } while take(",")
    try expect(close)
    return operands
  }

  /// Takes a name; nil, and nothing taken, when the next token is none.
  mutating func namedOperand(_ state: inout FunctionState, isCall: Bool) throws(ParseError) -> Operand? {
    guard lexer.kind == .word else { return nil }
    let word = lexer.word
    switch names.lookup(word, words: &lexer.words) {
    case .register(let register, _):
      lexer.advance()
      return .register(register)
    case .declaredRegister(let type):
      lexer.advance()
      return .register(register(word, type, &state))
    case .vectorRegister(let parts):
      lexer.advance()
      return .vector(parts.map { partOfVector($0, &state) })
    case .symbol(let symbol):
      lexer.advance()
      return .symbol(symbol, offset: try offset())
    case .special(let special):
      lexer.advance()
      return .special(special)
    case .sink:
      lexer.advance()
      return .sink
    case .warpSize:
      lexer.advance()
      return .immediate(.integer(32))
    case .none: break
    }
    let text = lexer.words.texts[word]
    if let binding = Self.predefined(text) {
      names.declareEverywhere(word, binding)
      return try namedOperand(&state, isCall: isCall)
    }
    let undeclared = error(.undeclared(text))
    guard isCall else { throw undeclared }
    // A table of branch targets or a prototype may stand behind the instruction that names it.
    state.lateTables[text] = undeclared
    lexer.advance()
    return .symbol(text, offset: 0)
  }

  private static func predefined(_ text: String) -> Binding? {
    switch text {
    case "_": .sink
    case "WARP_SZ": .warpSize
    default: SpecialRegister(spelling: text).map { .special($0) }
    }
  }

  private mutating func partOfVector(_ word: Int, _ state: inout FunctionState) -> Operand {
    switch names.lookup(word, words: &lexer.words) {
    case .register(let register, _): .register(register)
    case .declaredRegister(let type): .register(register(word, type, &state))
    default: .sink
    }
  }

  /// The first appearance of a register.
  private mutating func register(_ word: Int, _ type: ScalarType, _ state: inout FunctionState) -> RegisterID
  {
    let register = RegisterID(state.function.registers.count)
    var nameWord = word
    if lexer.words.texts[word].utf8.contains(UInt8(ascii: ".")) {
      nameWord = lexer.words.word(lexer.words.texts[word].split(separator: ".").joined(separator: "_"))
    }
    let name = state.uniqueName(nameWord, words: &lexer.words, taken: moduleNames)
    state.function.registers.append(Register(name, type))
    names.resolve(word, to: .register(register, type))
    return register
  }

  // MARK: Addresses and numbers

  /// `[…]`, or `[map, {…}]`.
  private mutating func address(_ state: inout FunctionState, depth: Int) throws(ParseError) -> Operand {
    try expect("[")
    var base = AddressBase.absolute
    var displacement: Int64 = 0
    if lexer.kind == .word {
      let problem = unexpected("an address")
      switch try namedOperand(&state, isCall: false) {
      case .register(let register)?:
        base = .register(register)
        displacement = try offset()
      case .symbol(let symbol, let offset)?:
        base = .symbol(symbol)
        displacement = offset
      default: throw problem
      }
    } else {
      displacement = try integer("an address")
      displacement &+= try offset()
    }
    if take(",") {
      try expect("{")
      let coordinates = try operandList("}", &state, isCall: false, depth: depth + 1)
      try expect("]")
      return .tensor(base, offset: displacement, coordinates: coordinates)
    }
    try expect("]")
    return .address(base, offset: displacement)
  }

  /// `+8`, `-8`, `+-8`, or nothing.
  mutating func offset() throws(ParseError) -> Int64 {
    var offset: Int64 = 0
    while true {
      if take("+") {
        offset &+= try integer("an offset")
      } else if take("-") {
        offset &-= try integer("an offset")
      } else {
        return offset
      }
    }
  }

  /// A number with its sign.
  mutating func immediate() throws(ParseError) -> Immediate {
    if take("~") {
      guard case .integer(let value) = try immediate() else { throw unexpected("an integer") }
      return .integer(~value)
    }
    let isNegative = take("-")
    guard lexer.kind == .number else { throw unexpected("a number") }
    let number = lexer.number
    lexer.advance()
    guard isNegative else { return number }
    return switch number {
    case .integer(let value): .integer(0 &- value)
    case .float(let bits): .float(bits ^ 0x8000_0000)
    case .double(let bits): .double(bits ^ 0x8000_0000_0000_0000)
    }
  }
}

/// Statements and operands of a function's body (PTX ISA 4.2, 6).
extension Parser {
  /// The body, after its opening brace.
  mutating func body() throws(ParseError) {
    labelsByBlock = labelsOfBlocks()
    var statements: [Statement] = []
    try openBlock()
    let outerDepth = scopes.depth - 1
    while scopes.depth > outerDepth {
      if scanner.take(ASCII.openBrace) {
        guard scopes.depth < Self.maximumDepth else { throw scanner.error(.nestedTooDeeply) }
        try openBlock()
      } else if scanner.take(ASCII.closeBrace) {
        scopes.close()
      } else if scanner.take(ASCII.semicolon) {
        continue
      } else if let directive = scanner.directive() {
        if let statement = try bodyDirective(directive) { statements.append(statement) }
      } else if let statement = try labelOrInstruction() {
        statements.append(statement)
      }
    }
    function.body = statements
  }

  /// Opens the block whose opening brace has just been taken.
  private mutating func openBlock() throws(ParseError) {
    if let twice = scopes.open(labels: labelsByBlock[scanner.position] ?? []) {
      throw scanner.error(.redeclared(twice))
    }
  }

  /// The labels that each block places, by the position behind its opening brace: branches may come before their
  /// label, and an inner block may have a label of the same name.
  private func labelsOfBlocks() -> [Int: [String]] {
    var scan = scanner
    var labels: [Int: [String]] = [:]
    var open = [scan.position]
    while let block = open.last {
      scan.skipSpace()
      guard !scan.isAtEnd else { break }
      if scan.next == ASCII.openBrace {
        scan.position += 1
        open.append(scan.position)
      } else if scan.next == ASCII.closeBrace {
        scan.position += 1
        open.removeLast()
      } else if scan.next == ASCII.dot, let directive = scan.directive() {
        if directive == ".loc" || directive == ".file" { scan.skipLine() } else { scan.skipPastSemicolon() }
      } else if let name = scan.skipName(), scan.skipColon() {
        if !scan.isAtList() {
          labels[block, default: []].append(String(decoding: scan.bytes[name], as: UTF8.self))
        }
      } else {
        scan.skipPastSemicolon()
      }
    }
    return labels
  }

  // MARK: Directives

  private mutating func bodyDirective(_ directive: String) throws(ParseError) -> Statement? {
    switch directive {
    case ".reg": try registers()
    case ".loc": try readLocation()
    case ".file": scanner.skipLine()
    case ".pragma":
      var texts: [String] = []
      repeat { texts.append("\"\(try scanner.quoted())\"") } while scanner.take(ASCII.comma)
      try scanner.expect(ASCII.semicolon)
      return .pragma(texts.joined(separator: ", "))
    default:
      var directive = directive
      var linkage: Linkage?
      if let stated = Linkage(rawValue: String(directive.dropFirst())) {
        linkage = stated
        guard let space = scanner.directive() else { throw scanner.unexpected("a state space") }
        directive = space
      }
      guard let space = Self.space(directive), space != .register else {
        throw scanner.error(.unknownDirective(directive))
      }
      try localVariables(space, linkage: linkage)
    }
    return nil
  }

  /// `.loc file line column`, and what else compilers write on that line.
  private mutating func readLocation() throws(ParseError) {
    let file = try scanner.count()
    let line = try scanner.count()
    scanner.skipLine()
    location = files[file].map { SourceLocation(file: $0, line: line) }
  }

  // MARK: Statements

  private mutating func labelOrInstruction() throws(ParseError) -> Statement? {
    let predicate = try predicate()
    let line = scanner.line
    let spelling = try scanner.spelling()
    scanner.skipSpace()
    if predicate == nil, scanner.next == ASCII.colon {
      scanner.position += 1
      return try afterLabel(spelling)
    }
    var operands: [Operand] = []
    if !scanner.take(ASCII.semicolon) {
      repeat { operands.append(try operand(depth: 0)) } while scanner.take(ASCII.comma)
      try scanner.expect(ASCII.semicolon)
    }
    return .instruction(
      Instruction(spelling, operands, predicate: predicate, line: line, source: location))
  }

  /// A label's statement: the label itself, or the list that it names.
  private mutating func afterLabel(_ name: String) throws(ParseError) -> Statement? {
    guard scanner.isAtList(), let directive = scanner.directive() else {
      guard case .label(let label)? = scopes.use(name) else { throw undeclared(name) }
      return .label(label)
    }
    guard let unique = scopes.declare(marker: name) else { throw scanner.error(.redeclared(name)) }
    switch directive {
    case ".branchtargets":
      let targets = try names { (parser, target) throws(ParseError) -> LabelID in
        guard case .label(let label)? = parser.scopes.use(target) else { throw parser.undeclared(target) }
        return label
      }
      return .branchTargets(name: unique, targets)
    case ".calltargets":
      let targets = try names { (parser, target) throws(ParseError) -> String in
        guard parser.globalNames.contains(target) else { throw parser.undeclared(target) }
        return target
      }
      return .callTargets(name: unique, targets)
    default: return .callPrototype(try prototype(unique))
    }
  }

  /// Names up to the semicolon.
  private mutating func names<Meaning>(
    _ meaning: (inout Parser, String) throws(ParseError) -> Meaning
  ) throws(ParseError) -> [Meaning] {
    var meanings: [Meaning] = []
    repeat {
      let name = try scanner.name()
      meanings.append(try meaning(&self, name))
    } while scanner.take(ASCII.comma)
    try scanner.expect(ASCII.semicolon)
    return meanings
  }

  /// `(.param .b32 _) _ (.param .b64 _);`
  private mutating func prototype(_ name: String) throws(ParseError) -> CallPrototype {
    var prototype = CallPrototype(name: name)
    prototype.results = try parameterList()
    _ = try scanner.name()
    prototype.parameters = try parameterList()
    while let directive = scanner.directive() {
      switch directive {
      case ".noreturn": prototype.isNoReturn = true
      case ".abi_preserve", ".abi_preserve_control": _ = try scanner.count()
      default: throw scanner.error(.unknownDirective(directive))
      }
    }
    try scanner.expect(ASCII.semicolon)
    return prototype
  }

  private mutating func predicate() throws(ParseError) -> Guard? {
    guard scanner.take(ASCII.at) else { return nil }
    let isNegated = scanner.take(ASCII.bang)
    return Guard(try register(), isNegated: isNegated)
  }

  /// The name that has just been read is declared nowhere.
  func undeclared(_ name: String) -> ParseError {
    var error = scanner.error(.undeclared(name))
    error.column -= name.utf8.count
    return error
  }

  private mutating func register() throws(ParseError) -> RegisterID {
    let name = try scanner.name()
    guard case .register(let register)? = scopes.use(name) else { throw undeclared(name) }
    return register
  }

  // MARK: Operands

  private mutating func operand(depth: Int) throws(ParseError) -> Operand {
    guard depth < Self.maximumDepth else { throw scanner.error(.nestedTooDeeply) }
    if scanner.isAtNumber() { return .immediate(try scanner.number()) }
    if scanner.take(ASCII.openBracket) { return try address() }
    if scanner.take(ASCII.openBrace) { return .vector(try list(until: ASCII.closeBrace, depth)) }
    if scanner.take(ASCII.open) { return .list(try list(until: ASCII.close, depth)) }
    if scanner.take(ASCII.bang) { return .negated(try register()) }
    let first = try namedOperand()
    if scanner.take(ASCII.bar) { return .pair(first, try namedOperand()) }
    return first
  }

  private mutating func list(until end: UInt8, _ depth: Int) throws(ParseError) -> [Operand] {
    var parts: [Operand] = []
    if scanner.take(end) { return parts }
    repeat { parts.append(try operand(depth: depth + 1)) } while scanner.take(ASCII.comma)
    try scanner.expect(end)
    return parts
  }

  /// A register, a special register, a label, a variable or a function.
  private mutating func namedOperand() throws(ParseError) -> Operand {
    var name = try scanner.name()
    if name == "_" { return .sink }
    switch scopes.use(name) {
    case .vector(let width): return try vectorRegister(name, width)
    case .register(let register): return .register(register)
    case .label(let label): return .label(label)
    case .variable(let variable): return .symbol(variable, offset: try offset())
    case .marker(let marker): return .symbol(marker, offset: 0)
    case .unusedLabel, .unusedRegister, nil: break
    }
    if globalNames.contains(name) { return .symbol(name, offset: try offset()) }
    if name == "WARP_SZ" { return .immediate(.integer(32)) }
    if scanner.next == ASCII.dot, let dimension = scanner.directive() { name += dimension }
    guard let special = SpecialRegister(spelling: name) else { throw undeclared(name) }
    return .special(special)
  }

  /// A register of a vector type: one of its parts, or all.
  private mutating func vectorRegister(_ name: String, _ width: Int) throws(ParseError) -> Operand {
    var parts = Scopes.parts(of: name, width: width)
    if scanner.next == ASCII.dot, let part = scanner.directive() { parts = [name + part] }
    var operands: [Operand] = []
    for part in parts {
      guard case .register(let register)? = scopes.use(part) else { throw undeclared(part) }
      operands.append(.register(register))
    }
    return operands.count == 1 ? operands[0] : .vector(operands)
  }

  /// What stands between brackets, after the first.
  private mutating func address() throws(ParseError) -> Operand {
    let (base, offset) = try addressBase()
    if scanner.take(ASCII.closeBracket) { return .address(base, offset: offset) }
    try scanner.expect(ASCII.comma)
    try scanner.expect(ASCII.openBrace)
    let coordinates = try list(until: ASCII.closeBrace, 0)
    try scanner.expect(ASCII.closeBracket)
    return .tensor(base, offset: offset, coordinates: coordinates)
  }

  private mutating func addressBase() throws(ParseError) -> (AddressBase, Int64) {
    if scanner.isAtNumber() {
      guard case .integer(let address) = try scanner.number() else { throw scanner.unexpected("an address") }
      return (.absolute, address)
    }
    let name = try scanner.name()
    let base: AddressBase
    switch scopes.use(name) {
    case .register(let register): base = .register(register)
    case .variable(let variable): base = .symbol(variable)
    case .label, .marker, .unusedLabel, .unusedRegister, .vector, nil:
      guard globalNames.contains(name) else { throw undeclared(name) }
      base = .symbol(name)
    }
    return (base, try offset())
  }
}

extension Scanner {
  /// Whether a list of targets or a prototype is next, which the name in front of the colon names.
  fileprivate func isAtList() -> Bool {
    var ahead = self
    return [".branchtargets", ".calltargets", ".callprototype"].contains(ahead.directive())
  }

  /// Past the next semicolon outside of a string, or to the end.
  fileprivate mutating func skipPastSemicolon() {
    while !isAtEnd {
      skipSpace()
      if next == ASCII.quote {
        guard (try? quoted()) != nil else { return position = bytes.count }
      } else {
        let isSemicolon = next == ASCII.semicolon
        position += 1
        if isSemicolon { return }
      }
    }
  }
}

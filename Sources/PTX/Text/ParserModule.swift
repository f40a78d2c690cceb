/// The module's directives and declarations (PTX ISA 4.3, 5, 11).
extension Parser {
  /// The whole text.
  mutating func parse() throws(ParseError) -> Module {
    guard take(Keyword.version) else { throw unexpected(".version") }
    module.version = try version()
    guard take(Keyword.target) else { throw unexpected(".target") }
    module.targets = []
    repeat { module.targets.append(lexer.words.texts[try name("a target")]) } while take(",")
    if take(Keyword.address_size) {
      module.addressSize = Int(try integer("a number of bits", in: 32...64))
    }
    while lexer.kind != .end { try moduleStatement() }
    for late in lateSources {
      guard let file = files[late.file] else { continue }
      module.functions[late.function].setSource(
        SourceLocation(file: file, line: late.line), of: late.statement)
    }
    return module
  }

  private mutating func version() throws(ParseError) -> Module.Version {
    let parts = lexer.text.split(separator: ".", omittingEmptySubsequences: false)
    guard lexer.kind == .number, parts.count == 2, let major = Int(parts[0]), let minor = Int(parts[1]) else {
      throw unexpected("a version number")
    }
    lexer.advance()
    return Module.Version(major, minor)
  }

  private mutating func moduleStatement() throws(ParseError) {
    if take(";") { return }
    switch keyword {
    case .file: try file()
    case .section: try section()
    case .pragma: _ = try pragma()
    case .loc: _ = try location()
    default:
      let linkage = linkage()
      switch keyword {
      case .entry: try function(.entry, linkage)
      case .func: try function(.function, linkage)
      default:
        guard let space = variableSpace(), space != .parameter, space != .register else {
          throw unexpected("a directive of a module")
        }
        try moduleVariables(space, linkage)
      }
    }
  }

  /// Takes `.visible` and the like.
  mutating func linkage() -> Linkage? {
    let linkage: Linkage? =
      switch keyword {
      case .visible: .visible
      case .extern: .extern
      case .weak: .weak
      case .common: .common
      default: nil
      }
    if linkage != nil { lexer.advance() }
    return linkage
  }

  private mutating func moduleVariables(_ space: StateSpace, _ linkage: Linkage?) throws(ParseError) {
    let declared = try variables(space, linkage)
    for (word, variable) in declared {
      let previous = module.variables.firstIndex { $0.linkage == .extern && $0.name == variable.name }
      if let previous {
        if linkage != .extern { module.variables[previous] = variable }
        continue
      }
      guard names.declare(word, .symbol(variable.name)) else { throw error(.redeclared(variable.name)) }
      moduleNames.insert(word)
      module.variables.append(variable)
    }
  }

  // MARK: Debug information

  /// `.file 1 "name"`, with a time stamp and a size.
  private mutating func file() throws(ParseError) {
    lexer.advance()
    let number = try integer("a file number")
    files[number] = try string("a file name")
    while take(",") { _ = try integer("a number") }
  }

  /// `.section NAME { … }`, skipped.
  private mutating func section() throws(ParseError) {
    lexer.advance()
    guard lexer.kind == .word || lexer.kind == .dotWord else { throw unexpected("a section name") }
    lexer.advance()
    while lexer.kind == .dotWord { lexer.advance() }
    try expect("{")
    var depth = 1
    while depth > 0 {
      if isAt("{") { depth += 1 }
      if isAt("}") { depth -= 1 }
      guard lexer.kind != .end, lexer.kind != .invalid else { throw unexpected("'}'") }
      lexer.advance()
    }
  }

  /// `.loc file line column`, and where it was inlined; yields file and line.
  mutating func location() throws(ParseError) -> (file: Int64, line: Int) {
    lexer.advance()
    let file = try integer("a file number")
    let line = try integer("a line", in: 0...Int64(Int32.max))
    _ = try integer("a column")
    while take(",") {
      if take(Keyword.function_name) {
        _ = try name("a label of the debug information")
        if take("+") { _ = try integer("an offset") }
      } else if take(Keyword.inlined_at) {
        for _ in 0..<3 { _ = try integer("a number") }
      } else {
        throw unexpected("function_name or inlined_at")
      }
    }
    return (file, Int(line))
  }

  /// `.pragma "…";`, without dot and semicolon.
  mutating func pragma() throws(ParseError) -> String {
    lexer.advance()
    var texts: [String] = []
    repeat { texts.append("\"\(try string("a string"))\"") } while take(",")
    try expect(";")
    return texts.joined(separator: ", ")
  }
}

extension Function {
  /// Says where an instruction of the body comes from.
  fileprivate mutating func setSource(_ source: SourceLocation, of statement: Int) {
    guard case .instruction(var instruction)? = body?[statement] else { return }
    instruction.source = source
    body?[statement] = .instruction(instruction)
  }
}

/// Kernels and device functions: heads, and the statements of bodies.
extension Parser {
  /// `.entry name(…) … { … }` or `.func (…) name(…) … ;`; the next token is `.entry` or `.func`.
  mutating func function(_ kind: Function.Kind, _ linkage: Linkage?) throws(ParseError) {
    lexer.advance()
    var state = FunctionState(Function("", kind: kind, linkage: linkage))
    names.enter()
    if take(Keyword.attribute) { try parenthesised() }
    if take("(") { state.function.results = try parameters(&state) }
    let redeclared = error(.redeclared(lexer.text))
    let word = try name("a function's name")
    state.function.name = lexer.words.texts[word]
    let previous = try announce(word, redeclared)
    if take("(") { state.function.parameters = try parameters(&state) }
    try directives(&state.function)
    let hasBody = !take(";")
    if hasBody, let previous, module.functions[previous].body != nil { throw redeclared }
    if hasBody { try body(&state) }
    names.leave()
    if let previous {
      // A declaration that the definition replaces, or one that says the same again.
      guard hasBody else { return }
      module.functions.remove(at: previous)
      for index in lateSources.indices where lateSources[index].function > previous {
        lateSources[index].function -= 1
      }
    }
    module.functions.append(state.function)
  }

  /// Makes the function's name known to itself and what follows; yields the declaration of it that the module has.
  private mutating func announce(_ word: Int, _ redeclared: ParseError) throws(ParseError) -> Int? {
    let text = lexer.words.texts[word]
    if moduleNames.insert(word).inserted {
      names.declareEverywhere(word, .symbol(text))
      return nil
    }
    guard let previous = module.functions.firstIndex(where: { $0.name == text }) else { throw redeclared }
    return previous
  }

  /// Parameters or results, behind the opening parenthesis.
  private mutating func parameters(_ state: inout FunctionState) throws(ParseError) -> [Variable] {
    var parameters: [Variable] = []
    if take(")") { return parameters }
    repeat {
      let start = error(.redeclared(lexer.text))
      var (word, variable) = try parameter()
      if variable.space == .register {
        guard names.declare(word, .declaredRegister(variable.type)) else { throw start }
      } else {
        variable.name = state.uniqueName(word, words: &lexer.words, taken: moduleNames)
        guard names.declare(word, .symbol(variable.name)) else { throw start }
      }
      parameters.append(variable)
    } while take(",")
    try expect(")")
    return parameters
  }

  private mutating func parenthesised() throws(ParseError) {
    try expect("(")
    while !take(")") {
      guard lexer.kind != .end, lexer.kind != .invalid else { throw unexpected("')'") }
      lexer.advance()
    }
  }

  /// What stands between a head and its body.
  private mutating func directives(_ function: inout Function) throws(ParseError) {
    while let keyword {
      switch keyword {
      case .maxntid: function.directives.maximumThreads = try numbers()
      case .reqntid: function.directives.requiredThreads = try numbers()
      case .reqnctapercluster: function.directives.requiredCluster = try numbers()
      case .minnctapersm: function.directives.minimumBlocksPerProcessor = try numbers().first
      // Says the same of a launch as a minimum of one would: nothing.
      case .maxnctapersm: _ = try numbers()
      case .maxnreg: function.directives.maximumRegisters = try numbers().first
      case .maxclusterrank: function.directives.maximumClusterRank = try numbers().first
      case .explicitcluster: function.directives.isExplicitCluster = true; lexer.advance()
      case .blocksareclusters: lexer.advance()
      case .noreturn: function.directives.isNoReturn = true; lexer.advance()
      case .pragma: _ = try pragma()
      case .attribute: lexer.advance(); try parenthesised()
      default: throw unexpected("a directive of a function, '{' or ';'")
      }
    }
  }

  /// One to three numbers behind a directive.
  private mutating func numbers() throws(ParseError) -> [Int] {
    lexer.advance()
    var numbers: [Int] = []
    repeat { numbers.append(Int(try integer("a number", in: 0...Int64(Int32.max)))) } while take(",")
    return numbers
  }

  // MARK: Bodies

  /// `{ … }`. Scopes inside are not nested calls: their depth costs no stack.
  private mutating func body(_ state: inout FunctionState) throws(ParseError) {
    try expect("{")
    state.enterScope()
    var depth = 1
    var source: (file: Int64, line: Int)?
    while depth > 0 {
      if take("{") {
        names.enter()
        state.enterScope()
        depth += 1
      } else if isAt("}") {
        try state.leaveScope()
        if depth > 1 { names.leave() }
        depth -= 1
        lexer.advance()
      } else if lexer.kind == .dotWord {
        try directive(&state, &source)
      } else if !take(";") {
        try statement(&state, source)
      }
    }
    if let late = state.lateTables.values.min(by: { ($0.line, $0.column) < ($1.line, $1.column) }) {
      throw late
    }
    state.finish(words: &lexer.words, taken: moduleNames)
  }

  private mutating func directive(
    _ state: inout FunctionState, _ source: inout (file: Int64, line: Int)?
  ) throws(ParseError) {
    switch keyword {
    case .loc: source = try location()
    case .reg: try registers()
    case .pragma: state.body.append(.pragma(String(try pragma())))
    default:
      let start = error(.redeclared(lexer.text))
      let linkage = linkage()
      guard let space = variableSpace(), space != .register else {
        throw unexpected("an instruction or a declaration")
      }
      for (word, variable) in try variables(space, linkage) {
        var variable = variable
        variable.name = state.uniqueName(word, words: &lexer.words, taken: moduleNames)
        guard names.declare(word, .symbol(variable.name)) else {
          throw ParseError(
            line: start.line, column: start.column, problem: .redeclared(lexer.words.texts[word]))
        }
        state.function.variables.append(variable)
      }
    }
  }

  /// A label with what may follow it, or an instruction.
  private mutating func statement(
    _ state: inout FunctionState, _ source: (file: Int64, line: Int)?
  ) throws(ParseError) {
    var instruction = Instruction("", line: lexer.line)
    if take("@") {
      let isNegated = take("!")
      guard case .register(let predicate)? = try namedOperand(&state, isCall: false) else {
        throw unexpected("a predicate register")
      }
      instruction.predicate = Guard(predicate, isNegated: isNegated)
      instruction.line = lexer.line
    }
    let start = error(.redeclared(lexer.kind == .word ? lexer.text : ""))
    var word = try name("an instruction")
    if instruction.predicate == nil, take(":") { return try label(word, &state, start) }
    while lexer.kind == .dotWord {
      word = lexer.words.word(lexer.words.texts[word] + lexer.words.texts[lexer.word])
      lexer.advance()
    }
    instruction.spelling = lexer.words.texts[word]
    instruction.operands = try operands(of: instruction.spelling, &state)
    if let source {
      if let file = files[source.file] {
        instruction.source = SourceLocation(file: file, line: source.line)
      } else {
        lateSources.append(
          LateSource(
            function: module.functions.count, statement: state.body.count, file: source.file,
            line: source.line))
      }
    }
    state.body.append(.instruction(instruction))
  }

  // MARK: Labels, and the tables that follow some

  private mutating func label(
    _ word: Int, _ state: inout FunctionState, _ redeclared: ParseError
  ) throws(ParseError) {
    switch keyword {
    case .branchtargets, .calltargets, .callprototype:
      let text = lexer.words.texts[word]
      let unique = state.uniqueName(word, words: &lexer.words, taken: moduleNames)
      guard names.declare(word, .symbol(unique)) else { throw redeclared }
      state.lateTables[text] = nil
      state.body.append(try table(unique, &state))
    default:
      guard let label = state.standingLabel(word, missing: redeclared) else { throw redeclared }
      state.body.append(.label(label))
    }
  }

  private mutating func table(_ name: String, _ state: inout FunctionState) throws(ParseError) -> Statement {
    if take(Keyword.branchtargets) {
      var targets: [LabelID] = []
      repeat { targets.append(try labelOperand(&state)) } while take(",")
      try expect(";")
      return .branchTargets(name: name, targets)
    }
    if take(Keyword.calltargets) {
      var targets: [String] = []
      repeat {
        guard case .symbol(let target, _) = try namedOperand(&state, isCall: true) else {
          throw unexpected("a function's name")
        }
        targets.append(target)
      } while take(",")
      try expect(";")
      return .callTargets(name: name, targets)
    }
    lexer.advance()
    var prototype = CallPrototype(name: name)
    if take("(") { prototype.results = try prototypeParameters() }
    _ = try self.name("'_'")
    if take("(") { prototype.parameters = try prototypeParameters() }
    prototype.isNoReturn = take(Keyword.noreturn)
    try expect(";")
    return .callPrototype(prototype)
  }

  private mutating func prototypeParameters() throws(ParseError) -> [Variable] {
    var parameters: [Variable] = []
    if take(")") { return parameters }
    repeat { parameters.append(try parameter().variable) } while take(",")
    try expect(")")
    return parameters
  }
}

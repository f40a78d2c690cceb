/// Reads PTX text (PTX ISA 4, 5, 11) into a syntax tree: modules, functions and their directives. Bodies are read
/// in `BodyParser.swift`, declarations in `DeclarationParser.swift`.
struct Parser {
  /// Brackets in brackets that any text may have.
  static let maximumDepth = 64

  var scanner: Scanner
  var module = Module(version: Module.Version(0, 0), targets: [])
  /// Names of variables and functions of the module.
  var globalNames: Set<String> = []
  var files: [Int: String]

  /// The function that is being read.
  var function = Function("")
  var scopes = Scopes()
  var labelsByBlock: [Int: [String]] = [:]
  /// What the last `.loc` said.
  var location: SourceLocation?

  init(_ text: String) {
    scanner = Scanner(text)
    files = Self.fileNames(scanner)
  }

  /// Names that `.file` gives to numbers. Compilers write them at the end, after their use.
  private static func fileNames(_ start: Scanner) -> [Int: String] {
    var scanner = start
    var names: [Int: String] = [:]
    let directive = Array(".file".utf8)
    while let dot = scanner.bytes[scanner.position...].firstIndex(of: ASCII.dot) {
      scanner.position = dot
      if scanner.bytes[dot...].starts(with: directive), !Scanner.isNameByte(scanner.peek(directive.count)) {
        scanner.position += directive.count
        if let number = try? scanner.count(), let name = try? scanner.quoted() { names[number] = name }
      } else {
        scanner.position += 1
      }
    }
    return names
  }

  // MARK: Module

  mutating func parse() throws(ParseError) -> Module {
    var linkage: Linkage?
    scanner.skipSpace()
    while !scanner.isAtEnd {
      guard let directive = scanner.directive() else { throw scanner.unexpected("a directive") }
      if let stated = Linkage(rawValue: String(directive.dropFirst())) {
        linkage = stated
      } else {
        try moduleItem(directive, linkage)
        linkage = nil
      }
      scanner.skipSpace()
    }
    guard module.version.major > 0 else { throw scanner.unexpected("'.version'") }
    guard !module.targets.isEmpty else { throw scanner.unexpected("'.target'") }
    return module
  }

  private mutating func moduleItem(_ directive: String, _ linkage: Linkage?) throws(ParseError) {
    switch directive {
    case ".version": try version()
    case ".target":
      repeat { try target() } while scanner.take(ASCII.comma)
    case ".address_size":
      module.addressSize = try scanner.count()
      guard [32, 64].contains(module.addressSize) else {
        throw scanner.error(.numberOutOfRange("\(module.addressSize)"))
      }
    case ".file", ".loc": scanner.skipLine()
    case ".section": try skipSection()
    case ".pragma", ".alias": try skipStatement()
    case ".entry": try function(.entry, linkage)
    case ".func": try function(.function, linkage)
    default:
      guard let space = Self.space(directive), space != .register else {
        throw scanner.error(.unknownDirective(directive))
      }
      let head = try declarationHead(space)
      repeat {
        try keep(try variable(head, linkage: linkage))
      } while scanner.take(ASCII.comma)
      try scanner.expect(ASCII.semicolon)
    }
  }

  /// Adds a variable to the module. One declared elsewhere may be declared again, and defined.
  private mutating func keep(_ variable: Variable) throws(ParseError) {
    guard !globalNames.insert(variable.name).inserted else { return module.variables.append(variable) }
    guard
      let known = module.variables.firstIndex(where: { $0.name == variable.name }),
      module.variables[known].linkage == .extern || variable.linkage == .extern
    else { throw scanner.error(.redeclared(variable.name)) }
    if variable.linkage != .extern { module.variables[known] = variable }
  }

  /// Adds a function to the module. One declared in advance stands where it is defined.
  private mutating func keep(_ function: Function) throws(ParseError) {
    if let known = module.functions.firstIndex(where: { $0.name == function.name }) {
      guard function.body != nil else { return }
      guard module.functions[known].body == nil else { throw scanner.error(.redeclared(function.name)) }
      module.functions.remove(at: known)
    }
    module.functions.append(function)
  }

  private mutating func version() throws(ParseError) {
    scanner.skipSpace()
    let start = scanner
    let major = try versionPart()
    try scanner.expect(ASCII.dot)
    module.version = Module.Version(major, try versionPart())
    guard Module.minorVersions[major]?.contains(module.version.minor) == true else {
      throw start.error(.unsupportedVersion(module.version))
    }
  }

  private mutating func target() throws(ParseError) {
    scanner.skipSpace()
    guard module.version.major > 0 else { throw scanner.unexpected("'.version' before '.target'") }
    let start = scanner
    let name = try scanner.name()
    if let first = Module.firstVersions[name] {
      guard first <= module.version else {
        throw start.error(.targetNeedsVersion(name, first, found: module.version))
      }
    } else if module.targets.isEmpty || !Module.targetOptions.contains(name) {
      throw start.error(.unsupportedTarget(name))
    }
    module.targets.append(name)
  }

  private mutating func versionPart() throws(ParseError) -> Int {
    scanner.skipSpace()
    let start = scanner.position
    while ASCII.isDigit(scanner.next) { scanner.position += 1 }
    guard let part = Int(scanner.text(from: start)) else { throw scanner.unexpected("a version such as 8.0") }
    return part
  }

  /// Skips a `.section` of debugging data, with its braces.
  private mutating func skipSection() throws(ParseError) {
    while !scanner.isAtEnd, scanner.next != ASCII.openBrace { advance() }
    var depth = 0
    repeat {
      guard !scanner.isAtEnd else { throw scanner.unexpected("'}'") }
      if scanner.next == ASCII.openBrace { depth += 1 }
      if scanner.next == ASCII.closeBrace { depth -= 1 }
      advance()
    } while depth > 0
  }

  /// Past one byte and the space behind it, counting lines.
  private mutating func advance() {
    scanner.position += 1
    scanner.skipSpace()
  }

  mutating func skipStatement() throws(ParseError) {
    scanner.skipSpace()
    while scanner.next != ASCII.semicolon {
      guard !scanner.isAtEnd else { throw scanner.unexpected("';'") }
      if scanner.next == ASCII.quote { _ = try scanner.quoted() } else { advance() }
      scanner.skipSpace()
    }
    scanner.position += 1
  }

  // MARK: Functions

  private mutating func function(_ kind: Function.Kind, _ linkage: Linkage?) throws(ParseError) {
    scopes = Scopes(globalNames: globalNames)
    location = nil
    _ = scopes.open(labels: [])
    function = Function("", kind: kind, linkage: linkage)
    if kind == .function { function.results = try parameters() }
    function.name = try scanner.name()
    function.parameters = try parameters()
    try directives()
    if !globalNames.insert(function.name).inserted,
      !module.functions.contains(where: { $0.name == function.name })
    {
      throw scanner.error(.redeclared(function.name))
    }
    if !scanner.take(ASCII.semicolon) {
      try scanner.expect(ASCII.openBrace)
      try body()
    }
    function.registers = scopes.registers
    function.labels = scopes.labels
    scopes = Scopes()
    try keep(function)
  }

  /// Parameters or results, which the body can name.
  private mutating func parameters() throws(ParseError) -> [Variable] {
    let parameters = try parameterList()
    for parameter in parameters {
      let space = parameter.space
      let isNew =
        space == .register
        ? scopes.declare(register: parameter.name, parameter.type)
        : scopes.declare(variable: parameter.name) != nil
      // A declaration's parameters are all called `_`.
      guard isNew || parameter.name == "_" else { throw scanner.error(.redeclared(parameter.name)) }
      // In a register: it exists whether the body uses it or not.
      if space == .register, parameter.name != "_" { _ = scopes.use(parameter.name) }
    }
    return parameters
  }

  /// A parenthesised list of parameters, if there is one.
  mutating func parameterList() throws(ParseError) -> [Variable] {
    guard scanner.take(ASCII.open) else { return [] }
    var parameters: [Variable] = []
    if scanner.take(ASCII.close) { return parameters }
    repeat {
      guard let directive = scanner.directive(), let space = Self.space(directive),
        space == .parameter || space == .register
      else { throw scanner.unexpected("'.param' or '.reg'") }
      parameters.append(try variable(try declarationHead(space)))
    } while scanner.take(ASCII.comma)
    try scanner.expect(ASCII.close)
    return parameters
  }

  private mutating func directives() throws(ParseError) {
    while let directive = scanner.directive() {
      switch directive {
      case ".reqntid": function.directives.requiredThreads = try counts()
      case ".maxntid": function.directives.maximumThreads = try counts()
      case ".minnctapersm": function.directives.minimumBlocksPerProcessor = try scanner.count()
      case ".maxnctapersm": _ = try scanner.count()
      case ".maxnreg": function.directives.maximumRegisters = try scanner.count()
      case ".reqnctapercluster": function.directives.requiredCluster = try counts()
      case ".maxclusterrank": function.directives.maximumClusterRank = try scanner.count()
      case ".explicitcluster": function.directives.isExplicitCluster = true
      case ".noreturn": function.directives.isNoReturn = true
      case ".abi_preserve", ".abi_preserve_control": _ = try scanner.count()
      case ".unique", ".blocksareclusters": break
      case ".attribute": try skipAttribute()
      case ".pragma": try skipStatement()
      default: throw scanner.error(.unknownDirective(directive))
      }
    }
  }

  private mutating func counts() throws(ParseError) -> [Int] {
    var counts: [Int] = []
    repeat { counts.append(try scanner.count()) } while scanner.take(ASCII.comma)
    return counts
  }
}

extension Module {
  /// Reads PTX text as compilers and this library print it.
  ///
  /// Instructions need only be well formed: whether the table has them is asked when they run. Debugging sections
  /// and comments are dropped; a name of an inner block that hides another gets a number behind it. Linear in the
  /// length of the text.
  public init(parsing text: String) throws(ParseError) {
    var parser = Parser(text)
    self = try parser.parse()
  }
}

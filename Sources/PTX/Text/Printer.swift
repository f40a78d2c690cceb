/// Writes a syntax tree as PTX text that a person can read and `ptxas` and `Module.init(parsing:)` take.
///
/// Swift source lines are written as `.file` and `.loc`: the driver's compiler carries them into its output, where
/// profilers and debuggers look for them.
struct Printer {
  private var lines: [String] = []
  /// Numbers of the files that `.loc` names.
  private var files: [String: Int] = [:]

  static func text(_ module: Module) -> String {
    var printer = Printer()
    printer.write(module)
    return printer.lines.joined(separator: "\n") + "\n"
  }

  private mutating func write(_ module: Module) {
    lines = [
      ".version \(module.version)", ".target \(module.targets.joined(separator: ", "))",
      ".address_size \(module.addressSize)",
    ]
    for function in module.functions {
      for case .instruction(let instruction) in function.body ?? [] {
        guard let source = instruction.source, files[source.file] == nil else { continue }
        files[source.file] = files.count + 1
        lines.append(".file \(files.count) \"\(source.file)\"")
      }
    }
    for function in Self.namedBeforeTheyStand(module) {
      lines.append("")
      writeHead(of: function)
      lines[lines.count - 1] += ";"
    }
    if !module.variables.isEmpty { lines.append("") }
    lines += module.variables.map { Self.declaration($0) + ";" }
    for function in module.functions {
      lines.append("")
      write(function)
    }
  }

  /// Functions that variables, or functions before them, name: PTX wants them declared in advance.
  private static func namedBeforeTheyStand(_ module: Module) -> [Function] {
    var named: Set<String> = []
    for value in module.variables.flatMap(\.initialValues) {
      switch value {
      case .address(let name, _, _), .addressByte(let name, _, _, _): named.insert(name)
      case .number: continue
      }
    }
    var early: [Function] = []
    for function in module.functions {
      if named.contains(function.name) { early.append(function) }
      for statement in function.body ?? [] {
        switch statement {
        case .instruction(let instruction):
          for case .symbol(let name, _) in instruction.operands { named.insert(name) }
        case .callTargets(_, let targets): named.formUnion(targets)
        case .label, .comment, .pragma, .branchTargets, .callPrototype: continue
        }
      }
    }
    return early
  }

  // MARK: Functions

  /// Everything of a function but its body.
  private mutating func writeHead(of function: Function) {
    let linkage = function.linkage.map { ".\($0.rawValue) " } ?? ""
    let results =
      function.results.isEmpty ? "" : "(\(function.results.map(Self.declaration).joined(separator: ", "))) "
    lines.append("\(linkage).\(function.kind.rawValue) \(results)\(function.name)(")
    for (index, parameter) in function.parameters.enumerated() {
      lines.append("  " + Self.declaration(parameter) + (index + 1 < function.parameters.count ? "," : ""))
    }
    lines.append(")")
    lines += Self.directives(function.directives)
  }

  private mutating func write(_ function: Function) {
    writeHead(of: function)
    guard let body = function.body else {
      lines[lines.count - 1] += ";"
      return
    }
    lines.append("{")
    lines += registers(of: function)
    lines += function.variables.map { "  " + Self.declaration($0) + ";" }
    var location: SourceLocation?
    for statement in body {
      if case .instruction(let instruction) = statement, let source = instruction.source, source != location {
        location = source
        lines.append("  .loc \(files[source.file] ?? 0) \(source.line) 0")
      }
      lines.append(Self.line(statement, function))
    }
    lines.append("}")
  }

  private static func directives(_ directives: PerformanceDirectives) -> [String] {
    func line(_ name: String, _ values: [Int]?) -> String? {
      values.map { ".\(name) \($0.map(String.init).joined(separator: ", "))" }
    }
    return [
      line("reqntid", directives.requiredThreads),
      line("maxntid", directives.maximumThreads),
      line("minnctapersm", directives.minimumBlocksPerProcessor.map { [$0] }),
      line("maxnreg", directives.maximumRegisters.map { [$0] }),
      line("reqnctapercluster", directives.requiredCluster),
      directives.isExplicitCluster ? ".explicitcluster" : nil,
      line("maxclusterrank", directives.maximumClusterRank.map { [$0] }),
      directives.isNoReturn ? ".noreturn" : nil,
    ].compactMap { $0 }
  }

  /// Declarations of the registers: by type, numbered ones as ranges. Those that are parameters are declared there.
  private func registers(of function: Function) -> [String] {
    let declared = Set((function.results + function.parameters).filter { $0.space == .register }.map(\.name))
    var ranges: [ScalarType: [String: Int]] = [:]
    var named: [ScalarType: [String]] = [:]
    var typesOfPrefix: [String: Set<ScalarType>] = [:]
    let split = function.registers.map { Self.numbered($0.name) }
    for (register, split) in zip(function.registers, split) {
      if let split { typesOfPrefix[split.prefix, default: []].insert(register.type) }
    }
    for (register, split) in zip(function.registers, split) where !declared.contains(register.name) {
      if let split, typesOfPrefix[split.prefix]?.count == 1 {
        let count = ranges[register.type]?[split.prefix] ?? 0
        ranges[register.type, default: [:]][split.prefix] = max(count, split.number + 1)
      } else {
        named[register.type, default: []].append(register.name)
      }
    }
    return ScalarType.allCases.flatMap { type in
      let names = (ranges[type] ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)<\($0.value)>" }
      return (names + (named[type] ?? [])).map { "  .reg .\(type.rawValue) \($0);" }
    }
  }

  /// A name that begins with `%` and ends with a number, without leading zeros, of a size that a range may have.
  /// A range of other names could cover one that a variable or a label has.
  private static func numbered(_ name: String) -> (prefix: String, number: Int)? {
    let digits = name.utf8.reversed().prefix { ASCII.isDigit($0) }.count
    let number = name.suffix(digits)
    guard name.first == "%", (1...6).contains(digits), digits < name.count - 1,
      digits == 1 || number.first != "0"
    else {
      return nil
    }
    return Int(number).map { (String(name.dropLast(digits)), $0) }
  }

  // MARK: Declarations

  static func declaration(_ variable: Variable) -> String {
    var words: [String] = []
    if let linkage = variable.linkage { words.append(".\(linkage.rawValue)") }
    words.append(".\(variable.space.rawValue)")
    if let alignment = variable.alignment { words.append(".align \(alignment)") }
    if variable.vectorWidth > 1 { words.append(".v\(variable.vectorWidth)") }
    words.append(".\(variable.type.rawValue)")
    if let pointer = variable.pointer {
      words.append(".ptr")
      if let space = pointer.space { words.append(".\(space.rawValue)") }
      if let alignment = pointer.alignment { words.append(".align \(alignment)") }
    }
    words.append(variable.name + variable.dimensions.map { $0 == 0 ? "[]" : "[\($0)]" }.joined())
    let values = variable.initialValues.map(initialValue).joined(separator: ", ")
    if !values.isEmpty { words.append(variable.dimensions.isEmpty ? "= \(values)" : "= {\(values)}") }
    return words.joined(separator: " ")
  }

  private static func initialValue(_ value: InitialValue) -> String {
    switch value {
    case .number(let number): immediate(number)
    case .address(let name, let offset, true): "generic(\(name))" + signed(offset)
    case .address(let name, let offset, false): name + signed(offset)
    case .addressByte(let name, let offset, let isGeneric, let byte):
      "0x" + String(UInt64(0xFF) << UInt64(byte * 8), radix: 16, uppercase: true)
        + "(\(initialValue(.address(name, offset: offset, isGeneric: isGeneric))))"
    }
  }

  // MARK: Statements

  private static func line(_ statement: Statement, _ function: Function) -> String {
    switch statement {
    case .instruction(let instruction):
      let predicate = instruction.predicate.map { predicate in
        "@\(predicate.isNegated ? "!" : "")\(function.registers[Int(predicate.predicate.index)].name) "
      }
      let operands = instruction.operands.map { operand($0, function) }.joined(separator: ", ")
      return "  \(predicate ?? "")\(instruction.spelling)\(operands.isEmpty ? "" : " ")\(operands);"
    case .label(let label): return "\(function.labels[Int(label.index)]):"
    case .comment(let text): return "  // \(text)"
    case .pragma(let text): return "  .pragma \(text);"
    case .branchTargets(let name, let labels):
      let names = labels.map { function.labels[Int($0.index)] }
      return "\(name): .branchtargets \(names.joined(separator: ", "));"
    case .callTargets(let name, let functions):
      return "\(name): .calltargets \(functions.joined(separator: ", "));"
    case .callPrototype(let prototype):
      func list(_ variables: [Variable]) -> String {
        "(\(variables.map(declaration).joined(separator: ", ")))"
      }
      let results = list(prototype.results)
      let ending = prototype.isNoReturn ? " .noreturn;" : ";"
      return "\(prototype.name): .callprototype \(results) _ \(list(prototype.parameters))\(ending)"
    }
  }

  /// An operand as PTX writes it.
  static func operand(_ operand: Operand, _ function: Function) -> String {
    func name(_ register: RegisterID) -> String { function.registers[Int(register.index)].name }
    func joined(_ parts: [Operand]) -> String {
      parts.map { self.operand($0, function) }.joined(separator: ", ")
    }
    func address(_ base: AddressBase, _ offset: Int64) -> String {
      switch base {
      case .register(let register): name(register) + signed(offset)
      case .symbol(let symbol): symbol + signed(offset)
      case .absolute: String(offset)
      }
    }
    return switch operand {
    case .register(let register): name(register)
    case .negated(let register): "!" + name(register)
    case .immediate(let value): immediate(value)
    case .special(let special): special.spelling
    case .vector(let parts): "{\(joined(parts))}"
    case .list(let parts): "(\(joined(parts)))"
    case .pair(let first, let second): "\(self.operand(first, function))|\(self.operand(second, function))"
    case .sink: "_"
    case .address(let base, let offset): "[\(address(base, offset))]"
    case .tensor(let base, let offset, let coordinates):
      "[\(address(base, offset)), {\(joined(coordinates))}]"
    case .symbol(let symbol, let offset): symbol + signed(offset)
    case .label(let label): function.labels[Int(label.index)]
    }
  }

  private static func signed(_ offset: Int64) -> String {
    offset == 0 ? "" : offset > 0 ? "+\(offset)" : "\(offset)"
  }

  private static func immediate(_ value: Immediate) -> String {
    switch value {
    case .integer(let number): String(number)
    case .float(let bits): "0f" + hexadecimal(UInt64(bits), digits: 8)
    case .double(let bits): "0d" + hexadecimal(bits, digits: 16)
    }
  }

  private static func hexadecimal(_ bits: UInt64, digits: Int) -> String {
    let text = String(bits, radix: 16, uppercase: true)
    return String(repeating: "0", count: digits - text.count) + text
  }
}

extension Module: CustomStringConvertible {
  /// The module as PTX text.
  public var description: String { Printer.text(self) }
}

extension Instruction {
  /// The instruction as PTX text, for messages; `function` is that in whose body it stands.
  public func text(in function: Function) -> String {
    let operands = operands.map { Printer.operand($0, function) }.joined(separator: ", ")
    return operands.isEmpty ? spelling : "\(spelling) \(operands)"
  }
}

import PTX

/// A plain rendering of what the language records, independent of the library's printer: golden texts compare with
/// it, and `ptxas` reads it.
enum PlainText {
  static func module(_ module: Module) -> String {
    var lines = [
      ".version \(module.version)", ".target \(module.targets.joined(separator: ", "))", ".address_size 64",
    ]
    lines += module.variables.map { declaration($0) + ";" }
    for function in module.functions { lines += self.function(function) }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The body of a kernel, one line for each statement.
  static func body(_ function: Function) -> [String] {
    (function.body ?? []).map { statement($0, function) }
  }

  private static func function(_ function: Function) -> [String] {
    let results = function.results.map(declaration).joined(separator: ", ")
    let parameters = function.parameters.map(declaration).joined(separator: ", ")
    let linkage = function.linkage.map { ".\($0.rawValue) " } ?? ""
    let head =
      "\(linkage).\(function.kind.rawValue) \(results.isEmpty ? "" : "(\(results)) ")\(function.name)(\(parameters))"
    guard function.body != nil else { return [head + ";"] }
    var lines = [head]
    let directives = function.directives
    func list(_ name: String, _ values: [Int]?) {
      if let values { lines.append(".\(name) \(values.map(String.init).joined(separator: ", "))") }
    }
    list("reqntid", directives.requiredThreads)
    list("reqnctapercluster", directives.requiredCluster)
    list("minnctapersm", directives.minimumBlocksPerProcessor.map { [$0] })
    list("maxnreg", directives.maximumRegisters.map { [$0] })
    lines.append("{")
    lines += function.registers.map { ".reg .\($0.type.rawValue) \($0.name);" }
    lines += function.variables.map { declaration($0) + ";" }
    return lines + body(function) + ["}"]
  }

  private static func declaration(_ variable: Variable) -> String {
    let linkage = variable.linkage.map { ".\($0.rawValue) " } ?? ""
    let alignment = variable.alignment.map { ".align \($0) " } ?? ""
    let pointer = variable.pointer.map {
      ".ptr \($0.space.map { ".\($0.rawValue) " } ?? "")\($0.alignment.map { ".align \($0) " } ?? "")"
    }
    let dimensions = variable.dimensions.map { $0 == 0 ? "[]" : "[\($0)]" }.joined()
    let values = variable.initialValues.map { value -> String in
      if case .number(.integer(let number)) = value { return String(number) }
      return "?"
    }
    let initial = values.isEmpty ? "" : " = {\(values.joined(separator: ", "))}"
    return
      "\(linkage).\(variable.space.rawValue) \(alignment).\(variable.type.rawValue) \(pointer ?? "")\(variable.name)\(dimensions)\(initial)"
  }

  private static func statement(_ statement: Statement, _ function: Function) -> String {
    switch statement {
    case .instruction(let instruction):
      let operands = instruction.operands.map { operand($0, function) }
      var text = instruction.spelling
      if instruction.spelling == "call.uni" || instruction.spelling == "call" {
        text += " " + operands.joined(separator: ", ")
      } else if !operands.isEmpty {
        text += " " + operands.joined(separator: ", ")
      }
      let predicate = instruction.predicate.map {
        "@\($0.isNegated ? "!" : "")\(name($0.predicate, function)) "
      }
      return (predicate ?? "") + text + ";"
    case .label(let label): return function.labels[Int(label.index)] + ":"
    case .comment(let text): return "// " + text
    case .pragma(let text): return ".pragma \(text);"
    case .branchTargets, .callTargets, .callPrototype: return "?"
    }
  }

  private static func name(_ register: RegisterID, _ function: Function) -> String {
    function.registers[Int(register.index)].name
  }

  private static func operand(_ operand: Operand, _ function: Function) -> String {
    func join(_ parts: [Operand]) -> String {
      parts.map { self.operand($0, function) }.joined(separator: ", ")
    }
    func base(_ base: AddressBase, _ offset: Int64) -> String {
      let suffix = offset == 0 ? "" : "+\(offset)"
      return switch base {
      case .register(let register): name(register, function) + suffix
      case .symbol(let symbol): symbol + suffix
      case .absolute: String(offset)
      }
    }
    return switch operand {
    case .register(let register): name(register, function)
    case .negated(let register): "!" + name(register, function)
    case .immediate(.integer(let number)): String(number)
    case .immediate(.float(let bits)): "0f" + hexadecimal(UInt64(bits), digits: 8)
    case .immediate(.double(let bits)): "0d" + hexadecimal(bits, digits: 16)
    case .special(let special): special.spelling
    case .vector(let parts): "{\(join(parts))}"
    case .list(let parts): "(\(join(parts)))"
    case .pair(let first, let second): "\(join([first]))|\(join([second]))"
    case .sink: "_"
    case .address(let from, let offset): "[\(base(from, offset))]"
    case .tensor(let from, let offset, let coordinates): "[\(base(from, offset)), {\(join(coordinates))}]"
    case .symbol(let symbol, let offset): symbol + (offset == 0 ? "" : "+\(offset)")
    case .label(let label): function.labels[Int(label.index)]
    }
  }

  private static func hexadecimal(_ bits: UInt64, digits: Int) -> String {
    let text = String(bits, radix: 16, uppercase: true)
    return String(repeating: "0", count: digits - text.count) + text
  }
}

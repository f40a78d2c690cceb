/// Declarations of variables, parameters and registers (PTX ISA 5.4).
extension Parser {
  /// The space that a directive names.
  static func space(_ directive: String) -> StateSpace? {
    guard directive != ".reg" else { return .register }
    return StateSpace(rawValue: String(directive.dropFirst()))
  }

  /// What stands in front of the names of a declaration.
  struct DeclarationHead {
    var space: StateSpace
    var type: ScalarType?
    var vectorWidth = 1
    var alignment: Int?
    var pointer: PointerAttribute?
  }

  /// Alignment, vector width, type and `.ptr`, up to the name.
  mutating func declarationHead(_ space: StateSpace) throws(ParseError) -> DeclarationHead {
    var head = DeclarationHead(space: space)
    while let directive = scanner.directive() {
      switch directive {
      case ".align" where head.pointer != nil: head.pointer?.alignment = try scanner.count()
      case ".align": head.alignment = try scanner.count()
      case ".v2": head.vectorWidth = 2
      case ".v4": head.vectorWidth = 4
      case ".ptr": head.pointer = PointerAttribute()
      case ".attribute": try skipAttribute()
      default:
        if head.pointer != nil, let space = Self.space(directive) {
          head.pointer?.space = space
        } else if let type = ScalarType(spelling: directive.dropFirst()) {
          head.type = type
        } else {
          throw scanner.error(.unknownType(directive))
        }
      }
    }
    guard head.type != nil else { throw scanner.unexpected("a type") }
    return head
  }

  /// `(.managed)` and the like, behind `.attribute`.
  mutating func skipAttribute() throws(ParseError) {
    try scanner.expect(ASCII.open)
    var depth = 1
    while depth > 0 {
      guard !scanner.isAtEnd else { throw scanner.unexpected("')'") }
      if scanner.take(ASCII.open) {
        depth += 1
      } else if scanner.take(ASCII.close) {
        depth -= 1
      } else {
        scanner.position += 1
      }
    }
  }

  /// The rest of a variable: its name, dimensions and initial value.
  mutating func variable(_ head: DeclarationHead, linkage: Linkage? = nil) throws(ParseError) -> Variable {
    guard let type = head.type else { throw scanner.unexpected("a type") }
    var variable = Variable(
      try scanner.name(), space: head.space, type: type, vectorWidth: head.vectorWidth,
      alignment: head.alignment, linkage: linkage, pointer: head.pointer)
    while scanner.take(ASCII.openBracket) {
      if scanner.take(ASCII.closeBracket) {
        variable.dimensions.append(0)
      } else {
        variable.dimensions.append(try scanner.count())
        try scanner.expect(ASCII.closeBracket)
      }
    }
    try checkSize(variable)
    if scanner.take(ASCII.equals) { try initialValues(of: &variable) }
    return variable
  }

  /// Sizes are multiplied later without looking: they must fit.
  private func checkSize(_ variable: Variable) throws(ParseError) {
    var count = 16 * 4
    for (index, dimension) in variable.dimensions.enumerated() {
      if dimension == 0, index > 0 { throw scanner.error(.numberOutOfRange("inner dimension 0")) }
      let (product, overflow) = count.multipliedReportingOverflow(by: max(dimension, 1))
      if overflow || product > 1 << 40 { throw scanner.error(.numberOutOfRange("\(dimension)")) }
      count = product
    }
    if let alignment = variable.alignment, alignment == 0 || alignment & (alignment - 1) != 0 {
      throw scanner.error(.numberOutOfRange("\(alignment)"))
    }
  }

  /// `+4`, `-4`, `+-4`, or nothing.
  mutating func offset() throws(ParseError) -> Int64 {
    scanner.skipSpace()
    guard scanner.next == ASCII.plus || scanner.next == ASCII.minus else { return 0 }
    if scanner.next == ASCII.plus { scanner.position += 1 }
    guard case .integer(let offset) = try scanner.number() else { throw scanner.unexpected("an integer") }
    return offset
  }

  /// `.reg .b32 %a, %r<10>;` after `.reg`.
  mutating func registers() throws(ParseError) {
    let head = try declarationHead(.register)
    guard let type = head.type else { throw scanner.unexpected("a type") }
    repeat {
      let name = try scanner.name()
      if head.vectorWidth > 1 {
        guard scopes.declare(vector: name, width: head.vectorWidth, type) else {
          throw scanner.error(.redeclared(name))
        }
      } else if scanner.take(ASCII.less) {
        let count = try scanner.count()
        try scanner.expect(ASCII.greater)
        guard scopes.declare(rangeOf: name, count: count, type) else {
          throw scanner.error(.redeclared("\(name)<\(count)>"))
        }
      } else if !scopes.declare(register: name, type) {
        throw scanner.error(.redeclared(name))
      }
    } while scanner.take(ASCII.comma)
    try scanner.expect(ASCII.semicolon)
  }

  /// `.shared .b8 a[4], b;` after the space, into the function.
  mutating func localVariables(_ space: StateSpace, linkage: Linkage?) throws(ParseError) {
    let head = try declarationHead(space)
    repeat {
      var variable = try variable(head, linkage: linkage)
      guard let name = scopes.declare(variable: variable.name) else {
        throw scanner.error(.redeclared(variable.name))
      }
      variable.name = name
      function.variables.append(variable)
    } while scanner.take(ASCII.comma)
    try scanner.expect(ASCII.semicolon)
  }
}

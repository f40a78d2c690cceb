/// Variables and registers (PTX ISA 5, 7.1).
extension Parser {
  /// The state space that the next token names, if it is that of a declaration.
  func variableSpace() -> StateSpace? {
    switch keyword {
    case .reg: .register
    case .param: .parameter
    case .shared: .shared
    case .local: .local
    case .const: .constant
    case .global: .global
    default: nil
    }
  }

  /// `.space .align 8 .v2 .b32 name[3] = {…}, other;`; the next token is the space.
  mutating func variables(
    _ space: StateSpace, _ linkage: Linkage?
  ) throws(ParseError) -> [(word: Int, variable: Variable)] {
    lexer.advance()
    var prototype = try variableType(space, linkage)
    var declared: [(word: Int, variable: Variable)] = []
    repeat {
      let word = try name("a variable's name")
      prototype.name = lexer.words.texts[word]
      var variable = prototype
      try dimensions(&variable)
      if take("=") { try initialValues(&variable) }
      declared.append((word, variable))
    } while take(",")
    try expect(";")
    return declared
  }

  /// One parameter or result of a function: `.param .align 8 .b8 name[64]`. A prototype's has the name `_`.
  mutating func parameter() throws(ParseError) -> (word: Int, variable: Variable) {
    guard let space = variableSpace(), space == .parameter || space == .register else {
      throw unexpected("a parameter")
    }
    lexer.advance()
    var variable = try variableType(space, nil)
    if take(Keyword.ptr) { variable.pointer = try pointerAttribute() }
    let word = try name("a parameter's name")
    variable.name = lexer.words.texts[word]
    try dimensions(&variable)
    return (word, variable)
  }

  /// What stands between the space and the name.
  private mutating func variableType(_ space: StateSpace, _ linkage: Linkage?) throws(ParseError) -> Variable
  {
    var variable = Variable("", space: space, type: .b8, linkage: linkage)
    while true {
      switch keyword {
      case .align:
        lexer.advance()
        variable.alignment = try alignment()
      case .attribute:
        lexer.advance()
        try expect("(")
        while !take(")") {
          guard lexer.kind != .end, lexer.kind != .invalid else { throw unexpected("')'") }
          lexer.advance()
        }
      case .v2, .v4:
        variable.vectorWidth = keyword == .v2 ? 2 : 4
        lexer.advance()
      default:
        variable.type = try scalarType()
        return variable
      }
    }
  }

  private mutating func alignment() throws(ParseError) -> Int {
    let value = try integer("an alignment", in: 1...(1 << 30))
    guard value & (value - 1) == 0 else { throw error(.outOfRange("alignment \(value)")) }
    return Int(value)
  }

  private mutating func pointerAttribute() throws(ParseError) -> PointerAttribute {
    var pointer = PointerAttribute()
    if let space = variableSpace() {
      pointer.space = space
      lexer.advance()
    }
    if take(Keyword.align) { pointer.alignment = try alignment() }
    return pointer
  }

  /// `[3][4]`, or `[]`. The whole must have a size that a machine can address.
  private mutating func dimensions(_ variable: inout Variable) throws(ParseError) {
    var size = variable.type.byteCount * variable.vectorWidth
    while take("[") {
      if take("]") {
        guard variable.dimensions.isEmpty else { throw unexpected("the size of an inner dimension") }
        variable.dimensions.append(0)
        continue
      }
      let dimension = Int(try integer("a size", in: 0...(1 << 40)))
      let (product, overflows) = size.multipliedReportingOverflow(by: max(dimension, 1))
      guard !overflows, product <= 1 << 40 else { throw error(.outOfRange("the size of the variable")) }
      size = product
      variable.dimensions.append(dimension)
      try expect("]")
    }
  }

  // MARK: Initial values

  private mutating func initialValues(_ variable: inout Variable) throws(ParseError) {
    var values: [InitialValue] = []
    if isAt("{") {
      let dimensions = variable.dimensions + (variable.vectorWidth > 1 ? [variable.vectorWidth] : [])
      try braces(dimensions[...], &values)
    } else {
      values.append(try initialValue())
    }
    let inner = variable.dimensions.dropFirst().reduce(variable.vectorWidth, *)
    if variable.dimensions.first == 0, inner > 0 {
      variable.dimensions[0] = (values.count + inner - 1) / inner
    }
    variable.initialValues = values
  }

  /// `{…}` for these dimensions; what an inner brace leaves out is zero.
  private mutating func braces(
    _ dimensions: ArraySlice<Int>, _ values: inout [InitialValue]
  ) throws(ParseError) {
    guard let dimension = dimensions.first else { throw unexpected("a number") }
    try expect("{")
    let inner = dimensions.dropFirst()
    let stride = inner.reduce(1, *)
    let start = values.count
    while !take("}") {
      if isAt("{") {
        let innerStart = values.count
        try braces(inner, &values)
        let missing = stride - (values.count - innerStart)
        guard missing >= 0, values.count + missing <= 1 << 24 else {
          throw error(.outOfRange("the number of initial values"))
        }
        values += repeatElement(.number(.integer(0)), count: missing)
      } else {
        values.append(try initialValue())
      }
      guard dimension == 0 || values.count - start <= dimension * stride else {
        throw error(.outOfRange("the number of initial values"))
      }
      if !take(",") {
        try expect("}")
        return
      }
    }
  }

  private mutating func initialValue() throws(ParseError) -> InitialValue {
    guard lexer.kind == .word else { return .number(try immediate()) }
    let isGeneric = take(Keyword.generic)
    if isGeneric { try expect("(") }
    guard lexer.kind == .word, case .symbol(let symbol) = names.lookup(lexer.word, words: &lexer.words) else {
      throw lexer.kind == .word ? error(.undeclared(lexer.text)) : unexpected("a variable's name")
    }
    lexer.advance()
    if isGeneric { try expect(")") }
    return .address(symbol, offset: try offset(), isGeneric: isGeneric)
  }

  // MARK: Registers

  /// `.reg .b32 %r<100>, %x;`; the next token is `.reg`.
  mutating func registers() throws(ParseError) {
    lexer.advance()
    let variable = try variableType(.register, nil)
    repeat {
      guard lexer.kind == .word else { throw unexpected("a register's name") }
      let text = lexer.text
      let word = lexer.word
      let problem = error(.redeclared(text))
      lexer.advance()
      if variable.vectorWidth > 1 {
        try vectorRegister(word, variable, problem)
      } else if take("<") {
        let count = Int(try integer("a number of registers", in: 0...Int64(Int32.max)))
        try expect(">")
        guard names.declareRange(word, count: count, type: variable.type) else { throw problem }
      } else {
        guard names.declare(word, .declaredRegister(variable.type)) else { throw problem }
      }
    } while take(",")
    try expect(";")
  }

  /// A vector register is so many registers, `V.x` and so on.
  private mutating func vectorRegister(
    _ word: Int, _ variable: Variable, _ problem: ParseError
  ) throws(ParseError) {
    let text = lexer.words.texts[word]
    let parts = ["x", "y", "z", "w"].prefix(variable.vectorWidth).map { lexer.words.word("\(text).\($0)") }
    guard names.declare(word, .vectorRegister(parts: parts)) else { throw problem }
    for part in parts {
      guard names.declare(part, .declaredRegister(variable.type)) else { throw problem }
    }
  }
}

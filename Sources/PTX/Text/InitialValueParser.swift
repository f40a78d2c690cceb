/// Initial values of variables (PTX ISA 5.4.3).
extension Parser {
  /// Values that a text can ask for without writing them: what braces leave out is zero.
  private static let maximumCount = 1 << 22

  /// What stands behind `=`. An array without a size gets that of its values.
  mutating func initialValues(of variable: inout Variable) throws(ParseError) {
    var values: [InitialValue] = []
    if scanner.take(ASCII.openBrace) {
      let vector = variable.vectorWidth > 1 ? [variable.vectorWidth] : []
      try braces(variable.dimensions + vector, &values, own: variable.name)
    } else {
      values.append(try initialValue(own: variable.name))
    }
    if variable.dimensions.first == 0 {
      let stride = max(1, variable.dimensions.dropFirst().reduce(variable.vectorWidth, *))
      variable.dimensions[0] = (values.count + stride - 1) / stride
    }
    variable.initialValues = values
  }

  /// The values of an array of these dimensions, behind its opening brace.
  private mutating func braces(
    _ dimensions: [Int], _ values: inout [InitialValue], own name: String
  ) throws(ParseError) {
    guard let count = dimensions.first else { throw scanner.unexpected("a number") }
    let inner = Array(dimensions.dropFirst())
    let stride = inner.reduce(1, *)
    let start = values.count
    if scanner.take(ASCII.closeBrace) { return }
    repeat {
      if scanner.take(ASCII.openBrace) {
        let end = values.count + stride
        try braces(inner, &values, own: name)
        guard end <= Self.maximumCount else { throw scanner.error(.numberOutOfRange("\(stride)")) }
        values += repeatElement(.number(.integer(0)), count: max(0, end - values.count))
      } else {
        values.append(try initialValue(own: name))
      }
      guard count == 0 || values.count - start <= count * stride else { throw scanner.unexpected("'}'") }
    } while scanner.take(ASCII.comma)
    try scanner.expect(ASCII.closeBrace)
  }

  private mutating func initialValue(own name: String) throws(ParseError) -> InitialValue {
    guard scanner.isAtNumber() else { return try address(own: name) }
    let number = try scanner.number()
    guard case .integer(let mask) = number, scanner.take(ASCII.open) else { return .number(number) }
    let bits = UInt64(bitPattern: mask)
    let byte = bits.trailingZeroBitCount / 8
    guard byte < 8, bits == 0xFF << (UInt64(byte) * 8) else { throw scanner.unexpected("a number") }
    guard case .address(let symbol, let offset, let isGeneric) = try address(own: name) else {
      throw scanner.unexpected("an address")
    }
    try scanner.expect(ASCII.close)
    return .addressByte(symbol, offset: offset, isGeneric: isGeneric, byte: byte)
  }

  /// `name+4` or `generic(name)+4`.
  private mutating func address(own: String) throws(ParseError) -> InitialValue {
    var name = try scanner.name()
    let isGeneric = name == "generic" && scanner.take(ASCII.open)
    if isGeneric { name = try scanner.name() }
    if case .variable(let unique)? = scopes.use(name) {
      name = unique
    } else if !globalNames.contains(name), name != own {
      throw undeclared(name)
    }
    if isGeneric { try scanner.expect(ASCII.close) }
    return .address(name, offset: try offset(), isGeneric: isGeneric)
  }
}

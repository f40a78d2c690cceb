/// Text that is not PTX, and where.
public struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong with the text.
  public enum Reason: Sendable, Hashable {
    /// Something else must stand there.
    case unexpected(found: String, expected: String)
    /// A name that nothing declares.
    case undeclared(String)
    /// A name that its scope declares twice.
    case redeclared(String)
    /// A number that does not fit where it stands.
    case numberOutOfRange(String)
    /// A directive that this parser does not know.
    case unknownDirective(String)
    /// A type that PTX does not have, or that cannot stand there.
    case unknownType(String)
    /// Brackets inside brackets beyond any use.
    case nestedTooDeeply
  }

  /// What is wrong.
  public var reason: Reason
  /// Counted from 1.
  public var line: Int
  /// In bytes, counted from 1.
  public var column: Int

  /// As `line 3, column 7: expected ';', found '}'`.
  public var description: String { "line \(line), column \(column): \(reason)" }
}

extension ParseError.Reason: CustomStringConvertible {
  /// As `expected ';', found '}'`.
  public var description: String {
    switch self {
    case .unexpected(let found, let expected): "expected \(expected), found \(found)"
    case .undeclared(let name): "'\(name)' is not declared"
    case .redeclared(let name): "'\(name)' is declared twice"
    case .numberOutOfRange(let number): "\(number) is out of range"
    case .unknownDirective(let name): "unknown directive '\(name)'"
    case .unknownType(let name): "unknown type '\(name)'"
    case .nestedTooDeeply: "brackets are nested too deeply"
    }
  }
}

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
    /// A `.version` that there is not, or that is older than all targets that are read.
    case unsupportedVersion(Module.Version)
    /// A `.target` that does not run on `sm_90a`, or that there is not.
    case unsupportedTarget(String)
    /// A target that the text's version does not have yet, and the first that does.
    case targetNeedsVersion(String, Module.Version, found: Module.Version)
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
    case .unsupportedVersion(let version):
      "version \(version) is not one of 7.0 to 7.8, 8.0 to 8.8 and 9.0 to 9.5"
    case .unsupportedTarget(let name):
      "target '\(name)' is not one of \(Module.firstVersions.keys.sorted().joined(separator: ", "))"
    case .targetNeedsVersion(let name, let first, let found):
      "target '\(name)' needs version \(first), the text says \(found)"
    case .nestedTooDeeply: "brackets are nested too deeply"
    }
  }
}

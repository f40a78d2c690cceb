/// Why a text is not a PTX module, and where.
public struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong.
  public enum Problem: Sendable, Hashable {
    /// Something stands where the grammar wants something else.
    case unexpected(found: String, expected: String)
    /// A name that no declaration before it introduces, or a label that its scope does not have.
    case undeclared(String)
    /// A name declared twice in one scope.
    case redeclared(String)
    /// A number that does not fit where it stands.
    case outOfRange(String)
    /// Vector operands within vector operands, or scopes within scopes, without end.
    case nestedTooDeeply
  }

  /// Line of the text, counted from 1.
  public var line: Int
  /// Byte of the line, counted from 1.
  public var column: Int
  /// What is wrong there.
  public var problem: Problem

  /// A problem at a place of a text.
  public init(line: Int, column: Int, problem: Problem) {
    self.line = line
    self.column = column
    self.problem = problem
  }

  /// `line:column: what is wrong`.
  public var description: String {
    let text =
      switch problem {
      case .unexpected(let found, let expected): "expected \(expected), found \(found)"
      case .undeclared(let name): "\(name) is not declared"
      case .redeclared(let name): "\(name) is declared twice in one scope"
      case .outOfRange(let number): "\(number) is out of range"
      case .nestedTooDeeply: "nested too deeply"
      }
    return "\(line):\(column): \(text)"
  }
}

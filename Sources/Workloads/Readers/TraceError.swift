/// A trace file that cannot be used: it names the file, the line, the field and the value found there.
public struct TraceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Code: String, Sendable, Hashable, Codable {
    /// The file cannot be opened or read.
    case unreadable
    /// The file has no entries.
    case empty
    /// The content is of no format that is known here.
    case unknownFormat
    /// A line does not have the format's syntax, as one that was cut off.
    case malformed
    /// A line lacks a field.
    case missingField
    /// A field has a value of another type.
    case wrongType
    /// A field has a value that it may not have.
    case outOfRange
  }

  /// What is wrong.
  public let code: Code
  /// The file's name, as the reader was given it.
  public let file: String
  /// The line, counted from 1; nil where the whole file is meant.
  public let line: Int?
  /// The field as the file names it: `hash_ids[3]`, `workload.axes.total_q`; nil where a whole line is meant.
  public let field: String?
  /// What the file has there, shortened to 80 characters and with `?` for those that would command a terminal; nil for
  /// a missing field.
  public let value: String?
  /// What would have been right.
  public let requirement: String

  init(
    _ code: Code, file: String, line: Int? = nil, field: String? = nil, value: String? = nil,
    requirement: String
  ) {
    self.code = code
    self.file = file
    self.line = line
    self.field = field
    self.value = value.map { value in
      let printable = String(value.map { $0.unicodeScalars.contains(where: Self.isControl) ? "?" : $0 })
      return printable.count > 80 ? printable.prefix(79) + "…" : printable
    }
    self.requirement = requirement
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control
  }

  /// One line: `trace.jsonl:17: input_length = -3: must be 1 to 2147483647 (outOfRange)`.
  public var description: String {
    let place = line.map { "\(file):\($0)" } ?? file
    let found = [field, value].compactMap(\.self).joined(separator: " = ")
    return [place, found, "\(requirement) (\(code.rawValue))"].filter { !$0.isEmpty }
      .joined(separator: ": ")
  }
}

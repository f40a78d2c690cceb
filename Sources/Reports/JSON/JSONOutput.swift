import Foundation

/// Results as JSON for other programs: keys sorted, indented, numbers that are not finite as `null`.
public enum JSONOutput {
  /// The JSON text of `value`, ended by a line feed. The same value gives the same text.
  ///
  /// - Throws: what `value`'s own `encode(to:)` throws.
  public static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // The encoder can write a non-finite number as a text but not as null, so it writes a text that
    // occurs nowhere else, which is then replaced.
    let placeholder = UUID().uuidString
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: placeholder, negativeInfinity: placeholder, nan: placeholder)
    let text = String(decoding: try encoder.encode(value), as: UTF8.self)
    return text.replacingOccurrences(of: "\"\(placeholder)\"", with: "null") + "\n"
  }

  /// Writes the JSON text of `value` to `path`, all of it or nothing.
  ///
  /// - Throws: `FileError`, or what `value`'s own `encode(to:)` throws.
  public static func write(_ value: some Encodable, to path: String) throws {
    try FileWriter.write(text(value), to: path)
  }
}

/// A number that may be missing and is then written as `null`; a plain optional would lose its key.
@propertyWrapper
public struct Nullable: Hashable, Sendable, Encodable {
  /// The number, where there is one.
  public var wrappedValue: Double?

  /// Wraps a number.
  public init(wrappedValue: Double?) {
    self.wrappedValue = wrappedValue
  }

  /// Writes the number or `null`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(wrappedValue)
  }
}

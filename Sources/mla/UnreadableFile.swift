import Foundation

/// A JSON file given with an option that cannot be read.
struct UnreadableFile: Error, CustomStringConvertible {
  let option, path, reason: String

  var description: String { "\(option) = \(path): \(reason)" }

  /// What a file says.
  ///
  /// - Throws: `UnreadableFile` for one that is missing or says something else.
  static func read<Value: Decodable>(_ type: Value.Type, from path: String, option: String) throws -> Value {
    do {
      return try JSONDecoder().decode(type, from: Data(contentsOf: URL(filePath: path)))
    } catch let error as DecodingError {
      throw UnreadableFile(option: option, path: path, reason: reason(error))
    } catch {
      throw UnreadableFile(option: option, path: path, reason: error.localizedDescription)
    }
  }

  /// Where in the file, and what is wrong there.
  private static func reason(_ error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, let context): "\(place(context))\(key.stringValue) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      place(context) + context.debugDescription
    @unknown default: "\(error)"
    }
  }

  private static func place(_ context: DecodingError.Context) -> String {
    let path = context.codingPath.map { key in key.intValue.map { "[\($0)]" } ?? key.stringValue }
    return path.isEmpty ? "" : path.joined(separator: ".") + ": "
  }
}

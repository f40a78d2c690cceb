import Foundation

/// A report that could not be written: which file, and why.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The path, as the caller gave it.
  public let path: String
  /// What stood in the way, in the system's words.
  public let reason: String

  /// One line with both.
  public var description: String { "cannot write \(path): \(reason)" }
}

/// Puts finished text on disk.
public enum FileWriter {
  /// Writes `text` in UTF-8 to `path`: all of it or nothing.
  ///
  /// The text goes to a temporary file in the same folder, which then takes the place of what was there. A
  /// symbolic link is followed.
  ///
  /// - Throws: `FileError` where the folder is missing or closed to us, or `path` exists and is not a plain
  ///   file (a folder, a device).
  public static func write(_ text: String, to path: String) throws(FileError) {
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath()
    do {
      if let type = try? FileManager.default.attributesOfItem(atPath: target.path)[.type]
        as? FileAttributeType,
        type != .typeRegular
      {
        throw FileError(path: path, reason: "it exists and is not a plain file")
      }
      try Data(text.utf8).write(to: target, options: .atomic)
    } catch let error as FileError {
      throw error
    } catch {
      throw FileError(path: path, reason: reason(for: error))
    }
  }

  /// The system's message where there is one: Foundation's own speaks of "the operation".
  private static func reason(for error: any Error) -> String {
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error
    return (cause ?? error).localizedDescription
  }
}

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
  /// Refuses paths that cannot be written, before the work whose result they are for; a missing path passes.
  ///
  /// - Throws: `FileError` where `write` would throw it now.
  public static func check(_ paths: String?...) throws(FileError) {
    for path in paths.compactMap(\.self) {
      let target = try target(path)
      let folder = target.deletingLastPathComponent().path
      // With a slash at its end, the name of something that is not a folder is an error too.
      guard unsafe access(folder + "/", W_OK | X_OK) == 0 else {
        throw FileError(
          path: path, reason: unsafe String(cString: strerror(errno)))
      }
    }
  }

  /// Writes `text` in UTF-8 to `path`: all of it or nothing.
  ///
  /// The text goes to a temporary file in the same folder, which then takes the place of what was there. A
  /// symbolic link is followed.
  ///
  /// - Throws: `FileError` where the folder is missing or closed to us, or `path` exists and is not a plain
  ///   file (a folder, a device).
  public static func write(_ text: String, to path: String) throws(FileError) {
    try write(Data(text.utf8), to: path)
  }

  /// Writes bytes as `write` writes text.
  public static func write(_ bytes: Data, to path: String) throws(FileError) {
    let target = try target(path)
    do {
      try bytes.write(to: target, options: .atomic)
    } catch {
      throw FileError(path: path, reason: reason(for: error))
    }
  }

  /// The plain file, there already or not, that a path leads to.
  private static func target(_ path: String) throws(FileError) -> URL {
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath()
    let type = try? FileManager.default.attributesOfItem(atPath: target.path)[.type] as? FileAttributeType
    guard type == nil || type == .typeRegular else {
      throw FileError(path: path, reason: "it exists and is not a plain file")
    }
    return target
  }

  /// The system's message where there is one: Foundation's own speaks of "the operation".
  private static func reason(for error: any Error) -> String {
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error
    return (cause ?? error).localizedDescription
  }
}

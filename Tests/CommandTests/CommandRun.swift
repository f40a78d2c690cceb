import Foundation

/// One run of the `mla` that was built beside the tests.
struct CommandRun {
  let status: Int32
  let output: String
  let errors: String

  /// Runs the command and waits; what it prints is read as it comes.
  init(_ arguments: String..., environment: [String: String] = [:]) throws {
    try self.init(list: arguments, environment: environment)
  }

  /// Runs the command with a list of arguments.
  init(list arguments: [String], environment: [String: String] = [:]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
      .deletingLastPathComponent().appendingPathComponent("mla")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let folder = try TemporaryFolder()
    let outputFile = folder.path("output")
    let errorFile = folder.path("errors")
    for path in [outputFile, errorFile] { try Data().write(to: URL(fileURLWithPath: path)) }
    process.standardOutput = FileHandle(forWritingAtPath: outputFile)
    process.standardError = FileHandle(forWritingAtPath: errorFile)
    try process.run()
    process.waitUntilExit()
    status = process.terminationStatus
    output = try String(contentsOfFile: outputFile, encoding: .utf8)
    errors = try String(contentsOfFile: errorFile, encoding: .utf8)
  }
}

/// A folder that is removed with its owner.
final class TemporaryFolder {
  private let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("mla-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  /// A path in the folder.
  func path(_ name: String) -> String { url.appendingPathComponent(name).path }
}

/// The JSON objects of a file: one, or a list.
func jsonRows(_ path: String) throws -> [[String: Any]] {
  let value = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
  if let rows = value as? [[String: Any]] { return rows }
  return (value as? [String: Any]).map { [$0] } ?? []
}

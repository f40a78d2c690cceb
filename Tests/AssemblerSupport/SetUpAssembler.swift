import AssemblerTools
import Foundation

extension Ptxas {
  /// The assembler that `Scripts/setup` installs; the first use in a checkout runs the script.
  package static func forTests() throws -> Ptxas { try result.get() }

  private static let result = Result { try setUp() }

  private static func setUp() throws -> Ptxas {
    let folder = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let path = Ptxas.path(inPackage: folder.path)
    if !FileManager.default.isExecutableFile(atPath: path) {
      let process = Process()
      process.executableURL = folder.appendingPathComponent("Scripts/setup")
      let pipe = Pipe()
      process.standardOutput = pipe
      process.standardError = pipe
      try process.run()
      let output = pipe.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      guard process.terminationStatus == 0 else {
        throw SetupFailure(output: String(decoding: output, as: UTF8.self))
      }
    }
    return Ptxas(path: path)
  }

  /// `Scripts/setup` failed, and said this.
  private struct SetupFailure: Error {
    var output: String
  }
}

import Foundation

/// NVIDIA's assembler, which proves that PTX text is valid and says what its kernels need. A development tool:
/// nothing else of this package needs it. `Scripts/setup` installs it.
public struct Ptxas: Sendable, Hashable {
  /// The executable file.
  public let path: String

  /// The assembler in this file.
  public init(path: String) {
    self.path = path
  }

  /// The assembler of this machine: the file that the environment variable `PTXAS` names, else the one that
  /// `Scripts/setup` put into `.tools` of the current folder or of a folder above it, else the one in `PATH`.
  public static func installed() throws(PtxasError) -> Ptxas {
    let environment = ProcessInfo.processInfo.environment
    if let named = environment["PTXAS"] {
      guard FileManager.default.isExecutableFile(atPath: named) else {
        throw .notFound(searched: [named])
      }
      return Ptxas(path: named)
    }
    let folders = sequence(first: URL(fileURLWithPath: FileManager.default.currentDirectoryPath)) {
      $0.path == "/" ? nil : $0.deletingLastPathComponent()
    }
    let inTools = folders.map { Ptxas.path(inPackage: $0.path) }
    let inPath = (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/ptxas" }
    guard let found = (inTools + inPath).first(where: FileManager.default.isExecutableFile) else {
      throw .notFound(searched: inTools + inPath)
    }
    return Ptxas(path: found)
  }

  /// Where `Scripts/setup` of a checkout puts the assembler.
  package static func path(inPackage folder: String) -> String {
    (folder == "/" ? "" : folder) + "/.tools/cuda/ptxas"
  }

  /// Assembles a text and throws the machine code away.
  ///
  /// - Parameters:
  ///   - text: PTX.
  ///   - architecture: what to assemble for, as `sm_90a`.
  /// - Returns: what the text's functions need, and warnings.
  /// - Throws: ``PtxasError/rejected(_:)`` with the messages if the text does not assemble.
  public func assemble(_ text: String, architecture: String = "sm_90a") throws(PtxasError) -> AssemblyReport {
    let (status, output) = try run(on: text, architecture: architecture)
    let report = AssemblyReport(parsing: output)
    guard status != 0 else { return report }
    guard !report.messages.isEmpty else {
      throw .notRunnable(path: path, reason: "status \(status), \(output)")
    }
    throw .rejected(report.messages)
  }

  private func run(on text: String, architecture: String) throws(PtxasError) -> (
    status: Int32, output: String
  ) {
    do {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ptxas-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let source = folder.appendingPathComponent("text.ptx")
      try Data(text.utf8).write(to: source)
      let process = Process()
      process.executableURL = URL(fileURLWithPath: path)
      process.arguments = [
        "--verbose", "--gpu-name", architecture, source.path, "--output-file",
        folder.appendingPathComponent("text.cubin").path,
      ]
      let pipe = Pipe()
      process.standardOutput = pipe
      process.standardError = pipe
      try process.run()
      let output = pipe.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    } catch {
      throw .notRunnable(path: path, reason: "\(error)")
    }
  }
}

/// Why there is no report.
public enum PtxasError: Error, Hashable, CustomStringConvertible {
  /// No assembler: `Scripts/setup` installs it. These files were looked for.
  case notFound(searched: [String])
  /// The file does not run, or its input could not be written.
  case notRunnable(path: String, reason: String)
  /// The text does not assemble; the messages say why.
  case rejected([AssemblyMessage])

  /// What happened.
  public var description: String {
    switch self {
    case .notFound(let searched):
      "no ptxas: Scripts/setup installs it; looked for \(searched.joined(separator: ", "))"
    case .notRunnable(let path, let reason):
      "\(path) does not run: \(reason)"
    case .rejected(let messages):
      "ptxas rejects the text: " + messages.map(\.description).joined(separator: "; ")
    }
  }
}

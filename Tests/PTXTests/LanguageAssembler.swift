import Foundation
import PTX
import Testing

/// NVIDIA's assembler, if this machine has it: named by the environment variable PTXAS, or found in PATH.
struct Assembler {
  let path: String

  static let installed: Assembler? = {
    let environment = ProcessInfo.processInfo.environment
    let inPath = (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/ptxas" }
    let candidates = [environment["PTXAS"]].compactMap { $0 } + inPath
    return candidates.first { FileManager.default.isExecutableFile(atPath: $0) }.map { Assembler(path: $0) }
  }()

  /// Assembles a text for `sm_90a`; yields the status and what the assembler says, registers and spills included.
  func assemble(_ text: String) throws -> (status: Int32, report: String) {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = folder.appendingPathComponent("kernel.ptx")
    try text.write(to: source, atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = ["-v", "-arch=sm_90a", source.path, "-o", folder.appendingPathComponent("k").path]
    let pipe = Pipe()
    process.standardError = pipe
    process.standardOutput = pipe
    try process.run()
    let report = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: report, as: UTF8.self))
  }

  /// Expects that a module assembles without spills and without warnings of serialised `wgmma`.
  func expectClean(_ module: Module) throws {
    let (status, report) = try assemble(module.description)
    #expect(status == 0, "\(report)")
    #expect(!report.contains("(C7"), "\(report)")
    #expect(!report.contains("warning"), "\(report)")
    #expect(!report.contains(/[1-9][0-9]* bytes spill/), "\(report)")
  }
}

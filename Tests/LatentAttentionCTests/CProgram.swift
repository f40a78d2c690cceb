import Foundation

/// A C or C++ source, compiled by clang, which comes with Swift, against the library that was built beside the tests.
struct CProgram {
  /// How a program ended, and what it wrote to both its streams.
  struct Outcome {
    let status: Int32
    let text: String
  }

  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  private static let products = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()

  /// Compiles a source of this repository with every warning an error, as `standard`, and runs it if `isRun`.
  static func outcome(of path: String, standard: String, isRun: Bool = true) throws -> Outcome {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mla-c-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let program = folder.appendingPathComponent("program").path
    let isCPlusPlus = standard.hasPrefix("c++")
    let compiled = try run(
      "/usr/bin/env",
      [
        isCPlusPlus ? "clang++" : "clang", "-std=\(standard)", "-x", isCPlusPlus ? "c++" : "c", "-Wall",
        "-Wextra", "-pedantic", "-Werror", "-I",
        root.appendingPathComponent("Sources/LatentAttentionHeader/include").path,
        root.appendingPathComponent(path).path,
      ] + (isRun ? link(program) : ["-fsyntax-only"]), in: folder)
    guard compiled.status == 0, isRun else { return compiled }
    return try run(program, [], in: folder)
  }

  private static func link(_ program: String) -> [String] {
    [
      "-L", products.path, "-lLatentAttentionC", "-lm", "-lpthread", "-Wl,-rpath,\(products.path)", "-o",
      program,
    ]
  }

  private static func run(_ path: String, _ arguments: [String], in folder: URL) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let file = folder.appendingPathComponent("text")
    try Data().write(to: file)
    let handle = try FileHandle(forWritingTo: file)
    process.standardOutput = handle
    process.standardError = handle
    try process.run()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
      text: try String(contentsOf: file, encoding: .utf8))
  }
}

import Foundation
import Testing

/// Mistakes that must not compile: the compiler is asked about them, each on a line of its own.
@Suite("Kernel language: what the types refuse", .enabled(if: TypeChecker.available != nil))
struct LanguageTypeTests {
  @Test("Each wrong line is an error, and no right line is")
  func wrongLines() throws {
    let lines = [
      "import PTX",
      "func record(_ k: KernelBuilder, _ u: Value<U32>, _ s: Value<S32>, _ f: Value<F32>, _ p: Value<Pred>) {",
      "  let words = k.shared(\"words\", U32.self, count: 4)",
      "  let global = k.parameter(\"x\", pointerTo: F32.self)",
      "  let map = k.parameter(\"map\", tensorMapOf: BF16.self, rank: 2)",
      "  let brain = k.descriptor(k.tile(BF16.self, rows: 64, columns: 64))",
      "  let half = k.descriptor(k.tile(F16.self, rows: 64, columns: 64))",
      "  let eight = k.tile(E4M3.self, rows: 64, columns: 128)",
      "  let sums = k.fragment(\"sums\", F32.self, count: 4)",
      "  let short = k.fragment(\"short\", F16x2.self, count: 2)",
      "  let full = k.barrier(\"full\")",
      "  let tile = k.tile(F16.self, rows: 64, columns: 64)",
      "  _ = u + 1; _ = f * 2.5; _ = u < 3 && p; global[u] = f; k.multiply(sums, brain, brain)",
      "  k.multiply(short, half, half); k.loadTensor(map, at: [0, 0], to: k.shared(\"y\", count: 8), signalling: full)",
      "  _ = u + s  // wrong",
      "  _ = u + f  // wrong",
      "  _ = f & f  // wrong",
      "  _ = p + p  // wrong",
      "  k.if(u) {}  // wrong",
      "  global[u] = u  // wrong",
      "  words[u] = f  // wrong",
      "  k.copyAsync(from: words, to: global)  // wrong",
      "  full.wait(parity: s)  // wrong",
      "  k.multiply(sums, brain, half)  // wrong",
      "  k.multiply(short, brain, brain)  // wrong",
      "  _ = k.descriptor(eight, major: .mn)  // wrong",
      "  k.loadTensor(map, at: [0, 0], to: tile.panel(0), signalling: full)  // wrong",
      "  k.multiply(sums, [f, f, f, f], brain)  // wrong",
      "  _ = k.exp2(u)  // wrong",
      "  _ = k.select(u, f, f)  // wrong",
      "  _ = k.mapToBlock(global, 0)  // wrong",
      "  full.ofBlock(0).wait(parity: 0)  // wrong",
      "}",
    ]
    let wrong = Set(lines.indices.filter { lines[$0].hasSuffix("// wrong") }.map { $0 + 1 })
    let (errors, report) = try #require(TypeChecker.available).linesOfErrors(lines.joined(separator: "\n"))
    #expect(errors == wrong, "\(report)")
  }
}

/// The Swift compiler, asked about a file that imports this package's modules as they were built for the tests.
private struct TypeChecker {
  let modules: URL

  static let available: TypeChecker? = {
    let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    let modules = folder.appendingPathComponent("Modules")
    let isBuilt = FileManager.default.fileExists(
      atPath: modules.appendingPathComponent("PTX.swiftmodule").path)
    return isBuilt ? TypeChecker(modules: modules) : nil
  }()

  func linesOfErrors(_ program: String) throws -> (lines: Set<Int>, report: String) {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).swift")
    try program.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["swiftc", "-typecheck", "-swift-version", "6", "-I", modules.path, file.path]
    let pipe = Pipe()
    process.standardError = pipe
    try process.run()
    let report = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let lines = report.matches(of: /\.swift:([0-9]+):[0-9]+: error:/).compactMap { Int($0.output.1) }
    return (Set(lines), report)
  }
}

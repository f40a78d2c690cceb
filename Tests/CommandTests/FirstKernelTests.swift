import Foundation
import GPUDevice
import HopperSimulator
import PTX
import Testing

/// What the guide to a first kernel shows, as it stands there.
@Suite("The guide's first kernel")
struct FirstKernelTests {
  private static let page = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Sources/HopperSimulator/HopperSimulator.docc/FirstKernel.md")

  /// The lines of the page's block of a language.
  private static func block(_ language: String) throws -> [String] {
    let lines = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "\n")
    let first = try #require(lines.firstIndex(of: "```\(language)"))
    return Array(lines[(first + 1)...].prefix { $0 != "```" })
  }

  @Test("The command prints what the guide says, and with one number too many names the load")
  func command() throws {
    let folder = try TemporaryFolder()
    let text = try Self.block("ptx").joined(separator: "\n")
    try text.write(toFile: folder.path("scale.ptx"), atomically: true, encoding: .utf8)
    var words = try #require(Self.block("sh").first).split(separator: " ").map(String.init)
    #expect(words.prefix(2) == ["time", "mla"])
    words.removeFirst(2)
    words[2] = folder.path("scale.ptx")
    let right = try CommandRun(list: words)
    #expect(right.status == 0, "\(right.errors)")
    let printed = right.output.components(separatedBy: "\n")
    #expect(try Self.block("text").allSatisfy { printed.contains($0) }, "\(right.output)")
    let wrong = try CommandRun(list: words.map { $0 == "u32:1000" ? "u32:1001" : $0 })
    #expect(wrong.status == 1)
    #expect(wrong.output.contains("block 3, warp 7: ld.global.f32"), "\(wrong.output)")
  }

  @Test("The Swift kernel computes, and is what the guide shows")
  func language() throws {
    let kernel = try Kernel("scale", .threads(256)) { k in
      let x = k.parameter("x", pointerTo: F32.self)
      let count = k.parameter("count", U32.self)
      let i = k.let("i", k.blockIndex() * 256 + k.threadIndex())
      k.if(i < count) { x[i] *= 0.5 }
    }
    let gpu = SimulatedGPU()
    let scale = try gpu.load(ptx: kernel.module.description).kernel("scale")
    let x = try gpu.upload((0..<1000).map(Float.init))
    let configuration = LaunchConfiguration(grid: Extent(4), block: Extent(256))
    try gpu.defaultStream.launch(scale, configuration, arguments: [.memory(x), .value(UInt32(1000))])
    let results = try gpu.download(1000, of: Float.self, from: x)
    let cycles = gpu.takeLaunches().map(\.report.cycles)
    let findings = gpu.takeFindings()
    #expect(results == (0..<1000).map { Float($0) / 2 })
    #expect(cycles.count == 1 && cycles[0] > 0)
    #expect(findings.isEmpty)

    let source = try String(contentsOfFile: #filePath, encoding: .utf8)
    let shown = try Self.block("swift").map { "    " + $0 }.joined(separator: "\n")
    #expect(source.contains(shown))
  }
}

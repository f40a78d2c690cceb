import AssemblerSupport
import AssemblerTools
import Foundation
import LatentAttention
import PTX
import Testing

/// PTX that nvcc, clang and Triton made of the files in `Fixtures`; `Scripts/compile-fixtures` makes it again.
@Suite("Compiler output")
struct TextCompilerTests {
  private static let ofCUDA = ["block_sum", "calls", "cluster_product", "gemm", "clang_kernels"]
  static let names = ofCUDA + ["triton_softmax_rows", "triton_product", "triton_described_product"]

  static func text(_ name: String) throws -> String {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(name).ptx")
    return try String(contentsOf: file, encoding: .utf8)
  }

  private static func instructions(_ function: Function) -> [Instruction] {
    (function.body ?? []).compactMap { statement in
      if case .instruction(let instruction) = statement { return instruction }
      return nil
    }
  }

  @Test("What is printed is the same module, and assembles", arguments: names)
  func roundTrip(_ name: String) throws {
    var module = try Module(parsing: Self.text(name))
    // Triton writes 9.4; the pinned ptxas knows versions up to 9.0.
    module.version = min(module.version, Module.Version(9, 0))
    let printed = module.description
    #expect(try Module(parsing: printed) == module)
    #expect(try Module(parsing: printed).description == printed)
    _ = try Ptxas.forTests().assemble(printed)
  }

  /// Lines that end with a semicolon and begin with neither a dot nor a comment are instructions, or end one.
  @Test("Every instruction is there, with its line and that of the source", arguments: names)
  func instructions(_ name: String) throws {
    let text = try Self.text(name)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.drop { " \t{".contains($0) }
    }
    let module = try Module(parsing: text)
    let all = module.functions.flatMap(Self.instructions)
    for instruction in all {
      #expect(lines[instruction.line - 1].contains(instruction.spelling))
      #expect(instruction.source != nil)
    }
    let spelled = lines.filter { line in
      line.contains(/^(@!?%?\w+\s+)?[a-z][a-z0-9_.:]*(\s|;|$)/) && line.contains(/;|call/)
        && !line.contains(/^\w+\s*:/)
    }
    #expect(all.count == spelled.count)
  }

  @Test("The table has every instruction that the compilers wrote", arguments: names)
  func forms(_ name: String) throws {
    let module = try Module(parsing: Self.text(name))
    let unknown = module.functions.flatMap { function in
      Self.instructions(function).filter { InstructionForms.decode($0) == nil }.map { $0.text(in: function) }
    }
    #expect(unknown == [])
  }

  @Test("Functions, variables and prototypes of nvcc's calls")
  func calls() throws {
    let module = try Module(parsing: Self.text("calls"))
    #expect(
      module.functions.map(\.name) == [
        "vprintf", "__assertfail", "_Z4plusff", "_Z5timesff", "_Z5powerff", "apply", "histogram", "choose",
      ])
    let operations = try #require(module.variables.first { $0.name == "operations" })
    #expect(operations.initialValues.count == 3)
    let apply = try #require(module.functions.first { $0.name == "apply" })
    let prototypes = (apply.body ?? []).filter { if case .callPrototype = $0 { true } else { false } }
    #expect(prototypes.count == 1)
  }

  @Test("Damaged compiler output never traps", arguments: names)
  func damage(_ name: String) throws {
    let text = Array(try Self.text(name).utf8)
    var generator = SplitMix64(seed: 7)
    for _ in 0..<300 {
      var damaged = text
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let from = Int.random(in: 0..<text.count, using: &generator)
        let place = Int.random(in: 0..<damaged.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: damaged[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: damaged.removeSubrange(place..<min(place + 9, damaged.count))
        case 2: damaged.insert(contentsOf: text[from..<min(from + 40, text.count)], at: place)
        default: damaged.removeSubrange(place...)
        }
        if damaged.isEmpty { break }
      }
      guard let module = try? Module(parsing: String(decoding: damaged, as: UTF8.self)) else { continue }
      #expect(try Module(parsing: module.description) == module)
    }
  }
}

import ArgumentParser
import AssemblerTools
import Foundation
import HopperSimulator
import PTX
import Reports

/// Reads a PTX text and says what is in it.
struct CheckText: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Parse a PTX text, and list its kernels and what they need.",
    discussion: """
      Registers are those of 32 bits of a thread: the number that the text names, and the most that are live at once. \
      Instructions that the table of forms or the simulator does not have are listed with their lines; a kernel that \
      never comes to them runs. Where ptxas is installed (Scripts/setup), its registers, spills and warnings are \
      listed too. The exit status is 1 if the text does not parse or ptxas rejects it.
      """)

  @Argument(help: "The text.") var file: String
  @Option(help: "Write the result to a JSON file.") var json: String?

  func run() throws {
    try FileWriter.check(json)
    let text = try PTXFile.text(file)
    var result = Result(file: file)
    do throws(ParseError) {
      result.functions = FunctionSummary.all(of: try Module(parsing: text))
      result.assembler = Assembly(text)
    } catch {
      result.error = "\(file):\(error.line):\(error.column): \(error.reason)"
    }
    print(result.text, terminator: "")
    if let json { try JSONOutput.write(result, to: json) }
    if result.error != nil || result.assembler?.isRejected == true { throw ExitCode.failure }
  }

  /// What was found, in JSON too.
  private struct Result: Encodable {
    var file: String
    var error: String?
    var functions: [FunctionSummary] = []
    var assembler: Assembly?

    init(file: String) {
      self.file = file
    }

    private enum CodingKeys: CodingKey {
      case file, error, functions, ptxas
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(file, forKey: .file)
      try container.encode(error, forKey: .error)
      try container.encode(functions, forKey: .functions)
      try container.encode(assembler, forKey: .ptxas)
    }

    var text: String {
      if let error { return "\(error)\n" }
      var table = TextTable(columns: [
        .text("function"), .text("kind"), .number("instructions"), .number("registers named"),
        .number("live"),
        .number("shared"), .number("local"), .text("directives"),
      ])
      for function in functions {
        table.append([
          function.name, function.isKernel ? "kernel" : "device", "\(function.instructionCount)",
          "\(function.namedRegisterCount)", "\(function.liveRegisterCount)", "\(function.sharedByteCount)",
          "\(function.localByteCount)", function.directives.joined(separator: " "),
        ])
      }
      return table.text() + parameterText + unknownText + (assembler?.text ?? "ptxas: not installed\n")
    }

    private var parameterText: String {
      var table = TextTable(columns: [
        .text("kernel"), .text("parameter"), .text("type"), .number("offset"), .number("bytes"),
        .number("alignment"),
      ])
      for function in functions where function.isKernel {
        for parameter in function.parameters {
          table.append([
            function.name, parameter.name, parameter.type, "\(parameter.offset)", "\(parameter.byteCount)",
            "\(parameter.alignment)",
          ])
        }
      }
      return table.rows.isEmpty ? "" : "\n" + table.text()
    }

    private var unknownText: String {
      let lines = functions.flatMap { function in
        function.unknown.map { instruction in
          "\(file):\(instruction.line): \(function.name): \(Self.problem(instruction)): \(instruction.text)\n"
        }
      }
      return (lines.isEmpty ? "" : "\n") + lines.joined()
    }

    private static func problem(_ instruction: FunctionSummary.UnknownInstruction) -> String {
      if instruction.hasForm { return "not simulated" }
      let counts = instruction.operandCounts.map(String.init)
      return counts.isEmpty ? "unknown instruction" : "takes \(counts.joined(separator: " or ")) operands"
    }
  }

  /// What ptxas says.
  private struct Assembly: Encodable {
    struct Usage: Encodable {
      var function: String
      var registers: Int?
      var stackBytes: Int
      var spillStoreBytes: Int
      var spillLoadBytes: Int
    }

    var isRejected = false
    var functions: [Usage] = []
    var messages: [String] = []

    /// Nil where ptxas is not installed.
    init?(_ text: String) {
      guard let assembler = try? Ptxas.installed() else { return nil }
      do {
        let report = try assembler.assemble(text)
        messages = report.messages.map(\.description)
        functions = report.functions.map {
          Usage(
            function: $0.name, registers: $0.registerCount, stackBytes: $0.stackByteCount,
            spillStoreBytes: $0.spillStoreByteCount, spillLoadBytes: $0.spillLoadByteCount)
        }
      } catch .rejected(let rejected) {
        isRejected = true
        messages = rejected.map(\.description)
      } catch {
        messages = ["\(error)"]
      }
    }

    var text: String {
      var table = TextTable(columns: [
        .text("ptxas"), .number("registers"), .number("stack"), .number("spill stores"),
        .number("spill loads"),
      ])
      for usage in functions {
        table.append([
          usage.function, usage.registers.map(String.init) ?? NumberFormat.missing, "\(usage.stackBytes)",
          "\(usage.spillStoreBytes)", "\(usage.spillLoadBytes)",
        ])
      }
      return (functions.isEmpty ? "" : "\n" + table.text()) + messages.map { "ptxas: \($0)\n" }.joined()
    }
  }
}

/// A PTX text in a file.
enum PTXFile {
  static func text(_ path: String) throws -> String {
    do {
      return try String(contentsOf: URL(fileURLWithPath: path), encoding: .utf8)
    } catch {
      throw ItemError("cannot read \(path): \(error.localizedDescription)")
    }
  }
}

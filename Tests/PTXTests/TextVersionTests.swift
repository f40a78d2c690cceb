import AssemblerSupport
import AssemblerTools
import PTX
import Testing

@Suite("Versions and targets")
struct TextVersionTests {
  @Test(
    "Versions and targets that are not read are named, with their place",
    arguments: [
      ("\n.version 99.9", 2, 10, "version 99.9 is not one of 7.0 to 7.8, 8.0 to 8.8 and 9.0 to 9.5"),
      (".version 6.5 .target sm_75", 1, 10, "version 6.5 is not one of"),
      (
        ".version 8.8\n.target sm_100a", 2, 9,
        "target 'sm_100a' is not one of sm_80, sm_86, sm_87, sm_88, sm_89, sm_90, sm_90a"
      ),
      (".version 8.0\n.target sm_90a,\n frob", 3, 2, "target 'frob' is not one of"),
      (".version 8.0\n.target debug", 2, 9, "target 'debug' is not one of"),
      (".version 7.8\n.target sm_90a", 2, 9, "target 'sm_90a' needs version 8.0, the text says 7.8"),
    ])
  func unsupported(_ text: String, line: Int, column: Int, message: String) {
    let error = #expect(throws: ParseError.self) { _ = try Module(parsing: text) }
    #expect(error?.line == line)
    #expect(error?.column == column)
    #expect(error.map { "\($0.reason)".hasPrefix(message) } == true, "\(String(describing: error))")
  }

  @Test(
    "Versions and targets are read that ptxas takes for sm_90a, and no others",
    arguments: ["sm_75", "sm_80", "sm_86", "sm_87", "sm_88", "sm_89", "sm_90", "sm_90a", "sm_100", "sm_100a"])
  func supported(_ target: String) throws {
    let assembler = try Ptxas.forTests()
    // The pinned one knows versions up to 9.0.
    let versions = [
      "6.5", "7.0", "7.1", "7.2", "7.3", "7.4", "7.7", "7.8", "7.9", "8.0", "8.8", "8.9", "9.0",
    ]
    for version in versions {
      let text = ".version \(version)\n.target \(target)\n.address_size 64\n.visible .entry k() { ret; }\n"
      let isTaken = (try? assembler.assemble(text)) != nil
      // It also takes older targets than those that are read here.
      #expect(((try? Module(parsing: text)) != nil) == (isTaken && target != "sm_75"), "\(version) \(target)")
    }
  }
}

import Foundation
import PTX
import TestSupport
import Testing

@Suite("Instruction conformance")
struct InstructionConformanceTests {
  private static let file = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../Sources/HopperSimulator/HopperSimulator.docc/InstructionConformance.md")
    .standardizedFileURL

  /// Made once: the suites run for it.
  private static let coverage = Result { try FormCoverage(FormRegistry.suites) }

  /// `Scripts/update-reference` sets the variable.
  @Test("The page is that of the tests")
  func page() throws {
    let coverage = try Self.coverage.get()
    let expected = ConformancePage(coverage: coverage, registry: FormRegistry.suites).text
    if ProcessInfo.processInfo.environment["UPDATE_REFERENCE"] != nil {
      try expected.write(to: Self.file, atomically: true, encoding: .utf8)
    }
    let page = try String(contentsOf: Self.file, encoding: .utf8)
    #expect(page == expected, "Scripts/update-reference writes it again")
  }

  @Test("Every row of the table, with every modifier, and every form of production kernels is executed")
  func complete() throws {
    let coverage = try Self.coverage.get()
    for row in InstructionForms.all.indices {
      let missing = coverage.untestedModifiers(ofRow: row)
      #expect(!coverage.forms(ofRow: row).isEmpty, "no test executes '\(InstructionForms.all[row].pattern)'")
      #expect(missing.isEmpty, "no test executes '\(InstructionForms.all[row].pattern)' with \(missing)")
    }
    for spelling in ProductionForms.spellings {
      #expect(!coverage.suites(of: spelling).isEmpty, "no test executes '\(spelling)'")
    }
  }
}

import PTX
import TestSupport

/// The conformance page in Markdown: which rows of the instruction table, and which forms of production kernels, the
/// suites of a registry execute.
struct ConformancePage {
  let coverage: FormCoverage
  let registry: [FormSuite]

  var text: String {
    ([Self.introduction, suiteList] + groups + [production]).joined(separator: "\n")
  }

  private static let introduction = """
    # Instruction conformance

    Which instruction forms are executed by a test that compares what they compute with an independent computation.

    ## Overview

    This page is made by `Scripts/update-reference` from the kernels that the tests of `HopperSimulatorTests` run: a
    form counts as tested only if an instruction of it stands in one of them. *Forms* is the number of combinations of
    modifiers that are executed, *Tests* what executes them, and *Not tested* the modifiers that stand in none.

    """

  private var suiteList: String {
    let lines = registry.enumerated().map { "\($0 + 1). \($1.name)" }
    return (["## Tests", ""] + lines).joined(separator: "\n") + "\n"
  }

  private var groups: [String] {
    var first = 0
    return InstructionForms.groups.map { title, rows in
      let lines = rows.indices.map { line(first + $0) }
      first += rows.count
      let head = ["## \(title)", "", "| Spelling | Forms | Tests | Not tested |", "|---|---|---|---|"]
      return (head + lines).joined(separator: "\n") + "\n"
    }
  }

  private func line(_ row: Int) -> String {
    let spelling = InstructionReference.spelling(of: InstructionForms.all[row])
    let missing = coverage.untestedModifiers(ofRow: row).map { "`\($0)`" }.joined(separator: " ")
    return
      "| `\(spelling)` | \(coverage.forms(ofRow: row).count) | \(numbers(coverage.suites(ofRow: row))) | \(missing) |"
  }

  private func numbers(_ suites: Set<Int>) -> String {
    suites.sorted().map { String($0 + 1) }.joined(separator: ", ")
  }

  private var production: String {
    let lines = ProductionForms.spellings.map { "| `\($0)` | \(numbers(coverage.suites(of: $0))) |" }
    let head = [
      "## Production kernels", "",
      "The forms that attention kernels of FlashMLA and FlashInfer contain after compilation by nvcc 13 for `sm_90a`.",
      "", "| Form | Tests |", "|---|---|",
    ]
    return (head + lines).joined(separator: "\n") + "\n"
  }
}

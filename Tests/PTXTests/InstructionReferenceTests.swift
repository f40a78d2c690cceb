import Foundation
import PTX
import Testing

@Suite("Instruction reference")
struct InstructionReferenceTests {
  private static let file = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Sources/PTX/PTX.docc/InstructionReference.md").standardizedFileURL

  /// `Scripts/update-reference` sets the variable.
  @Test("The page is that of the table")
  func page() throws {
    if ProcessInfo.processInfo.environment["UPDATE_REFERENCE"] != nil {
      try InstructionReference.page.write(to: Self.file, atomically: true, encoding: .utf8)
    }
    let page = try String(contentsOf: Self.file, encoding: .utf8)
    #expect(page == InstructionReference.page, "Scripts/update-reference writes it again")
  }

  @Test("It has every row, with what may be missing and what there is one of")
  func rows() {
    let page = InstructionReference.page
    let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }
    #expect(rows.count == InstructionForms.all.count)
    for row in [
      "| `bra[.uni]` | `label` | control | 1.0 |",
      "| `mul.(lo, hi, wide).(u16, s16, u32, s32, u64, s64)` | `d, a, b` | integerMultiply | 1.0 |",
      "| `mbarrier.inval[.(shared, shared::cta)].b64` | `[m]` | mbarrier | 7.0 |",
      "| `call[.uni]` | `f[, f][, f][, f]` | control | 1.0 |",
      "| `wgmma.mma_async.sync.aligned.(m64n8k8, m64n16k8, …, m64n256k8).f32.tf32.tf32` | "
        + "`c, a, b, e, g, h` | warpgroupMatrix | 8.0 |",
      "| `wgmma.fence.sync.aligned` |  | warpgroupMatrix | 8.0 |",
    ] {
      #expect(rows.contains(Substring(row)))
    }
  }
}

import PTX
import TestSupport
import Testing

@Suite("Instruction table")
struct InstructionFormTests {
  @Test("Every form of production attention kernels is known", arguments: ProductionForms.spellings)
  func productionForm(_ spelling: String) {
    #expect((0...8).contains { InstructionForms.decode(spelling, operandCount: $0) != nil })
  }

  @Test("Modifiers are found by name, types from left to right")
  func choices() throws {
    let conversion = try #require(InstructionForms.decode("cvt.rn.bf16.f32", operandCount: 2))
    #expect(conversion["round"] == "rn")
    #expect(conversion.type("to") == .bf16)
    #expect(conversion.type("from") == .f32)
    let load = try #require(
      InstructionForms.decode("ld.global.nc.L1::evict_last.L2::128B.v4.s32", operandCount: 2))
    #expect(load["space"] == "global")
    #expect(load.has("nc"))
    #expect(load["l1"] == "L1::evict_last")
    #expect(load["prefetch"] == "L2::128B")
    #expect(load["vector"] == "v4")
    #expect(load.type() == .s32)
    #expect(load["order"] == nil)
  }

  @Test("Modifiers may stand in any order")
  func order() throws {
    for spelling in ["ldmatrix.sync.aligned.x4.m8n8.shared.b16", "ldmatrix.sync.aligned.m8n8.x4.shared.b16"] {
      let form = try #require(InstructionForms.decode(spelling, operandCount: 2))
      #expect(form["count"] == "x4")
      #expect(form["shape"] == "m8n8")
    }
  }

  @Test(
    "What is not PTX is not found",
    arguments: [
      ("add", 3), ("add.s32", 2), ("add.s32", 4), ("add.s32.s32", 3), ("add.q32", 3), ("frob.s32", 3),
      ("", 0),
      ("cvt.rn.bf16", 2), ("wgmma.mma_async.sync.aligned.m64n260k16.f32.bf16.bf16", 6),
      ("cp.async.bulk.tensor.6d.global.shared::cta.bulk_group", 2),
    ])
  func unknown(_ spelling: String, _ operandCount: Int) {
    #expect(InstructionForms.decode(spelling, operandCount: operandCount) == nil)
  }

  @Test("No row hides another of the table entirely")
  func rowsAreReachable() {
    for (index, form) in InstructionForms.all.enumerated() {
      let spelling = ([form.mnemonic] + form.slots.filter { !$0.isOptional }.map { $0.choices[0] })
        .joined(separator: ".")
      let full = ([form.mnemonic] + form.slots.map { $0.choices.last ?? "" }).joined(separator: ".")
      let counts = [form.operands.count { !$0.isOptional }, form.operands.count]
      let found = counts.flatMap { count in
        [spelling, full].compactMap { InstructionForms.decode($0, operandCount: count)?.index }
      }
      #expect(found.contains(index), "\(form.pattern)")
    }
  }
}

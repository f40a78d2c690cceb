import Synchronization

/// The instruction table: one row for each form that the language can write, the simulator executes and the
/// clock times. Everything else about an instruction's spelling is derived from here.
///
/// To add an instruction: add its row, its meaning in the simulator, and a test.
public enum InstructionForms {
  /// Every row; rows of one mnemonic are tried in this order.
  public static let all: [InstructionForm] = groups.flatMap(\.rows)

  /// The parts of the table, with what they are called in the reference page.
  package static let groups: [(title: String, rows: [InstructionForm])] = [
    ("Integer arithmetic", arithmetic), ("Floating point", floatingPoint),
    ("Comparison, logic and shifts", logic), ("Moves and conversions", movement), ("Control", control),
    ("Memory", memory), ("Exchange in a warp", warp), ("Barriers and fences", barriers),
    ("Matrix instructions", matrix), ("Bulk copies", bulk),
  ]

  private static let rowsByMnemonic: [String: [Int]] = Dictionary(
    grouping: all.indices, by: { all[$0].mnemonic })

  /// The form of an instruction spelled so with so many operands; nil when the table has none.
  public static func decode(_ spelling: String, operandCount: Int) -> DecodedForm? {
    let lookup = Lookup(spelling: spelling, operandCount: operandCount)
    if let known = known.withLock({ $0[lookup] }) { return known }
    guard let form = find(spelling, operandCount: operandCount) else { return nil }
    known.withLock { $0[lookup] = form }
    return form
  }

  private struct Lookup: Hashable {
    var spelling: String
    var operandCount: Int
  }

  /// What has been found: a kernel has few spellings, and most of them often.
  private static let known = Mutex<[Lookup: DecodedForm]>([:])

  private static func find(_ spelling: String, operandCount: Int) -> DecodedForm? {
    let parts = spelling.split(separator: ".")
    guard let mnemonic = parts.first, let rows = rowsByMnemonic[String(mnemonic)] else { return nil }
    let modifiers = Array(parts.dropFirst())
    for row in rows where all[row].takes(operandCount: operandCount) {
      if let choices = all[row].choices(for: modifiers) { return DecodedForm(index: row, choices: choices) }
    }
    return nil
  }

  /// How many operands the instructions of a spelling may have, in rising order; empty when the table has no such
  /// spelling.
  public static func operandCounts(of spelling: String) -> [Int] {
    let parts = spelling.split(separator: ".")
    let rows = parts.first.flatMap { rowsByMnemonic[String($0)] } ?? []
    let fitting = rows.map { all[$0] }.filter { $0.choices(for: Array(parts.dropFirst())) != nil }
    return Set(fitting.flatMap { form in (0...form.operands.count).filter(form.takes) }).sorted()
  }

  /// The form of an instruction; nil when the table has none.
  public static func decode(_ instruction: Instruction) -> DecodedForm? {
    decode(instruction.spelling, operandCount: instruction.operands.count)
  }

  /// Members of a named set of types.
  static func typeSet(_ name: Substring) -> [String] {
    switch name {
    case "int": ["u16", "s16", "u32", "s32", "u64", "s64"]
    case "bits": ["b16", "b32", "b64"]
    case "mem":
      [
        "b8", "u8", "s8", "b16", "u16", "s16", "b32", "u32", "s32", "b64", "u64", "s64", "f32", "f64",
      ]
    case "any": ["b16", "u16", "s16", "b32", "u32", "s32", "b64", "u64", "s64", "f32", "f64"]
    case "half": ["f16", "f16x2", "bf16", "bf16x2"]
    case "cvt":
      ["u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64", "f16", "bf16", "f32", "f64"]
    default: preconditionFailure("type set $\(name) in the instruction table")
    }
  }

  /// One row; see `InstructionForm.init`.
  static func row(
    _ pattern: String, _ operands: String, _ unit: ExecutionUnit, since: Module.Version = .init(1, 0)
  ) -> InstructionForm {
    InstructionForm(pattern, operands, unit, since: since)
  }
}

/// The reference page of the instruction table, in Markdown: every row with its spelling, operands, unit and first
/// `.version`.
package enum InstructionReference {
  /// The page as it stands in the documentation.
  package static var page: String {
    ([introduction] + InstructionForms.groups.map(section)).joined(separator: "\n")
  }

  private static let introduction = """
    # Instruction reference

    Every form of the instruction table: what the language writes, the simulator executes and the clock times.

    ## Overview

    This page is made from ``InstructionForms`` by `Scripts/update-reference`. In a spelling, `[.x]` may be missing and
    of `.(x, y)` there is one. Operands are `d`, written; `c`, an accumulator, read and written; `a`, `b` and so on,
    read; `[m]`, an address or a box of a tensor map; `label`; and `f`, a function, a table or a parenthesised list of a
    call. Those that may be missing stand in brackets with their comma, as in `[, b]`. *Since* is the first `.version`
    that a module with it can have; 1.0 stands for any.

    """

  private static func section(_ title: String, _ rows: [InstructionForm]) -> String {
    let lines = rows.map { form in
      let operands = operands(of: form)
      let cells = [
        "`\(spelling(of: form))`", operands.isEmpty ? "" : "`\(operands)`", form.unit.rawValue,
        form.since.description,
      ]
      return "| " + cells.joined(separator: " | ") + " |"
    }
    let head = ["## \(title)", "", "| Spelling | Operands | Unit | Since |", "|---|---|---|---|"]
    return (head + lines).joined(separator: "\n") + "\n"
  }

  /// `mul.(lo, hi, wide).(u16, s16, …)`.
  package static func spelling(of form: InstructionForm) -> String {
    form.slots.reduce(form.mnemonic) { spelling, slot in
      let choices = slot.choices.count == 1 ? slot.choices[0] : "(\(list(slot.choices)))"
      return spelling + (slot.isOptional ? "[.\(choices)]" : ".\(choices)")
    }
  }

  /// The choices; of a long series (the sizes of `wgmma`) the first two and the last.
  private static func list(_ choices: [String]) -> String {
    let longest = 20
    let shown = choices.count > longest ? [choices[0], choices[1], "…", choices[choices.count - 1]] : choices
    return shown.joined(separator: ", ")
  }

  /// `d, a, b[, c]`.
  static func operands(of form: InstructionForm) -> String {
    var letters = ["a", "b", "e", "g", "h", "i", "j"].makeIterator()
    var text = ""
    for (index, operand) in form.operands.enumerated() {
      let name =
        switch operand.role {
        case .write: "d"
        case .readWrite: "c"
        case .read: letters.next() ?? "a"
        case .address: "[m]"
        case .label: "label"
        case .call: "f"
        }
      let separated = (index == 0 ? "" : ", ") + name
      text += operand.isOptional ? "[\(separated)]" : separated
    }
    return text
  }
}

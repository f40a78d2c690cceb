import PTX

/// What a file of tests executes: the texts whose instructions count as tested, as the tests compare what they compute
/// with an independent computation.
struct FormSuite: Sendable {
  /// As the conformance page shows it.
  var name: String
  /// The PTX texts that its tests run, whole.
  var texts: @Sendable () throws -> [String]

  /// Tests of kernels; each instruction of a kernel must be executed and have a part in what is compared.
  init(_ name: String, texts: @escaping @Sendable () throws -> [String]) {
    self.name = name
    self.texts = texts
  }

  /// Tests of single instructions.
  init(_ name: String, cases: @escaping @Sendable () -> [FormCase]) {
    self.init(name, texts: { cases().map(\.kernel) })
  }
}

/// What the suites of `FormRegistry` execute of the instruction table.
struct FormCoverage {
  /// An instruction by its row and the modifiers that it has.
  struct Form: Hashable {
    var row: Int
    var choices: [UInt8?]

    init(_ decoded: DecodedForm) {
      row = decoded.index
      choices = decoded.choices
    }
  }

  /// The suites that execute a form, by their place in the registry.
  private(set) var suites: [Form: Set<Int>] = [:]

  init(_ registry: [FormSuite]) throws {
    for (place, suite) in registry.enumerated() {
      for text in try suite.texts() {
        for function in try Module(parsing: text).functions {
          for case .instruction(let instruction) in function.body ?? [] {
            guard let decoded = InstructionForms.decode(instruction) else { continue }
            suites[Form(decoded), default: []].insert(place)
          }
        }
      }
    }
  }

  /// The executed forms of a row of the table.
  func forms(ofRow row: Int) -> [Form] { suites.keys.filter { $0.row == row } }

  /// The suites that execute a row.
  func suites(ofRow row: Int) -> Set<Int> {
    forms(ofRow: row).reduce(into: []) { $0.formUnion(suites[$1] ?? []) }
  }

  /// The suites that execute an instruction of a spelling, with its modifiers in any order.
  func suites(of spelling: String) -> Set<Int> {
    (0...8).reduce(into: []) { found, count in
      guard let decoded = InstructionForms.decode(spelling, operandCount: count) else { return }
      found.formUnion(suites[Form(decoded)] ?? [])
    }
  }

  /// The modifiers of a row that no executed form has.
  func untestedModifiers(ofRow row: Int) -> [String] {
    let forms = forms(ofRow: row)
    return InstructionForms.all[row].slots.enumerated().flatMap { index, slot in
      slot.choices.enumerated().filter { choice, _ in !forms.contains { $0.choices[index] == UInt8(choice) } }
        .map { ".\($1)" }
    }
  }
}

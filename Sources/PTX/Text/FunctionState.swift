/// What the parser knows of the function that it reads.
struct FunctionState {
  /// What is read so far; its labels are provisional.
  var function: Function
  /// Statements so far.
  var body: [Statement] = []
  /// Words of names that the function has given, so that no other gets them.
  private var given: Set<Int> = []
  /// How often a name was given with a number behind it.
  private var renamings: [Int: Int] = [:]
  private var labelScopes: [[Int: ScopeLabel]] = []
  private var labels: [ProvisionalLabel] = []
  /// Tables of branch targets that an instruction named before they stood.
  var lateTables: [String: ParseError] = [:]

  /// A label of one scope.
  private struct ScopeLabel {
    var label: Int
    /// Where it was first named; nil once it stands.
    var missing: ParseError?
  }

  /// A label as first met. A label that an inner scope names and an outer one has becomes the outer one's.
  private struct ProvisionalLabel {
    var word: Int
    var same: Int
  }

  /// A function of a head; without a body so far.
  init(_ function: Function) { self.function = function }

  // MARK: Names

  /// The name under which the function knows a word: the word itself the first time, else with a number.
  mutating func uniqueName(_ word: Int, words: inout WordTable, taken: Set<Int>) -> String {
    if !taken.contains(word), given.insert(word).inserted { return words.texts[word] }
    while true {
      let number = renamings[word, default: 0] + 1
      renamings[word] = number
      let text = "\(words.texts[word])_\(number)"
      let candidate = words.word(text)
      if !taken.contains(candidate), given.insert(candidate).inserted { return text }
    }
  }

  // MARK: Labels

  /// A pair of braces begins.
  mutating func enterScope() { labelScopes.append([:]) }

  /// A pair of braces ends: labels that it names and does not have are those of the scope around it.
  mutating func leaveScope() throws(ParseError) {
    guard let scope = labelScopes.popLast() else { return }
    for (word, label) in scope {
      guard let missing = label.missing else { continue }
      guard let outer = labelScopes.indices.last else { throw missing }
      if let same = labelScopes[outer][word] {
        unite(label.label, same.label)
      } else {
        labelScopes[outer][word] = label
      }
    }
  }

  /// The label that an instruction names.
  mutating func namedLabel(_ word: Int, missing: ParseError) -> LabelID {
    let scope = labelScopes.count - 1
    if let label = labelScopes[scope][word] { return LabelID(label.label) }
    labelScopes[scope][word] = ScopeLabel(label: labels.count, missing: missing)
    labels.append(ProvisionalLabel(word: word, same: labels.count))
    return LabelID(labels.count - 1)
  }

  /// The label that stands here; nil when its scope has it already.
  mutating func standingLabel(_ word: Int, missing: ParseError) -> LabelID? {
    let scope = labelScopes.count - 1
    if let label = labelScopes[scope][word], label.missing == nil { return nil }
    let label = namedLabel(word, missing: missing)
    labelScopes[scope][word]?.missing = nil
    return label
  }

  /// Makes two provisional labels one. The earlier one stands for both.
  private mutating func unite(_ first: Int, _ second: Int) {
    let roots = (root(first), root(second))
    labels[max(roots.0, roots.1)].same = min(roots.0, roots.1)
  }

  private func root(_ label: Int) -> Int {
    var label = label
    while labels[label].same != label { label = labels[label].same }
    return label
  }

  /// Ends the body: gives labels their names, in the order of their first appearance.
  mutating func finish(words: inout WordTable, taken: Set<Int>) {
    var final = [LabelID](repeating: LabelID(0), count: labels.count)
    var isRenumbered = false
    for index in labels.indices {
      let root = root(index)
      if root == index {
        final[index] = LabelID(function.labels.count)
        function.labels.append(uniqueName(labels[index].word, words: &words, taken: taken))
      } else {
        final[index] = final[root]
        isRenumbered = true
      }
    }
    function.body = isRenumbered ? body.map { $0.mapLabels { final[Int($0.index)] } } : body
  }
}

extension Statement {
  /// The statement with other labels.
  func mapLabels(_ label: (LabelID) -> LabelID) -> Statement {
    switch self {
    case .instruction(var instruction):
      instruction.operands = instruction.operands.map {
        if case .label(let target) = $0 { .label(label(target)) } else { $0 }
      }
      return .instruction(instruction)
    case .label(let target): return .label(label(target))
    case .branchTargets(let name, let targets): return .branchTargets(name: name, targets.map(label))
    case .comment, .pragma, .callTargets, .callPrototype: return self
    }
  }
}

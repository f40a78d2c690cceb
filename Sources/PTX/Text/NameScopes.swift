/// What a name means.
enum Binding {
  case none
  case register(RegisterID, ScalarType)
  /// A register that no operand has named yet.
  case declaredRegister(ScalarType)
  /// A register of a vector type: its parts are the words that follow it in the table of parts.
  case vectorRegister(parts: [Int])
  /// A variable, a function, a table of branch targets or a prototype, by its unique name.
  case symbol(String)
  case special(SpecialRegister)
  /// `_`.
  case sink
  /// `WARP_SZ`.
  case warpSize
}

/// The names of nested scopes. Scope 0 is the module, scope 1 a function with its parameters, and each pair of
/// braces inside is one more.
///
/// A word's binding in the innermost scope that declares it stands in an array by the word's number; each scope
/// remembers what it covered, and leaving it restores that. A declared range such as `%r<100>` is one entry under
/// its prefix; its registers are bound when they are first named.
struct NameScopes {
  private struct Entry {
    var binding = Binding.none
    var depth: Int32 = -1
  }

  private struct Range {
    var type: ScalarType
    var count: Int
    var depth: Int32
    /// The range of the same prefix that this one covers in part, in `ranges`; -1 for none.
    var outer: Int32
  }

  private struct Scope {
    var covered: [(word: Int, entry: Entry)] = []
    var rangePrefixes: [Int] = []
  }

  private var entries: [Entry] = []
  /// Ranges in force, the innermost scope's last.
  private var ranges: [Range] = []
  /// By prefix, the innermost in `ranges`; -1 for none.
  private var innermostRanges: [Int32] = []
  private var scopes = [Scope()]
  /// Of each word: -2 not yet looked at, -1 when it does not end in a number, else the word before the number.
  private var prefixes: [Int32] = []
  private var suffixes: [Int32] = []

  /// How many scopes are around the present one.
  var depth: Int { scopes.count - 1 }

  /// Enters a scope.
  mutating func enter() { scopes.append(Scope()) }

  /// Leaves the innermost scope.
  mutating func leave() {
    guard let scope = scopes.popLast() else { return }
    for (word, entry) in scope.covered.reversed() { entries[word] = entry }
    for prefix in scope.rangePrefixes.reversed() {
      innermostRanges[prefix] = ranges.removeLast().outer
    }
  }

  /// Declares a name in the innermost scope, or in one around it; false when that scope has it already.
  mutating func declare(_ word: Int, _ binding: Binding) -> Bool {
    grow(word)
    guard entries[word].depth < depth else { return false }
    bind(word, binding, depth: Int32(depth))
    return true
  }

  /// Declares `prefix<count>` in the innermost scope; false when the scope has such a range already.
  mutating func declareRange(_ prefix: Int, count: Int, type: ScalarType) -> Bool {
    grow(prefix)
    let outer = innermostRanges[prefix]
    if outer >= 0, ranges[Int(outer)].depth == depth { return false }
    scopes[depth].rangePrefixes.append(prefix)
    innermostRanges[prefix] = Int32(ranges.count)
    ranges.append(Range(type: type, count: count, depth: Int32(depth), outer: outer))
    return true
  }

  /// Gives a name that is bound in a scope, or a register of a range, its meaning there.
  mutating func resolve(_ word: Int, to binding: Binding) {
    grow(word)
    entries[word].binding = binding
  }

  /// Gives a special register, which every scope has, its meaning.
  mutating func declareEverywhere(_ word: Int, _ binding: Binding) {
    grow(word)
    bind(word, binding, depth: 0)
  }

  /// What a name means here.
  mutating func lookup(_ word: Int, words: inout WordTable) -> Binding {
    grow(word)
    let entry = entries[word]
    if prefixes[word] == -2 { split(word, &words) }
    guard prefixes[word] >= 0 else { return entry.binding }
    var next = innermostRanges[Int(prefixes[word])]
    while next >= 0, ranges[Int(next)].depth > entry.depth {
      let range = ranges[Int(next)]
      if suffixes[word] < range.count {
        bind(word, .declaredRegister(range.type), depth: range.depth)
        return entries[word].binding
      }
      next = range.outer
    }
    return entry.binding
  }

  /// No scope between the one at `depth` and the innermost has the word.
  private mutating func bind(_ word: Int, _ binding: Binding, depth: Int32) {
    scopes[Int(depth)].covered.append((word, entries[word]))
    entries[word] = Entry(binding: binding, depth: depth)
  }

  private mutating func grow(_ word: Int) {
    guard word >= entries.count else { return }
    let missing = max(word + 1, entries.count * 2) - entries.count
    entries += repeatElement(Entry(), count: missing)
    innermostRanges += repeatElement(-1, count: missing)
    prefixes += repeatElement(-2, count: missing)
    suffixes += repeatElement(0, count: missing)
  }

  /// Finds the number at the end of a word. A number with leading zeros is not one of a range.
  private mutating func split(_ word: Int, _ words: inout WordTable) {
    prefixes[word] = -1
    let text = words.texts[word].utf8
    let digits = text.reversed().prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
    guard 1...9 ~= digits.count, digits.count < text.count,
      digits.count == 1 || digits.last != UInt8(ascii: "0")
    else { return }
    suffixes[word] = digits.reversed().reduce(0) { $0 * 10 + Int32($1 - UInt8(ascii: "0")) }
    let prefix = words.word(String(decoding: Array(text.dropLast(digits.count)), as: UTF8.self))
    grow(prefix)
    prefixes[word] = Int32(prefix)
  }
}

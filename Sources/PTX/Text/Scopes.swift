/// What the names in a function's body stand for.
///
/// Blocks nest and may use a name again; the function's registers, labels and variables have names of their own
/// each, so what hides another gets a number behind its name. Registers of a declared range exist from their first
/// use on.
struct Scopes {
  enum Entity {
    case register(RegisterID)
    /// A declared register that nothing has used yet.
    case unusedRegister(ScalarType)
    case label(LabelID)
    /// A label that nothing has used or placed yet.
    case unusedLabel
    /// A variable, under its name in the function.
    case variable(String)
    /// The prototype of an indirect call, or a list of targets, under its name in the function.
    case marker(String)
    /// So many registers, named by it with `.x`, `.y`, `.z`, `.w` behind.
    case vector(width: Int)
  }

  private struct Range {
    var count: Int
    var type: ScalarType
  }

  private struct Block {
    var entities: [String: Entity] = [:]
    var ranges: [String: Range] = [:]
  }

  private var blocks: [Block] = []
  private var takenNames: Set<String> = []
  /// The last number behind a name that was taken.
  private var lastNumbers: [String: Int] = [:]
  /// Names that the module declares: what an inner block calls so gets another name, for the rest of the function
  /// may mean the module's.
  private let globalNames: Set<String>
  private(set) var registers: [Register] = []
  private(set) var labels: [String] = []

  /// How many blocks are open: one around parameters, a second for the body.
  var depth: Int { blocks.count }

  /// Before the first function, or at the beginning of one.
  init(globalNames: Set<String> = []) {
    self.globalNames = globalNames
  }

  /// Opens a block that places these labels. Returns a name that it has twice, or nil.
  mutating func open(labels: [String]) -> String? {
    var block = Block()
    var twice: String?
    for label in labels where block.entities.updateValue(.unusedLabel, forKey: label) != nil { twice = label }
    blocks.append(block)
    return twice
  }

  mutating func close() {
    blocks.removeLast()
  }

  /// Declares a register; false when the block has the name already.
  mutating func declare(register name: String, _ type: ScalarType) -> Bool {
    declare(name, .unusedRegister(type))
  }

  /// Declares `prefix0` … `prefix(count−1)`; false when the block has the range already.
  mutating func declare(rangeOf prefix: String, count: Int, _ type: ScalarType) -> Bool {
    blocks[depth - 1].ranges.updateValue(Range(count: count, type: type), forKey: prefix) == nil
  }

  /// Declares a variable, and returns its name in the function; nil when the block has the name already.
  mutating func declare(variable name: String) -> String? {
    let unique = unique(name)
    return declare(name, .variable(unique)) ? unique : nil
  }

  /// Declares a vector of registers; false when the block has the name already.
  mutating func declare(vector name: String, width: Int, _ type: ScalarType) -> Bool {
    let parts = Self.parts(of: name, width: width)
    return declare(name, .vector(width: width)) && parts.allSatisfy { declare(register: $0, type) }
  }

  /// Names of a vector's registers.
  static func parts(of vector: String, width: Int) -> [String] {
    ["x", "y", "z", "w"].prefix(width).map { "\(vector).\($0)" }
  }

  /// Declares a prototype or a list of targets, and returns its name in the function; nil when the block has the
  /// name already.
  mutating func declare(marker name: String) -> String? {
    let unique = unique(name)
    return declare(name, .marker(unique)) ? unique : nil
  }

  private mutating func declare(_ name: String, _ entity: Entity) -> Bool {
    blocks[depth - 1].entities.updateValue(entity, forKey: name) == nil
  }

  /// What a name stands for here, from the innermost block outwards; nil when nothing declares it. Marks it used.
  mutating func use(_ name: String) -> Entity? {
    for index in blocks.indices.reversed() {
      if let entity = blocks[index].entities[name] {
        guard let used = firstUse(of: entity, name) else { return entity }
        blocks[index].entities[name] = used
        return used
      }
      if let type = rangeType(of: name, in: blocks[index]) {
        let used = firstUse(of: .unusedRegister(type), name)
        blocks[index].entities[name] = used
        return used
      }
    }
    return nil
  }

  /// What an unused entity becomes; nil for one that was used before.
  private mutating func firstUse(of entity: Entity, _ name: String) -> Entity? {
    switch entity {
    case .unusedRegister(let type):
      let isPartOfVector = name.utf8.contains(ASCII.dot)
      let plain = isPartOfVector ? name.split(separator: ".").joined(separator: "_") : name
      registers.append(Register(unique(plain), type))
      return .register(RegisterID(registers.count - 1))
    case .unusedLabel:
      labels.append(unique(name))
      return .label(LabelID(labels.count - 1))
    case .register, .label, .variable, .marker, .vector: return nil
    }
  }

  /// The type of a register in one of the block's ranges. Which digits of its name belong to the prefix is not
  /// known beforehand: `%p1<10>` is a range too.
  private func rangeType(of name: String, in block: Block) -> ScalarType? {
    if block.ranges.isEmpty { return nil }
    var prefix = Substring(name).utf8
    var suffix = 0
    var place = 1
    while place <= 100_000_000, let byte = prefix.last, ASCII.isDigit(byte) {
      prefix.removeLast()
      let digit = Int(byte - ASCII.zero)
      suffix += digit * place
      // A number other than 0 does not begin with 0.
      if digit > 0 || place == 1, let range = block.ranges[String(Substring(prefix))], suffix < range.count {
        return range.type
      }
      place *= 10
    }
    return nil
  }

  /// The name itself, or with the first number behind it that makes it new.
  private mutating func unique(_ name: String) -> String {
    var candidate = name
    while (depth > 2 && globalNames.contains(candidate)) || !takenNames.insert(candidate).inserted {
      // Compilers use a name in thousands of blocks: counting goes on where it stopped.
      let number = lastNumbers[name, default: 0] + 1
      lastNumbers[name] = number
      candidate = "\(name)_\(number)"
    }
    return candidate
  }
}

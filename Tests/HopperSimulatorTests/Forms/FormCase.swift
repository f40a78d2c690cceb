/// A register of a test kernel, by what it holds.
enum RegisterKind: String {
  case predicate = "pred"
  case half = "b16"
  case word = "b32"
  case double = "b64"

  var bitCount: Int {
    switch self {
    case .predicate: 1
    case .half: 16
    case .word: 32
    case .double: 64
    }
  }

  /// What the register holds of 64 bits.
  func truncated(_ bits: UInt64) -> UInt64 { bitCount == 64 ? bits : bits & (1 << UInt64(bitCount) - 1) }
}

/// A source of an instruction: a register, and the values that it takes in the test.
struct FormOperand {
  var kind: RegisterKind
  var values: ValueSet

  static let predicate = FormOperand(kind: .predicate, values: .bits(1))
  static let half = FormOperand(kind: .half, values: .bits(16))
  static let word = FormOperand(kind: .word, values: .bits(32))
  static let double = FormOperand(kind: .double, values: .bits(64))
  /// An amount of bits: mostly small, sometimes beyond every width.
  static let amount = FormOperand(kind: .word, values: .amounts)
  static func number(_ format: ReferenceFormat) -> FormOperand {
    FormOperand(kind: format.kind, values: .numbers(format))
  }
  /// Two numbers of 16 bits.
  static func pair(_ format: ReferenceFormat) -> FormOperand {
    FormOperand(kind: .word, values: .pairs(format))
  }
}

/// The bits that a thread has given to the sources of an instruction.
struct FormInputs {
  var bits: [UInt64]

  subscript(operand: Int) -> UInt64 { bits[operand] }

  /// Without sign, of the lowest bits.
  func unsigned(_ operand: Int, _ width: Int) -> Int128 {
    Int128(width == 64 ? bits[operand] : bits[operand] & (1 << UInt64(width) - 1))
  }

  /// With sign, of the lowest bits.
  func signed(_ operand: Int, _ width: Int) -> Int128 {
    let value = unsigned(operand, width)
    return value >> Int128(width - 1) & 1 == 1 ? value - 1 << Int128(width) : value
  }
}

/// What a destination must hold.
enum Expected {
  case bits(UInt64)
  /// Any NaN of a format.
  case notANumber(ReferenceFormat)
  /// A number of a format, within so much of a value.
  case near(Double, ReferenceFormat, error: Double)
  /// One of these: where the ISA leaves the choice.
  case oneOf([UInt64])
  case unspecified

  func matches(_ result: UInt64) -> Bool {
    switch self {
    case .bits(let bits): result == bits
    case .notANumber(let format): format.isNaN(result)
    case .near(let value, let format, let error):
      // An infinity stands for everything beyond the largest number.
      format.isInfinite(result)
        ? value.magnitude + error > format.value(format.largest) && format.isNegative(result) == (value < 0)
        : (format.value(result) - value).magnitude <= error
    case .oneOf(let choices): choices.contains(result)
    case .unspecified: true
    }
  }
}

/// What the lanes of a warp have given to an instruction, and in which of them it has effect.
struct WarpInputs {
  var lanes: [FormInputs]
  var active: UInt32

  func isActive(_ lane: Int) -> Bool { active >> UInt32(lane) & 1 == 1 }
  var activeLanes: [Int] { lanes.indices.filter(isActive) }
}

/// One instruction form and what it computes, written plainly: the expectation knows nothing of the simulator.
struct FormCase {
  /// Of the instruction; the kernel that a failure names.
  var name: String
  /// The instructions, separated by semicolons: `$d`, `$q`, `$u` and `$v` are the destinations, `$0` and so on the
  /// sources, `$t` a word that the test may use in between, and `$m` the mask of lanes in which they have effect.
  ///
  /// They may use memory: the sources' slots of 8 bytes at `%in`, 32 bytes of shared memory at `%shared`, `local_bytes`,
  /// and `fixedBytes` in `constant_bytes` and in the parameter `parameter_bytes`.
  var text: String
  var destinations: [RegisterKind]
  var operands: [FormOperand]
  /// Whether lanes exchange something, so that it matters which of them are active.
  var isOfWarp = true
  /// Of each destination of a lane.
  var expected: (WarpInputs, Int) -> [Expected]

  /// An instruction with one destination and all sources in order.
  init(
    _ spelling: String, _ destination: RegisterKind, _ operands: [FormOperand],
    _ expected: @escaping (FormInputs) -> Expected
  ) {
    let sources = operands.indices.map { ", $\($0)" }.joined()
    self.init(
      text: "\(spelling) $d\(sources)", [destination], operands, { [expected($0)] })
  }

  /// Instructions of any shape, each lane by itself.
  init(
    text: String, _ destinations: [RegisterKind], _ operands: [FormOperand],
    _ expected: @escaping (FormInputs) -> [Expected]
  ) {
    self.init(ofWarp: text, destinations, operands, { expected($0.lanes[$1]) })
    isOfWarp = false
  }

  /// Instructions by which the lanes of a warp exchange something.
  init(
    ofWarp text: String, _ destinations: [RegisterKind], _ operands: [FormOperand],
    _ expected: @escaping (WarpInputs, Int) -> [Expected]
  ) {
    name = text
    self.text = text
    self.destinations = destinations
    self.operands = operands
    self.expected = expected
  }
}

extension FormCase {
  /// Threads of the test's block: four warps take two inputs each.
  static let threadCount = 512

  /// How the instruction is executed: by all lanes; under a predicate, so that the others keep what they had; under
  /// its complement, into the register of the first source if that can be.
  enum Variant: Int, CaseIterable {
    case plain, guarded, inPlace
  }

  /// What a destination holds before an instruction that has effect in some lanes only.
  static let former: UInt64 = 0xA5C3_96E1_5A3C_691F
  /// What stands in constant memory and in a parameter.
  static let fixedBytes = (0..<32).map { UInt8(truncatingIfNeeded: 11 + 37 * $0) }

  /// Whether the last variant writes the register of the first source.
  var isInPlace: Bool {
    destinations.count == 1 && operands.first?.kind == destinations[0] && destinations[0] != .predicate
  }

  /// The whole kernel: sources from slots of 8 bytes, destinations to such slots, variant after variant.
  var kernel: String {
    var lines: [String] = []
    for (index, operand) in operands.enumerated() {
      lines += Self.load(operand.kind, "%s\(index)", index * 8)
    }
    for variant in Variant.allCases {
      for (index, kind) in destinations.enumerated() {
        lines += initialisation(kind, "%d\(variant.rawValue)\(index)", variant)
      }
      lines += members(variant) + instructions(variant)
      for (index, kind) in destinations.enumerated() {
        let place = (variant.rawValue * destinations.count + index) * 8
        lines += Self.store(kind, "%d\(variant.rawValue)\(index)", place)
      }
    }
    return """
      .version 8.6
      .target sm_90a
      .address_size 64
      .const .align 16 .b8 constant_bytes[32] = {\(Self.fixedBytes.map { String($0) }.joined(separator: ", "))};
      .visible .entry form(.param .u64 input, .param .u64 output, .param .align 16 .b8 parameter_bytes[32])
      {
      .shared .align 16 .b8 shared_bytes[\(32 * Self.threadCount)];
      .local .align 16 .b8 local_bytes[32];
      .reg .pred %guard;
      .reg .b32 %thread, %scratch, %t, %members, %shared;
      .reg .b64 %in, %out, %place, %generic;
      .reg .b128 %wide, %wider, %widest;
      .reg .b16 %h<8>, %g<8>;
      \(declarations)
      ld.param.u64 %in, [input];
      ld.param.u64 %out, [output];
      mov.u32 %thread, %tid.x;
      mov.u32 %shared, shared_bytes;
      mad.lo.u32 %shared, %thread, 32, %shared;
      mul.wide.u32 %place, %thread, \((operands.count + 1) * 8);
      add.u64 %in, %in, %place;
      mul.wide.u32 %place, %thread, \(Variant.allCases.count * destinations.count * 8);
      add.u64 %out, %out, %place;
      ld.global.u32 %scratch, [%in+\(operands.count * 8)];
      setp.ne.u32 %guard, %scratch, 0;
      \(lines.joined(separator: "\n"))
      ret;
      }
      """
  }

  private var declarations: String {
    let sources = operands.enumerated().map { ".reg .\($1.kind.rawValue) %s\($0);" }
    let results = Variant.allCases.flatMap { variant in
      destinations.enumerated().map { ".reg .\($1.rawValue) %d\(variant.rawValue)\($0);" }
    }
    return (sources + results).joined(separator: "\n")
  }

  private func members(_ variant: Variant) -> [String] {
    guard text.contains("$m") else { return [] }
    let predicate = ["1", "%guard", "!%guard"][variant.rawValue]
    return ["vote.sync.ballot.b32 %members, \(predicate), 0xFFFFFFFF;"]
  }

  private func instructions(_ variant: Variant) -> [String] {
    let predicate = ["", "@%guard ", "@!%guard "][variant.rawValue]
    var text = text.replacing("$t", with: "%t").replacing("$m", with: "%members")
    for (index, name) in ["$d", "$q", "$u", "$v"].enumerated() {
      text = text.replacing(name, with: "%d\(variant.rawValue)\(index)")
    }
    for index in operands.indices.reversed() {
      let name = index == 0 && variant == .inPlace && isInPlace ? "%d\(variant.rawValue)0" : "%s\(index)"
      text = text.replacing("$\(index)", with: name)
    }
    return text.split(separator: ";").map { predicate + $0.drop { $0 == " " } + ";" }
  }

  private func initialisation(_ kind: RegisterKind, _ name: String, _ variant: Variant) -> [String] {
    if variant == .inPlace, isInPlace { return ["mov.\(kind.rawValue) \(name), %s0;"] }
    let bits = Int64(bitPattern: kind.truncated(Self.former))
    return kind == .predicate ? ["setp.ne.u32 \(name), 1, 0;"] : ["mov.\(kind.rawValue) \(name), \(bits);"]
  }

  private static func load(_ kind: RegisterKind, _ name: String, _ place: Int) -> [String] {
    guard kind == .predicate else { return ["ld.global.\(kind.rawValue) \(name), [%in+\(place)];"] }
    return ["ld.global.u32 %scratch, [%in+\(place)];", "setp.ne.u32 \(name), %scratch, 0;"]
  }

  private static func store(_ kind: RegisterKind, _ name: String, _ place: Int) -> [String] {
    guard kind == .predicate else { return ["st.global.\(kind.rawValue) [%out+\(place)], \(name);"] }
    return ["selp.u32 %scratch, 1, 0, \(name);", "st.global.u32 [%out+\(place)], %scratch;"]
  }
}

/// A place in a text: Swift source for a kernel written in the kernel language, or what `.loc` says in a
/// compiler's output.
public struct SourceLocation: Sendable, Hashable, Codable {
  /// As the compiler was told it.
  public var file: String
  /// Counted from 1.
  public var line: Int

  /// A line of a file.
  public init(file: String, line: Int) {
    self.file = file
    self.line = line
  }
}

/// The predicate that decides in which threads an instruction has effect: `@p` or `@!p`.
public struct Guard: Sendable, Hashable {
  /// A register of type `.pred`.
  public var predicate: RegisterID
  /// Whether threads have effect where it is false.
  public var isNegated: Bool

  /// Threads in which the predicate is true, or false if negated.
  public init(_ predicate: RegisterID, isNegated: Bool = false) {
    self.predicate = predicate
    self.isNegated = isNegated
  }
}

/// One PTX instruction, spelled but not yet looked up: `InstructionForms` says whether it exists and what its
/// operands are.
public struct Instruction: Sendable {
  /// Nil for all active threads.
  public var predicate: Guard?
  /// The whole name with its modifiers, such as `ld.global.v4.f32`.
  public var spelling: String
  /// In the order of PTX, destination first.
  public var operands: [Operand]
  /// Line of the PTX text, counted from 1; 0 when it was not read from a text.
  public var line: Int
  /// Where the program that made it stands, if known.
  public var source: SourceLocation?

  /// An instruction of a spelling and its operands.
  public init(
    _ spelling: String, _ operands: [Operand] = [], predicate: Guard? = nil, line: Int = 0,
    source: SourceLocation? = nil
  ) {
    self.predicate = predicate
    self.spelling = spelling
    self.operands = operands
    self.line = line
    self.source = source
  }
}

extension Instruction: Equatable {
  /// Whether both are the same instruction, wherever they were written.
  public static func == (left: Instruction, right: Instruction) -> Bool {
    left.predicate == right.predicate && left.spelling == right.spelling && left.operands == right.operands
  }
}

/// A line of a function's body.
public enum Statement: Sendable, Equatable {
  case instruction(Instruction)
  case label(LabelID)
  /// A comment that the printer writes on a line of its own. The parser drops comments.
  case comment(String)
  /// A directive for the compiler, such as `.pragma "nounroll";`, without dot and semicolon.
  case pragma(String)
  /// `BRANCHES: .branchtargets A, B;`: where a `brx.idx` may go.
  case branchTargets(name: String, [LabelID])
  /// `TARGETS: .calltargets f, g;`: what a call through a register may call.
  case callTargets(name: String, [String])
  /// `PROTOTYPE: .callprototype (.param .b32 _) _ (.param .b64 _);`: what a call through a register passes.
  case callPrototype(CallPrototype)
}

/// What a function that is called through a register takes and returns (PTX ISA 11.3).
public struct CallPrototype: Sendable, Hashable {
  /// By which a call names it.
  public var name: String
  /// Without names of their own.
  public var results: [Variable] = []
  /// Without names of their own.
  public var parameters: [Variable] = []
  /// `.noreturn`.
  public var isNoReturn = false

  /// Takes and returns nothing.
  public init(name: String) {
    self.name = name
  }
}

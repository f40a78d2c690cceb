import PTX

/// What a kernel or a device function of a text needs, and what of it the simulator does not have.
public struct FunctionSummary: Sendable, Hashable, Codable {
  /// A parameter.
  public struct Parameter: Sendable, Hashable, Codable {
    /// Its name.
    public var name: String
    /// Its type, as PTX spells it.
    public var type: String
    /// Bytes before it in the parameter block; of a device function's, in its frame.
    public var offset: Int
    /// Its bytes.
    public var byteCount: Int
    /// Its alignment.
    public var alignment: Int
  }

  /// An instruction that cannot run.
  public struct UnknownInstruction: Sendable, Hashable, Codable {
    /// Line of the text, counted from 1.
    public var line: Int
    /// The instruction.
    public var text: String
    /// Whether the table of instruction forms has it: then it is the simulator that lacks it.
    public var hasForm: Bool
    /// How many operands its spelling may have, when it has another number; else empty.
    public var operandCounts: [Int]
  }

  /// Its name.
  public var name: String
  /// Whether it is a kernel.
  public var isKernel: Bool
  /// In order.
  public var parameters: [Parameter]
  /// Instructions as written.
  public var instructionCount: Int
  /// 32-bit registers of a thread that the body names, predicates not counted.
  public var namedRegisterCount: Int
  /// The most of them that are live at once.
  public var liveRegisterCount: Int
  /// Bytes of static shared memory of a block.
  public var sharedByteCount: Int
  /// Bytes of variables in local memory of a thread.
  public var localByteCount: Int
  /// What it demands of a launch, as PTX spells it: `.maxntid 128, 1, 1`.
  public var directives: [String]
  /// Instructions that cannot run, in order.
  public var unknown: [UnknownInstruction]

  /// What the functions of a text with a body need, in order.
  public static func all(of module: Module) -> [FunctionSummary] {
    var addresses: [String: UInt64] = [:]
    for variable in module.variables where variable.space == .global || variable.space == .constant {
      addresses[variable.name] = 0
    }
    return module.functions.filter { $0.body != nil }.map {
      FunctionSummary(Program($0, of: $0, module: module, globals: addresses, firstSite: 0))
    }
  }

  private init(_ program: Program) {
    let function = program.function
    name = function.name
    isKernel = function.kind == .entry
    parameters = function.parameters.map { parameter in
      let offset =
        switch program.layout.places[parameter.name] {
        case .parameter(let offset), .frame(let offset): offset
        default: 0
        }
      return Parameter(
        name: parameter.name, type: parameter.type.rawValue, offset: offset, byteCount: parameter.byteCount,
        alignment: parameter.effectiveAlignment)
    }
    instructionCount = program.instructions.count
    namedRegisterCount = function.registers.reduce(0) { $0 + RegisterAllocation.rows($1.type) }
    liveRegisterCount = program.liveRegisterCount
    sharedByteCount = program.layout.sharedEnd - AddressWindow.reservedShared
    localByteCount = program.layout.frameByteCount
    directives = function.directives.spellings
    unknown = program.unsupported.map { instruction in
      let hasForm = InstructionForms.decode(instruction) != nil
      return UnknownInstruction(
        line: instruction.line, text: instruction.text(in: function), hasForm: hasForm,
        operandCounts: hasForm ? [] : InstructionForms.operandCounts(of: instruction.spelling))
    }
  }
}

extension Program {
  /// Instructions that the interpreter does not have.
  fileprivate var unsupported: [Instruction] {
    (0..<code.count).compactMap { index in
      let decoded = unsafe code.base[index]
      return decoded.opcode == .unsupported ? instructions[Int(decoded.statement)] : nil
    }
  }
}

extension PerformanceDirectives {
  /// Those that are there.
  fileprivate var spellings: [String] {
    func list(_ name: String, _ values: [Int]?) -> String? {
      values.map { ".\(name) " + $0.map(String.init).joined(separator: ", ") }
    }
    return [
      list("reqntid", requiredThreads), list("maxntid", maximumThreads),
      list("minnctapersm", minimumBlocksPerProcessor.map { [$0] }),
      list("maxnreg", maximumRegisters.map { [$0] }),
      list("reqnctapercluster", requiredCluster), isExplicitCluster ? ".explicitcluster" : nil,
      list("maxclusterrank", maximumClusterRank.map { [$0] }),
    ].compactMap { $0 }
  }
}

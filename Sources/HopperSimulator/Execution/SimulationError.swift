import PTX

/// Where in a launch something happened.
public struct ExecutionPlace: Sendable, Hashable, Codable, CustomStringConvertible {
  /// Name of the kernel or device function.
  public var function: String
  /// The instruction as PTX text; empty when it is not of one instruction.
  public var instruction: String
  /// Line of the PTX text, counted from 1; 0 when the module was not read from text.
  public var line: Int
  /// Line of the source that the PTX was made from, if known.
  public var source: SourceLocation?
  /// Index of the block in the grid, x fastest.
  public var block: Int
  /// Index of the warp in the block.
  public var warp: Int

  /// Of an instruction of a function, by its index in the body, and of a warp.
  init(_ program: Program, _ statement: Int, _ warp: Warp) {
    self.init(program, statement, block: warp.block.index, warp: warp.index)
  }

  /// As above, by the indices of the block and of the warp in it.
  init(_ program: Program, _ statement: Int, block: Int, warp: Int) {
    let instruction = program.instructions.indices.contains(statement) ? program.instructions[statement] : nil
    function = program.function.name
    self.instruction = instruction?.text(in: program.function) ?? ""
    line = instruction?.line ?? 0
    source = instruction?.source
    self.block = block
    self.warp = warp
  }

  /// As `gemm, PTX line 12 (Gemm.swift:40), block 3, warp 5: ld.shared.u32 %r1, [%r2]`.
  public var description: String {
    let sourceText = source.map { " (\($0.file):\($0.line))" } ?? ""
    let text = "\(function), PTX line \(line)\(sourceText), block \(block), warp \(warp)"
    return instruction.isEmpty ? text : "\(text): \(instruction)"
  }
}

/// Why a launch could not begin, or ended early.
public struct SimulationError: Error, Sendable, CustomStringConvertible {
  /// What went wrong.
  public enum Reason: Sendable, Hashable {
    /// The module has no kernel of this name.
    case noSuchKernel(String)
    /// A launch setting that the device or the kernel does not allow.
    case badLaunch(field: String, value: String, requirement: String)
    /// The parameter block has not the kernel's size.
    case parameterSize(given: Int, expected: Int)
    /// An instruction that the simulator does not have.
    case unsupportedInstruction(String)
    /// An instruction with fewer or more operands than instructions of its spelling have.
    case operandCount(spelling: String, found: Int, expected: [Int])
    /// An access outside of every allocation, or of the shared, local or parameter memory.
    case outOfBounds(space: String, address: UInt64, byteCount: Int, lane: Int)
    /// An address that is not a multiple of the access's size.
    case misaligned(space: String, address: UInt64, byteCount: Int, lane: Int)
    /// A box of a tensor that does not begin at a multiple of 16 bytes along the innermost dimension; its address would
    /// be this.
    case misalignedBox(coordinate: Int, elementByteCount: Int, address: UInt64, lane: Int)
    /// A store of a box that begins before its tensor along a dimension; its address would be this.
    case storeBeforeTensor(dimension: Int, coordinate: Int, address: UInt64, lane: Int)
    /// Nothing can go on: each who waits, and for what.
    case deadlock([String])
    /// `trap`, or a failed assertion.
    case trap
    /// An operand that the instruction does not allow.
    case badOperand(String)
    /// A call of a function without a body.
    case undefinedFunction(String)
    /// Memory of the device or of the machine that simulates it has run out.
    case outOfMemory(byteCount: Int)
    /// More instructions of warps than the launch was allowed: the limit, how many there were, and how many of them the
    /// warp had executed that the place names, which is the one that had executed the most.
    case instructionLimit(UInt64, executed: UInt64, byWarp: UInt64)
    /// More cycles than the launch was allowed; else as above.
    case cycleLimit(UInt64, executed: UInt64, byWarp: UInt64)
    /// More calls inside each other than a thread may have.
    case callDepth(Int)
  }

  /// What went wrong.
  public var reason: Reason
  /// Where; nil before the launch has begun.
  public var place: ExecutionPlace?

  /// Reason and place in words.
  public var description: String { place.map { "\($0)\n  \(reason)" } ?? "\(reason)" }
}

extension SimulationError.Reason: CustomStringConvertible {
  /// The reason in words.
  public var description: String {
    switch self {
    case .noSuchKernel(let name): "the module has no kernel '\(name)'"
    case .badLaunch(let field, let value, let requirement):
      "\(field) is \(value), but must be \(requirement)"
    case .parameterSize(let given, let expected):
      "the parameter block has \(given) bytes, the kernel takes \(expected)"
    case .unsupportedInstruction(let spelling): "the simulator does not have '\(spelling)'"
    case .operandCount(let spelling, let found, let expected):
      "'\(spelling)' has \(found) operands, but takes \(expected.map(String.init).joined(separator: " or "))"
    case .outOfBounds(let space, let address, let byteCount, let lane):
      "lane \(lane): \(byteCount) bytes at \(Self.hexadecimal(address)) are outside of \(space) memory"
    case .misaligned(let space, let address, let byteCount, let lane):
      "lane \(lane): \(space) address \(Self.hexadecimal(address)) is not a multiple of \(byteCount)"
    case .misalignedBox(let coordinate, let elementByteCount, _, let lane):
      "lane \(lane): the box's innermost coordinate \(coordinate) is \(coordinate * elementByteCount) bytes, but must "
        + "be a multiple of 16 bytes"
    case .storeBeforeTensor(let dimension, let coordinate, _, let lane):
      "lane \(lane): a box is stored at coordinate \(coordinate) of dimension \(dimension), but must begin in the tensor or "
        + "after it"
    case .deadlock(let waits): "deadlock:\n  " + waits.joined(separator: "\n  ")
    case .trap: "trap"
    case .badOperand(let text): text
    case .undefinedFunction(let name): "the function '\(name)' has no body"
    case .outOfMemory(let byteCount): "no memory for \(byteCount) bytes"
    case .instructionLimit(let limit, let executed, let byWarp):
      "not at its end after \(executed) instructions of warps, \(byWarp) of this one: the limit is \(limit)"
    case .cycleLimit(let limit, let executed, let byWarp):
      "not at its end after \(limit) cycles, \(executed) instructions of warps, \(byWarp) of this one"
    case .callDepth(let limit): "more than \(limit) calls inside each other"
    }
  }

  private static func hexadecimal(_ address: UInt64) -> String { "0x" + String(address, radix: 16) }
}

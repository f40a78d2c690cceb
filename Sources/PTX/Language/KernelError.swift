/// Why a kernel written in the kernel language could not be built, and where in the Swift program.
public struct KernelError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong, with the values that are.
  public enum Reason: Sendable, Hashable {
    /// No row of the instruction table has this spelling.
    case unknownForm(spelling: String)
    /// Fewer or more operands than instructions of this spelling have.
    case operandCount(spelling: String, found: Int, expected: [Int])
    /// Not a PTX identifier, or one that the kernel already has.
    case badName(String)
    /// A number that the type of its operand cannot hold.
    case immediateOutOfRange(value: Int64, type: ScalarType)
    /// A value of another kernel's builder.
    case foreignValue
    /// A value made inside a block of the control flow and used after its end.
    case outOfScope(register: String)
    /// A count, size or index that the instruction does not allow.
    case outOfRange(what: String, value: Int, allowed: String)
    /// Fewer or more registers, coordinates or values than the instruction takes.
    case wrongCount(what: String, count: Int, expected: Int)
    /// An address whose constant part breaks an alignment, in bytes.
    case misaligned(what: String, offset: Int, required: Int)
    /// More shared memory than a block can have, in bytes.
    case tooMuchSharedMemory(byteCount: Int, limit: Int)
    /// Control flow or a label inside `when`, which only predicates single instructions.
    case controlFlowUnderPredicate
    /// `break` or `continue` outside a loop.
    case outsideLoop
    /// What the kernel's launch demands lack for an instruction.
    case missingDemand(String)
    /// Two operands that do not go together, in words.
    case mismatch(String)
  }

  /// Name of the kernel.
  public var kernel: String
  /// What is wrong.
  public var reason: Reason
  /// Where the call stands that is wrong.
  public var location: SourceLocation?

  /// `file:line: kernel: reason`.
  public var description: String {
    let place = location.map { "\($0.file):\($0.line): " } ?? ""
    return "\(place)kernel \(kernel): \(reason.text)"
  }
}

extension KernelError.Reason {
  fileprivate var text: String {
    switch self {
    case .unknownForm(let spelling): "no instruction \(spelling)"
    case .operandCount(let spelling, let found, let expected):
      "\(spelling) has \(found) operands, but takes \(expected.map(String.init).joined(separator: " or "))"
    case .badName(let name): "name \"\(name)\" is no PTX identifier or is taken"
    case .immediateOutOfRange(let value, let type): "\(value) does not fit .\(type.rawValue)"
    case .foreignValue: "a value of another kernel"
    case .outOfScope(let register): "\(register) is used outside the block that made it"
    case .outOfRange(let what, let value, let allowed): "\(what) is \(value), allowed is \(allowed)"
    case .wrongCount(let what, let count, let expected): "\(count) \(what), expected \(expected)"
    case .misaligned(let what, let offset, let required):
      "\(what) at byte \(offset) is not aligned to \(required)"
    case .tooMuchSharedMemory(let byteCount, let limit):
      "\(byteCount) bytes of shared memory, limit \(limit)"
    case .controlFlowUnderPredicate: "control flow inside `when`"
    case .outsideLoop: "`break` or `continue` outside a loop"
    case .missingDemand(let what): what
    case .mismatch(let what): what
    }
  }
}

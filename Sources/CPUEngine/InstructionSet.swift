import CPUMicrokernels
import LatentAttention

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A CPU instruction set that the engine has micro-kernels for, best first.
public enum InstructionSet: String, Sendable, Hashable, CaseIterable, Codable {
  /// AVX-512 BF16 with VBMI: bf16 products at twice the fp32 rate; fp16 and fp32 as `avx512f`.
  case avx512bf16
  /// AVX-512 F with BW, DQ and VL: products in fp32.
  case avx512f
  /// AVX2 with FMA and F16C: products in fp32.
  case avx2
  /// Plain C with 4-lane vectors: products in fp32.
  case portable

  /// The environment variable that forces an instruction set, by its raw value.
  public static let environmentVariable = "MLA_ISA"

  /// The sets that this machine runs, best first; `portable` is always among them.
  public static let available: [InstructionSet] = allCases.filter { set in
    MicrokernelTable.sets.contains { $0.instructionSet == set }
  }

  /// The one to use: what the caller asks for, else what the environment forces, else the best there is.
  ///
  /// - Throws: `CPUEngineError` for a name that does not exist or a set that this machine lacks.
  static func choose(_ requested: InstructionSet?) throws(CPUEngineError) -> InstructionSet {
    if let requested {
      guard available.contains(requested) else { throw .unavailableInstructionSet(requested) }
      return requested
    }
    guard let forced = unsafe getenv(environmentVariable) else { return available[0] }
    let name = unsafe String(cString: forced)
    guard let set = InstructionSet(rawValue: name) else { throw .unknownInstructionSet(name) }
    guard available.contains(set) else { throw .unavailableInstructionSet(set) }
    return set
  }
}

/// Why a CPU engine could not be made.
public enum CPUEngineError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The environment variable holds a name that no instruction set has.
  case unknownInstructionSet(String)
  /// This machine, or this build, does not have the instruction set.
  case unavailableInstructionSet(InstructionSet)
  /// The thread count is below 1 or above 1024.
  case badThreadCount(Int)
  /// The system refused to start a worker thread; the error number is the system's.
  case threadCreationFailed(errorNumber: Int32)

  /// One line with the remedy.
  public var description: String {
    switch self {
    case .unknownInstructionSet(let name):
      "\(InstructionSet.environmentVariable) = \(name): no such instruction set; there are "
        + InstructionSet.allCases.map(\.rawValue).joined(separator: ", ")
    case .unavailableInstructionSet(let set):
      "instruction set \(set.rawValue) is not available on this machine; it has "
        + InstructionSet.available.map(\.rawValue).joined(separator: ", ")
    case .badThreadCount(let count): "threadCount = \(count): must be 1 to 1024"
    case .threadCreationFailed(let number): "a worker thread could not be started (error \(number))"
    }
  }
}

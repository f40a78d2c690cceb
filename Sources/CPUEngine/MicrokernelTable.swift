import CPUMicrokernels
import LatentAttention

/// One entry of the C table of micro-kernels, in Swift's words.
@safe package struct MicrokernelSet: Sendable {
  /// The C functions; the table is constant for the life of the process.
  nonisolated(unsafe) let functions: UnsafePointer<mla_microkernels>
  /// Instruction set that the functions need.
  package let instructionSet: InstructionSet
  /// What queries and cache hold.
  package let elementType: ElementType

  init?(_ functions: UnsafePointer<mla_microkernels>) {
    guard let set = unsafe InstructionSet(rawValue: String(cString: functions.pointee.isa)) else {
      return nil
    }
    unsafe self.functions = functions
    instructionSet = set
    elementType =
      switch unsafe functions.pointee.element {
      case Int32(MLA_BF16): .bfloat16
      case Int32(MLA_FP16): .float16
      default: .float32
      }
  }

  var rowLanes: Int { Int(unsafe functions.pointee.row_lanes) }
  var keyStep: Int { Int(unsafe functions.pointee.key_step) }
  var columnChunk: Int { Int(unsafe functions.pointee.column_chunk) }
  /// What the rows of an 8-bit cache are decoded to.
  var decodedType: ElementType {
    unsafe functions.pointee.decoded_element == Int32(MLA_BF16) ? .bfloat16 : .float32
  }
  var canWiden: Bool { unsafe functions.pointee.can_widen != 0 }

  /// Whether cache rows of these widths can be read where they lie. Otherwise they are widened, with padding.
  func readsInPlace(latentWidth: Int, ropeWidth: Int) -> Bool {
    unsafe functions.pointee.must_widen == 0 && latentWidth % columnChunk == 0
      && ropeWidth % Int(functions.pointee.rope_step) == 0
  }
}

/// The micro-kernels that this machine can run.
package enum MicrokernelTable {
  /// Every set that runs here, best instruction set first.
  package static let sets: [MicrokernelSet] = (0..<mla_microkernel_count()).compactMap { index in
    guard let set = unsafe mla_microkernel(index), unsafe mla_microkernel_runs_here(set) != 0 else {
      return nil
    }
    return unsafe MicrokernelSet(set)
  }

  /// The best set for these widths among the instruction sets that are no better than `limit`.
  ///
  /// Every instruction set but AVX-512 BF16 has all element types and can pad, so there is always one.
  package static func set(
    for elementType: ElementType, latentWidth: Int, ropeWidth: Int, limit: InstructionSet
  ) -> MicrokernelSet {
    let order = InstructionSet.allCases
    let first = order.firstIndex(of: limit) ?? 0
    let usable = sets.first { set in
      set.elementType == elementType && order[first...].contains(set.instructionSet)
        && (set.readsInPlace(latentWidth: latentWidth, ropeWidth: ropeWidth) || set.canWiden)
    }
    guard let usable else { preconditionFailure("the portable sets cover every element type") }
    return usable
  }
}

extension ElementType {
  /// The number by which the C functions know this type.
  var microkernelCode: Int32 {
    switch self {
    case .bfloat16: Int32(MLA_BF16)
    case .float16: Int32(MLA_FP16)
    case .float32: Int32(MLA_FP32)
    case .float8: Int32(MLA_E4M3)
    }
  }
}

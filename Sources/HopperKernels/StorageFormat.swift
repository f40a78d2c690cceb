import PTX

/// How numbers lie in memory: the number is what kernels are told.
public enum StorageFormat: UInt32, Sendable, Hashable, CaseIterable {
  case float32 = 0
  case float16 = 1
  case bfloat16 = 2

  /// The 16-bit ones: what queries and caches may be.
  public static let halves: [StorageFormat] = [.bfloat16, .float16]

  /// Bytes of a number.
  public var byteCount: Int { self == .float32 ? 4 : 2 }

  /// As in kernel names.
  var label: String {
    switch self {
    case .float32: "fp32"
    case .float16: "fp16"
    case .bfloat16: "bf16"
    }
  }
}

/// A 16-bit type of queries and caches, with the pairs of it that are operands in registers.
protocol DecodeElement: HalfElement, HalfMatrixElement, FloatMatrixElement {
  associatedtype Pair: PackedElement where Pair.Half == Self
  static var format: StorageFormat { get }
}

extension BF16: DecodeElement {
  typealias Pair = BF16x2
  static var format: StorageFormat { .bfloat16 }
}

extension F16: DecodeElement {
  typealias Pair = F16x2
  static var format: StorageFormat { .float16 }
}

/// What TMA needs to know of a tensor in global memory: 128 bytes that only the device which made them understands.
/// Kernels take them by value, or by the address of a copy in global memory that is aligned to 64.
public struct TensorMap: Sendable, Hashable {
  /// Bytes of every tensor map.
  public static let byteCount = 128
  /// Alignment of every tensor map, in a parameter block and in memory.
  public static let alignment = 64
  /// The value: always 128 bytes.
  public let bytes: [UInt8]

  /// The value that a device made of a description.
  ///
  /// - Throws: ``GPUDeviceError/invalid(operation:field:value:requirement:)`` unless there are 128 bytes.
  public init(bytes: [UInt8]) throws(GPUDeviceError) {
    guard bytes.count == TensorMap.byteCount else {
      throw .invalid(
        operation: "tensor map", field: "bytes", value: "\(bytes.count)",
        requirement: "\(TensorMap.byteCount)")
    }
    self.bytes = bytes
  }
}

/// A tensor in global memory and the box that one TMA instruction copies (PTX ISA 5.5, `cuTensorMapEncodeTiled`).
/// The dimensions count from the innermost, whose elements are contiguous.
///
/// A box may begin outside the tensor, yet only at a multiple of 16 bytes along the innermost dimension (PTX ISA
/// 5.5.3.1), and one that is stored not before the tensor: else the kernel fails.
public struct TensorMapDescription: Sendable, Hashable {
  /// The type of the elements.
  public enum ElementType: String, Sendable, Hashable, CaseIterable {
    /// Unsigned integers.
    case uint8, uint16, uint32, uint64
    /// Signed integers.
    case int32, int64
    /// IEEE numbers.
    case float16, float32, float64
    /// The upper half of `float32`.
    case bfloat16
    /// `float32` with subnormal numbers as zero.
    case float32FlushingSubnormals
    /// `float32` rounded to 10 bits of fraction.
    case tfloat32
    /// `tfloat32` with subnormal numbers as zero.
    case tfloat32FlushingSubnormals

    /// Bytes of an element.
    public var byteCount: Int {
      switch self {
      case .uint8: 1
      case .uint16, .float16, .bfloat16: 2
      case .uint32, .int32, .float32, .float32FlushingSubnormals, .tfloat32, .tfloat32FlushingSubnormals: 4
      case .uint64, .int64, .float64: 8
      }
    }

    /// Whether the elements have NaN.
    public var isFloatingPoint: Bool {
      switch self {
      case .uint8, .uint16, .uint32, .uint64, .int32, .int64: false
      case .float16, .float32, .float64, .bfloat16, .float32FlushingSubnormals, .tfloat32,
        .tfloat32FlushingSubnormals:
        true
      }
    }
  }

  /// Whether channels lie in slices of 16 or 32 bytes, as in NC/8HWC8.
  public enum Interleave: String, Sendable, Hashable, CaseIterable {
    /// They do not.
    case none
    /// Slices of 16 bytes.
    case bytes16
    /// Slices of 32 bytes.
    case bytes32
  }

  /// How 16-byte chunks are permuted in shared memory, against bank conflicts.
  public enum Swizzle: String, Sendable, Hashable, CaseIterable {
    /// They are not.
    case none
    /// Within 32 bytes.
    case bytes32
    /// Within 64 bytes.
    case bytes64
    /// Within 128 bytes.
    case bytes128

    /// Bytes of the span that chunks are permuted in; 0 for none.
    public var spanByteCount: Int {
      switch self {
      case .none: 0
      case .bytes32: 32
      case .bytes64: 64
      case .bytes128: 128
      }
    }
  }

  /// The bytes that L2 fetches from DRAM at once.
  public enum L2Promotion: String, Sendable, Hashable, CaseIterable {
    /// As the access asks for.
    case none
    /// 64 bytes.
    case bytes64
    /// 128 bytes.
    case bytes128
    /// 256 bytes.
    case bytes256
  }

  /// What elements outside the tensor read as.
  public enum OutOfBoundsFill: String, Sendable, Hashable, CaseIterable {
    /// Zero.
    case zero
    /// A NaN; for floating-point elements.
    case nan
  }

  /// The type of the elements.
  public var elementType: ElementType
  /// The element at the origin. Aligned to 16 bytes, with ``Interleave/bytes32`` to 32.
  public var address: DeviceAddress
  /// Elements along each of 1 to 5 dimensions, each from 1 to 2³².
  public var sizes: [Int]
  /// Bytes from an element to the next one along each dimension but the innermost: multiples of 16, with
  /// ``Interleave/bytes32`` of 32, less than 2⁴⁰.
  public var byteStrides: [Int]
  /// Elements of the box along each dimension, each from 1 to 256.
  public var box: [Int]
  /// Along each dimension, of how many elements of the box one is copied: from 1 to 8. The innermost counts only
  /// with an interleaved layout.
  public var elementStrides: [Int]
  /// Whether channels lie in slices.
  public var interleave = Interleave.none
  /// How the box is permuted in shared memory.
  public var swizzle = Swizzle.none
  /// The bytes that L2 fetches at once.
  public var l2Promotion = L2Promotion.none
  /// What elements outside the tensor read as.
  public var outOfBoundsFill = OutOfBoundsFill.zero

  /// A tensor and its box, every element of it copied, without interleave, swizzle and promotion, filled with zero.
  public init(
    elementType: ElementType, address: DeviceAddress, sizes: [Int], byteStrides: [Int], box: [Int]
  ) {
    self.elementType = elementType
    self.address = address
    self.sizes = sizes
    self.byteStrides = byteStrides
    self.box = box
    elementStrides = sizes.map { _ in 1 }
  }

  /// Dimensions.
  public var rank: Int { sizes.count }
}

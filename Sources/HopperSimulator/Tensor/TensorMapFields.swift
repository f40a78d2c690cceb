/// A tensor in global memory and the box of it that one copy moves, as the simulated device encodes them in the 128
/// bytes of a tensor map. (The hardware's encoding is not documented; kernels only pass the bytes on.)
///
/// Dimensions count from the innermost. Tiled mode without interleaving.
package struct TensorMapFields: Sendable, Hashable {
  /// Global address of the first element.
  package var address: UInt64
  package var element: TensorElement
  /// Elements in each dimension.
  package var sizes: [Int]
  /// Bytes from one element to the next in dimensions 1 and up.
  package var strides: [Int]
  /// Elements of the box in each dimension.
  package var box: [Int]
  /// In each dimension but the innermost, of how many elements of the box one is copied.
  package var elementStrides: [Int]
  package var swizzle: Swizzle
  /// Whether elements outside of the tensor read as NaN, not zero.
  package var fillsWithNaN: Bool

  package init(
    address: UInt64, element: TensorElement, sizes: [Int], strides: [Int], box: [Int],
    elementStrides: [Int]? = nil, swizzle: Swizzle = .none, fillsWithNaN: Bool = false
  ) {
    self.address = address
    self.element = element
    self.sizes = sizes
    self.strides = strides
    self.box = box
    self.elementStrides = elementStrides ?? sizes.map { _ in 1 }
    self.swizzle = swizzle
    self.fillsWithNaN = fillsWithNaN
  }

  var rank: Int { sizes.count }
  /// Elements that are copied in each dimension. The innermost has no stride in tiled mode.
  var copied: [Int] {
    zip(box, elementStrides).enumerated().map { dimension, sizes in
      dimension == 0 ? sizes.0 : (sizes.0 + sizes.1 - 1) / sizes.1
    }
  }
  /// Bytes that a copy moves, those outside of the tensor included.
  var boxByteCount: Int { copied.reduce(element.byteCount, *) }
}

/// The type of a tensor map's elements (CUDA driver API, `CUtensorMapDataType`).
package enum TensorElement: UInt8, Sendable, CaseIterable {
  case u8, u16, u32, s32, u64, s64, f16, f32, f64, bf16, tf32

  package var byteCount: Int {
    switch self {
    case .u8: 1
    case .u16, .f16, .bf16: 2
    case .u32, .s32, .f32, .tf32: 4
    case .u64, .s64, .f64: 8
    }
  }

  /// For reductions.
  var atomicElement: AtomicElement {
    switch self {
    case .u8, .u16: .u16
    case .u32: .u32
    case .s32: .s32
    case .u64: .u64
    case .s64: .s64
    case .f16: .f16
    case .f32, .tf32: .f32
    case .f64: .f64
    case .bf16: .bf16
    }
  }
}

extension TensorMapFields {
  /// Bytes of a tensor map.
  package static let byteCount = 128
  private static let mark: UInt32 = 0x5041_4D54

  /// The 128 bytes.
  package var bytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.byteCount)
    func put(_ value: UInt64, at offset: Int, count: Int) {
      for byte in 0..<count { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)) }
    }
    put(UInt64(Self.mark), at: 0, count: 4)
    bytes[4] = UInt8(rank)
    bytes[5] = element.rawValue
    bytes[6] = UInt8(swizzle.rawValue)
    bytes[7] = fillsWithNaN ? 1 : 0
    put(address, at: 8, count: 8)
    for (dimension, size) in sizes.enumerated() { put(UInt64(size), at: 16 + 8 * dimension, count: 8) }
    for (dimension, stride) in strides.enumerated() { put(UInt64(stride), at: 56 + 8 * dimension, count: 8) }
    for (dimension, extent) in box.enumerated() { put(UInt64(extent), at: 88 + 2 * dimension, count: 2) }
    for (dimension, stride) in elementStrides.enumerated() { bytes[98 + dimension] = UInt8(stride) }
    return bytes
  }

  /// Makes bytes that are all zero a tensor map, all fields of which have still to be replaced: on a device, zeros are
  /// one, and kernels make their maps from that.
  static func mark(_ bytes: inout [UInt8]) {
    guard bytes.allSatisfy({ $0 == 0 }) else { return }
    for byte in 0..<4 { bytes[byte] = UInt8(truncatingIfNeeded: mark >> UInt32(8 * byte)) }
  }

  /// From the bytes; nil when they are not those of a tensor map.
  package init?(bytes: [UInt8]) {
    func get(_ offset: Int, _ count: Int) -> UInt64 {
      (0..<count).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
    }
    guard bytes.count == Self.byteCount, get(0, 4) == UInt64(Self.mark),
      let element = TensorElement(rawValue: bytes[5]), let swizzle = Swizzle(rawValue: Int(bytes[6])),
      (1...5).contains(bytes[4])
    else { return nil }
    let rank = Int(bytes[4])
    self.init(
      address: get(8, 8), element: element,
      sizes: (0..<rank).map { Int(truncatingIfNeeded: get(16 + 8 * $0, 8)) },
      strides: (0..<rank - 1).map { Int(truncatingIfNeeded: get(56 + 8 * $0, 8)) },
      box: (0..<rank).map { Int(get(88 + 2 * $0, 2)) },
      elementStrides: (0..<rank).map { Int(bytes[98 + $0]) },
      swizzle: swizzle, fillsWithNaN: bytes[7] == 1)
    guard elementStrides.allSatisfy({ $0 > 0 }) else { return nil }
  }
}

import GPUDevice
import Testing

@Suite("Tensor maps")
struct TensorMapTests {
  /// 64 keys × 576 columns of a paged cache, panels of 64 columns.
  private let pages = TensorMapDescription(
    elementType: .bfloat16, address: DeviceAddress(0x7000_0000_0400), sizes: [576, 64, 1000],
    byteStrides: [1152, 73728], box: [64, 64, 1])

  /// NC/16HWC16: slices of 32 bytes.
  private var interleaved: TensorMapDescription {
    var map = TensorMapDescription(
      elementType: .float16, address: DeviceAddress(0x40), sizes: [16, 8, 8], byteStrides: [32, 256],
      box: [3, 4, 4])
    map.interleave = .bytes32
    map.swizzle = .bytes32
    return map
  }

  @Test("What the rules allow passes, up to their bounds")
  func valid() throws {
    try pages.validate()
    try interleaved.validate()
    for (swizzle, elements) in [(TensorMapDescription.Swizzle.bytes32, 16), (.bytes64, 32), (.bytes128, 64)] {
      var map = pages
      map.swizzle = swizzle
      map.box[0] = elements
      try map.validate()
    }
    var largest = TensorMapDescription(
      elementType: .uint8, address: DeviceAddress(16), sizes: [1 << 32, 1, 1, 1, 1],
      byteStrides: [1 << 32, (1 << 40) - 16, 0, 16], box: [256, 256, 256, 256, 256])
    largest.elementStrides = [8, 8, 8, 8, 8]
    try largest.validate()
    try TensorMapDescription(
      elementType: .float64, address: DeviceAddress(0), sizes: [1], byteStrides: [], box: [2]
    ).validate()
    var filled = pages
    filled.outOfBoundsFill = .nan
    try filled.validate()
  }

  @Test("Every broken rule names its field and value")
  func invalid() {
    typealias Change = (inout TensorMapDescription) -> Void
    let broken: [(String, String, Change)] = [
      ("sizes.count", "0", { $0.sizes = [] }),
      ("sizes.count", "6", { $0.sizes = [1, 1, 1, 1, 1, 1] }),
      ("byteStrides.count", "1", { $0.byteStrides = [1152] }),
      ("box.count", "2", { $0.box = [64, 64] }),
      ("elementStrides.count", "4", { $0.elementStrides = [1, 1, 1, 1] }),
      ("address", "0x7000000003f8", { $0.address = $0.address.advanced(by: -8) }),
      ("sizes[1]", "0", { $0.sizes[1] = 0 }),
      ("sizes[2]", "4294967297", { $0.sizes[2] = 1 << 32 + 1 }),
      ("byteStrides[0]", "1160", { $0.byteStrides[0] = 1160 }),
      ("byteStrides[0]", "-16", { $0.byteStrides[0] = -16 }),
      ("byteStrides[1]", "1099511627776", { $0.byteStrides[1] = 1 << 40 }),
      ("box[1]", "257", { $0.box[1] = 257 }),
      ("box[2]", "0", { $0.box[2] = 0 }),
      ("elementStrides[2]", "9", { $0.elementStrides[2] = 9 }),
      ("elementStrides[0]", "0", { $0.elementStrides[0] = 0 }),
      ("box[0]", "60, 120 bytes", { $0.box[0] = 60 }),
      ("box[0]", "64, 128 bytes", { $0.swizzle = .bytes64 }),
      (
        "box[0]", "72, 144 bytes",
        {
          $0.box[0] = 72; $0.swizzle = .bytes128
        }
      ),
      (
        "outOfBoundsFill", "nan",
        {
          $0.elementType = .uint16
          $0.outOfBoundsFill = .nan
        }
      ),
    ]
    for (field, value, change) in broken {
      var map = pages
      change(&map)
      let found = invalidField { try map.validate() }
      #expect(
        found?.field == field && found?.value == value, "\(field) \(value): \(String(describing: found))")
    }
  }

  @Test("Interleaved layouts have rules of their own")
  func invalidInterleave() {
    typealias Change = (inout TensorMapDescription) -> Void
    let broken: [(String, Change)] = [
      (
        "sizes.count",
        {
          $0.sizes = [16, 8]
          $0.byteStrides = [32]
          $0.box = [3, 4]
          $0.elementStrides = [1, 1]
        }
      ),
      ("address", { $0.address = DeviceAddress(0x50) }),
      ("byteStrides[0]", { $0.byteStrides[0] = 48 }),
      ("swizzle", { $0.swizzle = .bytes64 }),
    ]
    for (field, change) in broken {
      var map = interleaved
      change(&map)
      #expect(invalidField { try map.validate() }?.field == field)
    }
  }

  @Test("A tensor map has 128 bytes")
  func byteCount() throws {
    #expect(try TensorMap(bytes: [UInt8](repeating: 1, count: 128)).bytes.count == 128)
    #expect(invalidField { _ = try TensorMap(bytes: [1]) }?.value == "1")
  }
}

import GPUDevice
import Testing

@Suite("Parameter blocks")
struct ParameterBlockTests {
  private struct Shape: BitwiseCopyable {
    var base: UInt64
    var rows: UInt16
  }

  private let map = try? TensorMap(bytes: [UInt8](repeating: 0xAB, count: 128))

  @Test("Arguments lie at multiples of their alignment, with zero between")
  func layout() throws {
    let block = ParameterBlock([
      .value(UInt8(7)), .value(Int32(-2)), .address(DeviceAddress(0x0102_0304_0506_0708)),
      .value(Float16(1)), .value(Shape(base: 5, rows: 6)), .tensorMap(try #require(map)), .value(Float(1)),
    ])
    #expect(block.bytes.count == 196)
    #expect(block.bytes[0..<8] == [7, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF])
    #expect(block.bytes[8..<18] == [8, 7, 6, 5, 4, 3, 2, 1, 0x00, 0x3C])
    #expect(block.bytes[24..<34] == [5, 0, 0, 0, 0, 0, 0, 0, 6, 0])
    #expect(block.bytes[40..<64].allSatisfy { $0 == 0 })
    #expect(block.bytes[64..<192].allSatisfy { $0 == 0xAB })
    #expect(block.bytes[192..<196] == [0, 0, 0x80, 0x3F])
  }

  @Test("A tensor map and an address go anywhere that their alignment allows")
  func placement() throws {
    let map = try #require(map)
    var block = ParameterBlock(bytes: [UInt8](repeating: 1, count: 256))
    try block.write(.tensorMap(map), at: 128)
    try block.write(.address(DeviceAddress(0x1234)), at: 24)
    #expect(block.bytes[128..<256].allSatisfy { $0 == 0xAB })
    #expect(
      block.bytes[16..<40] == [1, 1, 1, 1, 1, 1, 1, 1, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1])
    for offset in [32, 192, -64, 256, Int.max - 63] {
      let unchanged = block
      #expect(invalidField { try block.write(.tensorMap(map), at: offset) }?.value == "\(offset)")
      #expect(block == unchanged)
    }
    #expect(invalidField { try block.write(.value(Int64(0)), at: 4) }?.value == "4")
    #expect(invalidField { _ = try KernelArgument.bytes([1], alignment: 3) }?.value == "3")
    #expect(invalidField { _ = try KernelArgument.bytes([1], alignment: 0) }?.field == "alignment")
  }

  @Test("Arguments lie where the kernel reads them; others are named")
  func kernel() throws {
    let kernel = StandInKernel(parameters: [
      KernelParameter(offset: 0, byteCount: 8), KernelParameter(offset: 128, byteCount: 4),
    ])
    let block = try ParameterBlock([.value(Int64(1)), .value(Int32(2))], for: kernel)
    #expect(block.bytes.count == 132 && block.bytes[0] == 1 && block.bytes[128] == 2)
    try block.validate(for: kernel)
    let short = invalidField { _ = try ParameterBlock([.value(Int64(1))], for: kernel) }
    #expect(short?.field == "arguments.count" && short?.value == "1")
    let wide = invalidField { _ = try ParameterBlock([.value(Int64(1)), .value(Int64(2))], for: kernel) }
    #expect(wide?.field == "arguments[1]" && wide?.value == "8 bytes")
    let raw = invalidField {
      try ParameterBlock(bytes: [UInt8](repeating: 0, count: 136)).validate(for: kernel)
    }
    #expect(raw?.field == "parameter bytes" && raw?.value == "136")
  }

  @Test("A kernel whose parameters are unknown takes anything, at the alignment of its type")
  func unknownParameters() throws {
    let kernel = StandInKernel(parameters: nil)
    let block = try ParameterBlock([.value(UInt8(1)), .value(Int32(2))], for: kernel)
    #expect(block.bytes == [1, 0, 0, 0, 2, 0, 0, 0])
    try block.validate(for: kernel)
  }

  private final class StandInKernel: GPUKernel {
    let name = "k"
    let parameters: [KernelParameter]?
    let attributes = KernelAttributes(
      registerCount: 0, staticSharedByteCount: 0, localByteCount: 0, maximumBlockThreadCount: 1024)

    init(parameters: [KernelParameter]?) {
      self.parameters = parameters
    }
  }
}

import ExampleKernels
import Foundation
import GPUDevice
import HopperSimulator
import LatentAttention
import PTX
import Testing

/// Whole kernels on the simulated device.
@Suite("Simulated kernels")
struct CoreKernelTests {
  @Test("A vector sum, with a last block that is not full")
  func vectorAdd() throws {
    let count = 1000
    let device = Simulator()
    let module = try device.load(ExampleKernels.vectorAdd().module)
    let a = (0..<count).map { Float($0) / 3 }
    let b = (0..<count).map { Float($0 * $0) }
    let memory = DeviceMemory(device)
    let (x, y, z) = try (memory.copy(a), memory.copy(b), memory.copy([Float](repeating: 0, count: count)))
    var parameters = ParameterBlock()
    parameters.append(x)
    parameters.append(y)
    parameters.append(z)
    parameters.append(UInt32(count))
    let report = try device.launch(
      module, "vector_add", LaunchConfiguration(grid: Extent((count + 255) / 256), block: Extent(256)),
      parameters: parameters.bytes)
    #expect(report.findings.isEmpty, "\(report.findings)")
    #expect(try memory.read(z, count: count, as: Float.self) == zip(a, b).map { $0 + $1 })
    #expect(report.instructionCount > 0)
  }

  @Test("A sum over many blocks: shuffles, shared memory, atomics")
  func reduction() throws {
    let count = 5003
    let device = Simulator()
    let module = try device.load(ExampleKernels.reduction().module)
    let x = (0..<count).map { Float($0 % 17) }
    let memory = DeviceMemory(device)
    let (input, sum) = try (memory.copy(x), memory.copy([Float(100)]))
    var parameters = ParameterBlock()
    parameters.append(input)
    parameters.append(UInt32(count))
    parameters.append(sum)
    let report = try device.launch(
      module, "reduction", LaunchConfiguration(grid: Extent(7), block: Extent(256)),
      parameters: parameters.bytes)
    #expect(report.findings.isEmpty, "\(report.findings)")
    // Whole numbers below 2^24: the order of the sum does not matter.
    #expect(try memory.read(sum, count: 1, as: Float.self) == [100 + x.reduce(0, +)])
  }

  @Test("The softmax of rows, of columns that are no multiple of the block")
  func softmax() throws {
    let (rows, columns) = (5, 777)
    let device = Simulator()
    let module = try device.load(ExampleKernels.softmaxRow().module)
    var generator = SplitMix64(seed: 1)
    let x = (0..<rows * columns).map { _ in Float.random(in: -8...8, using: &generator) }
    let memory = DeviceMemory(device)
    let (input, output) = try (memory.copy(x), memory.copy(x))
    var parameters = ParameterBlock()
    parameters.append(input)
    parameters.append(output)
    parameters.append(UInt32(columns))
    let report = try device.launch(
      module, "softmax_row", LaunchConfiguration(grid: Extent(rows), block: Extent(256)),
      parameters: parameters.bytes)
    #expect(report.findings.isEmpty, "\(report.findings)")
    let y = try memory.read(output, count: x.count, as: Float.self)
    for row in 0..<rows {
      let powers = x[row * columns..<(row + 1) * columns].map { exp(Double($0)) }
      let sum = powers.reduce(0, +)
      for (column, power) in powers.enumerated() {
        #expect((Double(y[row * columns + column]) - power / sum).magnitude <= 3e-6 * power / sum)
      }
    }
  }
}

/// Copies arrays to and from a simulated device.
struct DeviceMemory {
  let device: Simulator

  init(_ device: Simulator) {
    self.device = device
  }

  func copy<T: BitwiseCopyable>(_ values: [T]) throws -> UInt64 {
    let bytes = unsafe values.withUnsafeBytes { unsafe Array($0) }
    let address = try device.allocate(bytes.count)
    try device.write(bytes, to: address)
    return address
  }

  func read<T: BitwiseCopyable>(_ address: UInt64, count: Int, as type: T.Type) throws -> [T] {
    let bytes = try device.read(address, byteCount: count * MemoryLayout<T>.stride)
    return unsafe bytes.withUnsafeBytes { bytes in
      (0..<count).map { unsafe bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.stride, as: T.self) }
    }
  }
}

/// Puts parameters behind one another, each at its alignment.
struct ParameterBlock {
  private(set) var bytes: [UInt8] = []

  mutating func append<T: BitwiseCopyable>(_ value: T) {
    while bytes.count % MemoryLayout<T>.alignment != 0 { bytes.append(0) }
    bytes += unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
  }

  mutating func append(_ value: [UInt8], alignment: Int) {
    while bytes.count % alignment != 0 { bytes.append(0) }
    bytes += value
  }
}

import ExampleKernels
import Foundation
import GPUDevice
import HopperSimulator
import LatentAttention
import PTX
import Testing

/// C = A·Bᵀ of bf16 matrices by a kernel with the parameters of `GemmKernel`.
struct GemmRun {
  let m: Int
  let n: Int
  let k: Int
  var clusterSize = 2
  /// Bits, rows at multiples of 16 bytes; what lies between rows is NaN.
  let a: [UInt16]
  let b: [UInt16]
  private let pitch: Int

  init(m: Int, n: Int, k: Int, clusterSize: Int = 2) {
    (self.m, self.n, self.k, self.clusterSize) = (m, n, k, clusterSize)
    let pitch = Self.pitch(k)
    func matrix(_ rows: Int, seed: UInt64) -> [UInt16] {
      var generator = SplitMix64(seed: seed)
      return (0..<rows * pitch).map { place in
        let number = Float.random(in: -1...1, using: &generator)
        return place % pitch < k ? UInt16(number.bitPattern >> 16) : 0x7FC0
      }
    }
    self.pitch = pitch
    a = matrix(m, seed: 1)
    b = matrix(n, seed: 2)
  }

  static func pitch(_ columns: Int) -> Int { (columns + 7) / 8 * 8 }

  /// What C holds outside of its columns.
  static let guardBits: UInt16 = 0xABCD

  /// The bits of C, its rows at multiples of 16 bytes, and what the launch came to.
  func run(
    _ module: Module, _ kernel: String, sharedByteCount: Int, on device: Simulator = Simulator()
  ) throws -> (c: [UInt16], report: LaunchReport) {
    let memory = DeviceMemory(device)
    let pitchC = Self.pitch(n)
    let c = try memory.copy([UInt16](repeating: Self.guardBits, count: m * pitchC))
    func map(_ address: UInt64, _ rows: Int, _ columns: Int, _ boxRows: Int) -> [UInt8] {
      TensorMapFields(
        address: address, element: .bf16, sizes: [columns, rows], strides: [2 * Self.pitch(columns)],
        box: [64, boxRows], swizzle: .bytes128
      ).bytes
    }
    var parameters = ParameterBlock()
    parameters.append(map(try memory.copy(a), m, k, 128), alignment: 64)
    parameters.append(map(try memory.copy(b), n, k, 256 / clusterSize), alignment: 64)
    parameters.append(map(c, m, n, 64), alignment: 64)
    for size in [m, n, k] { parameters.append(UInt32(size)) }
    let rows = (m + 128 * clusterSize - 1) / (128 * clusterSize) * clusterSize
    var configuration = LaunchConfiguration(
      grid: Extent(rows * ((n + 255) / 256)), block: Extent(GemmKernel.threadCount))
    configuration.cluster = Extent(clusterSize)
    configuration.dynamicSharedByteCount = sharedByteCount
    let report = try device.launch(
      device.load(module), kernel, configuration, parameters: parameters.bytes)
    #expect(report.findings.isEmpty, "\(report.findings)")
    return try (memory.read(c, count: m * pitchC, as: UInt16.self), report)
  }

  func run(
    _ gemm: GemmKernel, on device: Simulator = Simulator()
  ) throws -> (c: [UInt16], report: LaunchReport) {
    try run(
      gemm.kernel.module, gemm.kernel.function.name, sharedByteCount: gemm.kernel.dynamicSharedByteCount,
      on: device)
  }

  private static func value(_ bits: UInt16) -> Double { Double(Float(bitPattern: UInt32(bits) << 16)) }

  /// Compares every element with its exact value, and what lies between rows with what was there.
  func check(_ c: [UInt16]) {
    let pitchC = Self.pitch(n)
    for row in 0..<m {
      for column in 0..<pitchC {
        let found = c[row * pitchC + column]
        if column >= n {
          #expect(found == Self.guardBits, "row \(row), column \(column)")
          continue
        }
        var (sum, magnitudes) = (0.0, 0.0)
        for index in 0..<k {
          let product = Self.value(a[row * pitch + index]) * Self.value(b[column * pitch + index])
          sum += product
          magnitudes += product.magnitude
        }
        let bound = sum.magnitude * 0x1p-8 + magnitudes * Double(k + 1) * 0x1p-24
        if !((Self.value(found) - sum).magnitude <= bound) {
          Issue.record("row \(row), column \(column): \(Self.value(found)) instead of \(sum)")
          return
        }
      }
    }
  }
}

@Suite("GEMM")
struct GemmTests {
  static let tested: [(m: Int, n: Int, k: Int)] = [
    (1, 1, 1), (128, 256, 64), (130, 300, 72), (257, 70, 200), (64, 520, 8), (400, 513, 321),
  ]

  @Test("Any size, by single blocks and by clusters", arguments: tested, [1, 2])
  func sizes(_ size: (m: Int, n: Int, k: Int), _ clusterSize: Int) throws {
    let gemm = GemmRun(m: size.m, n: size.n, k: size.k, clusterSize: clusterSize)
    try gemm.check(gemm.run(GemmKernel(clusterSize: clusterSize)).c)
  }

  @Test("The same GEMM in CUDA C++ gives the same bits", arguments: tested)
  func compiled(_ size: (m: Int, n: Int, k: Int)) throws {
    let gemm = GemmRun(m: size.m, n: size.n, k: size.k)
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../PTXTests/Fixtures/gemm.ptx")
    let compiled = try Module(parsing: String(contentsOf: file, encoding: .utf8))
    // Four stages of A and B, and eight mbarriers.
    let byteCount = 4 * (128 + 256) * 128 + 64
    let c = try gemm.run(compiled, "gemm", sharedByteCount: byteCount).c
    #expect(try c == gemm.run(GemmKernel()).c)
  }

  @Test("Two blocks that have L2 for themselves keep their tensor cores busy")
  func tensorBound() throws {
    let report = try GemmRun(m: 256, n: 256, k: 4096).run(GemmKernel()).report
    // 64 steps of 8 products of 128 cycles; the rest is the way in and out.
    let tensor = try #require(report.unit(.tensor))
    #expect((0.85...1).contains(tensor.peak), "\(tensor.peak) of \(report.cycles) cycles")
  }
}

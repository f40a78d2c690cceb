import Foundation
import GPUDevice
import HopperSimulator
import LatentAttention
import Testing

/// Kernels as nvcc, clang and Triton compile them, from `PTXTests/Fixtures`: right results, and nothing found.
@Suite("Compiled kernels")
struct CompiledKernelTests {
  private let gpu = SimulatedGPU()
  private let memory = KeptMemory()

  /// Memory, which stays until the test ends.
  private func kept<Memory>(_ memory: Memory) -> Memory {
    self.memory.kept.append(memory)
    return memory
  }

  private func kernel(_ name: String, of file: String) throws -> any GPUKernel {
    let fixture = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../PTXTests/Fixtures/\(file).ptx")
    return try gpu.load(ptx: String(contentsOf: fixture, encoding: .utf8)).kernel(name)
  }

  private func launch(
    _ kernel: any GPUKernel, grid: Extent, block: Int, shared: Int = 0, _ arguments: [KernelArgument]
  ) throws {
    var configuration = LaunchConfiguration(grid: grid, block: Extent(block))
    configuration.dynamicSharedByteCount = shared
    try gpu.defaultStream.launch(kernel, configuration, arguments: arguments)
    try gpu.synchronize()
    let findings = gpu.takeFindings()
    #expect(findings.isEmpty, "\(findings)")
  }

  // MARK: nvcc

  @Test("Sums of blocks, of three types")
  func blockSum() throws {
    let values = (0..<5000).map { $0 % 23 }
    let sum = values.reduce(0, +)
    func check<Number: BitwiseCopyable & Equatable & ExpressibleByIntegerLiteral>(
      _ name: String, threads: Int, _ convert: (Int) -> Number
    ) throws {
      let (input, total) = (try kept(gpu.upload(values.map(convert))), try kept(gpu.upload([convert(1000)])))
      try launch(
        kernel(name, of: "block_sum"), grid: Extent(3), block: threads,
        [.memory(input), .memory(total), .value(Int32(values.count))])
      #expect(try gpu.download(1, of: Number.self, from: total) == [convert(1000 + sum)])
    }
    try check("_Z8blockSumIfLi256EEvPKT_PS0_i", threads: 256) { Float($0) }
    try check("_Z8blockSumIdLi128EEvPKT_PS0_i", threads: 128) { Double($0) }
    try check("_Z8blockSumIjLi1024EEvPKT_PS0_i", threads: 1024) { UInt32($0) }
  }

  @Test("Rows scaled by their largest magnitude, in dynamic shared memory")
  func scaleRows() throws {
    let (rows, width) = (3, 50)
    var generator = SplitMix64(seed: 4)
    // The fourth of each four has its root taken.
    let values = (0..<rows * width * 4).map {
      Float.random(in: $0 % 4 == 3 ? 0...3 : -3...3, using: &generator)
    }
    let memory = try kept(gpu.upload(values))
    try launch(
      kernel("scaleRows", of: "block_sum"), grid: Extent(rows), block: 32, shared: 16 * width,
      [.memory(memory), .value(Int32(width))])
    let found = try gpu.download(values.count, of: Float.self, from: memory)
    for (index, value) in values.enumerated() {
      let row = values[index / (4 * width) * 4 * width..<(index / (4 * width) + 1) * 4 * width]
      let scaled = Double(value) / Double(row.map(\.magnitude).max() ?? 0)
      let expected = index % 4 == 2 ? exp(scaled) : index % 4 == 3 ? scaled.squareRoot() : scaled
      #expect((Double(found[index]) - expected).magnitude <= 1e-6 * max(1, expected), "element \(index)")
    }
  }

  @Test("Calls through a table of functions, one of them recursive, and initial values")
  func calls() throws {
    let count = 200
    let values = (0..<count).map { Float($0) / 8 }
    let kinds = (0..<count).map { Int32($0 * 7 % 5) }
    let (input, results) = (
      try kept(gpu.upload(values)), try kept(gpu.upload([Float](repeating: -1, count: count + 1)))
    )
    try launch(
      kernel("apply", of: "calls"), grid: Extent(2), block: 128,
      [.memory(input), .memory(results), .memory(kept(gpu.upload(kinds))), .value(Int32(count))])
    let expected = zip(values, kinds).map { value, kind in
      [value + 1.5, value * 1.5, value * value][Int(kind) % 3]
    }
    #expect(try gpu.download(count + 1, of: Float.self, from: results) == expected + [-1])
  }

  @Test("Arrays in local memory, bytes of a constant, a call of vprintf")
  func histogram() throws {
    let bytes = (0..<777).map { UInt8(truncatingIfNeeded: $0 * $0) }
    let counts = try kept(gpu.upload([UInt32](repeating: 0, count: 64)))
    let threads = 32
    // The kernel prints at its end, and the simulator has no printf: that is the error, after all else is done.
    let kernel = try kernel("histogram", of: "calls")
    let error = #expect(throws: GPUDeviceError.self) {
      try launch(
        kernel, grid: Extent(1), block: threads,
        [.memory(kept(gpu.upload(bytes))), .memory(counts), .value(Int32(bytes.count))])
    }
    #expect("\(String(describing: error))".contains("vprintf"))
    let name = Array("abc\0\0\0".utf8)
    let expected = (0..<64).map { bin in
      UInt32(threads * Int(name[bin % 6]) + bytes.count { Int($0) & 63 == bin })
    }
    #expect(try gpu.download(64, of: UInt32.self, from: counts) == expected)
  }

  @Test("A switch", arguments: 0...10)
  func choose(kind: Int) throws {
    let values = (0..<32).map { Int32($0 * 1_234_567 - 9) }
    let memory = try kept(gpu.upload(values))
    try launch(
      kernel("choose", of: "calls"), grid: Extent(1), block: 32, [.memory(memory), .value(Int32(kind))])
    let expected = values.map { value -> Int32 in
      switch kind {
      case 0: value + 1
      case 1: value ^ value << 7
      case 2: Int32(value.nonzeroBitCount)
      case 3: Int32(value.leadingZeroBitCount)
      case 4: value &* value
      case 5: values[Int(value & 31)]
      case 6: value / 17
      case 7:
        Int32(bitPattern: (0..<32).reduce(0) { $0 | (UInt32(bitPattern: value) >> $1 & 1) << (31 - $1) })
      default: [1, -2, 3][kind % 3]
      }
    }
    #expect(try gpu.download(32, of: Int32.self, from: memory) == expected)
  }

  @Test("A product of two blocks of a cluster: tensor maps, mbarriers, wgmma in inline assembly")
  func clusterProduct() throws {
    let depth = 128
    // Small whole numbers: every sum is exact.
    func matrix(_ rows: Int, _ step: Int) -> [Float] {
      (0..<rows * depth).map { Float($0 * step % 7 - 3) }
    }
    func map(_ matrix: [Float], boxRows: Int) throws -> KernelArgument {
      let memory = try kept(gpu.upload(matrix.map { UInt16($0.bitPattern >> 16) }))
      var map = TensorMapDescription(
        elementType: .bfloat16, address: memory.address, sizes: [depth, matrix.count / depth],
        byteStrides: [2 * depth], box: [64, boxRows])
      map.swizzle = .bytes128
      return try .tensorMap(gpu.makeTensorMap(map))
    }
    let (left, right) = (matrix(128, 3), matrix(32, 5))
    let result = try kept(gpu.upload([Float](repeating: -99, count: 2048)))
    try launch(
      kernel("clusterProduct", of: "cluster_product"), grid: Extent(2), block: 128,
      [map(left, boxRows: 64), map(right, boxRows: 16), .memory(result), .value(Int32(depth / 64))])
    // Each block multiplies 64 rows of its own by 16 of its own; its threads have their sums side by side, as PTX ISA
    // 9.7.15 draws the fragments of accumulators.
    let expected = (0..<2048).map { index -> Float in
      let (block, thread, part) = (index / 1024, index / 8 % 128, index % 8)
      let row = 64 * block + thread / 32 * 16 + thread % 32 / 4 + 8 * (part / 2 % 2)
      let column = 16 * block + 8 * (part / 4) + thread % 4 * 2 + part % 2
      return (0..<depth).reduce(0) { $0 + left[row * depth + $1] * right[column * depth + $1] }
    }
    #expect(try gpu.download(2048, of: Float.self, from: result) == expected)
  }

  // MARK: clang

  @Test("A struct by value, an array in local memory, a function that calls itself, a table of constants")
  func polynomials() throws {
    let count = 90
    // All numbers are exact.
    let x = (0..<count).map { Float($0 % 13 - 6) / 4 }
    let degrees = (0..<count).map { Int32($0 * 3 % 5) }
    let coefficients: [Float] = [3, -1, 0.5, 2, -7]
    let (input, results) = (
      try kept(gpu.upload(x)), try kept(gpu.upload([Double](repeating: -1, count: count)))
    )
    let degreeMemory = try kept(gpu.upload(degrees))
    var structure = KernelArgument.value(0.25).bytes + KernelArgument.memory(degreeMemory).bytes
    for coefficient in coefficients { structure += KernelArgument.value(coefficient).bytes }
    structure += [0, 0, 0, 0]
    try launch(
      kernel("polynomials", of: "clang_kernels"), grid: Extent(3), block: 32,
      [.bytes(structure, alignment: 8), .memory(input), .memory(results), .value(Int32(count))])
    let binomials = [1, 8, 28, 56, 70, 56, 28, 8, 1]
    let expected = (0..<count).map { index -> Double in
      // By Horner's rule, from the term of the highest degree.
      let terms = coefficients.prefix(Int(degrees[index]) + 1)
      let sum = terms.reversed().reduce(0.0) { $0 * Double(x[index]) + Double($1) }
      return 0.25 * sum + Double(binomials[index % 9] + [3, -1, 40, 7][index % 4])
    }
    #expect(try gpu.download(count, of: Double.self, from: results) == expected)
  }

  @Test("Running sums: shuffles, static shared memory, an atomic addition of 64 bits")
  func runningSums() throws {
    var generator = SplitMix64(seed: 8)
    let values = (0..<512).map { _ in Int32.random(in: -1000...1_000_000, using: &generator) }
    let (input, sums) = (
      try kept(gpu.upload(values)), try kept(gpu.upload([Int32](repeating: 0, count: 512)))
    )
    let total = try kept(gpu.upload([Int64(1) << 40]))
    try launch(
      kernel("runningSums", of: "clang_kernels"), grid: Extent(2), block: 256,
      [.memory(input), .memory(sums), .memory(total)])
    let expected = (0..<512).map { index in values[index / 256 * 256...index].reduce(0, &+) }
    #expect(try gpu.download(512, of: Int32.self, from: sums) == expected)
    let sum = values.reduce(Int64(1) << 40) { $0 + Int64($1) }
    #expect(try gpu.download(1, of: Int64.self, from: total) == [sum])
  }

  @Test("A switch, division of 64 bits, dynamic shared memory, narrow types")
  func mixed() throws {
    let count = 100
    var generator = SplitMix64(seed: 9)
    let values = (0..<count).map { _ in Int64.random(in: -1 << 40...1 << 40, using: &generator) }
    let kinds = (0..<count).map { Int8($0 % 10 - 1) }
    let results = try kept(gpu.upload([Int64](repeating: -1, count: count)))
    try launch(
      kernel("mixed", of: "clang_kernels"), grid: Extent(1), block: 128, shared: 128 * 8,
      [
        .memory(kept(gpu.upload(values))), .memory(kept(gpu.upload(kinds))), .memory(results),
        .value(Int32(count)),
      ])
    let expected = (0..<count).map { index -> Int64 in
      let (value, next) = (values[index], values[(index + 1) % count])
      switch kinds[index] {
      case 0: return value / (next | 1)
      case 1: return Int64(UInt64(bitPattern: value) % 1_000_003)
      case 2: return Int64(value.nonzeroBitCount - (value | 1).leadingZeroBitCount)
      case 3: return Int64(Int16(truncatingIfNeeded: value)) * Int64(UInt8(truncatingIfNeeded: next))
      case 4: return Int64(Float(value) * 0.5)
      case 5: return max(value, next) - min(value, next)
      case 6: return value << (next & 63) ^ value >> 7
      default: return -value
      }
    }
    #expect(try gpu.download(count, of: Int64.self, from: results) == expected)
  }

  // MARK: Triton

  /// What Triton passes behind the kernel's own arguments: memory of its own, of each block and of a profiler.
  private func scratch(_ byteCount: Int = 16) throws -> [KernelArgument] {
    [.memory(try kept(gpu.upload([UInt8](repeating: 0, count: byteCount)))), .value(UInt64(0))]
  }

  @Test("The softmax of rows")
  func softmax() throws {
    let (rows, columns, stride) = (3, 1000, 1003)
    var generator = SplitMix64(seed: 5)
    let values = (0..<rows * stride).map { _ in Float.random(in: -9...9, using: &generator) }
    let (input, output) = (
      try kept(gpu.upload(values)), try kept(gpu.upload([Float](repeating: -1, count: values.count)))
    )
    try launch(
      kernel("softmax_rows", of: "triton_softmax_rows"), grid: Extent(rows), block: 128, shared: 16,
      [.memory(input), .memory(output), .value(Int32(columns)), .value(Int32(stride))] + scratch())
    let found = try gpu.download(values.count, of: Float.self, from: output)
    for row in 0..<rows {
      let weights = values[row * stride..<row * stride + columns].map { exp(Double($0)) }
      let sum = weights.reduce(0, +)
      for column in 0..<stride {
        let value = Double(found[row * stride + column])
        let expected = column < columns ? weights[column] / sum : -1
        #expect((value - expected).magnitude <= 2e-6 * expected.magnitude, "row \(row), column \(column)")
      }
    }
  }

  /// Checks a product of random matrices, whose elements are of a type that has these numbers.
  private func check<Element: BitwiseCopyable, Sum: BitwiseCopyable & ExpressibleByIntegerLiteral>(
    _ kernel: any GPUKernel, shared: Int, scratch: [KernelArgument], error: Double,
    _ element: (Float) -> Element, _ number: (Element) -> Float, sum: (Float) -> Sum, _ value: (Sum) -> Float
  ) throws {
    let (rows, columns, depth) = (200, 80, 144)
    var generator = SplitMix64(seed: 6)
    func matrix(_ count: Int) -> [Element] {
      (0..<count).map { _ in element(Float.random(in: -1...1, using: &generator)) }
    }
    let (a, b) = (matrix(rows * depth), matrix(depth * columns))
    let c = try kept(gpu.upload([Sum](repeating: sum(-99), count: rows * columns)))
    let sizes = [rows, columns, depth].map { KernelArgument.value(Int32($0)) }
    try launch(
      kernel, grid: Extent(2, 2), block: 128, shared: shared,
      [.memory(kept(gpu.upload(a))), .memory(kept(gpu.upload(b))), .memory(c)] + sizes + scratch)
    let found = try gpu.download(rows * columns, of: Sum.self, from: c).map(value)
    for row in 0..<rows {
      for column in 0..<columns {
        let exact = (0..<depth).reduce(0.0) {
          $0 + Double(number(a[row * depth + $1])) * Double(number(b[$1 * columns + column]))
        }
        let bound = error * (1 + exact.magnitude)
        if !((Double(found[row * columns + column]) - exact).magnitude <= bound) {
          Issue.record("row \(row), column \(column): \(found[row * columns + column]), not \(exact)")
          return
        }
      }
    }
  }

  @Test("A product whose operands cp.async brings")
  func product() throws {
    try check(
      kernel("product", of: "triton_product"), shared: 73728, scratch: scratch(), error: 1e-5,
      { UInt16($0.bitPattern >> 16) }, { Float(bitPattern: UInt32($0) << 16) }, sum: { $0 }, { $0 })
  }

  @Test("A product by tensor maps that the kernel makes")
  func describedProduct() throws {
    try check(
      kernel("described_product", of: "triton_described_product"), shared: 73752, scratch: scratch(384 * 4),
      error: 0x1p-10, { Float16($0) }, { Float($0) }, sum: { Float16($0) }, { Float($0) })
  }
}

/// Memory that stays.
private final class KeptMemory {
  var kept: [Any] = []
}

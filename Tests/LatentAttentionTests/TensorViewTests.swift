import LatentAttention
import TestSupport
import Testing

@Suite struct TensorViewTests {
  private let memory: AlignedMemory

  init() throws {
    memory = try AlignedMemory(byteCount: 240, field: "memory")
    memory.fill(0)
  }

  private func check(
    _ shape: (Int, Int, Int), strides: (Int, Int)? = nil, offset: Int = 0, _ type: ElementType = .bfloat16
  ) throws {
    let bytes = unsafe UnsafeRawBufferPointer(rebasing: memory.bytes[offset...])
    unsafe _ = try TensorView(bytes, type, shape: shape, strides: strides, field: "cache")
  }

  private func checkMutable(_ shape: (Int, Int, Int), strides: (Int, Int)?) throws {
    unsafe _ = try MutableTensorView(memory.bytes, .bfloat16, shape: shape, strides: strides, field: "output")
  }

  @Test func whatFits() throws {
    try check((4, 5, 6))
    try check((3, 5, 6), strides: (45, 6))
    try check((100, 100, 6), strides: (0, 0))
    try check((0, 5, 1 << 40))
    try check((2, 0, 6))
    try check((2, 5, 6), .float32)
  }

  @Test func negativeSizesAndStrides() {
    expectProblem(.notPositive, "cache.shape", index: 0, value: "-1") { try check((-1, 5, 6)) }
    expectProblem(.notPositive, "cache.shape", index: 1, value: "-5") { try check((4, -5, 6)) }
    expectProblem(.notPositive, "cache.shape", index: 2, value: "-6") { try check((4, 5, -6)) }
    expectProblem(.notPositive, "cache.strides", index: 0, value: "-30") {
      try check((4, 5, 6), strides: (-30, 6))
    }
    expectProblem(.notPositive, "cache.strides", index: 1, value: "-6") {
      try check((4, 5, 6), strides: (30, -6))
    }
  }

  @Test func sizesPast64Bits() {
    expectProblem(.overflow, "cache.shape") { try check((1, .max, 2)) }
    expectProblem(.overflow, "cache.strides") { try check((.max, 2, 2)) }
    expectProblem(.overflow, "cache.strides") { try check((3, 1, 1), strides: (.max, 1)) }
    expectProblem(.overflow, "cache.strides") { try check((2, 2, 1), strides: (.max, 1)) }
    expectProblem(.overflow, "cache.strides") { try check((2, 1, 1), strides: (.max - 1, 1)) }
    // What would reach few bytes in 32-bit arithmetic.
    expectProblem(.bufferTooSmall, "cache", value: "240 bytes") {
      try check((2, 1, 1), strides: (1 << 32, 1))
    }
  }

  @Test func memoryTooSmall() {
    expectProblem(.bufferTooSmall, "cache", value: "240 bytes") { try check((4, 5, 7)) }
    expectProblem(.bufferTooSmall, "cache", value: "238 bytes") { try check((4, 5, 6), offset: 2) }
    expectProblem(.bufferTooSmall, "cache", value: "240 bytes") { try check((3, 5, 6), strides: (46, 6)) }
  }

  @Test func misalignedMemory() {
    expectProblem(.misaligned, "cache") { try check((1, 1, 1), offset: 1) }
    expectProblem(.misaligned, "cache") { try check((1, 1, 1), offset: 2, .float32) }
  }

  @Test func rowsThatShareMemoryCannotBeWritten() throws {
    try checkMutable((4, 5, 6), strides: nil)
    try checkMutable((4, 5, 6), strides: (6, 24))
    try checkMutable((0, 5, 6), strides: (0, 0))
    expectProblem(.overlap, "output.strides", value: "(30, 5)") {
      try checkMutable((4, 5, 6), strides: (30, 5))
    }
    expectProblem(.overlap, "output.strides", value: "(0, 6)") {
      try checkMutable((4, 5, 6), strides: (0, 6))
    }
    expectProblem(.overlap, "output.strides", value: "(29, 6)") {
      try checkMutable((4, 5, 6), strides: (29, 6))
    }
    expectProblem(.overlap, "output.strides", value: "(6, 23)") {
      try checkMutable((4, 5, 6), strides: (6, 23))
    }
  }

  @Test(arguments: ElementType.allCases)
  func elementsAreWhereStridesSay(type: ElementType) throws {
    let tensor = try OwnedTensor(type, (2, 3, 4), (0..<24).map { Float($0) - 7.5 })
    for outer in 0..<2 {
      for inner in 0..<3 {
        let expected = (0..<4).map { Float(outer * 12 + inner * 4 + $0) - 7.5 }
        #expect(tensor.view.row(outer, inner) == expected)
        #expect((0..<4).map { tensor.view.element(outer, inner, $0) } == expected.map(Double.init))
        #expect(tensor.view.columns(1..<3).row(outer, inner) == Array(expected[1..<3]))
      }
    }
    withExtendedLifetime(tensor) {}
  }

  @Test func roundingErrorsAreHalfAnUlp() {
    // All significands of one binade in steps finer than any 16-bit type's.
    var worst: [ElementType: Double] = [.bfloat16: 0, .float16: 0]
    for step in 0..<(1 << 14) {
      let value = 1 + Float(step) / Float(1 << 14)
      let rounded = BFloat16Bits.value(BFloat16Bits.rounding(value))
      worst[.bfloat16] = max(worst[.bfloat16]!, Double((rounded - value).magnitude / value))
      worst[.float16] = max(worst[.float16]!, Double((Float(Float16(value)) - value).magnitude / value))
    }
    for (type, error) in worst {
      #expect(error <= type.roundingError)
      #expect(error > 0.99 * type.roundingError)
    }
  }

  @Test func bfloat16RoundsToNearestEven() {
    #expect(BFloat16Bits.rounding(1) == 0x3F80)
    #expect(BFloat16Bits.rounding(1 + 0x1p-8) == 0x3F80)
    #expect(BFloat16Bits.rounding(1 + 0x1.8p-7) == 0x3F82)
    #expect(BFloat16Bits.rounding((1 + 0x1p-8).nextUp) == 0x3F81)
    #expect(BFloat16Bits.rounding(-0.0) == 0x8000)
    #expect(BFloat16Bits.rounding(.greatestFiniteMagnitude) == 0x7F80)
    #expect(BFloat16Bits.value(BFloat16Bits.rounding(Float(bitPattern: 0x7F80_0001))).isNaN)
  }
}

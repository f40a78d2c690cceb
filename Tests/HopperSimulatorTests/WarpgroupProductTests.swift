import GPUDevice
import HopperSimulator
import LatentAttention
import PTX
import Testing

/// How an operand lies in shared memory: PTX ISA 9.7.15.5.1, each element's place by itself.
struct OperandLayout: CustomTestStringConvertible {
  /// Bytes; 0 for none.
  var swizzle: Int
  /// Whether neighbours along M or N lie next to each other.
  var isAlongRows: Bool
  var leading: Int
  var stride: Int

  /// Rows (of M or N) and bytes of K. Groups are further apart than they would have to be.
  init(_ swizzle: Int, isAlongRows: Bool, rows: Int) {
    (self.swizzle, self.isAlongRows) = (swizzle, isAlongRows)
    switch (isAlongRows, swizzle) {
    case (false, 0): (leading, stride) = (rows * 16 + 256, 128)
    case (false, _): (leading, stride) = (16, 16 * swizzle)
    case (true, 0): (leading, stride) = (128, 384)
    case (true, _): (leading, stride) = (72 * swizzle, 8 * swizzle)
    }
  }

  var testDescription: String { "swizzle \(swizzle), \(isAlongRows ? "MN" : "K")-major" }

  /// Where byte 0 of an element lies, behind an address at which the pattern of the swizzle begins.
  func offset(row: Int, k: Int, byteCount: Int) -> Int {
    let plain: Int
    switch (isAlongRows, swizzle) {
    case (false, 0):
      let bytes = k * byteCount
      plain = row / 8 * stride + bytes / 16 * leading + row % 8 * 16 + bytes % 16
    case (false, _): plain = row / 8 * stride + row % 8 * swizzle + k * byteCount
    case (true, 0): plain = row / 8 * stride + k / 8 * leading + k % 8 * 16 + row % 8 * 2
    case (true, _):
      let span = swizzle / 2
      plain = row / span * leading + k / 8 * stride + k % 8 * swizzle + row % span * 2
    }
    let unit = [0: 0, 32: 1, 64: 3, 128: 7][swizzle] ?? 0
    return plain ^ (plain / 128 & unit) * 16
  }

  /// Everything of the descriptor but the address.
  var descriptor: UInt64 {
    let code: UInt64 = [0: 0, 128: 1, 64: 2, 32: 3][swizzle] ?? 0
    return UInt64(leading / 16) << 16 | UInt64(stride / 16) << 32 | code << 62
  }
}

/// One `wgmma`, run on the simulator.
struct ProductRun {
  var n = 64
  var aType = MatrixValues.bf16
  var bType = MatrixValues.bf16
  var sum = "f32"
  /// Nil for A in registers.
  var aLayout: OperandLayout?
  var bLayout = OperandLayout(128, isAlongRows: false, rows: 64)
  var accumulates = true
  var negatesA = false
  var negatesB = false
  var modifiers = ""
  /// Elements along K before the operands.
  var firstK = 0
  /// Where the patterns of the swizzles begin, in lines of 128 bytes behind where they repeat.
  var baseOffset = 0
  /// Bits of D before, for each thread and register.
  var initial: [UInt32] = []

  static let operandSpace = 65536
  var k: Int { 32 / aType.byteCount }
  var registerCount: Int { sum == "f16" ? n / 4 : n / 2 }

  /// The bytes of shared memory: A, then B. What belongs to neither is NaN.
  private func image(_ a: BitMatrix, _ b: BitMatrix) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xFF, count: 2 * Self.operandSpace)
    for (matrix, layout, base) in [(a, aLayout, 0), (b, bLayout, Self.operandSpace)] {
      guard let layout else { continue }
      for row in 0..<matrix.rows {
        for k in 0..<matrix.columns {
          let place =
            base + baseOffset * 128
            + layout.offset(row: row, k: firstK + k, byteCount: matrix.type.byteCount)
          for byte in 0..<matrix.type.byteCount {
            bytes[place + byte] = UInt8(truncatingIfNeeded: matrix.bits(row, k) >> UInt32(8 * byte))
          }
        }
      }
    }
    return bytes
  }

  /// Register r of A in each thread.
  private func fragments(_ a: BitMatrix) -> [UInt32] {
    (0..<128).flatMap { thread in
      (0..<4).map { register in
        let perWord = 4 / aType.byteCount
        let row = thread / 32 * 16 + thread % 32 / 4 + register % 2 * 8
        return a.word(row, register / 2 * 4 * perWord + thread % 4 * perWord)
      }
    }
  }

  private var text: String {
    let type = sum == "f32" ? "f32" : "b32"
    let d = (0..<registerCount).map { "%d\($0)" }.joined(separator: ", ")
    let isFloat = sum != "s32"
    var literals: [String] = isFloat ? [negatesA ? "-1" : "1", negatesB ? "-1" : "1"] : []
    if aType.byteCount == 2 {
      if let aLayout { literals.append(aLayout.isAlongRows ? "1" : "0") }
      literals.append(bLayout.isAlongRows ? "1" : "0")
    }
    let shape = "m64n\(n)k\(k)\(modifiers).\(sum).\(aType).\(bType)"
    let a = aLayout == nil ? "{%a0, %a1, %a2, %a3}" : "%rd10"
    func address(_ layout: OperandLayout, _ base: Int) -> Int {
      base + baseOffset * 128 + firstK / (layout.isAlongRows ? 8 : 1)
        * (layout.isAlongRows ? layout.stride : aType.byteCount)
    }
    let aDescriptor = (aLayout?.descriptor ?? 0) | UInt64(baseOffset) << 49
    let bDescriptor = bLayout.descriptor | UInt64(baseOffset) << 49
    return """
      .version 8.0
      .target sm_90a
      .address_size 64
      .extern .shared .align 1024 .b8 smem[];
      .visible .entry k(.param .u64 image, .param .u64 sums, .param .u64 fragments, .param .u32 accumulates) {
        .reg .pred %p<4>; .reg .b32 %r<20>; .reg .b64 %rd<20>; .reg .\(type) %d<128>; .reg .b32 %a<4>;
        ld.param.u64 %rd1, [image]; ld.param.u64 %rd2, [sums]; ld.param.u64 %rd3, [fragments];
        mov.u32 %r1, %tid.x; mov.u32 %r2, smem; shl.b32 %r3, %r1, 2;
      COPY:
        cvt.u64.u32 %rd4, %r3; add.u64 %rd5, %rd1, %rd4; ld.global.u32 %r4, [%rd5];
        add.u32 %r5, %r2, %r3; st.shared.u32 [%r5], %r4;
        add.u32 %r3, %r3, 512; setp.lt.u32 %p1, %r3, \(2 * Self.operandSpace); @%p1 bra COPY;
        fence.proxy.async;
        bar.sync 0;
        mul.wide.u32 %rd6, %r1, \(4 * registerCount); add.u64 %rd2, %rd2, %rd6;
        mul.wide.u32 %rd7, %r1, 16; add.u64 %rd3, %rd3, %rd7;
        ld.global.v4.b32 {%a0, %a1, %a2, %a3}, [%rd3];
      \((0..<registerCount).map { "ld.global.\(type) %d\($0), [%rd2+\(4 * $0)];" }.joined(separator: "\n"))
        ld.param.u32 %r6, [accumulates]; setp.ne.u32 %p2, %r6, 0;
        add.u32 %r7, %r2, \(aLayout.map { address($0, 0) } ?? 0);
        shr.u32 %r8, %r7, 4; cvt.u64.u32 %rd8, %r8; or.b64 %rd10, %rd8, \(Int64(bitPattern: aDescriptor));
        add.u32 %r9, %r2, \(address(bLayout, Self.operandSpace));
        shr.u32 %r10, %r9, 4; cvt.u64.u32 %rd9, %r10;
        or.b64 %rd11, %rd9, \(Int64(bitPattern: bDescriptor));
        wgmma.fence.sync.aligned;
        wgmma.mma_async.sync.aligned.\(shape) {\(d)}, \((["\(a)", "%rd11", "%p2"] + literals).joined(separator: ", "));
        wgmma.commit_group.sync.aligned;
        wgmma.wait_group.sync.aligned 0;
      \((0..<registerCount).map { "st.global.\(type) [%rd2+\(4 * $0)], %d\($0);" }.joined(separator: "\n"))
        ret;
      }
      """
  }

  /// The bits of D, for each thread and register.
  func run(_ a: BitMatrix, _ b: BitMatrix) throws -> [UInt32] {
    let device = Simulator()
    let memory = DeviceMemory(device)
    let sums = try memory.copy(initial)
    var parameters = ParameterBlock()
    parameters.append(try memory.copy(image(a, b)))
    parameters.append(sums)
    parameters.append(try memory.copy(fragments(a)))
    parameters.append(UInt32(accumulates ? 1 : 0))
    var configuration = LaunchConfiguration(grid: Extent(1), block: Extent(128))
    configuration.dynamicSharedByteCount = 2 * Self.operandSpace
    _ = try device.launch(
      device.load(Module(parsing: FormRecorder.record(text))), "k", configuration,
      parameters: parameters.bytes)
    return try memory.read(sums, count: initial.count, as: UInt32.self)
  }

  /// Runs it, and compares every element of D with its exact value.
  func check(seed: UInt64 = 1) throws {
    let a = BitMatrix(aType, 64, k, seed: seed)
    let b = BitMatrix(bType, n, k, seed: seed + 1)
    var generator = SplitMix64(seed: seed + 2)
    var product = self
    product.initial = (0..<128 * registerCount).map { _ in
      let number = Float.random(in: -4...4, using: &generator)
      switch sum {
      case "f32": return accumulates ? number.bitPattern : Float.nan.bitPattern
      case "f16":
        let half = { (x: Float) in accumulates ? halfBits(x) : 0x7E00 }
        return half(number) | half(-2 * number) << 16
      default: return accumulates ? UInt32(truncatingIfNeeded: generator.next()) : 0xDEAD_BEEF
      }
    }
    let output = try product.run(a, b)
    for thread in 0..<128 {
      for register in 0..<n / 2 {
        let row = thread / 32 * 16 + thread % 32 / 4 + register / 2 % 2 * 8
        let column = register / 4 * 8 + thread % 4 * 2 + register % 2
        let c = accumulates ? element(product.initial, thread, register) : 0
        let expected = ExactProduct(a, row, b, column, plus: c, isNegated: negatesA != negatesB)
        let found = element(output, thread, register)
        var bound = expected.bound
        if sum == "f16" { bound += expected.value.magnitude * 0x1p-11 + 0x1p-25 }
        let wanted = sum == "s32" ? wrapped(expected.value) : expected.value
        if !((found - wanted).magnitude <= bound) {
          Issue.record("row \(row), column \(column): \(found) instead of \(wanted)")
          return
        }
      }
    }
  }

  private func wrapped(_ value: Double) -> Double {
    let exact = Int64(value)
    return modifiers.isEmpty
      ? Double(Int32(truncatingIfNeeded: exact)) : Double(Int32(clamping: exact))
  }

  private func element(_ bits: [UInt32], _ thread: Int, _ register: Int) -> Double {
    switch sum {
    case "f32": return Double(Float(bitPattern: bits[thread * registerCount + register]))
    case "f16":
      let pair = bits[thread * registerCount + register / 2]
      return MatrixValues.f16.value(pair >> UInt32(16 * (register % 2)) & 0xFFFF)
    default: return Double(Int32(bitPattern: bits[thread * registerCount + register]))
    }
  }
}

@Suite("wgmma")
struct WarpgroupProductTests {
  static let layouts = [0, 32, 64, 128].flatMap { swizzle in
    [false, true].map { OperandLayout(swizzle, isAlongRows: $0, rows: 256) }
  }

  @Test("Every N of every width, A in registers", arguments: Array(stride(from: 8, through: 256, by: 8)))
  func everyN(_ n: Int) throws {
    for (type, sum) in [(MatrixValues.bf16, "f32"), (.tf32, "f32"), (.e4m3, "f32"), (.s8, "s32")] {
      // Of integers, N is a multiple of 16 from 32 on.
      if type.isInteger, n > 32, n % 16 != 0 { continue }
      let product = ProductRun(n: n, aType: type, bType: type, sum: sum)
      try product.check(seed: UInt64(n))
    }
  }

  @Test("Every layout of A and B in shared memory", arguments: layouts, layouts)
  func everyLayout(_ a: OperandLayout, _ b: OperandLayout) throws {
    for (n, type) in [(256, MatrixValues.bf16), (72, .f16)] {
      var product = ProductRun(n: n, aType: type, bType: type)
      (product.aLayout, product.bLayout) = (a, b)
      product.firstK = a.swizzle == 128 && b.swizzle == 128 ? 48 : a.swizzle == 64 && b.swizzle == 64 ? 16 : 0
      if a.isAlongRows != b.isAlongRows { product.firstK = 0 }
      try product.check(seed: 7)
    }
  }

  @Test("Patterns that begin where a base offset says", arguments: layouts.filter { $0.swizzle > 0 }, 1..<8)
  func baseOffset(_ layout: OperandLayout, _ baseOffset: Int) throws {
    var product = ProductRun(n: 64)
    (product.aLayout, product.bLayout) = (layout, layout)
    product.baseOffset = baseOffset
    product.firstK = layout.swizzle == 128 && !layout.isAlongRows ? 16 : 0
    try product.check(seed: UInt64(baseOffset))
  }

  @Test(
    "Every type, K-major, with every swizzle, A in registers and in shared memory",
    arguments: MatrixValues.allCases, [0, 32, 64, 128])
  func everyType(_ type: MatrixValues, _ swizzle: Int) throws {
    let partners: [MatrixValues] =
      switch type {
      case .e4m3, .e5m2: [.e4m3, .e5m2]
      case .s8, .u8: [.s8, .u8]
      default: [type]
      }
    let sums = type.isInteger ? ["s32"] : [.f16, .e4m3, .e5m2].contains(type) ? ["f32", "f16"] : ["f32"]
    for partner in partners {
      for sum in sums {
        for isShared in [false, true] {
          for accumulates in [false, true] {
            var product = ProductRun(
              n: isShared ? type.isInteger ? 48 : 40 : 128, aType: type, bType: partner, sum: sum)
            if isShared { product.aLayout = OperandLayout(swizzle, isAlongRows: false, rows: 64) }
            product.bLayout = OperandLayout(swizzle, isAlongRows: false, rows: 128)
            product.accumulates = accumulates
            try product.check(seed: UInt64(swizzle))
          }
        }
      }
    }
  }

  @Test("Sums of integers stop at the ends of their range if asked to")
  func saturation() throws {
    for modifiers in ["", ".satfinite"] {
      var product = ProductRun(n: 64, aType: .u8, bType: .s8, sum: "s32")
      product.modifiers = modifiers
      try product.check(seed: 3)
    }
  }

  @Test("Negation of A, of B, of both", arguments: [(true, false), (false, true), (true, true)])
  func negation(_ negatesA: Bool, _ negatesB: Bool) throws {
    for layout in [nil, OperandLayout(128, isAlongRows: false, rows: 64)] {
      var product = ProductRun(n: 48)
      product.aLayout = layout
      (product.negatesA, product.negatesB) = (negatesA, negatesB)
      try product.check()
    }
  }
}

import GPUDevice
import HopperSimulator
import LatentAttention
import PTX
import Testing

/// One `mma.sync`, run on the simulator.
struct WarpProduct: CustomTestStringConvertible {
  var k: Int
  var aType: MatrixValues
  var bType: MatrixValues
  var d: String
  var c: String
  var saturates = false

  var testDescription: String {
    "m16n8k\(k).row.col\(saturates ? ".satfinite" : "").\(d).\(aType).\(bType).\(c)"
  }

  /// Every shape and combination of types of the instruction table.
  static let all: [WarpProduct] = {
    func sums(_ k: Int, _ a: MatrixValues, _ b: MatrixValues, _ types: [String]) -> [WarpProduct] {
      types.flatMap { d in types.map { WarpProduct(k: k, aType: a, bType: b, d: d, c: $0) } }
    }
    let fp8: [MatrixValues] = [.e4m3, .e5m2]
    let integers: [MatrixValues] = [.s8, .u8]
    var all = [8, 16].flatMap { sums($0, .f16, .f16, ["f32", "f16"]) + sums($0, .bf16, .bf16, ["f32"]) }
    all += [4, 8].flatMap { sums($0, .tf32, .tf32, ["f32"]) }
    for k in [16, 32] {
      all += fp8.flatMap { a in fp8.flatMap { sums(k, a, $0, ["f32", "f16"]) } }
      for a in integers {
        for b in integers {
          all += [false, true].map {
            WarpProduct(k: k, aType: a, bType: b, d: "s32", c: "s32", saturates: $0)
          }
        }
      }
    }
    return all
  }()

  var aCount: Int { k * aType.byteCount / 8 }
  var bCount: Int { k * aType.byteCount / 16 }
  static func sumCount(_ type: String) -> Int { type == "f16" ? 2 : 4 }

  private func list(_ name: String, _ count: Int) -> String {
    "{" + (0..<count).map { "%\(name)\($0)" }.joined(separator: ", ") + "}"
  }

  private var text: String {
    let (cCount, dCount) = (Self.sumCount(c), Self.sumCount(d))
    func declare(_ type: String) -> String { type == "f32" ? "f32" : "b32" }
    func load(_ name: String, _ count: Int, _ type: String, from first: Int) -> String {
      (0..<count).map { "ld.global.\(type) %\(name)\($0), [%rd1+\(4 * (first + $0))];" }.joined(
        separator: "\n")
    }
    let operands = [list("d", dCount), list("a", aCount), list("b", bCount), list("c", cCount)]
    return """
      .version 8.4
      .target sm_90a
      .address_size 64
      .visible .entry k(.param .u64 in, .param .u64 out) {
        .reg .b32 %r<4>; .reg .b64 %rd<4>; .reg .b32 %a<4>; .reg .b32 %b<2>;
        .reg .\(declare(c)) %c<4>; .reg .\(declare(d)) %d<4>;
        ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; mov.u32 %r1, %tid.x;
        mul.wide.u32 %rd3, %r1, \(4 * (aCount + bCount + cCount)); add.u64 %rd1, %rd1, %rd3;
        mul.wide.u32 %rd3, %r1, \(4 * dCount); add.u64 %rd2, %rd2, %rd3;
        \(load("a", aCount, "b32", from: 0)) \(load("b", bCount, "b32", from: aCount))
        \(load("c", cCount, declare(c), from: aCount + bCount))
        mma.sync.aligned.\(testDescription) \(operands.joined(separator: ", "));
        \((0..<dCount).map { "st.global.\(declare(d)) [%rd2+\(4 * $0)], %d\($0);" }.joined(separator: "\n"))
        ret;
      }
      """
  }

  /// Runs it on random matrices and compares every element with its exact value.
  func check(seed: UInt64) throws {
    let a = BitMatrix(aType, 16, k, seed: seed)
    let b = BitMatrix(bType, 8, k, seed: seed + 1)
    var generator = SplitMix64(seed: seed + 2)
    let sums = (0..<32 * Self.sumCount(c)).map { _ -> UInt32 in
      if c == "s32" { return UInt32(truncatingIfNeeded: generator.next()) }
      let number = Float.random(in: -4...4, using: &generator)
      return c == "f32" ? number.bitPattern : halfBits(number) | halfBits(number / 3) << 16
    }
    // Register r of an operand: PTX ISA 9.7.14.5, figures of the fragments.
    let perWord = 4 / aType.byteCount
    let input = (0..<32).flatMap { lane -> [UInt32] in
      let group = lane / 4
      let column = lane % 4 * perWord
      return (0..<aCount).map { a.word(group + 8 * ($0 % 2), column + $0 / 2 * 4 * perWord) }
        + (0..<bCount).map { b.word(group, column + $0 * 4 * perWord) }
        + sums[lane * Self.sumCount(c)..<(lane + 1) * Self.sumCount(c)]
    }
    let device = Simulator()
    let memory = DeviceMemory(device)
    var parameters = ParameterBlock()
    parameters.append(try memory.copy(input))
    let out = try memory.copy([UInt32](repeating: 0, count: 32 * Self.sumCount(d)))
    parameters.append(out)
    _ = try device.launch(
      device.load(Module(parsing: FormRecorder.record(text))), "k",
      LaunchConfiguration(grid: Extent(1), block: Extent(32)),
      parameters: parameters.bytes)
    let output = try memory.read(out, count: 32 * Self.sumCount(d), as: UInt32.self)
    for lane in 0..<32 {
      for element in 0..<4 {
        let (row, column) = (lane / 4 + element / 2 * 8, lane % 4 * 2 + element % 2)
        let exact = ExactProduct(a, row, b, column, plus: Self.sum(c, sums, lane, element))
        let found = Self.sum(d, output, lane, element)
        let bound = exact.bound + (d == "f16" ? exact.value.magnitude * 0x1p-11 + 0x1p-25 : 0)
        let wanted = d == "s32" ? limited(exact.value) : exact.value
        #expect((found - wanted).magnitude <= bound, "row \(row), column \(column): \(found), \(wanted)")
      }
    }
  }

  private func limited(_ value: Double) -> Double {
    saturates ? Double(Int32(clamping: Int64(value))) : Double(Int32(truncatingIfNeeded: Int64(value)))
  }

  private static func sum(_ type: String, _ bits: [UInt32], _ lane: Int, _ element: Int) -> Double {
    switch type {
    case "f16":
      return MatrixValues.f16.value(bits[lane * 2 + element / 2] >> UInt32(16 * (element % 2)) & 0xFFFF)
    case "f32": return Double(Float(bitPattern: bits[lane * 4 + element]))
    default: return Double(Int32(bitPattern: bits[lane * 4 + element]))
    }
  }
}

@Suite("mma.sync")
struct WarpProductTests {
  @Test("Every shape and type", arguments: WarpProduct.all)
  func all(_ product: WarpProduct) throws {
    for seed in 1...3 { try product.check(seed: UInt64(10 * seed)) }
  }

  @Test("Literals as operands, and results that are thrown away")
  func literals() throws {
    // All elements of A are 1 and 2, of B 1: rows are 16 · 1.5 more than C.
    let text = """
      .version 8.0
      .target sm_90a
      .address_size 64
      .visible .entry k(.param .u64 out) {
        .reg .b32 %r<4>; .reg .b64 %rd<4>; .reg .b32 %b<2>; .reg .f32 %d<4>;
        ld.param.u64 %rd1, [out]; mov.u32 %r1, %tid.x; mul.wide.u32 %rd2, %r1, 4; add.u64 %rd1, %rd1, %rd2;
        mov.b32 %b0, 0x3C003C00;
        mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%d0, _, _, %d3},
          {1073757184, 1073757184, 1073757184, 1073757184}, {%b0, 1006648320}, {0., 0., 0., 0f40000000};
        add.f32 %d0, %d0, %d3;
        st.global.f32 [%rd1], %d0;
        ret;
      }
      """
    let device = Simulator()
    let memory = DeviceMemory(device)
    let out = try memory.copy([Float](repeating: 0, count: 32))
    var parameters = ParameterBlock()
    parameters.append(out)
    _ = try device.launch(
      device.load(Module(parsing: FormRecorder.record(text))), "k",
      LaunchConfiguration(grid: Extent(1), block: Extent(32)),
      parameters: parameters.bytes)
    #expect(try memory.read(out, count: 32, as: Float.self) == [Float](repeating: 24 + 26, count: 32))
  }
}

import GPUDevice
import HopperSimulator
import LatentAttention
import PTX
import Testing

@Suite("ldmatrix, stmatrix, movmatrix")
struct MatrixMemoryTests {
  /// Runs PTX with one warp. `%r2` is shared memory with `input` in it, `%r3` a number of each lane of `lanes`, `%rd2`
  /// where the lane's words of the output begin. Returns the output, then shared memory.
  private static func run(
    _ body: String, input: [UInt8], lanes: [UInt32], wordsOfLane: Int, threads: Int = 32
  ) throws -> (words: [UInt32], shared: [UInt8]) {
    let text = """
      .version 8.0
      .target sm_90a
      .address_size 64
      .visible .entry k(.param .u64 in, .param .u64 lanes, .param .u64 out) {
        .shared .align 128 .b8 data[4096];
        .reg .pred %p<4>; .reg .b32 %r<20>; .reg .b64 %rd<10>; .reg .b32 %m<4>;
        ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; ld.param.u64 %rd3, [lanes];
        mov.u32 %r1, %tid.x; mov.u32 %r2, data; shl.b32 %r4, %r1, 2;
        cvt.u64.u32 %rd4, %r4; add.u64 %rd3, %rd3, %rd4; ld.global.u32 %r3, [%rd3];
        mul.wide.u32 %rd5, %r1, \(4 * wordsOfLane); add.u64 %rd2, %rd2, %rd5;
        mov.u32 %r5, %r4;
      COPY:
        cvt.u64.u32 %rd6, %r5; add.u64 %rd7, %rd1, %rd6; ld.global.u32 %r6, [%rd7];
        add.u32 %r7, %r2, %r5; st.shared.u32 [%r7], %r6;
        add.u32 %r5, %r5, \(4 * threads); setp.lt.u32 %p1, %r5, 4096; @%p1 bra COPY;
        bar.warp.sync 0xffffffff;
      \(body)
        bar.warp.sync 0xffffffff;
        mov.u32 %r5, %r4;
      DUMP:
        cvt.u64.u32 %rd6, %r5; add.u64 %rd7, %rd1, %rd6; add.u32 %r7, %r2, %r5;
        ld.shared.u32 %r6, [%r7]; st.global.u32 [%rd7], %r6;
        add.u32 %r5, %r5, \(4 * threads); setp.lt.u32 %p1, %r5, 4096; @%p1 bra DUMP;
        ret;
      }
      """
    let device = Simulator()
    let memory = DeviceMemory(device)
    let source = try memory.copy(input)
    let out = try memory.copy([UInt32](repeating: 0, count: 32 * wordsOfLane))
    var parameters = ParameterBlock()
    parameters.append(source)
    parameters.append(try memory.copy(lanes))
    parameters.append(out)
    _ = try device.launch(
      device.load(Module(parsing: FormRecorder.record(text))), "k",
      LaunchConfiguration(grid: Extent(1), block: Extent(threads)),
      parameters: parameters.bytes)
    return try (
      memory.read(out, count: 32 * wordsOfLane, as: UInt32.self), device.read(source, byteCount: 4096)
    )
  }

  private static let input: [UInt8] = {
    var generator = SplitMix64(seed: 5)
    return (0..<4096).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
  }()

  /// Different rows of 16 bytes, in no order.
  private static func rows(_ generator: inout SplitMix64) -> [UInt32] {
    Array((0..<256).shuffled(using: &generator).prefix(32)).map { UInt32(16 * $0) }
  }

  private static func element(_ bytes: [UInt8], _ row: UInt32, _ column: Int) -> UInt32 {
    UInt32(bytes[Int(row) + 2 * column]) | UInt32(bytes[Int(row) + 2 * column + 1]) << 8
  }

  /// The two elements of a lane: of row l / 4, or of column l / 4.
  private static func places(_ lane: Int, _ isTransposed: Bool) -> [(row: Int, column: Int)] {
    (0..<2).map { isTransposed ? (lane % 4 * 2 + $0, lane / 4) : (lane / 4, lane % 4 * 2 + $0) }
  }

  @Test("ldmatrix of one, two and four matrices, plain and transposed", arguments: [1, 2, 4], [false, true])
  func load(_ count: Int, _ isTransposed: Bool) throws {
    var generator = SplitMix64(seed: UInt64(count))
    let rows = Self.rows(&generator)
    let registers = (0..<count).map { "%m\($0)" }.joined(separator: ", ")
    let stores = (0..<count).map { "st.global.u32 [%rd2+\(4 * $0)], %m\($0);" }.joined(separator: "\n")
    // Lanes beyond the matrices may have any address.
    let given = rows.enumerated().map { $0.offset < 8 * count ? $0.element : 0xFFFF_FFF1 }
    let body = """
      add.u32 %r8, %r2, %r3;
      ldmatrix.sync.aligned.m8n8.x\(count)\(isTransposed ? ".trans" : "").\(count == 2 ? "shared::cta" : "shared").b16 {\(registers)}, [%r8];
      \(stores)
      """
    let output = try Self.run(body, input: Self.input, lanes: given, wordsOfLane: count).words
    for lane in 0..<32 {
      for matrix in 0..<count {
        let elements = Self.places(lane, isTransposed).map {
          Self.element(Self.input, rows[8 * matrix + $0.row], $0.column)
        }
        #expect(output[count * lane + matrix] == elements[0] | elements[1] << 16, "lane \(lane)")
      }
    }
  }

  @Test("stmatrix of one, two and four matrices, plain and transposed", arguments: [1, 2, 4], [false, true])
  func store(_ count: Int, _ isTransposed: Bool) throws {
    var generator = SplitMix64(seed: UInt64(count))
    let rows = Self.rows(&generator)
    let registers = (0..<count).map { "%m\($0)" }.joined(separator: ", ")
    // Register m of lane l is 0x01010101·l + 0x40·m: each half is known by its lane.
    let values = (0..<count).map { "mad.lo.u32 %m\($0), %r1, 0x01010101, \(0x40 * $0);" }
    let body = """
      add.u32 %r8, %r2, %r3;
      \(values.joined(separator: "\n"))
      stmatrix.sync.aligned.m8n8.x\(count)\(isTransposed ? ".trans" : "").\(count == 2 ? "shared::cta" : "shared").b16 [%r8], {\(registers)};
      """
    let found = try Self.run(body, input: Self.input, lanes: rows, wordsOfLane: 1).shared
    var expected = Self.input
    for lane in 0..<32 {
      for matrix in 0..<count {
        let word = UInt32(lane) * 0x0101_0101 + UInt32(0x40 * matrix)
        for (half, place) in Self.places(lane, isTransposed).enumerated() {
          let byte = Int(rows[8 * matrix + place.row]) + 2 * place.column
          expected[byte] = UInt8(truncatingIfNeeded: word >> UInt32(16 * half))
          expected[byte + 1] = UInt8(truncatingIfNeeded: word >> UInt32(16 * half + 8))
        }
      }
    }
    #expect(found == expected)
  }

  @Test("movmatrix transposes a matrix of registers, in place too")
  func transpose() throws {
    let body = """
      mad.lo.u32 %m0, %r1, 0x10001, 0x4000;
      movmatrix.sync.aligned.m8n8.trans.b16 %m1, %m0;
      movmatrix.sync.aligned.m8n8.trans.b16 %m0, %m1;
      st.global.u32 [%rd2], %m1; st.global.u32 [%rd2+4], %m0;
      """
    let output = try Self.run(
      body, input: Self.input, lanes: [UInt32](repeating: 0, count: 32), wordsOfLane: 2
    ).words
    // Element (row, column) of the source: its lane, and 0x4000 in lower halves.
    func element(_ row: Int, _ column: Int) -> UInt32 {
      UInt32(4 * row + column / 2) + (column % 2 == 0 ? 0x4000 : 0)
    }
    for lane in 0..<32 {
      let elements = Self.places(lane, true).map { element($0.row, $0.column) }
      #expect(output[2 * lane] == elements[0] | elements[1] << 16)
      #expect(output[2 * lane + 1] == UInt32(lane) * 0x10001 + 0x4000)
    }
  }

  @Test("A row that is misaligned or outside, and a warp that is not whole, are errors")
  func errors() throws {
    let body = "add.u32 %r8, %r2, %r3;\nldmatrix.sync.aligned.m8n8.x4.shared.b16 {%m0, %m1, %m2, %m3}, [%r8];"
    func reason(_ body: String, row: UInt32, threads: Int = 32) throws -> SimulationError.Reason? {
      var rows = [UInt32](repeating: 0, count: 32)
      rows[9] = row
      do {
        _ = try Self.run(body, input: Self.input, lanes: rows, wordsOfLane: 1, threads: threads)
        return nil
      } catch let error as SimulationError {
        return error.reason
      }
    }
    guard case .misaligned("shared", _, 16, lane: 9)? = try reason(body, row: 8) else {
      Issue.record("misaligned")
      return
    }
    guard case .outOfBounds("shared", _, 16, lane: 9)? = try reason(body, row: 4096) else {
      Issue.record("outside")
      return
    }
    let divergent = "setp.gt.u32 %p2, %r1, 3;\n@%p2 movmatrix.sync.aligned.m8n8.trans.b16 %m0, %r1;"
    for (text, threads) in [(divergent, 32), (body, 16)] {
      guard case .badOperand? = try reason(text, row: 0, threads: threads) else {
        Issue.record("not whole")
        return
      }
    }
  }
}

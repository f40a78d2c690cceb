import GPUDevice
import HopperSimulator
import LatentAttention
import PTX
import Testing

/// Copies that run beside the threads.
@Suite("Asynchronous copies")
struct AsynchronousCopyTests {
  /// Runs PTX with one block, on a buffer that it reads and one that it writes. Returns what it wrote.
  private static func run(
    _ body: String, threads: Int = 32, input: [UInt8], outputByteCount: Int, maps: [TensorMapFields] = [],
    mapsOutput: Bool = false, grid: Int = 1, cluster: Int = 1
  ) throws -> [UInt8] {
    let device = Simulator()
    let memory = DeviceMemory(device)
    let source = try memory.copy(input)
    let target = try memory.copy([UInt8](repeating: 0xEE, count: outputByteCount))
    let mapParameters = maps.indices.map { ", .param .align 64 .b8 map\($0)[128]" }.joined()
    let text = """
      .version 8.0
      .target sm_90a
      .address_size 64
      .extern .shared .align 1024 .b8 smem[];
      .visible .entry k(.param .u64 in, .param .u64 out\(mapParameters)) {
        .reg .pred %p<8>; .reg .b32 %r<40>; .reg .b64 %rd<40>; .reg .b16 %h<4>;
        ld.param.u64 %rd1, [in];
        ld.param.u64 %rd2, [out];
        mov.u32 %r1, %tid.x;
        mov.u32 %r2, smem;
        setp.eq.u32 %p1, %r1, 0;
      \(body)
        ret;
      }
      """
    let module = try device.load(Module(parsing: FormRecorder.record(text)))
    var parameters = ParameterBlock()
    parameters.append(source)
    parameters.append(target)
    for map in maps {
      var map = map
      map.address += mapsOutput ? target : source
      parameters.append(map.bytes, alignment: 64)
    }
    var configuration = LaunchConfiguration(grid: Extent(grid), block: Extent(threads))
    configuration.cluster = Extent(cluster)
    configuration.dynamicSharedByteCount = 65536
    let report = try device.launch(module, "k", configuration, parameters: parameters.bytes)
    #expect(report.findings.isEmpty, "\(report.findings)")
    return try device.read(target, byteCount: outputByteCount)
  }

  /// PTX that copies `byteCount` bytes of shared memory from `%r2` + `offset` to the output, all threads together.
  private static func dump(_ byteCount: Int, threads: Int = 32) -> String {
    """
      shl.b32 %r30, %r1, 2;
      COPY:
      add.u32 %r31, %r2, %r30;
      ld.shared.u32 %r32, [%r31];
      cvt.u64.u32 %rd30, %r30;
      add.u64 %rd31, %rd2, %rd30;
      st.global.u32 [%rd31], %r32;
      add.u32 %r30, %r30, \(threads * 4);
      setp.lt.u32 %p7, %r30, \(byteCount);
      @%p7 bra COPY;
    """
  }

  /// PTX that makes an mbarrier at shared offset 60000 and waits for a phase with so many bytes.
  private static func await(_ byteCount: Int, _ copy: String) -> String {
    "add.u32 %r3, %r2, 60000;\n" + awaitedCopy(byteCount, barrier: "%r3", copy)
  }

  private static func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
  }

  @Test("A linear bulk copy, to shared memory and back")
  func bulk() throws {
    let input = Self.bytes(4096)
    let body = Self.await(
      4096, "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 4096, [%r3];")
    #expect(try Self.run(body + Self.dump(4096), input: input, outputByteCount: 4096) == input)
    let store = """
        @!%p1 bra DONE;
        cp.async.bulk.global.shared::cta.bulk_group [%rd2+16], [%r2], 4080;
        cp.async.bulk.commit_group;
        cp.async.bulk.wait_group 0;
        DONE:
      """
    let stored = try Self.run(body + store, input: input, outputByteCount: 4096)
    #expect(stored == [UInt8](repeating: 0xEE, count: 16) + input.prefix(4080))
  }

  @Test("A bulk reduction adds where it lands")
  func bulkReduction() throws {
    let input = (0..<256).flatMap { withBytes(UInt32($0 * 3)) }
    let body =
      Self.await(
        1024, "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 1024, [%r3];")
        + """
        @!%p1 bra DONE;
        cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%rd1], [%r2], 1024;
        cp.async.bulk.commit_group;
        cp.async.bulk.wait_group 0;
        cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 1024, [%r3];
        mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 1024;
        DONE:
        bar.sync 0;
        AGAIN:
        mbarrier.try_wait.parity.shared::cta.b64 %p3, [%r3], 1;
        @!%p3 bra AGAIN;
        """ + Self.dump(1024)
    let expected = (0..<256).flatMap { withBytes(UInt32($0 * 6)) }
    #expect(try Self.run(body, input: input, outputByteCount: 1024) == expected)
  }

  /// The place of a byte of a box in shared memory, by the published rule: 16-byte units of each 128 bytes are
  /// numbered anew by an exclusive or with the number of the 128 bytes.
  private static func swizzled(_ offset: Int, _ swizzle: Swizzle) -> Int {
    let row = offset / 128
    let unit = offset / 16 % 8
    let mask = [Swizzle.none: 0, .bytes32: 1, .bytes64: 3, .bytes128: 7][swizzle] ?? 0
    // 32 bytes: row / 1; the pattern repeats after as many rows as there are units to exchange.
    return row * 128 + (unit ^ (row & mask)) * 16 + offset % 16
  }

  @Test(
    "A box of a tensor, with every swizzle, in part outside of the tensor",
    arguments: [Swizzle.none, .bytes32, .bytes64, .bytes128], [(0, 0), (-8, 5), (32, -2), (40, 60)])
  func tensorLoad(_ swizzle: Swizzle, _ start: (Int, Int)) throws {
    let (columns, rows) = (40, 50)
    let inner = swizzle == .none ? 64 : swizzle.span / 2
    let (boxColumns, boxRows) = (inner, 16)
    let input = Self.bytes(columns * 2 * rows + 64)
    let map = TensorMapFields(
      address: 0, element: .bf16, sizes: [columns, rows], strides: [columns * 2], box: [boxColumns, boxRows],
      swizzle: swizzle)
    let byteCount = boxColumns * boxRows * 2
    let copy = """
      mov.b64 %rd10, map0; cvta.param.u64 %rd11, %rd10;
      mov.u32 %r10, \(start.0); mov.u32 %r11, \(start.1);
      cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd11, {%r10, %r11}], [%r3];
      """
    let output = try Self.run(
      Self.await(byteCount, copy) + Self.dump(byteCount), input: input, outputByteCount: byteCount,
      maps: [map])
    for row in 0..<boxRows {
      for column in 0..<boxColumns {
        let (x, y) = (start.0 + column, start.1 + row)
        let isInside = (0..<columns).contains(x) && (0..<rows).contains(y)
        for byte in 0..<2 {
          let expected = isInside ? input[y * columns * 2 + x * 2 + byte] : 0
          let place = Self.swizzled((row * boxColumns + column) * 2 + byte, swizzle)
          #expect(output[place] == expected, "row \(row), column \(column)")
        }
      }
    }
  }

  /// Elements of 16 bytes of a tensor.
  private static let elementsOf16Bytes: [TensorElement: Int] = [
    .u8: 16, .u16: 8, .f16: 8, .bf16: 8, .u32: 4, .s32: 4, .f32: 4, .tf32: 4, .u64: 2, .s64: 2, .f64: 2,
  ]

  @Test("A box begins at a multiple of 16 bytes of a row", arguments: TensorElement.allCases)
  func alignment(_ element: TensorElement) throws {
    let step = try #require(Self.elementsOf16Bytes[element])
    let map = TensorMapFields(
      address: 0, element: element, sizes: [step * 4, 4], strides: [64], box: [step * 2, 2])
    for column in -18...18 {
      let copy =
        "mov.b64 %rd10, map0; cvta.param.u64 %rd11, %rd10;\n" + """
          cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd11, {\(column), 1}], [%r3];
          """
      let run = {
        try Self.run(
          Self.await(64, copy), input: [UInt8](repeating: 0, count: 256), outputByteCount: 4, maps: [map])
      }
      if column.isMultiple(of: step) {
        _ = try run()
        continue
      }
      let error = try #require(throws: SimulationError.self) { try run() }
      guard case .misalignedBox(column, 16 / step, _, lane: 0) = error.reason else {
        Issue.record("column \(column): \(error)")
        continue
      }
    }
  }

  @Test("A box far outside of a tensor is zeros, however long the strides")
  func farBox() throws {
    let map = TensorMapFields(address: 0, element: .u32, sizes: [16, 2], strides: [1 << 39], box: [16, 2])
    let copy = """
      mov.b64 %rd10, map0; cvta.param.u64 %rd11, %rd10;
      cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd11, {0, 0x7FFFFFF0}], [%r3];
      """
    let output = try Self.run(
      Self.await(128, copy) + Self.dump(128), input: [UInt8](repeating: 1, count: 64), outputByteCount: 128,
      maps: [map])
    #expect(output == [UInt8](repeating: 0, count: 128))
  }

  @Test(
    "A store begins in the tensor or after it", arguments: [[0, 0], [16, 0], [0, 2], [-4, 0], [0, -1]])
  func storeBeforeTensor(_ origin: [Int]) throws {
    let map = TensorMapFields(address: 0, element: .u32, sizes: [16, 2], strides: [64], box: [4, 2])
    let copy = """
      @!%p1 bra DONE;
      st.shared.u64 [%r2], 0; st.shared.u64 [%r2+8], 0; st.shared.u64 [%r2+16], 0; st.shared.u64 [%r2+24], 0;
      fence.proxy.async.shared::cta;
      mov.b64 %rd10, map0; cvta.param.u64 %rd11, %rd10;
      cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%rd11, {\(origin[0]), \(origin[1])}], [%r2];
      cp.async.bulk.commit_group;
      cp.async.bulk.wait_group 0;
      DONE:
      """
    let run = {
      try Self.run(copy, input: [UInt8](repeating: 0, count: 128), outputByteCount: 4, maps: [map])
    }
    guard let dimension = origin.firstIndex(where: { $0 < 0 }) else {
      _ = try run()
      return
    }
    let error = try #require(throws: SimulationError.self) { try run() }
    guard case .storeBeforeTensor(dimension, origin[dimension], _, lane: 0) = error.reason else {
      Issue.record("\(error)")
      return
    }
  }

  @Test("A box of three dimensions is stored only inside of the tensor, and reduced")
  func tensorStore() throws {
    let sizes = [20, 6, 5]
    let strides = [20 * 4 + 16, (20 * 4 + 16) * 6]
    let input = (0..<strides[1] * 5 / 4).flatMap { withBytes(UInt32($0)) }
    let load = TensorMapFields(
      address: 0, element: .u32, sizes: sizes, strides: strides, box: [8, 4, 2], swizzle: .bytes32)
    let copy = """
      mov.b64 %rd10, map0; cvta.param.u64 %rd11, %rd10;
      cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd11, {4, 1, 1}], [%r3];
      """
    let store = """
        @!%p1 bra DONE;
        cp.reduce.async.bulk.tensor.3d.global.shared::cta.add.tile.bulk_group [%rd11, {16, 3, -1}], [%r2];
        cp.async.bulk.commit_group;
        cp.async.bulk.wait_group 0;
        DONE:
        bar.sync 0;
        shl.b32 %r20, %r1, 2;
        READ:
        cvt.u64.u32 %rd20, %r20; add.u64 %rd21, %rd1, %rd20; ld.global.u32 %r21, [%rd21];
        add.u64 %rd22, %rd2, %rd20; st.global.u32 [%rd22], %r21;
        add.u32 %r20, %r20, 128; setp.lt.u32 %p4, %r20, \(input.count); @%p4 bra READ;
      """
    // The map's address is needed by thread 0 only, which has made it.
    let output = try Self.run(
      Self.await(8 * 4 * 2 * 4, copy) + store, input: input, outputByteCount: input.count, maps: [load])
    var expected = (0..<UInt32(input.count / 4)).map { $0 }
    func word(_ x: Int, _ y: Int, _ z: Int) -> Int { (x * 4 + y * strides[0] + z * strides[1]) / 4 }
    for z in 0..<2 {
      for y in 0..<4 {
        for x in 0..<8 {
          let (tx, ty, tz) = (16 + x, 3 + y, -1 + z)
          guard tx < sizes[0], ty < sizes[1], (0..<sizes[2]).contains(tz) else { continue }
          expected[word(tx, ty, tz)] += UInt32(word(4 + x, 1 + y, 1 + z))
        }
      }
    }
    #expect(output == expected.flatMap { withBytes($0) })
  }

  @Test("A multicast writes to every block of the mask, and tells each its mbarrier")
  func multicast() throws {
    let input = Self.bytes(2048)
    let body = """
        add.u32 %r3, %r2, 60000;
        mov.u32 %r5, %cluster_ctarank;
        @!%p1 bra READY;
        mbarrier.init.shared::cta.b64 [%r3], 1;
        fence.mbarrier_init.release.cluster;
        mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 2048;
        READY:
        barrier.cluster.arrive; barrier.cluster.wait;
        setp.eq.u32 %p3, %r5, 1;
        and.pred %p3, %p3, %p1;
        mov.b16 %h1, 3;
        @%p3 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%r2], [%rd1], 2048, [%r3], %h1;
        WAIT:
        mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0;
        @!%p2 bra WAIT;
        mul.wide.u32 %rd5, %r5, 2048;
        add.u64 %rd2, %rd2, %rd5;
      """ + Self.dump(2048)
    let output = try Self.run(body, input: input, outputByteCount: 4096, grid: 2, cluster: 2)
    #expect(output == input + input)
  }

  @Test("cp.async copies, fills with zero, and arrives at an mbarrier")
  func copies() throws {
    let input = Self.bytes(32 * 16)
    let body = """
        add.u32 %r3, %r2, 60000;
        @%p1 mbarrier.init.shared::cta.b64 [%r3], 32;
        bar.sync 0;
        shl.b32 %r4, %r1, 4; add.u32 %r5, %r2, %r4;
        mul.wide.u32 %rd4, %r4, 1; add.u64 %rd5, %rd1, %rd4;
        and.b32 %r6, %r1, 15;
        cp.async.cg.shared.global [%r5], [%rd5], 16, %r6;
        cp.async.ca.shared.global [%r5+512], [%rd5], 4;
        cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%r3];
        WAIT:
        mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0;
        @!%p2 bra WAIT;
      """ + Self.dump(512)
    let output = try Self.run(body, input: input, outputByteCount: 512)
    for thread in 0..<32 {
      for byte in 0..<16 {
        #expect(output[thread * 16 + byte] == (byte < thread % 16 ? input[thread * 16 + byte] : 0))
      }
    }
    let groups = """
        shl.b32 %r4, %r1, 4; add.u32 %r5, %r2, %r4;
        mul.wide.u32 %rd4, %r4, 1; add.u64 %rd5, %rd1, %rd4;
        cp.async.cg.shared.global.L2::128B [%r5], [%rd5], 16;
        cp.async.commit_group;
        cp.async.wait_group 0;
        bar.sync 0;
      """ + Self.dump(512)
    #expect(try Self.run(groups, input: input, outputByteCount: 512) == input)
  }

  @Test(
    "What a block has started comes to its end when the block has ended, and others use the memory",
    arguments: [
      "@%p1 cp.async.bulk.global.shared::cta.bulk_group [%rd5], [%r2], 4096;",
      "@%p1 cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%rd5], [%r2], 4096;",
      "@%p1 cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%rd6, {0, %r3}], [%r2];",
    ])
  func afterExit(_ copy: String) throws {
    let grid = 600
    let map = TensorMapFields(
      address: 0, element: .u32, sizes: [32, 32 * grid], strides: [128], box: [32, 32], swizzle: .none)
    let result = try Self.run(
      """
        mov.u32 %r3, %ctaid.x;
        mad.wide.u32 %rd5, %r3, 4096, %rd2;
        mov.b64 %rd6, map0;
        cvta.param.u64 %rd6, %rd6;
        shl.b32 %r3, %r3, 5;
        shl.b32 %r4, %r1, 7;
        add.u32 %r4, %r4, %r2;
        add.u32 %r5, %r3, %r1;
        mov.u32 %r6, 0;
        FILL:
        st.shared.u32 [%r4], %r5;
        add.u32 %r4, %r4, 4;
        add.u32 %r6, %r6, 1;
        setp.lt.u32 %p2, %r6, 32;
        @%p2 bra FILL;
        fence.proxy.async;
        bar.sync 0;
        \(copy)
      """, input: [0], outputByteCount: 4096 * grid, maps: [map], mapsOutput: true,
      grid: grid)
    // Each row of 32 words holds its number; a reduction adds it to what was there.
    let old: UInt32 = copy.contains("reduce") ? 0xEEEE_EEEE : 0
    let rows = (0..<32 * grid).map { Array(repeating: withBytes(UInt32($0) &+ old), count: 32).joined() }
    #expect(result.elementsEqual(rows.joined()))
  }

  @Test("st.async writes to another block and tells its mbarrier")
  func remoteStores() throws {
    let body = """
        add.u32 %r3, %r2, 60000;
        mov.u32 %r5, %cluster_ctarank;
        @!%p1 bra READY;
        mbarrier.init.shared::cta.b64 [%r3], 1;
        mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 256;
        READY:
        barrier.cluster.arrive; barrier.cluster.wait;
        xor.b32 %r6, %r5, 1;
        mapa.shared::cluster.u32 %r7, %r3, %r6;
        shl.b32 %r8, %r1, 3; add.u32 %r9, %r2, %r8;
        mapa.shared::cluster.u32 %r10, %r9, %r6;
        shl.b32 %r11, %r5, 16; add.u32 %r11, %r11, %r1;
        st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.b32 [%r10], {%r11, %r1}, [%r7];
        WAIT:
        mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0;
        @!%p2 bra WAIT;
        mul.wide.u32 %rd5, %r5, 256;
        add.u64 %rd2, %rd2, %rd5;
      """ + Self.dump(256)
    let output = try Self.run(body, input: [0], outputByteCount: 512, grid: 2, cluster: 2)
    var expected: [UInt8] = []
    for rank in 0..<2 {
      for thread in 0..<32 {
        expected += withBytes(UInt32((1 - rank) * 65536 + thread))
        expected += withBytes(UInt32(thread))
      }
    }
    #expect(output == expected)
  }
}

/// The bytes of a value.
func withBytes<T: BitwiseCopyable>(_ value: T) -> [UInt8] {
  unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
}

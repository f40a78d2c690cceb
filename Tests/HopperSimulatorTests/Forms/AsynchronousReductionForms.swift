import HopperSimulator
import LatentAttention
import Testing

/// Reductions that run beside the threads, and stores and reductions in another block's memory (PTX ISA 9.7.9.26,
/// 9.7.9.11, 9.7.13.7).
@Suite("Forms: asynchronous reductions")
struct AsynchronousReductionForms {
  static func all() throws {
    let tests = AsynchronousReductionForms()
    for reduction in BulkReductionCase.all { try tests.bulkReduction(reduction) }
    for reduction in BulkReductionCase.remote { try tests.remoteBulkReduction(reduction) }
    for type in remoteTypes { try tests.remoteStores(type.0, type.1) }
    for (operation, type) in remoteOperations { try tests.remoteReductions(operation, type) }
  }

  /// A reduction on words, as a function of what is there and what comes.
  struct BulkReductionCase: CustomTestStringConvertible, Sendable {
    var spelling: String
    var combine: @Sendable (UInt32, UInt32) -> UInt32
    /// Numbers of 64 bits are two words, whose carry is not looked at: the upper is the sign.
    var isWide = false
    var testDescription: String { spelling }

    private static func both(_ operation: @escaping @Sendable (UInt64, UInt64) -> UInt64)
      -> @Sendable (UInt32, UInt32) -> UInt32
    {
      { UInt32(truncatingIfNeeded: operation(UInt64($0), UInt64($1))) }
    }

    private static func halves(_ format: ReferenceFormat, _ operation: String)
      -> @Sendable (UInt32, UInt32) -> UInt32
    {
      { a, b in
        UInt32(
          [UInt64(0), 16].reduce(UInt64(0)) { (result: UInt64, shift: UInt64) -> UInt64 in
            let (x, y) = (UInt64(a) >> shift & 0xFFFF, UInt64(b) >> shift & 0xFFFF)
            let value =
              operation == "add"
              ? FloatForms.fused(x, format.one, y, format, .nearest)
              : FloatForms.extremum(x, y, isMinimum: operation == "min", propagatesNaN: false, format)
            return result | value << shift
          })
      }
    }

    static let remote: [BulkReductionCase] = [
      .init(spelling: "add.u32", combine: { $0 &+ $1 }), .init(spelling: "add.s32", combine: { $0 &+ $1 }),
      .init(spelling: "add.u64", combine: { $0 &+ $1 }, isWide: true),
      .init(spelling: "min.u32", combine: { min($0, $1) }),
      .init(spelling: "max.u32", combine: { max($0, $1) }),
      .init(
        spelling: "min.s32",
        combine: { UInt32(bitPattern: min(Int32(bitPattern: $0), Int32(bitPattern: $1))) }),
      .init(
        spelling: "max.s32",
        combine: { UInt32(bitPattern: max(Int32(bitPattern: $0), Int32(bitPattern: $1))) }),
      .init(spelling: "inc.u32", combine: { $0 >= $1 ? 0 : $0 + 1 }),
      .init(spelling: "dec.u32", combine: { $0 == 0 || $0 > $1 ? $1 : $0 - 1 }),
      .init(spelling: "and.b32", combine: { $0 & $1 }), .init(spelling: "or.b32", combine: { $0 | $1 }),
      .init(spelling: "xor.b32", combine: { $0 ^ $1 }),
    ]

    static let all: [BulkReductionCase] = remote + wider

    private static let wider: [BulkReductionCase] = [
      .init(spelling: "and.b64", combine: { $0 & $1 }, isWide: true),
      .init(spelling: "or.b64", combine: { $0 | $1 }, isWide: true),
      .init(spelling: "xor.b64", combine: { $0 ^ $1 }, isWide: true),
      .init(spelling: "min.u64", combine: { min($0, $1) }, isWide: true),
      .init(spelling: "max.s64", combine: { max($0, $1) }, isWide: true),
      .init(
        spelling: "add.f32",
        combine: { (Float(bitPattern: $0) + Float(bitPattern: $1)).bitPattern }),
      .init(spelling: "add.f64", combine: { $1 == 0 ? 0 : $0 + 0x10_0000 }, isWide: true),
      .init(spelling: "add.noftz.f16", combine: halves(.f16, "add")),
      .init(spelling: "min.f16", combine: halves(.f16, "min")),
      .init(spelling: "add.noftz.bf16", combine: halves(.bf16, "add")),
      .init(spelling: "max.bf16", combine: halves(.bf16, "max")),
    ]
  }

  /// Words there and words that come; of wide numbers, the upper words are 0, so that no carry matters. Of fp64 both are
  /// the same powers of 2, whose sum has the next exponent.
  private static func words(_ reduction: BulkReductionCase) -> (there: [UInt32], coming: [UInt32]) {
    var generator = SplitMix64(
      seed: UInt64(reduction.spelling.utf8.reduce(7) { $0 &* 31 &+ Int($1) }.magnitude))
    if reduction.spelling == "add.f64" {
      let powers = (0..<32 as Range<UInt32>).map { $0 % 2 == 0 ? 0 : (900 + $0) << 20 }
      return (powers, powers)
    }
    func word(_ place: Int) -> UInt32 {
      if reduction.isWide { return place % 2 == 0 ? UInt32(truncatingIfNeeded: generator.next()) >> 1 : 0 }
      if reduction.spelling.hasSuffix("f32") {
        return Float(Int32(truncatingIfNeeded: generator.next()) >> 8).bitPattern
      }
      if reduction.spelling.hasSuffix("f16") {
        return UInt32(truncatingIfNeeded: generator.next()) & 0x8FFF_8FFF | 0x3000_3000
      }
      return place % 5 == 0 ? UInt32(place) : UInt32(truncatingIfNeeded: generator.next())
    }
    return ((0..<32).map(word), (0..<32).map(word))
  }

  @Test("Bulk reductions in global memory", arguments: BulkReductionCase.all)
  func bulkReduction(_ reduction: BulkReductionCase) throws {
    let (there, coming) = Self.words(reduction)
    for hint in ["", ".L2::cache_hint"] {
      let policy = hint.isEmpty ? "" : ", %rd20"
      var kernel = KernelRun(
        """
          shl.b32 %r4, %r1, 2; add.u32 %r5, %r2, %r4;
          cvt.u64.u32 %rd4, %r4; add.u64 %rd4, %rd4, %rd1;
          ld.global.u32 %r6, [%rd4];
          st.global.u32 [%rd3], %r6;
          ld.global.u32 %r6, [%rd4+128];
          st.shared.u32 [%r5], %r6;
          fence.proxy.async;
          bar.sync 0;
          \(CopyForms.policy)
          @!%p1 bra DONE;
          cp.reduce.async.bulk.global.shared::cta.bulk_group\(hint).\(reduction.spelling) [%rd2], [%r2], 128\(policy);
        \(CopyForms.committed)
          DONE:
        """)
      kernel.input = there + coming
      #expect(try kernel() == zip(there, coming).map { reduction.combine($0, $1) })
    }
  }

  @Test("Bulk reductions in another block's shared memory", arguments: BulkReductionCase.remote)
  func remoteBulkReduction(_ reduction: BulkReductionCase) throws {
    let (there, coming) = Self.words(reduction)
    var kernel = KernelRun(
      """
        mov.u32 %r9, %cluster_ctarank; xor.b32 %r10, %r9, 1;
        add.u32 %r8, %r2, 4096;
        shl.b32 %r4, %r1, 2; add.u32 %r5, %r2, %r4;
        cvt.u64.u32 %rd4, %r4; add.u64 %rd4, %rd4, %rd1;
        ld.global.u32 %r6, [%rd4]; st.shared.u32 [%r5+1024], %r6;
        ld.global.u32 %r6, [%rd4+128]; st.shared.u32 [%r5], %r6;
        @%p1 mbarrier.init.shared::cta.b64 [%r8], 1;
        @%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r8], 128;
        fence.mbarrier_init.release.cluster;
        fence.proxy.async;
        barrier.cluster.arrive; barrier.cluster.wait;
        mapa.shared::cluster.u32 %r11, %r2, %r10;
        mapa.shared::cluster.u32 %r12, %r8, %r10;
        @%p1 cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.\(reduction.spelling) [%r11+1024], [%r2], 128, [%r12];
        WAIT:
        mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r8], 0;
        @!%p2 bra WAIT;
        ld.shared.u32 %r6, [%r5+1024];
        st.global.u32 [%rd3], %r6;
        barrier.cluster.arrive; barrier.cluster.wait;
      """)
    kernel.input = there + coming
    kernel.grid = 2
    kernel.cluster = 2
    kernel.outputCount = 64
    let expected = zip(there, coming).map { reduction.combine($0, $1) }
    #expect(try kernel() == expected + expected)
  }

  // MARK: st.async, red.async

  static let remoteTypes = ["b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"].flatMap { type in
    (type.hasSuffix("32") ? [1, 2, 4] : [1, 2]).map { (type, $0) }
  }

  /// PTX of two blocks that each expect bytes from the other, let `copy` send them to 1024, and read them back.
  private static func remote(_ byteCount: Int, _ copy: String) -> String {
    """
      mov.u32 %r9, %cluster_ctarank; xor.b32 %r10, %r9, 1;
      add.u32 %r8, %r2, 4096;
      shl.b32 %r4, %r1, 4; add.u32 %r5, %r2, %r4;
      st.shared.u32 [%r5+1024], 100; st.shared.u32 [%r5+1028], 0; st.shared.u32 [%r5+1032], 0; st.shared.u32 [%r5+1036], 0;
      @%p1 mbarrier.init.shared::cta.b64 [%r8], 1;
      @%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r8], \(32 * byteCount);
      fence.mbarrier_init.release.cluster;
      barrier.cluster.arrive; barrier.cluster.wait;
      mapa.shared::cluster.u32 %r11, %r5, %r10;
      mapa.shared::cluster.u32 %r12, %r8, %r10;
      mad.lo.u32 %r13, %r9, 50, %r1;
      cvt.u64.u32 %rd6, %r13;
      add.u32 %r14, %r13, 1; add.u32 %r15, %r13, 2; add.u32 %r16, %r13, 3;
      cvt.u64.u32 %rd7, %r14;
      \(copy)
      WAIT:
      mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r8], 0;
      @!%p2 bra WAIT;
      ld.shared.v4.u32 {%r20, %r21, %r22, %r23}, [%r5+1024];
      mul.wide.u32 %rd8, %r3, 16; add.u64 %rd8, %rd8, %rd2;
      st.global.v4.u32 [%rd8], {%r20, %r21, %r22, %r23};
      barrier.cluster.arrive; barrier.cluster.wait;
    """
  }

  @Test("Stores of every type in another block's memory", arguments: remoteTypes)
  func remoteStores(_ type: String, _ count: Int) throws {
    let isWide = type.hasSuffix("64")
    let registers = (isWide ? ["%rd6", "%rd7"] : ["%r13", "%r14", "%r15", "%r16"]).prefix(count).joined(
      separator: ", ")
    let vector = count == 1 ? "" : ".v\(count)"
    let order = count == 2 ? ".weak" : ""
    let spelling = "st.async\(order).shared::cluster.mbarrier::complete_tx::bytes\(vector).\(type)"
    let operand = count == 1 ? registers : "{\(registers)}"
    var kernel = KernelRun(
      Self.remote((isWide ? 8 : 4) * count, "\(spelling) [%r11+1024], \(operand), [%r12];"))
    kernel.grid = 2
    kernel.cluster = 2
    kernel.outputCount = 256
    let output = try kernel()
    for thread in 0..<64 {
      let first = UInt32((1 - thread / 32) * 50 + thread % 32)
      var expected: [UInt32] = [100, 0, 0, 0]
      for part in 0..<count {
        expected[isWide ? 2 * part : part] = first + UInt32(part)
        if isWide { expected[2 * part + 1] = 0 }
      }
      #expect(Array(output[4 * thread..<4 * thread + 4]) == expected)
    }
  }

  static let remoteOperations = [
    ("add", "u32"), ("add", "s32"), ("add", "u64"), ("min", "u32"), ("max", "s32"), ("inc", "u32"),
    ("dec", "u32"),
    ("and", "b32"), ("or", "b32"), ("xor", "b32"),
  ]

  @Test("Reductions of every operation in another block's memory", arguments: remoteOperations)
  func remoteReductions(_ operation: String, _ type: String) throws {
    let isWide = type == "u64"
    let order = operation == "add" ? ".relaxed.cluster" : ""
    var kernel = KernelRun(
      Self.remote(
        isWide ? 8 : 4,
        "red.async\(order).shared::cluster.mbarrier::complete_tx::bytes.\(operation).\(type) [%r11+1024], \(isWide ? "%rd6" : "%r13"), [%r12];"
      ))
    kernel.grid = 2
    kernel.cluster = 2
    kernel.outputCount = 256
    let output = try kernel()
    for thread in 0..<64 {
      let value = UInt32((1 - thread / 32) * 50 + thread % 32)
      let expected: UInt32 =
        switch operation {
        case "add": 100 + value
        case "min": min(100, value)
        case "max": max(100, value)
        case "inc": 100 >= value ? 0 : 101
        case "dec": 100 > value ? value : 99
        case "and": 100 & value
        case "or": 100 | value
        default: 100 ^ value
        }
      #expect(output[4 * thread] == expected)
    }
  }
}

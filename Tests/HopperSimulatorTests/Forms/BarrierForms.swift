import Testing

/// Named barriers, mbarriers and fences (PTX ISA 9.7.13).
@Suite("Forms: barriers")
struct BarrierForms {
  static func all() throws {
    let tests = BarrierForms()
    for spelling in named { try tests.handover(spelling) }
    for spelling in named { try tests.reductions(spelling) }
    try tests.objects()
    try tests.dropped()
    for space in ["shared", "shared::cta", "shared::cluster"] { try tests.modifiers(space) }
    try tests.fences()
  }

  /// A barrier's mnemonic, and what stands at its end.
  struct Spelling: Sendable {
    var first: String
    var last: String
  }

  static let named = [
    Spelling(first: "bar", last: ""), Spelling(first: "bar.cta", last: ""),
    Spelling(first: "barrier", last: ""),
    Spelling(first: "barrier.cta", last: ""), Spelling(first: "barrier", last: ".aligned"),
    Spelling(first: "barrier.cta", last: ".aligned"),
  ]

  @Test("One warp arrives, another waits and sees what the first has written", arguments: named)
  func handover(_ name: Spelling) throws {
    var kernel = KernelRun(
      """
        shl.b32 %r4, %r1, 2;
        add.u32 %r5, %r2, %r4;
        setp.ge.u32 %p2, %r1, 32;
        @%p2 bra CONSUMER;
        nanosleep.u32 500;
        mul.lo.u32 %r6, %r1, 3;
        st.shared.u32 [%r5], %r6;
        mov.u32 %r8, 5;
        \(name.first).arrive\(name.last) %r8, 64;
        bra DONE;
        CONSUMER:
        \(name.first).sync\(name.last) 5, 64;
        ld.shared.u32 %r7, [%r5-128];
        st.global.u32 [%rd3], %r7;
        DONE:
        \(name.first).sync\(name.last) 0;
        @%p2 bra END;
        ld.shared.u32 %r7, [%r5];
        st.global.u32 [%rd3], %r7;
        END:
      """)
    kernel.threads = 64
    kernel.outputCount = 64
    #expect(try kernel() == (0..<64).map { $0 % 32 * 3 })
  }

  @Test("Reductions of a predicate over all threads of a barrier, with a count and without", arguments: named)
  func reductions(_ name: Spelling) throws {
    var kernel = KernelRun(
      """
        setp.lt.u32 %p2, %r1, 50;
        setp.lt.u32 %p3, %r1, 96;
        \(name.first).red.popc\(name.last).u32 %r4, 1, %p2;
        \(name.first).red.popc\(name.last).u32 %r5, 1, 96, !%p2;
        \(name.first).red.and\(name.last).pred %p4, 2, %p2;
        \(name.first).red.or\(name.last).pred %p5, 2, 96, %p2;
        \(name.first).red.and\(name.last).pred %p6, 3, 96, %p3;
        \(name.first).red.or\(name.last).pred %p7, 3, !%p3;
        selp.u32 %r6, 1, 0, %p4;
        selp.u32 %r7, 2, 0, %p5;
        selp.u32 %r8, 4, 0, %p6;
        selp.u32 %r9, 8, 0, %p7;
        add.u32 %r6, %r6, %r7; add.u32 %r6, %r6, %r8; add.u32 %r6, %r6, %r9;
        mad.lo.u32 %r4, %r4, 100, %r5;
        mad.lo.u32 %r4, %r4, 100, %r6;
        st.global.u32 [%rd3], %r4;
      """)
    kernel.threads = 96
    kernel.outputCount = 96
    #expect(try kernel() == Array(repeating: 50 * 10_000 + 46 * 100 + 6, count: 96))
  }

  /// PTX that makes bit `place` of `%r20` what a predicate is.
  private static func note(_ place: Int, _ predicate: String = "%p2") -> String {
    "selp.u32 %r21, \(1 << place), 0, \(predicate); or.b32 %r20, %r20, %r21;"
  }

  @Test("An mbarrier's phases, pending arrivals and bytes")
  func objects() throws {
    var kernel = KernelRun(
      """
        @!%p1 bra DONE;
        mov.u32 %r20, 0;
        cvt.u64.u32 %rd4, %r2; cvta.shared.u64 %rd4, %rd4;
        mbarrier.init.shared::cta.b64 [%r2], 3;
        mbarrier.arrive.shared::cta.b64 %rd5, [%r2];
        mbarrier.pending_count.b64 %r4, %rd5;
        mbarrier.test_wait.shared::cta.b64 %p2, [%r2], %rd5;          \(Self.note(0))
        mbarrier.arrive.noComplete.shared.b64 %rd6, [%r2], 1;
        mbarrier.pending_count.b64 %r5, %rd6;
        mbarrier.test_wait.parity.shared::cta.b64 %p2, [%r2], 0;      \(Self.note(1))
        mbarrier.test_wait.parity.shared::cta.b64 %p2, [%r2], 1;      \(Self.note(2))
        mbarrier.arrive.b64 %rd7, [%rd4], 1;
        mbarrier.pending_count.b64 %r6, %rd7;
        mbarrier.test_wait.b64 %p2, [%rd4], %rd5;                     \(Self.note(3))
        mbarrier.test_wait.parity.b64 %p2, [%rd4], 0;                 \(Self.note(4))
        mbarrier.test_wait.parity.shared.b64 %p2, [%r2], 1;           \(Self.note(5))
        mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%r2], 64;
        mbarrier.arrive.shared::cta.b64 _, [%r2], 3;
        mbarrier.test_wait.parity.shared::cta.b64 %p2, [%r2], 1;      \(Self.note(6))
        mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%r2], 40;
        mbarrier.test_wait.parity.shared::cta.b64 %p2, [%r2], 1;      \(Self.note(7))
        mbarrier.complete_tx.shared::cta.b64 [%r2], 24;
        mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r2], 1;       \(Self.note(8))
        mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r2], 1, 1000; \(Self.note(9))
        mbarrier.arrive.expect_tx.shared::cta.b64 %rd8, [%r2], 16;
        mbarrier.arrive.shared::cta.b64 _, [%r2], 2;
        mbarrier.test_wait.shared::cta.b64 %p2, [%r2], %rd8;          \(Self.note(10))
        mbarrier.complete_tx.relaxed.cluster.shared::cluster.b64 [%r2], 16;
        mbarrier.try_wait.shared::cta.b64 %p2, [%r2], %rd8;           \(Self.note(11))
        mbarrier.inval.shared::cta.b64 [%r2];
        mbarrier.init.b64 [%rd4], 1;
        mbarrier.arrive.shared::cta.b64 _, [%r2];
        mbarrier.test_wait.parity.shared::cta.b64 %p2, [%r2], 0;      \(Self.note(12))
        mbarrier.inval.b64 [%rd4];
        mbarrier.init.shared.b64 [%r2], 1;
        mbarrier.inval.shared.b64 [%r2];
        st.global.v4.u32 [%rd2], {%r20, %r4, %r5, %r6};
        DONE:
      """)
    kernel.outputCount = 4
    let trueBits = [2, 3, 4, 8, 9, 11, 12]
    #expect(try kernel() == [trueBits.reduce(0) { $0 | 1 << UInt32($1) }, 3, 2, 1])
  }

  @Test("Arrivals that are dropped are not waited for in later phases")
  func dropped() throws {
    var kernel = KernelRun(
      """
        @!%p1 bra DONE;
        mov.u32 %r20, 0;
        mbarrier.init.shared::cta.b64 [%r2], 5;
        mbarrier.arrive_drop.shared::cta.b64 %rd4, [%r2];
        mbarrier.arrive_drop.noComplete.shared::cta.b64 %rd4, [%r2], 1;
        mbarrier.arrive_drop.expect_tx.shared::cta.b64 _, [%r2], 8;
        mbarrier.arrive.shared::cta.b64 _, [%r2], 2;
        mbarrier.test_wait.parity.shared::cta.b64 %p2, [%r2], 0;   \(Self.note(0))
        mbarrier.complete_tx.shared::cta.b64 [%r2], 8;
        mbarrier.test_wait.parity.shared::cta.b64 %p2, [%r2], 0;   \(Self.note(1))
        mbarrier.arrive.shared::cta.b64 _, [%r2];
        mbarrier.test_wait.parity.shared::cta.b64 %p2, [%r2], 1;   \(Self.note(2))
        mbarrier.arrive_drop.shared::cta.b64 _, [%r2], 1;
        mbarrier.test_wait.parity.shared::cta.b64 %p2, [%r2], 1;   \(Self.note(3))
        mbarrier.arrive.shared::cta.b64 _, [%r2];
        mbarrier.test_wait.parity.shared::cta.b64 %p2, [%r2], 0;   \(Self.note(4))
        st.global.u32 [%rd2], %r20;
        DONE:
      """)
    kernel.outputCount = 1
    #expect(try kernel() == [0b11010])
  }

  @Test(
    "Every order, scope and space ends a phase of an mbarrier",
    arguments: ["shared", "shared::cta", "shared::cluster"])
  func modifiers(_ space: String) throws {
    let orders = ["", ".release.cta", ".release.cluster", ".relaxed.cta", ".relaxed.cluster"]
    let waits = ["", ".acquire.cta", ".acquire.cluster", ".relaxed.cta", ".relaxed.cluster"]
    var lines: [String] = []
    for (phase, (order, wait)) in zip(orders, waits).enumerated() {
      let waitSpace = space == "shared::cluster" ? "shared::cta" : space
      lines.append(
        """
          mbarrier.expect_tx.relaxed.cluster.\(space).b64 [%r2], 8;
          mbarrier.arrive\(order).\(space).b64 _, [%r2];
          mbarrier.complete_tx.relaxed.cluster.\(space).b64 [%r2], 8;
          mbarrier.test_wait.parity\(wait).\(waitSpace).b64 %p2, [%r2], \(phase % 2);
          mbarrier.try_wait.parity\(wait).\(waitSpace).b64 %p3, [%r2], \(phase % 2);
          and.pred %p2, %p2, %p3;
          \(Self.note(phase))
        """)
    }
    var kernel = KernelRun(
      """
        @!%p1 bra DONE;
        mov.u32 %r20, 0;
        mbarrier.init.shared::cta.b64 [%r2], 1;
        \(lines.joined(separator: "\n"))
        st.global.u32 [%rd2], %r20;
        DONE:
      """)
    kernel.outputCount = 1
    #expect(try kernel() == [0b11111])
  }

  /// Every fence between a write and a flag that another block waits for: the write is seen.
  @Test("Messages between blocks behind every fence")
  func fences() throws {
    let scopes = ["cta", "cluster", "gpu", "sys"]
    let ordered = ["sc", "acq_rel", "acquire", "release"].flatMap { order in
      scopes.map { "fence.\(order).\($0)" }
    }
    let proxies = ["", ".global", ".shared", ".shared::cta", ".shared::cluster"].map {
      "fence.proxy.async\($0)"
    }
    let maps = scopes.flatMap { scope in
      [
        "fence.proxy.tensormap::generic.release.\(scope)",
        "fence.proxy.tensormap::generic.acquire.\(scope) [%rd1], 128",
      ]
    }
    let all =
      scopes.map { "fence.\($0)" } + ordered + ["membar.cta", "membar.gl", "membar.sys"] + proxies + maps
      + ["fence.proxy.alias", "fence.mbarrier_init.release.cluster", "fence.acq_rel.gpu"]
    var kernel = KernelRun(
      """
        setp.eq.u32 %p2, %r3, 0;
        @%p2 bra WRITE;
        WAIT:
        ld.relaxed.gpu.global.u32 %r4, [%rd2];
        setp.ne.u32 %p3, %r4, 1;
        @%p3 bra WAIT;
        \(all.reversed().map { "\($0);" }.joined(separator: "\n"))
        ld.global.u32 %r5, [%rd2+4];
        st.global.u32 [%rd2+8], %r5;
        bra DONE;
        WRITE:
        st.global.u32 [%rd2+4], 4711;
        \(all.map { "\($0);" }.joined(separator: "\n"))
        st.relaxed.gpu.global.u32 [%rd2], 1;
        DONE:
      """)
    kernel.threads = 1
    kernel.grid = 2
    kernel.outputCount = 3
    #expect(try kernel() == [1, 4711, 4711])
  }
}

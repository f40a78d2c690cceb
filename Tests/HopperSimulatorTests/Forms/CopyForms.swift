import HopperSimulator
import Testing

/// Copies that run beside the threads: `cp.async`, bulk copies, tensor copies, stores and reductions at a distance
/// (PTX ISA 9.7.9.24 to 9.7.9.27).
@Suite("Forms: asynchronous copies")
struct CopyForms {
  static func all() throws {
    let tests = CopyForms()
    try tests.copies()
    try tests.groups()
    try tests.arrivals()
    for copy in toShared { try tests.bulkToShared(copy) }
    try tests.multicast("")
    try tests.multicast(".L2::cache_hint")
    try tests.bulkToGlobal()
    try tests.bulkBetweenBlocks()
  }

  static let policy = "createpolicy.fractional.L2::evict_first.b64 %rd20, 1.0;"

  /// A cache, a hint, a prefetch size.
  static let caches: [[String]] = ["ca", "cg"].flatMap { cache in
    [
      [cache, "", ""], [cache, ".L2::cache_hint", ""], [cache, "", ".L2::64B"], [cache, "", ".L2::128B"],
      [cache, ".L2::cache_hint", ".L2::256B"],
    ]
  }

  @Test("cp.async of every size and hint, all of it, some, or none")
  func copies() throws {
    for cache in Self.caches {
      for byteCount in [4, 8, 16] where cache[0] != "cg" || byteCount == 16 { try copy(cache, byteCount) }
    }
  }

  private func copy(_ cache: [String], _ byteCount: Int) throws {
    let space = byteCount == 8 ? "shared::cta" : "shared"
    let spelling = "cp.async.\(cache[0]).\(space).global\(cache[1])\(cache[2])"
    let policy = cache[1].isEmpty ? "" : ", %rd20"
    let copies = [
      "[%r5], [%rd4], \(byteCount)", "[%r5+1024], [%rd4], \(byteCount), %r6",
      "[%r5+2048], [%rd4], \(byteCount), %p2",
    ]
    .map { "\(spelling) \($0)\(policy);" }.joined(separator: "\n")
    var kernel = KernelRun(
      """
        \(Self.policy)
        mul.lo.u32 %r4, %r1, \(byteCount); add.u32 %r5, %r2, %r4;
        cvt.u64.u32 %rd4, %r4; add.u64 %rd4, %rd4, %rd1;
        rem.u32 %r6, %r1, \(byteCount + 1);
        setp.gt.u32 %p2, %r1, 10;
        \(copies)
        cp.async.wait_all;
        ld.shared.u32 %r7, [%r5];
        ld.shared.u32 %r8, [%r5+1024];
        ld.shared.u32 %r9, [%r5+2048];
        mul.wide.u32 %rd5, %r1, 12; add.u64 %rd5, %rd5, %rd2;
        st.global.u32 [%rd5], %r7; st.global.u32 [%rd5+4], %r8; st.global.u32 [%rd5+8], %r9;
      """)
    kernel.input = (0..<128 as Range<UInt32>).map { ($0 + 1) &* 0x9E37_79B9 }
    kernel.outputCount = 96
    let output = try kernel()
    for thread in 0..<32 {
      let word = kernel.input[thread * byteCount / 4]
      let kept = thread % (byteCount + 1)
      let mask: UInt32 = kept >= 4 ? .max : 1 << UInt32(8 * kept) - 1
      #expect(output[3 * thread] == word)
      #expect(output[3 * thread + 1] == word & mask)
      #expect(output[3 * thread + 2] == (thread > 10 ? 0 : word))
    }
  }

  @Test("Groups of copies are waited for from the oldest")
  func groups() throws {
    var kernel = KernelRun(
      """
        shl.b32 %r4, %r1, 2; add.u32 %r5, %r2, %r4;
        cvt.u64.u32 %rd4, %r4; add.u64 %rd4, %rd4, %rd1;
        cp.async.ca.shared.global [%r5], [%rd4], 4;
        cp.async.commit_group;
        cp.async.ca.shared.global [%r5+128], [%rd4+128], 4;
        cp.async.commit_group;
        cp.async.wait_group 1;
        ld.shared.u32 %r6, [%r5];
        cp.async.wait_group 0;
        ld.shared.u32 %r7, [%r5+128];
        add.u32 %r6, %r6, %r7;
        st.global.u32 [%rd3], %r6;
      """)
    kernel.input = (0..<64).map { UInt32($0 * $0) }
    let expected = (0..<32).map { kernel.input[$0] + kernel.input[$0 + 32] }
    #expect(try kernel() == expected)
  }

  @Test("Copies arrive at an mbarrier, in addition to its arrivals or as one of them")
  func arrivals() throws {
    for (suffix, count, space) in [
      ("", 1, ".shared::cta"), (".noinc", 33, ".shared::cta"), (".noinc", 33, ".shared"),
      ("", 1, ".shared::cluster"),
      (".noinc", 33, ""),
    ] {
      let address = space.isEmpty ? "%rd6" : "%r8"
      var kernel = KernelRun(
        """
          add.u32 %r8, %r2, 4096;
          cvt.u64.u32 %rd6, %r8; cvta.shared.u64 %rd6, %rd6;
          @%p1 mbarrier.init.shared::cta.b64 [%r8], \(count);
          bar.sync 0;
          shl.b32 %r4, %r1, 2; add.u32 %r5, %r2, %r4;
          cvt.u64.u32 %rd4, %r4; add.u64 %rd4, %rd4, %rd1;
          cp.async.ca.shared.global [%r5], [%rd4], 4;
          cp.async.mbarrier.arrive\(suffix)\(space).b64 [\(address)];
          bar.warp.sync 0xFFFFFFFF;
          @%p1 mbarrier.arrive.shared::cta.b64 _, [%r8];
          WAIT:
          mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r8], 0;
          @!%p2 bra WAIT;
          ld.shared.u32 %r6, [%r5];
          st.global.u32 [%rd3], %r6;
        """)
      kernel.input = (0..<32).map { UInt32($0 * 7) }
      #expect(try kernel() == kernel.input)
    }
  }

  // MARK: Bulk copies

  static let toShared = ["shared::cluster", "shared::cta"].flatMap { space in
    ["", ".L2::cache_hint"].map { "cp.async.bulk.\(space).global.mbarrier::complete_tx::bytes\($0)" }
  }

  /// PTX that makes an mbarrier at 4096 that one thread expects bytes at, which `copy` brings; and waits.
  private static func awaited(_ byteCount: Int, _ copy: String) -> String {
    "add.u32 %r8, %r2, 4096;\n" + policy + "\n" + awaitedCopy(byteCount, barrier: "%r8", copy)
      + "shl.b32 %r4, %r1, 2; add.u32 %r5, %r2, %r4;\n"
  }

  @Test("Bulk copies to shared memory", arguments: toShared)
  func bulkToShared(_ spelling: String) throws {
    let policy = spelling.hasSuffix("hint") ? ", %rd20" : ""
    var kernel = KernelRun(
      Self.awaited(128, "\(spelling) [%r2], [%rd1+16], 128, [%r8]\(policy);")
        + "\nld.shared.u32 %r6, [%r5]; st.global.u32 [%rd3], %r6;")
    kernel.input = (0..<64).map { UInt32($0 * 5) }
    #expect(try kernel() == Array(kernel.input[4..<36]))
  }

  @Test("A bulk copy to several blocks", arguments: ["", ".L2::cache_hint"])
  func multicast(_ hint: String) throws {
    let policy = hint.isEmpty ? "" : ", %rd20"
    var kernel = KernelRun(
      """
        \(Self.policy)
        add.u32 %r8, %r2, 4096;
        @%p1 mbarrier.init.shared::cta.b64 [%r8], 1;
        @%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r8], 128;
        fence.mbarrier_init.release.cluster;
        barrier.cluster.arrive; barrier.cluster.wait;
        mov.u32 %r9, %cluster_ctarank;
        setp.eq.u32 %p3, %r9, 1;
        and.pred %p3, %p3, %p1;
        mov.u16 %h1, 13;
        @%p3 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster\(hint) [%r2], [%rd1], 128, [%r8], %h1\(policy);
        setp.eq.u32 %p4, %r9, 1;
        @%p4 bra OTHER;
        WAIT:
        mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r8], 0;
        @!%p2 bra WAIT;
        shl.b32 %r4, %r1, 2; add.u32 %r5, %r2, %r4;
        ld.shared.u32 %r6, [%r5]; st.global.u32 [%rd3], %r6;
        OTHER:
        barrier.cluster.arrive; barrier.cluster.wait;
      """)
    kernel.input = (0..<32).map { UInt32($0 + 100) }
    kernel.grid = 4
    kernel.cluster = 4
    kernel.outputCount = 128
    let untouched = [UInt32](repeating: 0xEEEE_EEEE, count: 32)
    #expect(try kernel() == kernel.input + untouched + kernel.input + kernel.input)
  }

  /// PTX that waits for bulk copies out of shared memory and lets all threads see what they wrote.
  static let committed = """
      cp.async.bulk.commit_group;
      cp.async.bulk.wait_group.read 0;
      cp.async.bulk.wait_group 0;
      fence.acq_rel.gpu;
    """

  @Test("Bulk copies to global memory, and prefetches, which change nothing")
  func bulkToGlobal() throws {
    for hint in ["", ".L2::cache_hint"] {
      let policy = hint.isEmpty ? "" : ", %rd20"
      var kernel = KernelRun(
        """
          shl.b32 %r4, %r1, 2; add.u32 %r5, %r2, %r4;
          mul.lo.u32 %r6, %r1, 9;
          st.shared.u32 [%r5], %r6;
          fence.proxy.async.shared::cta;
          bar.sync 0;
          @!%p1 bra DONE;
          \(Self.policy)
          cp.async.bulk.prefetch.L2.global\(hint) [%rd1], 128\(policy);
          cp.async.bulk.global.shared::cta.bulk_group\(hint) [%rd2], [%r2], 112\(policy);
        \(Self.committed)
          DONE:
        """)
      kernel.input = Array(repeating: 0, count: 32)
      #expect(try kernel() == (0..<32).map { $0 < 28 ? 9 * $0 : 0xEEEE_EEEE })
    }
  }

  @Test("A bulk copy from a block's shared memory to another's")
  func bulkBetweenBlocks() throws {
    var kernel = KernelRun(
      """
        mov.u32 %r9, %cluster_ctarank; xor.b32 %r10, %r9, 1;
        add.u32 %r8, %r2, 4096;
        shl.b32 %r4, %r1, 2; add.u32 %r5, %r2, %r4;
        mad.lo.u32 %r6, %r9, 1000, %r1;
        st.shared.u32 [%r5], %r6;
        @%p1 mbarrier.init.shared::cta.b64 [%r8], 1;
        @%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r8], 128;
        fence.mbarrier_init.release.cluster;
        fence.proxy.async;
        barrier.cluster.arrive; barrier.cluster.wait;
        mapa.shared::cluster.u32 %r11, %r2, %r10;
        mapa.shared::cluster.u32 %r12, %r8, %r10;
        @%p1 cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%r11+1024], [%r2], 128, [%r12];
        WAIT:
        mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r8], 0;
        @!%p2 bra WAIT;
        ld.shared.u32 %r6, [%r5+1024];
        st.global.u32 [%rd3], %r6;
        barrier.cluster.arrive; barrier.cluster.wait;
      """)
    kernel.grid = 2
    kernel.cluster = 2
    kernel.outputCount = 64
    #expect(try kernel() == (0..<64).map { (1 - $0 / 32) * 1000 + $0 % 32 })
  }
}

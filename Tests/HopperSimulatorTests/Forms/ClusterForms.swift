import Testing

/// Clusters: their barriers, and shared memory of other blocks (PTX ISA 9.7.9.22, 9.7.9.23, 9.7.13.4).
@Suite("Forms: clusters")
struct ClusterForms {
  static func all() throws {
    let tests = ClusterForms()
    for (arrive, wait) in barriers { try tests.exchange(arrive, wait) }
    try tests.addresses()
    try tests.remote()
  }

  static let barriers = [
    ("arrive", "wait"), ("arrive.release", "wait.acquire"), ("arrive.relaxed", "wait"),
    ("arrive.aligned", "wait.aligned"), ("arrive.release.aligned", "wait.acquire.aligned"),
    ("arrive.relaxed.aligned", "wait.acquire.aligned"),
  ]

  @Test("Blocks of a cluster read each other's memory behind its barrier", arguments: barriers)
  func exchange(_ arrive: String, _ wait: String) throws {
    var kernel = KernelRun(
      """
        mov.u32 %r4, %cluster_ctarank;
        shl.b32 %r5, %r1, 2; add.u32 %r5, %r5, %r2;
        mad.lo.u32 %r6, %r4, 1000, %r1;
        st.shared.u32 [%r5], %r6;
        fence.acq_rel.cluster;
        barrier.cluster.\(arrive);
        barrier.cluster.\(wait);
        add.u32 %r7, %r4, 1; rem.u32 %r7, %r7, 4;
        mapa.shared::cluster.u32 %r8, %r5, %r7;
        ld.shared::cluster.u32 %r9, [%r8];
        st.global.u32 [%rd3], %r9;
        barrier.cluster.\(arrive);
        barrier.cluster.\(wait);
      """)
    kernel.grid = 4
    kernel.cluster = 4
    kernel.outputCount = 128
    #expect(try kernel() == (0..<128).map { ($0 / 32 + 1) % 4 * 1000 + $0 % 32 })
  }

  @Test("Addresses of other blocks, and the ranks in them")
  func addresses() throws {
    var kernel = KernelRun(
      """
        mov.u32 %r4, 3;
        cvt.u64.u32 %rd4, %r2; cvta.shared.u64 %rd5, %rd4;
        mapa.shared::cluster.u32 %r5, %r2, %r4;
        mapa.shared::cluster.u64 %rd6, %rd4, 2;
        mapa.u64 %rd7, %rd5, 1;
        getctarank.shared::cluster.u32 %r6, %r5;
        getctarank.shared::cluster.u64 %r7, %rd6;
        getctarank.u64 %r8, %rd7;
        getctarank.shared::cluster.u32 %r9, %r2;
        mov.u32 %r10, %cluster_ctarank;
        sub.u32 %r9, %r9, %r10;
        st.global.v4.u32 [%rd2], {%r6, %r7, %r8, %r9};
      """)
    kernel.threads = 1
    kernel.grid = 4
    kernel.cluster = 4
    kernel.outputCount = 4
    #expect(try kernel() == [3, 2, 1, 0])
  }

  @Test("Stores, atomics and arrivals in another block's memory")
  func remote() throws {
    var kernel = KernelRun(
      """
        mov.u32 %r4, %cluster_ctarank;
        xor.b32 %r5, %r4, 1;
        @!%p1 bra MADE;
        mbarrier.init.shared::cta.b64 [%r2], 32;
        st.shared.u32 [%r2+8], 0;
        fence.mbarrier_init.release.cluster;
        MADE:
        barrier.cluster.arrive.release.aligned;
        barrier.cluster.wait.acquire.aligned;
        mapa.shared::cluster.u32 %r6, %r2, %r5;
        shl.b32 %r7, %r1, 2; add.u32 %r7, %r7, 64;
        add.u32 %r8, %r6, %r7;
        mad.lo.u32 %r9, %r4, 100, %r1;
        st.shared::cluster.u32 [%r8], %r9;
        atom.add.release.cluster.shared::cluster.u32 %r10, [%r6+8], %r9;
        mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r6];
        WAIT:
        mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p2, [%r2], 0;
        @!%p2 bra WAIT;
        add.u32 %r11, %r2, %r7;
        ld.shared.u32 %r12, [%r11];
        ld.shared.u32 %r13, [%r2+8];
        mad.lo.u32 %r12, %r12, 10000, %r13;
        st.global.u32 [%rd3], %r12;
        barrier.cluster.arrive;
        barrier.cluster.wait;
      """)
    kernel.grid = 2
    kernel.cluster = 2
    kernel.outputCount = 64
    let sums = (0..<2 as Range<UInt32>).map { rank in (0..<32).reduce(UInt32(0)) { $0 + rank * 100 + $1 } }
    let expected = (0..<64 as Range<UInt32>).map { thread in
      let other = 1 - thread / 32
      return (other * 100 + thread % 32) * 10_000 + sums[Int(other)]
    }
    #expect(try kernel() == expected)
  }
}

import HopperSimulator
import Testing

/// Hazards of copies that run beside the warps: each with a right kernel and a broken one.
@Suite("Hazards of asynchronous copies")
struct HazardAsynchronousTests {
  static let bulkLoad =
    "@%p1 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 256, [%r4];"

  /// Thread 0 makes the phase of the mbarrier wait for bytes, and arrives.
  static func expect(_ byteCount: Int) -> String {
    "@%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r4], \(byteCount);\n"
  }

  /// An mbarrier for one arrival and so many bytes.
  static func barrier(_ byteCount: Int, cluster: Bool = false) -> String {
    """
    @%p1 mbarrier.init.shared::cta.b64 [%r4], 1;
    fence.mbarrier_init.release.cluster;
    \(cluster ? "barrier.cluster.arrive; barrier.cluster.wait;" : "bar.sync 0;")

    """ + expect(byteCount)
  }

  static let wait = """

    WAIT:
    mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r4], 0;
    @!%p2 bra WAIT;

    """

  /// A load that is waited for, and another to the same place.
  private static let twoRounds =
    barrier(256) + bulkLoad + wait + "ld.shared.u32 %r10, [%r5];\nbar.sync 0;\n" + expect(256) + """
      \(bulkLoad)
      AGAIN:
      mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r4], 1;
      @!%p2 bra AGAIN;

      """

  private static let bulkStore = """
    @%p1 cp.async.bulk.global.shared::cta.bulk_group [%rd2], [%r2], 256;
    @%p1 cp.async.bulk.commit_group;
    @%p1 cp.async.bulk.wait_group.read 0;

    """

  /// Each thread copies its word.
  private static let copies = """
    mul.wide.u32 %rd10, %r1, 4; add.u64 %rd10, %rd10, %rd1;
    cp.async.ca.shared.global [%r5], [%rd10], 4;
    cp.async.commit_group;

    """

  /// What comes with a read that happens before the copy has even begun.
  private static let early: Set<HazardFinding.Kind> = [.sharedRace, .uninitialisedShared, .accessAfterExit]

  static let twins: [HazardTwin] = [
    HazardTwin(
      kind: .missingProxyFence,
      name: "a bulk store of what threads have stored, the fence before the barrier",
      body: "st.shared.u32 [%r5], %r1;\nfence.proxy.async;\nbar.sync 0;\n" + bulkStore,
      fault: ("fence.proxy.async;", ""), sites: ["cp.async.bulk.global", "st.shared"]),
    HazardTwin(
      kind: .missingProxyFence, name: "the fence behind the barrier, by the thread that copies",
      body: "st.shared.u32 [%r5], %r1;\nbar.sync 0;\nfence.proxy.async.shared::cta;\n" + bulkStore,
      fault: ("fence.proxy.async.shared::cta;", "fence.acq_rel.cta;"),
      sites: ["cp.async.bulk.global", "st.shared"]),
    HazardTwin(
      kind: .missingProxyFence, name: "a store after the fence",
      body: "st.shared.u32 [%r5], %r1;\nfence.proxy.async;\nbar.sync 0;\n" + bulkStore,
      fault: ("fence.proxy.async;", "fence.proxy.async;\nst.shared.u32 [%r5], %r1;"),
      sites: ["cp.async.bulk.global", "st.shared"]),
    HazardTwin(
      kind: .sharedRace, name: "a bulk store before the barrier",
      body: "st.shared.u32 [%r5], %r1;\nfence.proxy.async;\nbar.sync 0;\n" + bulkStore,
      fault: ("bar.sync 0;", ""), sites: ["cp.async.bulk.global", "st.shared"], also: [.uninitialisedShared]),
    HazardTwin(
      kind: .overwrittenInFlight, name: "a store where a bulk copy may still read",
      body: "st.shared.u32 [%r5], %r1;\nfence.proxy.async;\nbar.sync 0;\n" + bulkStore
        + "bar.sync 0;\nst.shared.u32 [%r5], 0;",
      fault: ("@%p1 cp.async.bulk.wait_group.read 0;", ""), sites: ["cp.async.bulk.global", "st.shared"]),
    HazardTwin(
      kind: .overwrittenInFlight, name: "the wait leaves one group",
      body: "st.shared.u32 [%r5], %r1;\nfence.proxy.async;\nbar.sync 0;\n" + bulkStore
        + "bar.sync 0;\nst.shared.u32 [%r5], 0;",
      fault: (".read 0;", ".read 1;"), sites: ["cp.async.bulk.global", "st.shared"]),
    HazardTwin(
      kind: .readBeforeArrival, name: "a bulk load that is not waited for",
      body: barrier(256) + bulkLoad + wait + "ld.shared.u32 %r10, [%r5];",
      fault: (wait, "\n"), sites: ["cp.async.bulk.shared", "ld.shared"], also: early),
    HazardTwin(
      kind: .readBeforeArrival, name: "only one warp waits, and nothing tells the other",
      body: barrier(256) + bulkLoad
        + "\nsetp.ge.u32 %p3, %r1, 32;\n@%p3 bra JOIN;" + wait
        + "JOIN:\nbar.sync 0;\nld.shared.u32 %r10, [%r5];",
      fault: ("bar.sync 0;\nld.shared", "nanosleep.u32 4000;\nld.shared"),
      sites: ["cp.async.bulk.shared", "ld.shared"]),
    HazardTwin(
      kind: .wrongParity, name: "a wait for the phase before the first",
      body: barrier(256) + bulkLoad + wait + "ld.shared.u32 %r10, [%r5];",
      fault: ("[%r4], 0;\n@!%p2", "[%r4], 1;\n@!%p2"), sites: ["cp.async.bulk.shared", "ld.shared"],
      also: early),
    HazardTwin(
      kind: .wrongParity, name: "a second round with the parity of the first",
      body: twoRounds + "ld.shared.u32 %r11, [%r5];",
      fault: ("%p2, [%r4], 1;", "%p2, [%r4], 0;"), sites: ["cp.async.bulk.shared", "ld.shared"],
      also: [.accessAfterExit]),
    HazardTwin(
      kind: .sharedRace, name: "a load into a stage that others still read",
      body: twoRounds, fault: ("bar.sync 0;\n" + expect(256) + "@%p1 cp", expect(256) + "@%p1 cp"),
      sites: ["cp.async.bulk.shared", "ld.shared"], also: [.readBeforeArrival, .barrierNotInitialised]),
    HazardTwin(
      kind: .readBeforeArrival, name: "a box of a tensor",
      body: barrier(1024)
        + "@%p1 cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd4, {0, 8}], [%r4];"
        + wait + "ld.shared.u32 %r10, [%r5];",
      fault: (wait, "\n"), sites: ["cp.async.bulk.tensor.2d.shared", "ld.shared"], also: early),
    HazardTwin(
      kind: .missingProxyFence, name: "a box is stored of what threads have stored",
      body: """
        shl.b32 %r8, %r1, 4; add.u32 %r8, %r8, %r2;
        st.shared.v4.u32 [%r8], {%r1, %r1, %r1, %r1};
        fence.proxy.async;
        bar.sync 0;
        @%p1 cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%rd4, {0, 60}], [%r2];
        @%p1 cp.async.bulk.commit_group;
        @%p1 cp.async.bulk.wait_group 0;
        """,
      fault: ("fence.proxy.async;", ""), sites: ["cp.async.bulk.tensor.2d.global", "st.shared"]),
    HazardTwin(
      kind: .transactionMismatch, name: "two copies, and bytes of one expected",
      body: barrier(512) + bulkLoad + "\n" + bulkLoad.replacing("[%r2]", with: "[%r2+256]") + wait
        + "nanosleep.u32 4000;",
      fault: ("[%r4], 512;", "[%r4], 256;"), sites: ["cp.async.bulk.shared"]),
    HazardTwin(
      kind: .barrierNotInitialised, name: "a copy that is to tell no mbarrier",
      body: barrier(256) + bulkLoad + wait,
      fault: ("256, [%r4];", "256, [%r4+8];"), sites: ["cp.async.bulk.shared"],
      also: [.transactionMismatch]),
    HazardTwin(
      kind: .readBeforeArrival, name: "cp.async that is not waited for",
      body: """
        mul.wide.u32 %rd10, %r1, 4; add.u64 %rd10, %rd10, %rd1;
        cp.async.ca.shared.global [%r5], [%rd10], 4;
        cp.async.commit_group;
        cp.async.wait_group 0;
        ld.shared.u32 %r10, [%r5];
        """,
      fault: ("wait_group 0", "wait_group 1"), sites: ["cp.async.ca", "ld.shared"]),
    HazardTwin(
      kind: .readBeforeArrival, name: "cp.async of another warp",
      body: """
        mul.wide.u32 %rd10, %r1, 4; add.u64 %rd10, %rd10, %rd1;
        cp.async.ca.shared.global [%r5], [%rd10], 4;
        cp.async.wait_all;
        bar.sync 0;
        ld.shared.u32 %r10, [%r6];
        """,
      fault: ("cp.async.wait_all;", ""), sites: ["cp.async.ca", "ld.shared"]),
    HazardTwin(
      kind: .readBeforeArrival, name: "cp.async that arrives at an mbarrier",
      body: """
        @%p1 mbarrier.init.shared::cta.b64 [%r4], 64;
        bar.sync 0;
        mul.wide.u32 %rd10, %r1, 4; add.u64 %rd10, %rd10, %rd1;
        cp.async.ca.shared.global [%r5], [%rd10], 4;
        cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%r4];
        """ + wait + "ld.shared.u32 %r10, [%r6];",
      fault: (
        "cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%r4];", "mbarrier.arrive.shared::cta.b64 _, [%r4];"
      ),
      sites: ["cp.async.ca", "ld.shared"]),
    HazardTwin(
      kind: .missingProxyFence, name: "a bulk store of what cp.async has brought",
      body: copies + "cp.async.wait_group 0;\nfence.proxy.async.shared::cta;\nbar.sync 0;\n" + bulkStore,
      fault: ("fence.proxy.async.shared::cta;", ""), sites: ["cp.async.bulk.global", "cp.async.ca"]),
    HazardTwin(
      kind: .missingProxyFence, name: "the fence before cp.async has been waited for",
      body: copies + "cp.async.wait_group 0;\nfence.proxy.async.shared::cta;\nbar.sync 0;\n" + bulkStore,
      fault: (
        "cp.async.wait_group 0;\nfence.proxy.async.shared::cta;",
        "fence.proxy.async.shared::cta;\ncp.async.wait_group 0;"
      ),
      sites: ["cp.async.bulk.global", "cp.async.ca"]),
    HazardTwin(
      kind: .missingProxyFence,
      name: "cp.async that arrives at an mbarrier, the fence behind the wait for that",
      body: "@%p1 mbarrier.init.shared::cta.b64 [%r4], 64;\nbar.sync 0;\n" + copies
        + "cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%r4];" + wait
        + "fence.proxy.async.shared::cta;\n" + bulkStore,
      fault: (
        "cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%r4];" + wait + "fence.proxy.async.shared::cta;",
        "fence.proxy.async.shared::cta;\ncp.async.mbarrier.arrive.noinc.shared::cta.b64 [%r4];" + wait
      ),
      sites: ["cp.async.bulk.global", "cp.async.ca"]),
    HazardTwin(
      kind: .accessAfterExit, name: "a store to another block's memory", threads: 32, grid: 2, cluster: 2,
      body: """
        mov.u32 %r8, %cluster_ctarank; xor.b32 %r8, %r8, 1;
        mapa.shared::cluster.u32 %r9, %r5, %r8;
        barrier.cluster.arrive; barrier.cluster.wait;
        st.shared::cluster.u32 [%r9], %r1;
        barrier.cluster.arrive;
        barrier.cluster.wait;
        """,
      fault: ("barrier.cluster.arrive;\nbarrier.cluster.wait;", ""), sites: ["st.shared::cluster"]),
    HazardTwin(
      kind: .accessAfterExit, name: "a bulk load that comes when the block has gone",
      body: barrier(256) + bulkLoad + wait, fault: (wait, "\n"), sites: ["cp.async.bulk.shared"]),
    HazardTwin(
      kind: .accessAfterExit, name: "a box that comes when the block has gone, of all blocks",
      threads: 32, grid: 40,
      body: barrier(1024)
        + "@%p1 cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd4, {0, 8}], [%r4];"
        + wait, fault: (wait, "\n"), sites: ["cp.async.bulk.tensor.2d.shared"]),
    HazardTwin(
      kind: .sharedRace, name: "another block's memory, before it has been written", threads: 32, grid: 2,
      cluster: 2,
      body: """
        mov.u32 %r8, %cluster_ctarank; xor.b32 %r8, %r8, 1;
        mapa.shared::cluster.u32 %r9, %r5, %r8;
        st.shared.u32 [%r5], %r1;
        barrier.cluster.arrive;
        barrier.cluster.wait;
        ld.shared::cluster.u32 %r10, [%r9];
        barrier.cluster.arrive; barrier.cluster.wait;
        """,
      fault: ("barrier.cluster.arrive;\nbarrier.cluster.wait;", ""),
      sites: ["st.shared", "ld.shared::cluster"],
      also: [.uninitialisedShared]),
    HazardTwin(
      kind: .readBeforeArrival, name: "st.async", threads: 32, grid: 2, cluster: 2,
      body: barrier(256, cluster: true) + """
        mov.u32 %r8, %cluster_ctarank; xor.b32 %r8, %r8, 1;
        shl.b32 %r9, %r1, 3; add.u32 %r9, %r9, %r2;
        mapa.shared::cluster.u32 %r10, %r9, %r8;
        mapa.shared::cluster.u32 %r11, %r4, %r8;
        barrier.cluster.arrive; barrier.cluster.wait;
        st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.b32 [%r10], {%r1, %r1}, [%r11];
        """ + wait + "ld.shared.u32 %r12, [%r5];\nbarrier.cluster.arrive; barrier.cluster.wait;",
      fault: (wait, "\n"), sites: ["st.async", "ld.shared"], also: early),
    HazardTwin(
      kind: .readBeforeArrival, name: "a multicast, by the block that did not ask for it", threads: 32,
      grid: 2,
      cluster: 2,
      body: barrier(256, cluster: true) + """
        barrier.cluster.arrive; barrier.cluster.wait;
        mov.u32 %r8, %cluster_ctarank; setp.eq.u32 %p3, %r8, 0; and.pred %p3, %p3, %p1; mov.b16 %h1, 3;
        @%p3 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%r2], [%rd1], 256, [%r4], %h1;
        """ + wait + "ld.shared.u32 %r12, [%r5];\nbarrier.cluster.arrive; barrier.cluster.wait;",
      fault: (wait, "\n"), sites: ["cp.async.bulk.shared", "ld.shared"], also: early),
  ]

  @Test("The right kernel gives no finding, the broken one this", arguments: twins)
  func twin(_ twin: HazardTwin) throws { try twin.check() }
}

import HopperSimulator
import Testing

/// Faults that stop a kernel: each names its instruction, line, block, warp and address, and a right twin runs to its
/// end.
@Suite("Faults that stop a kernel")
struct HazardErrorTests {
  struct Fault: Sendable, CustomTestStringConvertible {
    var name: String
    var threads = 64
    var body: String
    var fault: (right: String, broken: String)
    var site: String
    /// What the description of the error has to say.
    var says: [String]
    var testDescription: String { name }
  }

  static let faults: [Fault] = [
    Fault(
      name: "shared memory, out of bounds", body: "st.shared.u32 [%r5+65280], %r1;",
      fault: ("65280", "65284"), site: "st.shared", says: ["0x10400", "lane 31", "warp 1", "shared"]),
    Fault(
      name: "shared memory, misaligned", body: "st.shared.u32 [%r5+4], %r1;", fault: ("+4", "+6"),
      site: "st.shared", says: ["is not a multiple of 4"]),
    Fault(
      name: "global memory, out of bounds", body: "ld.global.u32 %r10, [%rd1+65532];",
      fault: ("65532", "65536"), site: "ld.global", says: ["0x1000010000", "lane 0", "global"]),
    Fault(
      name: "global memory, misaligned", body: "ld.global.v2.u32 {%r10, %r11}, [%rd1+8];",
      fault: ("+8", "+12"), site: "ld.global", says: ["0x100000000c", "multiple of 8"]),
    Fault(
      name: "more arrivals than expected",
      body: """
        @%p1 mbarrier.init.shared::cta.b64 [%r4], 64;
        bar.sync 0;
        mbarrier.arrive.shared::cta.b64 _, [%r4];
        """,
      fault: ("arrive.shared::cta.b64 _, [%r4];", "arrive.shared::cta.b64 _, [%r4], 3;"),
      site: "mbarrier.arrive", says: ["3 arrivals", "1 pending"]),
    Fault(
      name: "a phase that never ends: bytes are missing",
      body: """
        @%p1 mbarrier.init.shared::cta.b64 [%r4], 1;
        fence.mbarrier_init.release.cluster;
        bar.sync 0;
        @%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r4], 256;
        @%p1 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 256, [%r4];
        WAIT:
        mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r4], 0;
        @!%p2 bra WAIT;
        """,
      fault: ("[%r4], 256;\n@", "[%r4], 272;\n@"), site: "mbarrier.try_wait",
      says: ["deadlock", "16 bytes are missing", "warp 0", "warp 1", "parity 0"]),
    Fault(
      name: "a barrier that one warp never comes to",
      body: "setp.lt.u32 %p2, %r1, 32;\n@%p2 bar.sync 1, 32;",
      fault: ("sync 1, 32;", "sync 1, 64;"), site: "bar.sync",
      says: ["deadlock", "barrier 1: 32 of 64 threads"]),
    Fault(
      name: "more registers than the block has", body: "setmaxnreg.dec.sync.aligned.u32 24;",
      fault: ("dec.sync.aligned.u32 24", "inc.sync.aligned.u32 240"), site: "setmaxnreg.inc",
      says: ["deadlock", "registers: 0 of the block are free"]),
    Fault(
      name: "a descriptor that leaves shared memory", threads: 128,
      body: HazardProductTests.operands + "wgmma.fence.sync.aligned;\nsetp.ne.u32 %p4, %r1, %r1;\n"
        + HazardProductTests.product(scale: "%p4") + HazardProductTests.commit + HazardProductTests.wait,
      fault: ("%rd10, 512;", "%rd10, 8192;"), site: "wgmma.mma_async",
      says: ["outside of shared memory", "0x20400"]),
    Fault(
      name: "two warps that wait for each other",
      body: """
        setp.lt.u32 %p2, %r1, 32;
        @%p2 bar.sync 1;
        @%p2 bar.sync 2;
        @!%p2 bar.sync 1;
        @!%p2 bar.sync 2;
        """,
      fault: ("@!%p2 bar.sync 1;\n@!%p2 bar.sync 2;", "@!%p2 bar.sync 2;\n@!%p2 bar.sync 1;"),
      site: "bar.sync", says: ["deadlock", "barrier 1: 32 of 64", "barrier 2: 32 of 64"]),
  ]

  @Test("The right kernel ends, the broken one is stopped with its place", arguments: faults)
  func fault(_ fault: Fault) throws {
    let twin = HazardTwin(
      kind: .sharedRace, name: fault.name, threads: fault.threads, body: fault.body, fault: fault.fault,
      sites: [fault.site])
    let right = try twin.run(fault.body)
    #expect(right.error == nil)
    #expect(right.findings.isEmpty, "\(right.findings)")
    #expect(twin.broken != fault.body)
    let error = try #require(try twin.run(twin.broken).error)
    for text in fault.says + ["k, PTX line", fault.site, "block 0"] {
      #expect("\(error)".contains(text), "\(error)")
    }
  }
}

import HopperSimulator
import Testing

/// Faults that stop a kernel: the error and a finding name its instruction, line, block, warp and address, and a right
/// twin runs to its end.
@Suite("Faults that stop a kernel")
struct HazardErrorTests {
  struct Fault: Sendable, CustomTestStringConvertible {
    var kind: HazardFinding.Kind
    var name: String
    var threads = 64
    var body: String
    var fault: (right: String, broken: String)
    var site: String
    /// What the description of the error has to say.
    var says: [String]
    /// Of the finding.
    var address: UInt64?
    /// Start of the instruction that the finding names beside that.
    var other: String?
    var testDescription: String { name }
  }

  /// Where `%r4` says that an mbarrier is.
  private static let mbarrier: UInt64 = 0x400 + 60000

  /// Thread 0 stores a box of 1024 bytes that all threads have filled, and waits.
  private static func boxStore(_ instruction: String, at coordinates: String = "{-4, 60}") -> String {
    """
    shl.b32 %r8, %r1, 4; add.u32 %r8, %r8, %r2;
    st.shared.v4.u32 [%r8], {%r1, %r1, %r1, %r1};
    fence.proxy.async;
    bar.sync 0;
    @%p1 \(instruction) [%rd4, \(coordinates)], [%r2];
    @%p1 cp.async.bulk.commit_group;
    @%p1 cp.async.bulk.wait_group 0;
    """
  }

  static let faults: [Fault] = [
    Fault(
      kind: .outOfBounds, name: "shared memory, out of bounds", body: "st.shared.u32 [%r5+65280], %r1;",
      fault: ("65280", "65284"), site: "st.shared", says: ["0x10400", "lane 31", "warp 1", "shared"],
      address: 0x10400),
    Fault(
      kind: .misaligned, name: "shared memory, misaligned", body: "st.shared.u32 [%r5+4], %r1;",
      fault: ("+4", "+6"),
      site: "st.shared", says: ["is not a multiple of 4"], address: 0x486),
    Fault(
      kind: .outOfBounds, name: "global memory, out of bounds", body: "ld.global.u32 %r10, [%rd1+65532];",
      fault: ("65532", "65536"), site: "ld.global", says: ["0x1000010000", "lane 0", "global"],
      address: 0x10_0001_0000),
    Fault(
      kind: .misaligned, name: "global memory, misaligned", body: "ld.global.v2.u32 {%r10, %r11}, [%rd1+8];",
      fault: ("+8", "+12"), site: "ld.global", says: ["0x100000000c", "multiple of 8"],
      address: 0x10_0000_000C),
    Fault(
      kind: .misaligned, name: "a load of a box of a tensor, misaligned",
      body: HazardAsynchronousTests.barrier(1024)
        + "@%p1 cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd4, {4, 8}], [%r4];"
        + HazardAsynchronousTests.wait,
      fault: ("{4, 8}", "{2, 8}"), site: "cp.async.bulk.tensor.2d.shared",
      says: ["warp 0", "lane 0", "innermost coordinate 2 is 8 bytes", "multiple of 16"],
      address: 0x10_0000_0408),
    Fault(
      kind: .misaligned, name: "a multicast of a box, misaligned",
      body: HazardAsynchronousTests.barrier(1024) + "mov.u16 %h1, 1;\n"
        + "@%p1 cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
        + " [%r2], [%rd4, {-32, 8}], [%r4], %h1;" + HazardAsynchronousTests.wait,
      fault: ("{-32, 8}", "{-33, 8}"), site: "cp.async.bulk.tensor.2d.shared",
      says: ["innermost coordinate -33 is -132 bytes", "multiple of 16"], address: 0x10_0000_037C),
    Fault(
      kind: .misaligned, name: "a store of a box, misaligned",
      body: boxStore("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group", at: "{28, 60}"),
      fault: ("{28, 60}", "{29, 60}"), site: "cp.async.bulk.tensor.2d.global",
      says: ["innermost coordinate 29 is 116 bytes", "multiple of 16"], address: 0x10_0000_1E74),
    Fault(
      kind: .outOfBounds, name: "a store of a box that begins before the tensor",
      body: boxStore("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group", at: "{28, 60}"),
      fault: ("{28, 60}", "{-4, 60}"), site: "cp.async.bulk.tensor.2d.global",
      says: ["lane 0", "coordinate -4 of dimension 0"], address: 0x10_0000_1DF0),
    Fault(
      kind: .misaligned, name: "a reduction by a box, misaligned",
      body: boxStore("cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.bulk_group"),
      fault: ("{-4, 60}", "{33, 60}"), site: "cp.reduce.async.bulk.tensor.2d.global",
      says: ["innermost coordinate 33 is 132 bytes", "multiple of 16"], address: 0x10_0000_1E84),
    Fault(
      kind: .misaligned, name: "a prefetch of a box, misaligned",
      body: "@%p1 cp.async.bulk.prefetch.tensor.2d.L2.global [%rd4, {4, 8}];",
      fault: ("{4, 8}", "{5, 8}"), site: "cp.async.bulk.prefetch.tensor.2d",
      says: ["innermost coordinate 5 is 20 bytes", "multiple of 16"], address: 0x10_0000_0414),
    Fault(
      kind: .arrivalOverflow, name: "more arrivals than expected",
      body: """
        @%p1 mbarrier.init.shared::cta.b64 [%r4], 64;
        bar.sync 0;
        mbarrier.arrive.shared::cta.b64 _, [%r4];
        """,
      fault: ("arrive.shared::cta.b64 _, [%r4];", "arrive.shared::cta.b64 _, [%r4], 3;"),
      site: "mbarrier.arrive", says: ["3 arrivals", "1 pending"], address: mbarrier, other: "mbarrier.init"),
    Fault(
      kind: .transactionMismatch, name: "a phase that never ends: bytes are missing",
      body: HazardAsynchronousTests.barrier(256) + HazardAsynchronousTests.bulkLoad
        + HazardAsynchronousTests.wait,
      fault: ("[%r4], 256;\n@", "[%r4], 272;\n@"), site: "mbarrier.try_wait",
      says: ["deadlock", "16 bytes are missing", "warp 0", "warp 1", "parity 0"], address: mbarrier,
      other: "mbarrier.arrive.expect_tx"),
    Fault(
      kind: .arrivalOverflow, name: "more arrivals of cp.async than expected, while bytes are missing",
      body: """
        @%p1 mbarrier.init.shared::cta.b64 [%r4], 64;
        bar.sync 0;
        @%p1 mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%r4], 256;
        bar.sync 0;
        cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%r4];
        bar.sync 0;
        \(HazardAsynchronousTests.bulkLoad)\(HazardAsynchronousTests.wait)
        """,
      fault: ("[%r4], 64;", "[%r4], 63;"), site: "cp.async.mbarrier.arrive",
      says: ["1 arrivals", "0 pending"], address: mbarrier, other: "mbarrier.init"),
    Fault(
      kind: .barrierNotInitialised, name: "an arrival where no mbarrier is",
      body: """
        @%p1 mbarrier.init.shared::cta.b64 [%r4], 64;
        bar.sync 0;
        mbarrier.arrive.shared::cta.b64 _, [%r4];
        """,
      fault: ("_, [%r4];", "_, [%r4+8];"), site: "mbarrier.arrive", says: ["no initialised mbarrier"],
      address: mbarrier + 8),
    Fault(
      kind: .transactionMismatch, name: "more bytes expected than an mbarrier counts",
      body: HazardAsynchronousTests.barrier(256) + HazardAsynchronousTests.bulkLoad
        + HazardAsynchronousTests.wait,
      fault: ("[%r4], 256;\n@", "[%r4], 1048576;\n@"), site: "mbarrier.arrive.expect_tx",
      says: ["tx-count of 1048576"], address: mbarrier),
    Fault(
      kind: .transactionMismatch, name: "more bytes come than an mbarrier counts",
      body: """
        @%p1 mbarrier.init.shared::cta.b64 [%r4], 2;
        bar.sync 0;
        @!%p1 bra END;
        mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r4], 32768;
        mov.u32 %r8, 0;
        AGAIN:
        and.b32 %r9, %r8, 1; shl.b32 %r9, %r9, 14; add.u32 %r9, %r9, %r2;
        cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r9], [%rd1], 16384, [%r4];
        nanosleep.u32 4000;
        add.u32 %r8, %r8, 1;
        setp.lt.u32 %p3, %r8, 2;
        @%p3 bra AGAIN;
        mbarrier.arrive.shared::cta.b64 _, [%r4];
        END:
        """,
      fault: ("%r8, 2;", "%r8, 80;"), site: "cp.async.bulk.shared", says: ["tx-count of -1048576"],
      address: mbarrier, other: "mbarrier.arrive.expect_tx"),
    Fault(
      kind: .deadlock, name: "a barrier that one warp never comes to",
      body: "setp.lt.u32 %p2, %r1, 32;\n@%p2 bar.sync 1, 32;",
      fault: ("sync 1, 32;", "sync 1, 64;"), site: "bar.sync",
      says: ["deadlock", "barrier 1: 32 of 64 threads"]),
    Fault(
      kind: .registerBudget, name: "more registers than the block has",
      body: "setmaxnreg.dec.sync.aligned.u32 24;",
      fault: ("dec.sync.aligned.u32 24", "inc.sync.aligned.u32 240"), site: "setmaxnreg.inc",
      says: ["deadlock", "registers: 0 of the block are free"]),
    Fault(
      kind: .outOfBounds, name: "a descriptor that leaves shared memory", threads: 128,
      body: HazardProductTests.operands + "wgmma.fence.sync.aligned;\nsetp.ne.u32 %p4, %r1, %r1;\n"
        + HazardProductTests.product(scale: "%p4") + HazardProductTests.commit + HazardProductTests.wait,
      fault: ("%rd10, 512;", "%rd10, 8192;"), site: "wgmma.mma_async",
      says: ["outside of shared memory", "0x20400"], address: 0x20400),
    Fault(
      kind: .deadlock, name: "two warps that wait for each other",
      body: """
        setp.lt.u32 %p2, %r1, 32;
        @%p2 bar.sync 1;
        @%p2 bar.sync 2;
        @!%p2 bar.sync 1;
        @!%p2 bar.sync 2;
        """,
      fault: ("@!%p2 bar.sync 1;\n@!%p2 bar.sync 2;", "@!%p2 bar.sync 2;\n@!%p2 bar.sync 1;"),
      site: "bar.sync", says: ["deadlock", "barrier 1: 32 of 64", "barrier 2: 32 of 64"]),
    Fault(
      kind: .deadlock, name: "a phase that never ends: an arrival is missing",
      body: """
        @%p1 mbarrier.init.shared::cta.b64 [%r4], 64;
        bar.sync 0;
        mbarrier.arrive.shared::cta.b64 _, [%r4];
        \(HazardAsynchronousTests.wait)
        """,
      fault: ("[%r4], 64;", "[%r4], 65;"), site: "mbarrier.try_wait",
      says: ["deadlock", "1 of 65 arrivals"], address: mbarrier, other: "mbarrier.init"),
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
    let broken = try twin.run(twin.broken)
    let error = try #require(broken.error)
    for text in fault.says + ["k, PTX line", fault.site, "block 0"] {
      #expect("\(error)".contains(text), "\(error)")
    }
    let finding = try #require(
      broken.findings.first { $0.kind == fault.kind && $0.place.instruction.contains(fault.site) },
      "\(broken.findings)")
    #expect(finding.kernel == "k")
    #expect(finding.place.block == 0)
    #expect(twin.line(finding.place.line)?.contains(fault.site) == true)
    #expect(finding.address == fault.address)
    if let other = fault.other { #expect(finding.other?.instruction.contains(other) == true, "\(finding)") }
  }
}

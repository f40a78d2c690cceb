import HopperSimulator
import Testing

/// Hazards of global memory: each with a right kernel and a broken one.
@Suite("Hazards of global memory")
struct HazardGlobalTests {
  /// One thread of block 0 writes a word and sets a flag; one of block 1 waits for the flag and reads the word.
  private static func message(set: String, poll: String, after: String = "") -> String {
    """
    mov.u32 %r8, %ctaid.x;
    setp.ne.u32 %p3, %r8, 0;
    @!%p1 bra END;
    @%p3 bra READER;
    st.global.u32 [%rd2+256], 7;
    \(set)
    bra END;
    READER:
    \(poll)
    setp.eq.u32 %p4, %r10, 0;
    @%p4 bra READER;
    \(after)
    ld.global.u32 %r11, [%rd2+256];
    END:
    """
  }

  private static func race(_ name: String, _ body: String, _ fault: (right: String, broken: String))
    -> HazardTwin
  {
    HazardTwin(
      kind: .globalRace, name: name, threads: 32, grid: 2, body: body, fault: fault,
      sites: ["st.global", "ld.global"])
  }

  private static let release = "st.release.gpu.global.u32 [%rd2], 1;"
  private static let acquire = "ld.acquire.gpu.global.u32 %r10, [%rd2];"
  private static let fence = "fence.acq_rel.gpu;"

  /// What cooperative groups do for a grid: each block adds one and waits until all have.
  private static let gridBarrier = """
    mov.u32 %r8, %ctaid.x;
    xor.b32 %r9, %r8, 1;
    mul.wide.u32 %rd10, %r8, 4; add.u64 %rd10, %rd10, %rd2;
    mul.wide.u32 %rd11, %r9, 4; add.u64 %rd11, %rd11, %rd2;
    setp.eq.u32 %p3, %r1, 40;
    @%p3 st.global.u32 [%rd10+1024], %r8;
    bar.sync 0;
    @!%p1 bra MEET;
    fence.sc.gpu;
    atom.add.global.u32 %r12, [%rd2], 1;
    POLL:
    ld.volatile.global.u32 %r13, [%rd2];
    setp.lt.u32 %p4, %r13, 2;
    @%p4 bra POLL;
    membar.gl;
    MEET:
    bar.sync 1;
    ld.global.u32 %r14, [%rd11+1024];
    """

  /// Each thread stores a word, and reads that of the thread as far from the other end.
  private static func mirrored(_ barrier: String) -> String {
    """
    mul.wide.u32 %rd10, %r1, 4; add.u64 %rd10, %rd10, %rd2;
    sub.u32 %r8, 63, %r1; mul.wide.u32 %rd11, %r8, 4; add.u64 %rd11, %rd11, %rd2;
    st.global.u32 [%rd10], %r1;
    \(barrier)
    ld.global.u32 %r10, [%rd11];
    """
  }

  static let twins: [HazardTwin] = [
    race(
      "a store that does not release", message(set: release, poll: acquire),
      (release, "st.relaxed.gpu.global.u32 [%rd2], 1;")),
    race(
      "a load that does not acquire", message(set: release, poll: acquire),
      (acquire, "ld.relaxed.gpu.global.u32 %r10, [%rd2];")),
    race(
      "no fence before a relaxed operation",
      message(
        set: "fence.acq_rel.gpu;\nred.global.add.u32 [%rd2], 1;",
        poll: "ld.volatile.global.u32 %r10, [%rd2];",
        after: "membar.gl;"), (fence, "")),
    race(
      "no fence after a volatile load",
      message(
        set: "fence.acq_rel.gpu;\nred.global.add.u32 [%rd2], 1;",
        poll: "ld.volatile.global.u32 %r10, [%rd2];",
        after: "membar.gl;"), ("membar.gl;", "membar.cta;")),
    race(
      "a compare and swap that releases",
      message(set: "atom.release.gpu.global.cas.b32 %r12, [%rd2], 0, 1;", poll: acquire),
      ("atom.release.gpu", "atom.relaxed.gpu")),
    // An acquire that comes right after the read makes that no better.
    race(
      "a read just before the acquire",
      message(set: release, poll: "nanosleep.u32 2000;\nmov.u32 %r10, 1;", after: acquire),
      (acquire + "\nld.global.u32 %r11, [%rd2+256];", "ld.global.u32 %r11, [%rd2+256];\n" + acquire)),
    HazardTwin(
      kind: .globalRace, name: "a barrier of the grid", threads: 64, grid: 2, body: gridBarrier,
      fault: ("fence.sc.gpu;\n", ""), sites: ["st.global", "ld.global"]),
    HazardTwin(
      kind: .globalRace, name: "a warp that the one that arrives for its block has not waited for",
      threads: 64,
      grid: 2, body: gridBarrier, fault: ("bar.sync 0;\n", ""), sites: ["st.global", "ld.global"]),
    HazardTwin(
      kind: .globalRace, name: "a word that another block stores between two reads", threads: 32, grid: 2,
      body: """
        mov.u32 %r10, %ctaid.x; setp.eq.u32 %p2, %r10, 0;
        @%p2 ld.global.u32 %r11, [%rd2];
        @!%p2 nanosleep.u32 500;
        @!%p2 st.global.u32 [%rd2+256], %r10;
        @%p2 nanosleep.u32 2000;
        @%p2 ld.global.u32 %r12, [%rd2];
        """,
      fault: ("[%rd2+256]", "[%rd2]"), sites: ["ld.global", "st.global"]),
    HazardTwin(
      kind: .globalRace, name: "two blocks that store to one word", threads: 32, grid: 2,
      body: """
        mov.u32 %r8, %ctaid.x; mul.wide.u32 %rd10, %r8, 128; add.u64 %rd11, %rd10, %rd2;
        st.global.u32 [%rd11], 1;
        """,
      fault: ("%r8, 128;", "%r8, 0;"), sites: ["st.global"]),
    HazardTwin(
      kind: .globalRace, name: "a store among atomic additions", threads: 32, grid: 2,
      body: """
        mov.u32 %r8, %ctaid.x; setp.eq.u32 %p3, %r8, 0;
        red.global.add.u32 [%rd2], 1;
        @%p3 st.global.u32 [%rd2+4], 1;
        """,
      fault: ("[%rd2+4]", "[%rd2]"), sites: ["red.global"]),
    HazardTwin(
      kind: .globalRace, name: "two warps of a block",
      body: mirrored("bar.sync 0;"), fault: ("bar.sync 0;", "nanosleep.u32 2000;"),
      sites: ["st.global", "ld.global"]),
    HazardTwin(
      kind: .globalRace, name: "two warps, the read first",
      body: "st.global.u32 [%rd2], 7;\n".replacing("st", with: "@%p1 st") + """
        bar.sync 0;
        mul.wide.u32 %rd10, %r1, 4; add.u64 %rd10, %rd10, %rd2;
        ld.global.u32 %r10, [%rd10+64];
        bar.sync 0;
        setp.ge.u32 %p3, %r1, 32;
        @%p3 st.global.u32 [%rd10], 1;
        """,
      fault: ("[%rd10+64];\nbar.sync 0;", "[%rd10+64];\nnanosleep.u32 2000;"),
      sites: ["st.global", "ld.global"]),
    HazardTwin(
      kind: .globalRace, name: "two blocks of a cluster", threads: 32, grid: 2, cluster: 2,
      body: message(set: "", poll: "mov.u32 %r10, 1;").replacing(
        "bra END;\nREADER", with: "bra READY;\nREADER"
      ).replacing(
        "%r10, 0;\n@%p4 bra READER;", with: "%r10, 0;\nbarrier.cluster.arrive;\nbarrier.cluster.wait;"
      ).replacing("@!%p1 bra END;", with: "").replacing(
        "END:", with: "bra END;\nREADY:\nbarrier.cluster.arrive;\nbarrier.cluster.wait;\nEND:"),
      fault: ("barrier.cluster.arrive;\nbarrier.cluster.wait;\n\nld", "nanosleep.u32 3000;\nld"),
      sites: ["st.global", "ld.global"]),
    HazardTwin(
      kind: .globalRace, name: "a flag between blocks of a cluster", threads: 32, grid: 2, cluster: 2,
      body: message(set: release, poll: acquire), fault: (release, "st.global.u32 [%rd2], 1;"),
      sites: ["st.global", "ld"]),
    HazardTwin(
      kind: .globalRace, name: "bytes of one word", threads: 32, grid: 2,
      body: """
        mov.u32 %r8, %ctaid.x; cvt.u64.u32 %rd10, %r8; add.u64 %rd10, %rd10, %rd2;
        @%p1 st.global.u8 [%rd10], %r8;
        """,
      fault: ("%rd10, %rd10, %rd2;", "%rd10, %rd2, 1;"), sites: ["st.global.u8"]),
    HazardTwin(
      kind: .globalRace, name: "a word of which another block reads half", threads: 32, grid: 2,
      body: """
        mov.u32 %r8, %ctaid.x; setp.ne.u32 %p3, %r8, 0; setp.eq.u32 %p4, %r8, 0;
        and.pred %p3, %p3, %p1; and.pred %p4, %p4, %p1;
        @%p4 st.global.u32 [%rd2], 7;
        nanosleep.u32 2000;
        @%p3 ld.global.u16 %h1, [%rd2+6];
        """,
      fault: ("+6", "+2"), sites: ["st.global.u32", "ld.global.u16"]),
    HazardTwin(
      kind: .globalRace, name: "a half of which another block writes the word", threads: 32, grid: 2,
      body: """
        mov.u32 %r8, %ctaid.x; setp.ne.u32 %p3, %r8, 0; setp.eq.u32 %p4, %r8, 0;
        and.pred %p3, %p3, %p1; and.pred %p4, %p4, %p1;
        @%p4 st.global.u16 [%rd2+6], %r8;
        nanosleep.u32 2000;
        @%p3 st.global.u32 [%rd2], 7;
        """,
      fault: ("+6", "+2"), sites: ["st.global.u32", "st.global.u16"]),
    HazardTwin(
      kind: .globalRace, name: "a store among atomic additions of vectors", threads: 32, grid: 2,
      body: """
        mov.u32 %r8, %ctaid.x; setp.eq.u32 %p3, %r8, 0; mov.f32 %f0, 0f3F800000;
        red.global.v2.f32.add [%rd2], {%f0, %f0};
        @%p3 st.global.u32 [%rd2+8], 1;
        """,
      fault: ("[%rd2+8]", "[%rd2+4]"), sites: ["red.global"]),
    HazardTwin(
      kind: .globalRace, name: "a load among exchanges of 128 bits", threads: 32, grid: 2,
      body: """
        mov.u32 %r8, %ctaid.x; setp.eq.u32 %p3, %r8, 0;
        .reg .b128 %wide<3>;
        mov.b128 %wide0, {%rd1, %rd2};
        atom.global.exch.b128 %wide1, [%rd2], %wide0;
        @%p3 ld.global.u32 %r10, [%rd2+16];
        """,
      fault: ("[%rd2+16]", "[%rd2+12]"), sites: ["atom.global"]),
    HazardTwin(
      kind: .globalRace, name: "lanes that store different values at once", threads: 32,
      body: "shr.u32 %r8, %r1, 2;\nmul.wide.u32 %rd10, %r8, 4; add.u64 %rd10, %rd10, %rd2;\n"
        + "st.global.u32 [%rd10], %r8;",
      fault: ("[%rd10], %r8;", "[%rd10], %r1;"), sites: ["st.global"]),
    HazardTwin(
      kind: .uninitialisedGlobal, name: "a word that nobody has written",
      body: "@%p1 st.global.u32 [%rd3], 1;\n@%p1 ld.global.u32 %r10, [%rd3];",
      fault: ("%r10, [%rd3];", "%r10, [%rd3+4];"), sites: ["ld.global"]),
    HazardTwin(
      kind: .uninitialisedGlobal, name: "a bulk copy of what nobody has written",
      body: HazardAsynchronousTests.barrier(256) + HazardAsynchronousTests.bulkLoad
        + HazardAsynchronousTests.wait,
      fault: ("[%rd1], 256", "[%rd3], 256"), sites: ["cp.async.bulk"]),
  ]

  @Test("The right kernel gives no finding, the broken one this", arguments: twins)
  func twin(_ twin: HazardTwin) throws { try twin.check() }

  @Test("Of two blocks that store at once, the second is said to store what the first has stored")
  func order() throws {
    let twin = try #require(Self.twins.first { $0.name == "two blocks that store to one word" })
    let finding = try #require(twin.run(twin.broken).findings.first)
    #expect(finding.place.block == 1)
    #expect(finding.other?.block == 0)
  }

  @Test("Findings are the same for any number of threads of the simulator")
  func determinism() throws {
    var twin = try #require(
      Self.twins.first { $0.name == "a word that another block stores between two reads" })
    twin.grid = 12
    let one = try twin.run(twin.broken, threads: 1)
    let three = try twin.run(twin.broken, threads: 3)
    #expect(!one.findings.isEmpty)
    #expect(one.findings == three.findings)
  }
}

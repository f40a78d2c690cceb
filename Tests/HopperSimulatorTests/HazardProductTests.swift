import HopperSimulator
import Testing

/// Hazards of `wgmma` and of registers: each with a right kernel and a broken one.
@Suite("Hazards of wgmma and of registers")
struct HazardProductTests {
  /// Zeros for A (64 rows) and B (16 rows), swizzled by 128 bytes, that `%rd10` and `%rd11` describe.
  static let operands = """
    setp.eq.u32 %p5, %r1, %r1;
    mov.u32 %r40, %r7;
    CLEAR:
    add.u32 %r41, %r2, %r40;
    st.shared.u32 [%r41], 0;
    add.u32 %r40, %r40, 512;
    setp.lt.u32 %p6, %r40, 12288;
    @%p6 bra CLEAR;
    fence.proxy.async;
    bar.sync 0;
    shr.u32 %r42, %r2, 4;
    cvt.u64.u32 %rd12, %r42;
    or.b64 %rd10, %rd12, 0x4000004000010000;
    add.u64 %rd11, %rd10, 512;

    """

  private static let accumulators = (0..<8).map { "mov.f32 %f\($0), 0f00000000;\n" }.joined()
  private static let fragment = (50..<54).map { "mov.b32 %r\($0), 0;\n" }.joined()

  static func product(_ a: String = "%rd10", first: Int = 0, scale: String = "%p5") -> String {
    let sums = (first..<first + 8).map { "%f\($0)" }.joined(separator: ", ")
    return "wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 {\(sums)}, \(a), %rd11, \(scale), 1, 1, "
      + (a.hasPrefix("{") ? "0;\n" : "0, 0;\n")
  }

  private static let fence = "wgmma.fence.sync.aligned;\n"
  static let commit = "wgmma.commit_group.sync.aligned;\n"
  static let wait = "wgmma.wait_group.sync.aligned 0;\n"
  private static let start = operands + accumulators + fragment + fence
  private static let fragmentProduct = product("{%r50, %r51, %r52, %r53}")

  /// A function of a word that gives one, with two registers and a predicate of its own.
  private static func called(_ body: String) -> String {
    ".func (.param .u32 out) f(.param .u32 in) { .reg .u32 a, b; .reg .pred p; \(body) ret; }"
  }

  private static let argument = "mov.u32 %r20, 5;\n"
  /// A call of it.
  private static let call = """
    { .param .u32 argument, value;
    st.param.u32 [argument], %r20;
    call.uni (value), f, (argument);
    ld.param.u32 %r10, [value]; }
    st.shared.u32 [%r5], %r10;

    """

  /// A function that multiplies what two descriptors describe.
  private static let multiplying = """
    .func f(.reg .b64 x, .reg .b64 y) {
      .reg .pred p; .reg .f32 s<8>;
      \((0..<8).map { "mov.f32 s\($0), 0f00000000; " }.joined())setp.eq.f32 p, s0, s0;
      wgmma.fence.sync.aligned; \(product("x").replacing("%f", with: "s").replacing("%rd11, %p5", with: "y, p"))
      wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0; add.f32 s0, s0, s1; ret;
    }
    """

  static let twins: [HazardTwin] = [
    HazardTwin(
      kind: .missingProxyFence, name: "operands that threads have stored", threads: 128,
      body: start + product() + commit + wait,
      fault: ("fence.proxy.async;\n", ""), sites: ["wgmma.mma_async", "st.shared"]),
    HazardTwin(
      kind: .missingProxyFence, name: "an operand that cp.async brings", threads: 128,
      body: operands + accumulators + """
        cp.async.ca.shared.global [%r5], [%rd1], 4;
        cp.async.wait_all;
        fence.proxy.async.shared::cta;
        bar.sync 0;

        """ + fence + product() + commit + wait,
      fault: ("fence.proxy.async.shared::cta;", ""), sites: ["wgmma.mma_async", "cp.async.ca"]),
    HazardTwin(
      kind: .registerInFlight, name: "a sum is read before the wait", threads: 128,
      body: start + product() + commit + wait + "add.f32 %f20, %f0, %f1;",
      fault: (wait, ""), sites: ["wgmma.mma_async", "add.f32"], also: [.unfinishedProducts]),
    HazardTwin(
      kind: .registerInFlight, name: "the wait leaves one group", threads: 128,
      body: start + product() + commit + wait + "add.f32 %f20, %f0, %f1;",
      fault: ("wait_group.sync.aligned 0", "wait_group.sync.aligned 1"),
      sites: ["wgmma.mma_async", "add.f32"], also: [.unfinishedProducts]),
    HazardTwin(
      kind: .registerInFlight, name: "a sum is written before the wait", threads: 128,
      body: start + product() + commit + wait + "mov.f32 %f0, 0f00000000;",
      fault: (wait, ""), sites: ["wgmma.mma_async", "mov.f32"], also: [.unfinishedProducts]),
    HazardTwin(
      kind: .registerInFlight, name: "a register of A is written before the wait", threads: 128,
      body: start + fragmentProduct + commit + wait + "mov.b32 %r50, 1;",
      fault: (wait, ""), sites: ["wgmma.mma_async", "mov.b32"], also: [.unfinishedProducts]),
    HazardTwin(
      kind: .registerInFlight, name: "a copy of a sum that is not there yet", threads: 128,
      body: start + product() + commit + "mov.f32 %f20, %f0;\n" + wait + "add.f32 %f21, %f20, %f20;",
      fault: (wait, ""), sites: ["wgmma.mma_async", "add.f32"], also: [.unfinishedProducts]),
    HazardTwin(
      kind: .unfinishedProducts, name: "the last product is not waited for", threads: 128,
      body: start + product() + commit + wait + product() + commit + wait,
      fault: (commit + wait + product() + commit + wait, commit + wait + product() + commit),
      sites: ["ret", "wgmma.mma_async"]),
    HazardTwin(
      kind: .unfinishedProducts, name: "the last product is in no group", threads: 128,
      body: start + product() + commit + wait,
      fault: (commit, ""), sites: ["ret", "wgmma.mma_async"]),
    HazardTwin(
      kind: .missingRegisterFence, name: "before the first product", threads: 128,
      body: start + product() + commit + wait,
      fault: (fence, ""), sites: ["wgmma.mma_async"]),
    HazardTwin(
      kind: .missingRegisterFence, name: "after the sums were scaled", threads: 128,
      body: start + product() + commit + wait + "mul.f32 %f3, %f3, %f3;\nwgmma.fence.sync.aligned;\n"
        + product()
        + commit + wait,
      fault: ("%f3;\nwgmma.fence.sync.aligned;", "%f3;"), sites: ["wgmma.mma_async"]),
    HazardTwin(
      kind: .missingRegisterFence, name: "after a register of A was written", threads: 128,
      body: start + fragmentProduct + commit + wait + "mov.b32 %r51, 3;\nwgmma.fence.sync.aligned;\n"
        + fragmentProduct + commit + wait,
      fault: ("%r51, 3;\nwgmma.fence.sync.aligned;", "%r51, 3;"), sites: ["wgmma.mma_async"]),
    HazardTwin(
      kind: .overwrittenInFlight, name: "an operand is stored to before the wait", threads: 128,
      body: start + product() + commit + wait + "bar.sync 0;\nst.shared.u32 [%r5], 1;",
      fault: (wait, ""), sites: ["wgmma.mma_async", "st.shared"], also: [.unfinishedProducts]),
    HazardTwin(
      kind: .overwrittenInFlight, name: "a stage is given back before the wait", threads: 128,
      body: "@%p1 mbarrier.init.shared::cta.b64 [%r4], 1;\n" + start + product() + commit + wait
        + "bar.sync 0;\n"
        + HazardAsynchronousTests.expect(256) + HazardAsynchronousTests.bulkLoad
        + HazardAsynchronousTests.wait,
      fault: (wait, ""), sites: ["wgmma.mma_async", "cp.async.bulk"], also: [.unfinishedProducts]),
    HazardTwin(
      kind: .readBeforeArrival, name: "an operand that a copy brings", threads: 128,
      body: "@%p1 mbarrier.init.shared::cta.b64 [%r4], 1;\n" + operands + accumulators
        + HazardAsynchronousTests.expect(256)
        + HazardAsynchronousTests.bulkLoad.replacing("[%r2]", with: "[%r2+8192]")
        + HazardAsynchronousTests.wait + fence + product() + commit + wait,
      fault: (HazardAsynchronousTests.wait, "\nbar.sync 0;\n"), sites: ["wgmma.mma_async", "cp.async.bulk"],
      also: [.accessAfterExit]),
    HazardTwin(
      kind: .uninitialisedShared, name: "an operand that nobody has written", threads: 128,
      body: start + product() + commit + wait,
      fault: ("%r40, 12288;", "%r40, 9216;"), sites: ["wgmma.mma_async"]),
    HazardTwin(
      kind: .uninitialisedRegister, name: "sums that are added to", threads: 128,
      body: operands + "setp.ne.u32 %p4, %r1, %r1;\n" + fence + product(scale: "%p4") + commit + wait,
      fault: ("setp.ne.u32 %p4", "setp.eq.u32 %p4"), sites: ["wgmma.mma_async"]),
    HazardTwin(
      kind: .uninitialisedRegister, name: "a value that is stored",
      body: "mov.u32 %r20, 5;\nst.shared.u32 [%r5], %r20;",
      fault: ("mov.u32 %r20, 5;\n", ""), sites: ["st.shared"]),
    HazardTwin(
      kind: .uninitialisedRegister, name: "lanes that have not written it",
      body: "@%p1 mov.u32 %r20, 5;\n@%p1 st.shared.u32 [%r5], %r20;",
      fault: ("@%p1 st", "st"), sites: ["st.shared"]),
    HazardTwin(
      kind: .uninitialisedRegister, name: "an address that was computed from it",
      body: "mov.u32 %r20, 0;\nadd.u32 %r21, %r20, %r5;\nst.shared.u32 [%r21], %r1;",
      fault: ("mov.u32 %r20, 0;\n", ""), sites: ["st.shared"]),
    HazardTwin(
      kind: .uninitialisedRegister, name: "a predicate",
      body: "setp.eq.u32 %p4, %r1, 3;\n@%p4 st.shared.u32 [%r5], %r1;",
      fault: ("setp.eq.u32 %p4, %r1, 3;\n", ""), sites: ["st.shared"]),
    HazardTwin(
      kind: .uninitialisedRegister, name: "a result of a function",
      declarations: called("ld.param.u32 a, [in]; mov.u32 b, 5; add.u32 a, a, b; st.param.u32 [out], a;"),
      body: argument + call, fault: ("mov.u32 b, 5; ", ""), sites: ["st.param"]),
    HazardTwin(
      kind: .uninitialisedRegister, name: "a result that a function gives in a register",
      declarations: ".func (.reg .u32 out) f(.reg .u32 in) { add.u32 out, in, 1; ret; }",
      body: "call (%r10), f, (%r1);\nst.shared.u32 [%r5], %r10;", fault: ("add.u32 out, in, 1; ", ""),
      sites: ["ret"]),
    HazardTwin(
      kind: .uninitialisedRegister, name: "what a function has computed in an earlier call",
      declarations: called(
        "ld.param.u32 a, [in]; setp.ne.u32 p, a, 7; @p mov.u32 b, a; st.param.u32 [out], b;"),
      body: argument + call + "mov.u32 %r20, 6;\n" + call, fault: ("mov.u32 %r20, 6", "mov.u32 %r20, 7"),
      sites: ["st.param"]),
    HazardTwin(
      kind: .registerInFlight, name: "a sum that a function reads before the wait", threads: 128,
      declarations: multiplying, body: start + "call.uni f, (%rd10, %rd11);",
      fault: ("wgmma.wait_group.sync.aligned 0; add", "add"), sites: ["wgmma.mma_async", "add.f32"],
      also: [.unfinishedProducts]),
    HazardTwin(
      kind: .missingRegisterFence, name: "a function writes a sum after the fence", threads: 128,
      declarations: multiplying, body: start + "call.uni f, (%rd10, %rd11);",
      fault: ("wgmma.fence.sync.aligned; wgmma", "wgmma"), sites: ["wgmma.mma_async"]),
    HazardTwin(
      kind: .registerBudget, name: "setmaxnreg.dec that would increase",
      body: "setmaxnreg.dec.sync.aligned.u32 24;\nsetmaxnreg.dec.sync.aligned.u32 24;",
      fault: ("24;\nsetmaxnreg.dec.sync.aligned.u32 24;", "24;\nsetmaxnreg.dec.sync.aligned.u32 40;"),
      sites: ["setmaxnreg.dec"]),
  ]

  @Test("The right kernel gives no finding, the broken one this", arguments: twins)
  func twin(_ twin: HazardTwin) throws { try twin.check() }

  @Test("What a call returns counts as written")
  func results() throws {
    let twin = Self.twins[0]
    let result = try twin.run(
      "call (%r20), twice, (%r1);\nst.shared.u32 [%r5], %r20;",
      declarations: ".func (.reg .b32 %twice) twice(.reg .b32 %a) { add.u32 %twice, %a, %a; ret; }")
    #expect(result.error == nil)
    #expect(result.findings.isEmpty, "\(result.findings)")
  }

  @Test("Copies of sums between products, as compilers make them, are no finding")
  func copies() throws {
    let copies = (0..<8).map { "mov.f32 %f\($0 + 20), %f\($0);\n" }.joined()
    let body = Self.start + Self.product() + copies + Self.product(first: 20) + Self.commit + Self.wait
    let result = try Self.twins[0].run(body)
    #expect(result.error == nil)
    #expect(result.findings.isEmpty, "\(result.findings)")
  }
}

import HopperSimulator
import Testing

/// Branches, calls and what ends a thread (PTX ISA 9.7.12).
@Suite("Forms: control flow")
struct ControlForms {
  static func all() throws {
    let tests = ControlForms()
    try tests.recursion()
    try tests.calls()
    try tests.registerCalls()
    try tests.indirectCalls()
    try tests.branchTable()
    try tests.exits()
    try tests.traps()
    try tests.registers()
  }

  @Test("A recursive function, to another depth in each lane")
  func recursion() throws {
    var kernel = KernelRun(
      """
        rem.u32 %r4, %r1, 9;
        { .param .b32 argument; .param .b32 value;
          st.param.b32 [argument], %r4;
          call.uni (value), factorial, (argument);
          ld.param.b32 %r5, [value]; }
        st.global.u32 [%rd3], %r5;
      """)
    kernel.declarations = """
      .func (.param .b32 result) factorial(.param .b32 n) {
        .reg .b32 %r<8>; .reg .pred %p<2>;
        ld.param::func.u32 %r1, [n];
        setp.le.u32 %p1, %r1, 1;
        @%p1 bra BASE;
        sub.u32 %r2, %r1, 1;
        { .param .b32 argument; .param .b32 value;
          st.param.b32 [argument], %r2;
          call (value), factorial, (argument);
          ld.param.b32 %r3, [value]; }
        mul.lo.u32 %r4, %r1, %r3;
        st.param::func.b32 [result], %r4;
        ret.uni;
        BASE:
        st.param.b32 [result], 1;
        ret;
      }
      """
    let expected = (0..<32).map { thread in (0...thread % 9).dropFirst().reduce(UInt32(1)) { $0 * UInt32($1) }
    }
    #expect(try kernel() == expected)
  }

  @Test("A structure by value, a wide result, local variables of both sides, and lanes that do not call")
  func calls() throws {
    var kernel = KernelRun(
      """
        .local .align 8 .b8 mine[16];
        st.local.u32 [mine], %r1;
        mov.u32 %r5, 7777;
        and.b32 %r4, %r1, 3;
        setp.ne.u32 %p2, %r4, 0;
        { .param .align 8 .b8 pair[16]; .param .b64 value;
          st.param.u32 [pair], %r1;
          st.param.v2.b32 [pair+8], {%r4, %r1};
          @%p2 call (value), weigh, (pair);
          @%p2 ld.param.b64 %rd4, [value];
          @%p2 cvt.u32.u64 %r5, %rd4; }
        ld.local.u32 %r6, [mine];
        mad.lo.u32 %r5, %r6, 100000, %r5;
        st.global.u32 [%rd3], %r5;
      """)
    kernel.declarations = """
      .func (.param .b64 result) weigh(.param .align 8 .b8 pair[16]) {
        .local .align 8 .b8 own[16];
        .reg .b32 %r<8>; .reg .b64 %rd<4>;
        ld.param.u32 %r1, [pair];
        ld.param.v2.b32 {%r2, %r3}, [pair+8];
        st.local.u32 [own], 12345;
        mul.lo.u32 %r4, %r2, 1000;
        add.u32 %r4, %r4, %r1;
        add.u32 %r4, %r4, %r3;
        cvt.u64.u32 %rd1, %r4;
        st.param.b64 [result], %rd1;
        ret;
      }
      """
    let expected = (0..<32 as Range<UInt32>).map { thread in
      thread * 100_000 + (thread % 4 == 0 ? 7777 : thread % 4 * 1000 + 2 * thread)
    }
    #expect(try kernel() == expected)
  }

  @Test("Arguments and results in registers")
  func registerCalls() throws {
    var kernel = KernelRun(
      """
        call (%r4), twice, (%r1, 5);
        st.global.u32 [%rd3], %r4;
      """)
    kernel.declarations = """
      .func (.reg .b32 sum) twice(.reg .b32 a, .reg .b32 b) {
        .reg .b32 %r<4>;
        add.u32 %r1, a, a;
        add.u32 sum, %r1, b;
        mov.u32 %r2, 99;
        ret;
      }
      """
    #expect(try kernel() == (0..<32).map { 2 * $0 + 5 })
  }

  @Test("Calls through a register, to another function in every second lane")
  func indirectCalls() throws {
    var kernel = KernelRun(
      """
        and.b32 %r4, %r1, 1;
        setp.eq.u32 %p2, %r4, 1;
        mov.u64 %rd4, increment;
        @%p2 mov.u64 %rd4, square;
        { .param .b32 argument; .param .b32 value;
          st.param.b32 [argument], %r1;
          PROTOTYPE: .callprototype (.param .b32 _) _ (.param .b32 _);
          call (value), %rd4, (argument), PROTOTYPE;
          ld.param.b32 %r5, [value]; }
        st.global.u32 [%rd3], %r5;
      """)
    kernel.declarations = """
      .func (.param .b32 result) increment(.param .b32 x) {
        .reg .b32 %r<4>;
        ld.param.u32 %r1, [x]; add.u32 %r1, %r1, 1; st.param.b32 [result], %r1; ret;
      }
      .func (.param .b32 result) square(.param .b32 x) {
        .reg .b32 %r<4>;
        ld.param.u32 %r1, [x]; mul.lo.u32 %r1, %r1, %r1; st.param.b32 [result], %r1; ret;
      }
      """
    #expect(try kernel() == (0..<32).map { $0 % 2 == 1 ? $0 * $0 : $0 + 1 })
  }

  @Test("A branch through a table, taken by some lanes")
  func branchTable() throws {
    for uniform in ["", ".uni"] {
      let isUniform = !uniform.isEmpty
      let kernel = KernelRun(
        """
          rem.u32 %r4, %r1, \(isUniform ? 1 : 3);
          setp.lt.u32 %p2, %r1, \(isUniform ? 32 : 24);
          mov.u32 %r5, 1000;
          TARGETS: .branchtargets FIRST, SECOND, THIRD;
          @%p2 brx.idx\(uniform) %r4, TARGETS;
          bra.uni DONE;
          THIRD:
          add.u32 %r5, %r5, 30;
          FIRST:
          add.u32 %r5, %r5, 1;
          bra DONE;
          SECOND:
          add.u32 %r5, %r5, 200;
          DONE:
          st.global.u32 [%rd3], %r5;
        """)
      let expected = (0..<32).map { thread -> UInt32 in
        if isUniform { return 1001 }
        return thread >= 24 ? 1000 : [1001, 1200, 1031][thread % 3]
      }
      #expect(try kernel() == expected)
    }
  }

  @Test("Threads that exit are waited for no more; sleep and events change nothing")
  func exits() throws {
    let kernel = KernelRun(
      """
        setp.gt.u32 %p2, %r1, 20;
        @%p2 exit;
        nanosleep.u32 100;
        pmevent 3;
        pmevent.mask 255;
        griddepcontrol.launch_dependents;
        griddepcontrol.wait;
        bar.warp.sync 0xFFFFFFFF;
        vote.sync.ballot.b32 %r4, 1, 0xFFFFFFFF;
        st.global.u32 [%rd3], %r4;
      """)
    #expect(try kernel() == (0..<32).map { $0 > 20 ? 0xEEEE_EEEE : 0x001F_FFFF })
  }

  @Test("A warpgroup gets registers when another has given them back")
  func registers() throws {
    var kernel = KernelRun(
      """
        setp.ge.u32 %p2, %r1, 128;
        @%p2 bra TAKES;
        nanosleep.u32 2000;
        st.shared.u32 [%r2], 4711;
        setmaxnreg.dec.sync.aligned.u32 40;
        bra DONE;
        TAKES:
        setmaxnreg.inc.sync.aligned.u32 168;
        DONE:
        ld.shared.u32 %r4, [%r2];
        st.global.u32 [%rd3], %r4;
      """)
    kernel.directives = ".maxnreg 104"
    kernel.threads = 256
    kernel.outputCount = 256
    #expect(try kernel() == Array(repeating: 4711, count: 256))
  }

  @Test("trap and brkpt end the launch, but only if they are executed")
  func traps() throws {
    for instruction in ["trap", "brkpt"] {
      let kernel = KernelRun("@%p1 \(instruction);\n st.global.u32 [%rd3], 1;")
      #expect { try kernel() } throws: { error in
        guard let error = error as? SimulationError else { return false }
        return error.reason == .trap && error.place?.instruction.contains(instruction) == true
      }
      let other = KernelRun("setp.gt.u32 %p1, %r1, 40;\n @%p1 \(instruction);\n st.global.u32 [%rd3], 1;")
      #expect(try other() == Array(repeating: 1, count: 32))
    }
  }
}

import LatentAttention
import PTX
import Testing

@Suite("Parser")
struct TextParserTests {
  private static func kernel(_ body: String, parameters: String = "") -> String {
    ".version 8.0\n.target sm_90a\n.address_size 64\n.visible .entry k(\(parameters))\n{\n\(body)\n}\n"
  }

  private static func parse(_ body: String, parameters: String = "") throws -> Function {
    let module = try Module(parsing: kernel(body, parameters: parameters))
    return try #require(module.functions.first)
  }

  private static func instructions(_ function: Function) -> [Instruction] {
    (function.body ?? []).compactMap { statement in
      if case .instruction(let instruction) = statement { return instruction }
      return nil
    }
  }

  @Test("Operands of every kind")
  func operands() throws {
    let function = try Self.parse(
      """
      .reg .pred %p<3>; .reg .b32 %r<10>; .reg .b64 %rd<4>;
      .shared .align 16 .b8 buffer[64];
      @!%p1 add.s32 %r1, %r2, -5;   // comment
      mov.b64 {%r3, _}, %rd1; /* and
      another */ shfl.sync.bfly.b32 %r4 | %p2, %r5, 0x10, 037, 0b11U;
      ld.shared.u32 %r6, [buffer+-8];
      st.global.u32 [%rd2+16], %r6;
      mov.f32 %r7, 0f3F800000; mov.f64 %rd3, 0d3FF0000000000000; mov.f64 %rd3, 0.5;
      and.pred %p1, %p2, !%p1;
      mov.u32 %r8, %tid.x;
      cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%rd1, {%r1, %r2}], [%r3];
      mov.u32 %r9, buffer+4;
      mov.u32 %r9, WARP_SZ;
      """)
    let list = Self.instructions(function)
    func register(_ name: String) throws -> RegisterID {
      RegisterID(try #require(function.registers.firstIndex { $0.name == name }))
    }
    #expect(list[0].predicate == Guard(try register("%p1"), isNegated: true))
    #expect(list[0].operands.last == .immediate(.integer(-5)))
    #expect(list[1].operands[0] == .vector([.register(try register("%r3")), .sink]))
    #expect(list[2].operands[0] == .pair(.register(try register("%r4")), .register(try register("%p2"))))
    #expect(
      list[2].operands[2...] == [.immediate(.integer(16)), .immediate(.integer(31)), .immediate(.integer(3))])
    #expect(list[2].line == 10)
    #expect(list[3].operands[1] == .address(.symbol("buffer"), offset: -8))
    #expect(list[4].operands[0] == .address(.register(try register("%rd2")), offset: 16))
    #expect(list[5].operands[1] == .immediate(.float(0x3F80_0000)))
    #expect(list[6].operands[1] == .immediate(.double(1.0.bitPattern)))
    #expect(list[7].operands[1] == .immediate(.double(0.5.bitPattern)))
    #expect(list[8].operands[2] == .negated(try register("%p1")))
    #expect(list[9].operands[1] == .special(.threadIndex(.x)))
    #expect(
      list[10].operands[0]
        == .tensor(
          .register(try register("%rd1")), offset: 0,
          coordinates: [.register(try register("%r1")), .register(try register("%r2"))]))
    #expect(list[11].operands[1] == .symbol("buffer", offset: 4))
    #expect(list[12].operands[1] == .immediate(.integer(32)))
    #expect(
      function.variables == [Variable("buffer", space: .shared, type: .b8, dimensions: [64], alignment: 16)])
  }

  @Test("Blocks hide names, branches go forward, and only used registers exist")
  func scopes() throws {
    let function = try Self.parse(
      """
      .reg .pred p; .reg .b32 %r<45000>; .reg .b32 %x1<4>;
      bra DONE;
      { .reg .pred p; WAIT: setp.eq.s32 p, %r7, %x13; @p bra DONE; bra WAIT; DONE: }
      { .reg .pred p; WAIT: setp.ne.s32 p, %r7, 0; @p bra WAIT; }
      DONE: @p ret; ret;
      """)
    #expect(function.registers.map(\.name) == ["p", "%r7", "%x13", "p_1", "p_2"])
    #expect(function.labels == ["DONE", "WAIT", "DONE_1", "WAIT_1"])
    let list = Self.instructions(function)
    #expect(list[0].operands == [.label(LabelID(0))])
    #expect(list[2].operands == [.label(LabelID(2))])
    #expect(list[3].operands == [.label(LabelID(1))])
    #expect(list[5].operands == [.label(LabelID(3))])
    #expect(function.body?.last == .instruction(Instruction("ret")))
  }

  @Test("Modules: directives, variables, functions, calls, debugging data")
  func modules() throws {
    let text = """
      // Generated
      .version 8.3
      .target sm_90a, debug
      .address_size 64
      .file 1 "kernel.cu"
      .extern .func (.param .b32 result) vprintf (.param .b64 _, .param .b64 _);
      .global .align 4 .u32 counter = 7;
      .const .align 8 .f32 table[2][2] = {{0f00000000, 1.5}, {2.0, 0f40400000}};
      .global .u64 pointer = generic(counter)+4;
      .extern .shared .align 128 .b8 smem[];
      .func (.reg .b32 %out) twice (.reg .b32 %in) { add.s32 %out, %in, %in; ret; }
      .visible .entry main_kernel(
        .param .u64 .ptr .global .align 16 a,
        .param .align 64 .b8 map[128]
      )
      .maxntid 128, 1, 1
      .minnctapersm 1
      .reqnctapercluster 2, 1, 1
      {
        .reg .b64 %rd<3>; .reg .b32 %r<3>;
        .loc 1 42 3, function_name $L__info0, inlined_at 1 3 1
        ld.param.u64 %rd1, [a];
        { .param .b64 param0; st.param.b64 [param0+0], %rd1; .param .b32 retval0;
          call.uni (retval0), vprintf, (param0, param0); ld.param.b32 %r1, [retval0]; }
        bra.uni L; L: .pragma "nounroll";
        TARGETS: .branchtargets L, END;
        brx.idx %r1, TARGETS;
        END: ret;
      }
      .section .debug_info { .b32 5 { nested } }
      """
    let module = try Module(parsing: text)
    #expect(module.version == Module.Version(8, 3))
    #expect(module.targets == ["sm_90a", "debug"])
    #expect(module.variables.map(\.name) == ["counter", "table", "pointer", "smem"])
    #expect(module.variables[1].initialValues.count == 4)
    #expect(module.variables[2].initialValues == [.address("counter", offset: 4, isGeneric: true)])
    #expect(module.variables[3].dimensions == [0])
    #expect(module.functions.map(\.name) == ["vprintf", "twice", "main_kernel"])
    #expect(module.functions[0].body == nil)
    let kernel = module.functions[2]
    #expect(kernel.parameters[0].pointer == PointerAttribute(space: .global, alignment: 16))
    #expect(kernel.parameters[1].byteCount == 128)
    #expect(kernel.directives.maximumThreads == [128, 1, 1])
    #expect(kernel.directives.requiredCluster == [2, 1, 1])
    let list = Self.instructions(kernel)
    #expect(list[0].source == SourceLocation(file: "kernel.cu", line: 42))
    #expect(
      list[2].operands == [
        .list([.symbol("retval0", offset: 0)]), .symbol("vprintf", offset: 0),
        .list([.symbol("param0", offset: 0), .symbol("param0", offset: 0)]),
      ])
    #expect(try Module(parsing: module.description) == module)
  }

  @Test("Calls through a register: prototypes and tables keep apart what blocks call alike")
  func indirectCalls() throws {
    let module = try Module(
      parsing: """
        .version 8.0
        .target sm_90a
        .address_size 64
        .func (.param .b32 r) f(.param .b32 a);
        .global .u64 table[] = {f, generic(table)+8};
        .visible .entry k() {
          .reg .b64 %rd<2>; .reg .b32 %i; .reg .f32 f;
          { .param .b32 p; .param .b32 q; P: .callprototype (.param .b32 _) _ (.param .b32 _) .noreturn;
            call (q), %rd1, (p), P; }
          { .param .b32 p; .reg .b32 table; mov.b32 table, 1; P: .calltargets f; call %rd1, (p), P; }
          { A: B: TS: .branchtargets B, A; brx.idx %i, TS; }
          { A: TS: .branchtargets A; brx.idx %i, TS; }
          mov.b64 %rd0, table; mov.f32 f, 0f00000000;
        }
        .func (.param .b32 r) f(.param .b32 a) { ret; }
        """)
    #expect(module.functions.map(\.name) == ["k", "f"])
    #expect(
      module.variables[0].initialValues == [
        .address("f", offset: 0, isGeneric: false), .address("table", offset: 8, isGeneric: true),
      ])
    let kernel = module.functions[0]
    #expect(kernel.variables.map(\.name) == ["p", "q", "p_1"])
    #expect(kernel.registers.map(\.name) == ["%rd1", "table_1", "%i", "%rd0", "f"])
    var prototype = CallPrototype(name: "P")
    prototype.results = [Variable("_", space: .parameter, type: .b32)]
    prototype.parameters = prototype.results
    prototype.isNoReturn = true
    let lists = (kernel.body ?? []).filter { statement in
      switch statement {
      case .callPrototype, .callTargets, .branchTargets: true
      default: false
      }
    }
    #expect(
      lists == [
        .callPrototype(prototype), .callTargets(name: "P_1", ["f"]),
        .branchTargets(name: "TS", [LabelID(1), LabelID(0)]), .branchTargets(name: "TS_1", [LabelID(2)]),
      ])
    let calls = Self.instructions(kernel).filter { $0.spelling == "call" || $0.spelling == "brx.idx" }
    #expect(
      calls.map(\.operands.last) == ["P", "P_1", "TS", "TS_1"].map { .symbol($0, offset: 0) })
    #expect(try Module(parsing: module.description) == module)
  }

  @Test("A name that thousands of blocks use gets a number in each")
  func manyBlocks() throws {
    let block = "{ .param .b64 param0; .reg .b32 x; mov.b32 x, 0; st.param.b64 [param0], 0; }\n"
    let function = try Self.parse(String(repeating: block, count: 3000))
    #expect(Set(function.variables.map(\.name)).count == 3000)
    #expect(function.variables.last?.name == "param0_2999")
    #expect(function.registers.last?.name == "x_2999")
  }

  @Test("What Triton writes: blanks in addresses, predicated inline assembly, debugging sections")
  func triton() throws {
    let module = try Module(
      parsing: """
        //
        // Generated by LLVM NVPTX Back-End
        //

        .version 8.4
        .target sm_90a
        .address_size 64

        \t// .globl\tsum_kernel              // -- Begin function sum_kernel
        .extern .shared .align 16 .b8 global_smem[];
                                                // @sum_kernel
        .visible .entry sum_kernel(
        \t.param .u64 .ptr .global .align 1 sum_kernel_param_0,
        \t.param .u32 sum_kernel_param_1
        )
        .reqntid 128, 1, 1
        {
        \t.reg .pred \t%p<3>;
        \t.reg .b32 \t%r<8>;
        \t.reg .b64 \t%rd<3>;
        \t.loc\t1 3 0                           // sum.py:3:0
        $L__func_begin0:
        \t.loc\t1 3 0                           // sum.py:3:0

        // %bb.0:
        \tld.param.u64 \t%rd1, [sum_kernel_param_0];
        $L__tmp0:
        \t.loc\t1 7 24                          // sum.py:7:24
        \t// begin inline asm
        \tmov.u32 %r1, 0x0;
        \tmov.u32 %r2, 0x0;
        \t@%p1 ld.global.v2.b32 { %r1, %r2 }, [ %rd1 + 0 ];
        \t@!%p1 mov.u32 %r1, %r3;
        \t// end inline asm
        \t@%p2 st.shared.b32 [ %r4 + -16 ], %r1;
        \tshfl.sync.bfly.b32 \t%r5, %r1, 16, 31, -1;
        \tmov.u32 \t%r6, global_smem;
        \tret;
        $L__tmp1:
        $L__func_end0:
                                                // -- End function
        }
        \t.file\t1 "/home/someone/sum.py"
        \t.section\t.debug_abbrev
        \t{
        .b8 1                                   // Abbreviation Code
        .b8 17 // } this is not the end
        \t}
        \t.section\t.debug_info
        \t{
        .b32 .debug_abbrev
        .b64 $L__func_begin0
        \t}
        \t.section\t.debug_macinfo\t{\t}
        """)
    let kernel = try #require(module.kernels.first)
    let list = Self.instructions(kernel)
    #expect(list.count == 9)
    #expect(kernel.labels == ["$L__func_begin0", "$L__tmp0", "$L__tmp1", "$L__func_end0"])
    #expect(list[3].predicate?.isNegated == false)
    #expect(list[3].operands.last == .address(.register(RegisterID(0)), offset: 0))
    #expect(list[3].source == SourceLocation(file: "/home/someone/sum.py", line: 7))
    #expect(list[5].operands.first == .address(.register(RegisterID(6)), offset: -16))
    #expect(try Module(parsing: module.description) == module)
  }

  @Test("Registers of vector types are registers, and modifiers may stand apart")
  func vectorRegisters() throws {
    let function = try Self.parse(
      ".reg .v2 .f32 V; .reg .b64 a; add .f32 V.y, V.x , V.x; st.global .v2 .f32 [a], V;")
    #expect(function.registers.map(\.name) == ["V_y", "V_x", "a"])
    #expect(function.registers.map(\.type) == [.f32, .f32, .b64])
    let list = Self.instructions(function)
    #expect(list.map(\.spelling) == ["add.f32", "st.global.v2.f32"])
    #expect(list[1].operands[1] == .vector([.register(RegisterID(1)), .register(RegisterID(0))]))
  }

  @Test(
    "Initial values: braces that leave values out, bytes of addresses, sizes from values",
    arguments: [
      ("u32 x[2][3] = {{1}, {2, 3}}", [2, 3], [1, 0, 0, 2, 3, 0]),
      ("u32 x[2][2] = {1, 2, 3}", [2, 2], [1, 2, 3]),
      ("b8 x[] = {0b11, 010, -1, 0xFFU}", [4], [3, 8, -1, 255]),
      (".v2 .u32 x[] = {{1}, {2, 3}}", [2], [1, 0, 2, 3]), ("u32 x = 7", [], [7]),
      ("u32 x[][2] = {1, 2, 3}", [2, 2], [1, 2, 3]), ("u32 x[4] = {}", [4], []),
    ])
  func initialValues(_ declaration: String, _ dimensions: [Int], _ values: [Int64]) throws {
    let type = declaration.first == "." ? declaration : "." + declaration
    let module = try Module(parsing: ".version 8.0 .target sm_90a .global \(type);")
    #expect(module.variables[0].dimensions == dimensions)
    #expect(module.variables[0].initialValues == values.map { .number(.integer($0)) })
    #expect(try Module(parsing: module.description) == module)
  }

  @Test("Bytes of addresses")
  func addressBytes() throws {
    let module = try Module(
      parsing:
        ".version 8.0 .target sm_90a .global .u32 c; .global .u8 x[3] = {0XFF(generic(c)), 0xFF00(c+4), 0xFF00000000000000(c)};"
    )
    #expect(
      module.variables[1].initialValues == [
        .addressByte("c", offset: 0, isGeneric: true, byte: 0),
        .addressByte("c", offset: 4, isGeneric: false, byte: 1),
        .addressByte("c", offset: 0, isGeneric: false, byte: 7),
      ])
    #expect(try Module(parsing: module.description) == module)
  }

  @Test(
    "Modules that are none",
    arguments: [
      ("", "expected '.version', found the end of the text"),
      (".version 8.0", "expected '.target', found the end of the text"),
      (".target sm_90a .version 8.0", "expected '.version' before '.target', found 'sm_90a'"),
      (".version 8.0 .target sm_90a .address_size 16", "16 is out of range"),
      (".version 8.0 .global .u32 a; .global .u32 a;", "'a' is declared twice"),
      (".version 8.0 .func f() { } .func f() { }", "'f' is declared twice"),
      (".version 8.0 .global .u32 f; .func f() { }", "'f' is declared twice"),
      (".version 8.0 .global .u64 a = b;", "'b' is not declared"),
      (".version 8.0 .global .u32 a[2] = {1, 2, 3};", "expected '}', found '}'"),
      (".version 8.0 .global .u8 a[][4294967295][4294967295] = {1};", "4294967295 is out of range"),
      (".version 8.0 .global .u8 a[1] = {0xFE(a)};", "expected a number, found 'a'"),
      (".version 8.0 .global .u8 a[2][];", "inner dimension 0 is out of range"),
      (".version 8.0 .global .u8 a[1] = {0(a)};", "expected a number, found 'a'"),
    ])
  func moduleErrors(_ text: String, message: String) {
    let error = #expect(throws: ParseError.self) { _ = try Module(parsing: text) }
    #expect(error?.description.hasSuffix(message) == true, "\(String(describing: error))")
  }

  @Test(
    "Errors tell place and reason",
    arguments: [
      (".reg .b32 %r1; add.s32 %r1, 1, 2", 7, "expected ';', found '}'"),
      ("add.s32 %q, 1, 2;", 6, "'%q' is not declared"),
      (".reg .b32 %r<5>; mov.b32 %r01, 1;", 6, "'%r01' is not declared"),
      ("bra NOWHERE;", 6, "'NOWHERE' is not declared"), (".reg .b33 %r1;", 6, "unknown type '.b33'"),
      (".reg .b32 %a;\n.reg .b32 %a;", 7, "'%a' is declared twice"),
      ("A: ret;\nA: ret;", 5, "'A' is declared twice"),
      (".frob 3;", 6, "unknown directive '.frob'"),
      (".reg .b32 %a; mov.u32 %a, [", 7, "expected a name, found '}'"),
      (".shared .b8 x[99999999999];", 6, "99999999999 is out of range"),
      (".reg .b64 %a; mov.b64 %a, 0x1ffffffffffffffff;", 6, "0x1ffffffffffffffff is out of range"),
    ])
  func errors(_ body: String, line: Int, text: String) throws {
    let error = #expect(throws: ParseError.self) { _ = try Self.parse(body) }
    #expect(error?.line == line)
    #expect(error?.description.hasSuffix(text) == true, "\(String(describing: error))")
  }

  @Test("An undeclared name is pointed at")
  func column() {
    let error = #expect(throws: ParseError.self) { _ = try Self.parse(".reg .b32 %a; add.s32 %a, %b, 1;") }
    #expect(error?.column == 27)
  }

  @Test("An unknown instruction is no error of the text")
  func unknownInstruction() throws {
    let function = try Self.parse(".reg .b32 %r<2>; frobnicate.v9.b32 %r1, {%r0}, 4; ret;")
    #expect(Self.instructions(function)[0].spelling == "frobnicate.v9.b32")
  }

  @Test("Damaged text never traps")
  func damage() throws {
    let text = Array(
      Self.kernel(
        """
        .reg .pred %p<2>; .reg .b32 %r<9>; .shared .align 8 .b8 s[8] = {1, 2};
        L: @%p1 bra L; { .reg .b32 q; mov.b32 q, 0f3F800000; mov.b32 {q, _}, -0x1F; }
        ld.shared.v2.f32 {%r1, %r2}, [s+4]; .loc 1 2 3
        call (%r1), f, (%r2); mov.u32 %r3, %ctaid.y; .pragma "x";
        """
      ).utf8)
    for end in 0..<text.count { _ = try? Module(parsing: String(decoding: text[..<end], as: UTF8.self)) }
    var generator = SplitMix64(seed: 1)
    for _ in 0..<20_000 {
      var damaged = text
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let place = Int.random(in: 0..<damaged.count, using: &generator)
        damaged[place] = text.randomElement(using: &generator) ?? 0
      }
      _ = try? Module(parsing: String(decoding: damaged, as: UTF8.self))
    }
  }
}

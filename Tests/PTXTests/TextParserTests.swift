import ExampleKernels
import PTX
import Testing

/// A module with one kernel of this body, which begins in line 3.
private func module(_ body: String) throws -> Module {
  try Module(
    parsing: ".version 8.0 .target sm_90a .address_size 64\n.visible .entry f(.param .u64 p) {\n\(body)\n}")
}

private func kernel(_ body: String) throws -> Function { try #require(try module(body).functions.first) }

@Suite struct TextParserTests {
  @Test func instructionsWithOperandsOfEveryKind() throws {
    let function = try kernel(
      """
      .reg .pred %p<3>; .reg .b32 %r<9>; .reg .b64 %rd<4>; .shared .align 8 .b8 buffer[64];
      // comment with { and ;
      @!%p1 ld.global.v2.u32 {%r1, _}, [%rd1+-8]; /* two
      lines */ shfl.sync.bfly.b32 %r2|%p2, %r1, 0x10, 037, -1;
      setp.ne.and.b32 %p1 | %p2, %r1, 4294967295U, !%p2;
      mov.u32 %r3, %ctaid.x; mov.u32 %r4, WARP_SZ; mov.f32 %r5, 0f3F800000; mov.f64 %rd2, 0.5;
      mov.f64 %rd2, 0d3FF0000000000000; mov.f64 %rd2, 0.; mov.b32 %r5, 0b101; mov.b64 %rd2, buffer+4;
      cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%rd3, {%r1, %r2}], [buffer+8];
      st.shared.b32 [16], %r1;
      """)
    let instructions = (function.body ?? []).compactMap { statement -> Instruction? in
      if case .instruction(let instruction) = statement { instruction } else { nil }
    }
    let names = function.registers.map(\.name)
    #expect(names == ["%p1", "%r1", "%rd1", "%r2", "%p2", "%r3", "%r4", "%r5", "%rd2", "%rd3"])
    func register(_ name: String) -> RegisterID { RegisterID(names.firstIndex(of: name) ?? -1) }
    let one = Operand.register(register("%r1"))
    #expect(instructions[0].predicate == Guard(register("%p1"), isNegated: true))
    #expect(
      instructions[0].operands == [.vector([one, .sink]), .address(.register(register("%rd1")), offset: -8)])
    #expect(instructions[0].line == 5)
    #expect(
      instructions[1].operands == [
        .pair(.register(register("%r2")), .register(register("%p2"))), one, .immediate(.integer(16)),
        .immediate(.integer(31)), .immediate(.integer(-1)),
      ])
    #expect(instructions[1].line == 6)
    #expect(instructions[2].operands.last == .negated(register("%p2")))
    #expect(instructions[2].operands[2] == .immediate(.integer(4_294_967_295)))
    #expect(instructions[3].operands[1] == .special(.blockIndex(.x)))
    #expect(instructions[4].operands[1] == .immediate(.integer(32)))
    #expect(instructions[5].operands[1] == .immediate(.float(0x3F80_0000)))
    #expect(instructions[6].operands[1] == .immediate(.double(0.5.bitPattern)))
    #expect(instructions[7].operands[1] == .immediate(.double(1.0.bitPattern)))
    #expect(instructions[8].operands[1] == .immediate(.double(0)))
    #expect(instructions[9].operands[1] == .immediate(.integer(5)))
    #expect(instructions[10].operands[1] == .symbol("buffer", offset: 4))
    #expect(
      instructions[11].operands == [
        .address(.register(register("%r1")), offset: 0),
        .tensor(
          .register(register("%rd3")), offset: 0, coordinates: [one, .register(register("%r2"))]),
        .address(.symbol("buffer"), offset: 8),
      ])
    #expect(instructions[12].operands[0] == .address(.absolute, offset: 16))
  }

  @Test func scopesThatReuseNames() throws {
    let function = try kernel(
      """
      .reg .b32 %r<3>;
      { .reg .pred P1; WAIT: mov.b32 %r1, 1; @P1 bra DONE; bra.uni WAIT; DONE: }
      { .reg .pred P1; WAIT: mov.b32 %r1, 2; @P1 bra DONE; bra.uni WAIT; DONE: bra OUT; }
      { .reg .f32 %r<2>; mov.b32 %r1, 3; mov.b32 %r2, 3; }
      mov.b32 %r1, 4;
      OUT: ret;
      """)
    #expect(function.registers.map(\.name) == ["%r1", "P1", "P1_1", "%r1_1", "%r2"])
    #expect(function.registers[3].type == .f32)
    #expect(function.labels == ["WAIT", "DONE", "WAIT_1", "DONE_1", "OUT"])
    let targets = (function.body ?? []).compactMap { statement -> LabelID? in
      guard case .instruction(let instruction) = statement,
        case .label(let label)? = instruction.operands.first
      else { return nil }
      return label
    }
    #expect(targets == [1, 0, 3, 2, 4].map { LabelID($0) })
  }

  @Test func calls() throws {
    let module = try Module(
      parsing: """
        .version 8.0
        .target sm_90a, debug
        .address_size 64
        .extern .func (.param .b32 r) vprintf (.param .b64 a, .param .b64 b);
        .global .align 1 .b8 text[3] = {72, 0x69};
        .global .u64 table[] = {text, generic(text)+1};
        .extern .shared .align 16 .b8 dynamic[];
        .visible .entry f(.param .u64 .ptr .global .align 16 p, .param .align 64 .b8 q[128]) .maxntid 256, 1, 1 .minnctapersm 2 {
          .reg .b64 %rd<3>; .reg .b32 %r<2>;
          { .param .b64 param0; st.param.b64 [param0], %rd1; .param .b32 retval0;
            call.uni (retval0), vprintf, (param0, param0); ld.param.b32 %r1, [retval0]; }
          { .param .b64 param0; st.param.b64 [param0+0], %rd1;
            prototype_1 : .callprototype ()_ (.param .b64 _) ;
            call %rd2, (param0), prototype_1; }
        }
        .section .debug_str { info: .b8 95,90 { } }
        """)
    #expect(module.targets == ["sm_90a", "debug"])
    #expect(module.variables[0].initialValues == [.number(.integer(72)), .number(.integer(105))])
    #expect(module.variables[1].dimensions == [2])
    #expect(module.variables[1].initialValues.last == .address("text", offset: 1, isGeneric: true))
    #expect(module.variables[2].dimensions == [0])
    let function = try #require(module.kernels.first)
    #expect(function.parameters[0].pointer == PointerAttribute(space: .global, alignment: 16))
    #expect(function.directives.maximumThreads == [256, 1, 1])
    #expect(function.variables.map(\.name) == ["param0", "retval0", "param0_1"])
    let calls = (function.body ?? []).compactMap { statement -> [Operand]? in
      if case .instruction(let call) = statement, call.spelling.hasPrefix("call") {
        call.operands
      } else {
        nil
      }
    }
    let argument = Operand.symbol("param0", offset: 0)
    #expect(
      calls == [
        [
          .list([.symbol("retval0", offset: 0)]), .symbol("vprintf", offset: 0), .list([argument, argument]),
        ],
        [
          .register(RegisterID(2)), .list([.symbol("param0_1", offset: 0)]),
          .symbol("prototype_1", offset: 0),
        ],
      ])
  }

  @Test(arguments: [
    ("mov.b32 %r1, 1;", 3, 9, ParseError.Problem.undeclared("%r1")),
    (".reg .b32 %r<2>;\n mov.b32 %r2, 1;", 4, 10, .undeclared("%r2")),
    ("bra.uni L;", 3, 9, .undeclared("L")),
    ("L: ret;\nL: ret;", 4, 1, .redeclared("L")),
    ("add.u32 1 2;", 3, 11, .unexpected(found: "'2'", expected: "';'")),
    ("mov.b32 1, 99999999999999999999;", 3, 12, .outOfRange("99999999999999999999")),
  ])
  func errorsSayWhere(_ body: String, _ line: Int, _ column: Int, _ problem: ParseError.Problem) {
    #expect(throws: ParseError(line: line, column: column, problem: problem)) { try module(body) }
  }

}

import AssemblerSupport
import AssemblerTools
import PTX
import Testing

@Suite("Kernel language: recorded text")
struct LanguageGoldenTests {
  private func body(_ demands: LaunchDemands = .threads(128), _ record: (KernelBuilder) -> Void) throws
    -> [String]
  {
    PrintedText.statements(try Kernel("test", demands, record).function)
  }

  @Test("A guarded element-wise kernel is what one would write by hand")
  func vectorScale() throws {
    let kernel = try Kernel("scale", .threads(256)) { k in
      let x = k.parameter("x", pointerTo: F32.self)
      let count = k.parameter("count", U32.self)
      let i = k.let("i", k.blockIndex() * 256 + k.threadIndex())
      k.if(i < count) { x[i] *= 2 }
    }
    #expect(
      kernel.module.description == """
        .version 8.0
        .target sm_90a
        .address_size 64
        .file 1 "PTXTests/LanguageGoldenTests.swift"

        .visible .entry scale(
          .param .u64 .ptr .global .align 4 x,
          .param .u32 count
        )
        .reqntid 256
        .minnctapersm 1
        {
          .reg .pred %p<8>;
          .reg .u32 %r<6>;
          .reg .u32 %i;
          .reg .u64 %rd<12>;
          .reg .f32 %f<11>;
          .loc 1 17 0
          ld.param.u64 %rd0, [x];
          cvta.to.global.u64 %rd1, %rd0;
          .loc 1 18 0
          ld.param.u32 %r2, [count];
          .loc 1 19 0
          mov.u32 %r3, %ctaid.x;
          shl.b32 %r4, %r3, 8;
          mov.u32 %r5, %tid.x;
          add.u32 %i, %r4, %r5;
          .loc 1 20 0
          setp.lt.u32 %p7, %i, %r2;
          @!%p7 bra $endif_0;
          mad.wide.u32 %rd8, %i, 4, %rd1;
          ld.global.f32 %f9, [%rd8];
          mul.ftz.f32 %f10, %f9, 0f40000000;
          mad.wide.u32 %rd11, %i, 4, %rd1;
          st.global.f32 [%rd11], %f10;
        $endif_0:
          .loc 1 16 0
          ret;
        }

        """)
  }

  @Test("if and else, a switch, a loop with break and continue")
  func controlFlow() throws {
    let lines = try body { k in
      let x = k.variable("x", U32.self, 0)
      let p = k.let("p", x.value < 4)
      k.if(p) {
        x.set(1)
      } else: {
        x.set(2)
      }
      k.switch(x.value) { cases in
        cases.case(1, 2) { x.set(3) }
        cases.default { x.set(4) }
      }
      k.loop {
        k.continue(if: p)
        k.break()
      }
      k.for(from: x.value, to: 8, step: 2, unroll: .never) { i in x.set(i) }
    }
    #expect(
      lines == [
        "mov.u32 %x, 0;", "setp.lt.u32 %p, %x, 4;", "@!%p bra $else_0;", "mov.u32 %x, 1;", "bra $endif_1;",
        "$else_0:", "mov.u32 %x, 2;", "$endif_1:", "setp.eq.u32 %p4, %x, 1;", "setp.eq.u32 %p5, %x, 2;",
        "or.pred %p6, %p4, %p5;", "@!%p6 bra $case_next_3;", "mov.u32 %x, 3;", "bra $switch_end_2;",
        "$case_next_3:", "mov.u32 %x, 4;", "$switch_end_2:", "$loop_next_4:", "@%p bra $loop_next_4;",
        "bra $loop_end_5;", "bra $loop_next_4;", "$loop_end_5:", "mov.u32 %i, %x;",
        "setp.lt.u32 %p9, %x, 8;", "@!%p9 bra $for_end_7;", ".pragma \"nounroll\";", "$for_8:",
        "mov.u32 %x, %i;", "$for_next_6:", "add.u32 %i, %i, 2;", "setp.lt.u32 %p14, %i, 8;",
        "@%p14 bra $for_8;", "$for_end_7:", "ret;",
      ])
  }

  @Test("while, loops unrolled in full, loops over numbers")
  func loops() throws {
    let lines = try body { k in
      let x = k.variable("x", U32.self, 0)
      k.while({ x.value < 9 }) { x += 2 }
      k.for(from: 1, to: 6, step: 2, unroll: .full) { i in x.set(i) }
      k.for(0..<4, name: "turn") { turn in x.set(turn.to(U32.self)) }
    }
    #expect(
      lines == [
        "mov.u32 %x, 0;", "$while_next_0:", "setp.lt.u32 %p2, %x, 9;", "@!%p2 bra $while_end_1;",
        "add.u32 %x, %x, 2;", "bra $while_next_0;", "$while_end_1:", "mov.u32 %x, 1;", "mov.u32 %x, 3;",
        "mov.u32 %x, 5;", "mov.s32 %turn, 0;", "$for_4:", "mov.u32 %x, %turn;", "$for_next_2:",
        "add.s32 %turn, %turn, 1;", "setp.lt.s32 %p10, %turn, 4;", "@%p10 bra.uni $for_4;", "$for_end_3:",
        "ret;",
      ])
  }

  @Test("A pipeline's state goes round its stages and flips its parity")
  func pipeline() throws {
    let lines = try body { k in
      let ring = k.consumerState("ring", stages: 3)
      ring.advance()
    }
    #expect(
      lines.map { $0.replacing(/%(r|p)[0-9]+/) { "%\($0.output.1)" } } == [
        "mov.u32 %ring_stage, 0;", "mov.u32 %ring_phase, 0;", "add.u32 %r, %ring_stage, 1;",
        "setp.eq.u32 %p, %r, 3;", "selp.u32 %ring_stage, 0, %r, %p;", "selp.u32 %r, 1, 0, %p;",
        "xor.b32 %ring_phase, %ring_phase, %r;", "ret;",
      ])
  }

  @Test("Kernels of one module share dynamic shared memory and declarations")
  func module() throws {
    let kernels = try [128, 1024].map { alignment in
      try Kernel("aligned\(alignment)", .threads(32)) { k in
        let words = k.dynamicShared(U32.self, count: 4, alignment: alignment)
        k.comment("prints one word")
        k.print("%u\n", words[0])
      }
    }
    let module = Module(kernels: kernels)
    #expect(module.kernels.map(\.name) == ["aligned128", "aligned1024"])
    #expect(module.functions.map(\.name) == ["vprintf", "aligned128", "aligned1024"])
    let dynamic = module.variables.filter { $0.name == "dynamic_shared" }
    #expect(dynamic.map(\.effectiveAlignment) == [1024])
    #expect(PrintedText.statements(kernels[0].function).first == "// prints one word")
    _ = try Ptxas.forTests().assemble(module.description)
  }

  @Test("Predicated instructions, a named register, a region")
  func predicatesAndRegions() throws {
    let lines = try body { k in
      let word = k.shared("word", U32.self, count: 2)
      k.region("load") {
        let first = k.let("first", word[0])
        k.when(first == 0) { word[1] = first }
      }
    }
    #expect(
      lines == [
        "$region_begin_load_0:", "ld.shared.u32 %first, [word];", "setp.eq.u32 %p1, %first, 0;",
        "@%p1 st.shared.u32 [word+4], %first;", "$region_end_load_0:", "ret;",
      ])
    #expect(
      RegionMarker(label: "$region_begin_load_0") == RegionMarker(name: "load", number: 0, isBegin: true))
    #expect(RegionMarker(label: "$region_end_a_b_12")?.name == "a_b")
    #expect(RegionMarker(label: "$region_begin_x") == nil)
    #expect(RegionMarker(label: "$endif_0") == nil)
  }

  @Test("What was read keeps its value when the variable changes")
  func copies() throws {
    let lines = try body { k in
      let out = k.shared("out", U32.self, count: 4)
      let x = k.variable("x", out[0])
      let before = x.value
      x += 1
      out[1] = before
      out[2] = x.value
    }
    // What is stored first is the copy: the variable itself holds the sum by then.
    #expect(
      lines == [
        "ld.shared.u32 %x, [out];", "mov.u32 %r2, %x;", "add.u32 %x, %x, 1;", "st.shared.u32 [out+4], %r2;",
        "st.shared.u32 [out+8], %x;", "ret;",
      ])
  }

  @Test("A swap keeps both values")
  func swap() throws {
    let lines = try body { k in
      let out = k.shared("out", U32.self, count: 4)
      let a = k.variable("a", out[0])
      let b = k.variable("b", out[1])
      let first = a.value
      a.set(b.value)
      b.set(first)
      out[2] = a.value
      out[3] = b.value
    }
    #expect(
      lines == [
        "ld.shared.u32 %a, [out];", "ld.shared.u32 %b, [out+4];", "mov.u32 %r4, %a;", "mov.u32 %a, %b;",
        "mov.u32 %b, %r4;", "st.shared.u32 [out+8], %a;", "st.shared.u32 [out+12], %b;", "ret;",
      ])
  }

  @Test("A value that is read later, or assigned under a predicate, keeps its own register")
  func ownRegisters() throws {
    let lines = try body { k in
      let out = k.shared("out", U32.self, count: 4)
      let input = k.let("input", out[0])
      let x = k.variable("x", U32.self, 0)
      let double = input + input
      x.set(double)
      x.set(x.value ^ 1)
      out[1] = double
      let triple = x.value + input
      k.when(input == 7) { x.set(triple) }
      out[2] = x.value
    }
    #expect(
      lines == [
        "ld.shared.u32 %input, [out];", "mov.u32 %x, 0;", "add.u32 %r2, %input, %input;", "mov.u32 %x, %r2;",
        "xor.b32 %x, %x, 1;", "st.shared.u32 [out+4], %r2;", "add.u32 %r6, %x, %input;",
        "setp.eq.u32 %p7, %input, 7;", "@%p7 mov.u32 %x, %r6;", "st.shared.u32 [out+8], %x;", "ret;",
      ])
  }

  @Test("A value is not written early into a register that a product still uses")
  func noMoveAcrossProducts() throws {
    let lines = try body { k in
      let tile = k.tile(BF16.self, rows: 64, columns: 64)
      let operand = k.descriptor(tile)
      let sums = k.fragment("sums", F32.self, count: 4)
      let factor = k.parameter("factor", F32.self)
      k.multiply(sums, operand, operand, accumulate: false)
      k.commitProducts()
      let square = factor * factor
      k.waitProducts(pending: 0)
      sums[0] = square
    }
    let wait = try #require(lines.firstIndex { $0.hasPrefix("wgmma.wait_group") })
    #expect(lines[wait + 1].hasPrefix("mov.f32 %sums_0, "))
    #expect(!lines[..<wait].contains { $0.hasPrefix("mul") && $0.contains("sums_0") })
  }

  @Test("Integers fold as the machine computes, and powers of two become shifts")
  func folding() throws {
    let lines = try body { k in
      let x = k.parameter("x", U32.self)
      let s = k.parameter("s", S32.self)
      let out = k.shared("out", U32.self, count: 16)
      out[0] = x / 8
      out[1] = x % 8
      out[2] = 16 * x
      out[3] = x + 0
      out[4] = (s / 8).bits(as: U32.self)
      out[5] = Value<U32>(7) * 6 - 2
      out[6] = Value<U32>(3) - 4
      out[7] = (Value<S32>(-9) >> 1).bits(as: U32.self)
    }
    #expect(
      lines.dropFirst(2) == [
        "shr.u32 %r2, %r0, 3;", "st.shared.u32 [out], %r2;", "and.b32 %r3, %r0, 7;",
        "st.shared.u32 [out+4], %r3;", "shl.b32 %r4, %r0, 4;", "st.shared.u32 [out+8], %r4;",
        "st.shared.u32 [out+12], %r0;", "div.s32 %r5, %r1, 8;", "st.shared.u32 [out+16], %r5;",
        "st.shared.u32 [out+20], 40;", "st.shared.u32 [out+24], 4294967295;", "st.shared.u32 [out+28], -5;",
        "ret;",
      ])
  }

  @Test("16-bit numbers become their bits, rounded to even")
  func halves() throws {
    let lines = try body { k in
      let numbers: [Double] = [1, 65504, 65520, 0x1p-24, 0x1p-25, 1 + 0x1p-11, 1 + 0x1.8p-10, -0.5]
      for (index, number) in numbers.enumerated() {
        _ = k.let("half\(index)", Value<F16>(number))
      }
      _ = k.let("brain", Value<BF16>(1.00390625))
      _ = k.let("pair", Value<BF16x2>(2))
      _ = k.let("sum", Value<F16>(1.5) + 2)
      _ = k.let("wide", Value<F16>(1.5).to(F32.self))
    }
    let numbers = lines.dropLast().map { $0.dropLast().split(separator: " ").last.map(String.init) ?? "" }
    let bits = [0x3C00, 0x7BFF, 0x7C00, 1, 0, 0x3C00, 0x3C02, 0xB800, 0x3F80, 0x4000_4000, 0x4300]
    #expect(numbers == bits.map(String.init) + ["0f3FC00000"])
  }

  @Test("Pairs have their first number in the lower half, which PTX names last")
  func pairs() throws {
    let lines = try body { k in
      let low = k.let("low", k.parameter("a", F32.self))
      let high = k.let("high", k.parameter("b", F32.self))
      _ = k.let("pair", k.pack(BF16x2.self, low, high))
      _ = k.let("eights", k.pack(E4M3x2.self, low, high))
    }
    #expect(lines[2] == "cvt.rn.bf16x2.f32 %pair, %high, %low;")
    #expect(lines[3] == "cvt.rn.satfinite.e4m3x2.f32 %eights, %high, %low;")
  }

  @Test("Accumulator registers lie where PTX ISA 9.7.15 draws them", arguments: [0, 5, 37, 127])
  func accumulator(thread: Int) throws {
    let lines = try body { k in
      _ = k.let("row", Fragment<F32>.accumulatorRow(thread: Value(thread)))
      _ = k.let("column", Fragment<F32>.accumulatorColumn(thread: Value(thread)))
    }
    #expect(lines[0] == "mov.u32 %row, \(16 * (thread / 32) + thread % 32 / 4);")
    #expect(lines[1] == "mov.u32 %column, \(2 * (thread % 4));")
    #expect((0..<8).map(Fragment<F32>.accumulatorRowOffset) == [0, 0, 8, 8, 0, 0, 8, 8])
    #expect((0..<8).map(Fragment<F32>.accumulatorColumnOffset) == [0, 1, 0, 1, 8, 9, 8, 9])
  }

  @Test("A shuffle among groups of lanes")
  func shuffleWidth() throws {
    let lines = try body { k in
      let x = k.let("x", k.laneIndex())
      _ = k.let("a", k.shuffle(x, .butterfly, 1, width: 8))
      _ = k.let("b", k.shuffle(x, .up, 1, width: 8))
    }
    #expect(lines[1] == "shfl.sync.bfly.b32 %a, %x, 1, \(0x181F), 4294967295;")
    #expect(lines[2] == "shfl.sync.up.b32 %b, %x, 1, \(0x1800), 4294967295;")
  }

  @Test("Subnormals are kept on demand")
  func subnormals() throws {
    let demands = LaunchDemands(threads: [32], flushesSubnormals: false)
    let lines = try body(demands) { k in
      let x = k.parameter("x", F32.self)
      let out = k.shared("out", F32.self, count: 1)
      out[0] = k.exp2(x * x)
    }
    #expect(lines.contains("mul.f32 %f1, %f0, %f0;"))
    #expect(lines.contains("ex2.approx.f32 %f2, %f1;"))
  }

  @Test("Every instruction knows its line, and operators that of the call they are for")
  func locations() throws {
    let line = #line + 2
    let kernel = try Kernel("lines", .threads(32)) { k in
      let out = k.shared("out", U32.self, count: 2)
      let x = k.let("x", k.threadIndex() * 3 + 5)
      out[1] = x
    }
    var lines: [String: [Int]] = [:]
    for case .instruction(let instruction) in kernel.function.body ?? [] {
      let source = try #require(instruction.source)
      #expect(source.file == #fileID)
      lines[instruction.spelling, default: []].append(source.line)
    }
    #expect(lines["mov.u32"] == [line + 1])
    #expect(lines["mul.lo.u32"] == [line + 1])
    #expect(lines["add.u32"] == [line + 1])
    #expect(lines["st.shared.u32"] == [line + 2])
  }

  @Test("The version is that of the newest instruction, 8.0 at the least")
  func version() throws {
    #expect(try Kernel("old") { _ in }.version == Module.Version(8, 0))
    let kernel = try Kernel("new", .threads(32, cluster: [2])) { k in
      let words = k.shared("words", U32.self, count: 1)
      let barrier = k.barrier("full").ofBlock(0)
      k.storeAsync([1], to: k.mapToBlock(words, 0), signalling: barrier)
    }
    #expect(kernel.module.version == Module.Version(8, 1))
  }

  @Test("Dynamic shared memory is laid out in order, each part aligned")
  func dynamicShared() throws {
    let kernel = try Kernel("dynamic", .threads(32)) { k in
      let small = k.dynamicShared(F32.self, count: 3)
      let tile = k.tile(BF16.self, rows: 8, columns: 64)
      small[2] = 1
      tile.pointer.reinterpreted(as: F32.self)[0] = 2
    }
    #expect(kernel.dynamicSharedByteCount == 2048)
    #expect(
      PrintedText.statements(kernel.function) == [
        "st.shared.f32 [dynamic_shared+8], 0f3F800000;", "st.shared.f32 [dynamic_shared+1024], 0f40000000;",
        "ret;",
      ])
    #expect(kernel.variables.map(\.effectiveAlignment) == [1024])
  }

  @Test("A struct is laid out as C does")
  func structLayout() {
    var layout = ParameterLayout()
    let flag = layout.field(U8.self)
    let count = layout.field(S32.self)
    let pointer = layout.pointer(to: F32.self)
    let scale = layout.field(F32.self)
    let map = layout.tensorMap(of: BF16.self, rank: 3)
    #expect([flag.offset, count.offset, pointer.offset, scale.offset, map.offset] == [0, 4, 8, 16, 64])
    #expect(layout.byteCount == 192)
    #expect(layout.alignment == 64)
  }
}

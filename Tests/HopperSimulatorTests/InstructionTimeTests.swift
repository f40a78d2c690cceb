import HopperSimulator
import Testing

/// Times of instructions against what others have published, each measured inside of a kernel as they did.
///
/// Sources: the CUDA C++ programming guide's throughput table (compute capability 9.0); Luo et al., arXiv 2402.13499
/// and arXiv 2501.12084, micro-benchmarks of the H100.
@Suite("Times of instructions")
struct InstructionTimeTests {
  /// Cycles between the first and the last of a chain of instructions, per link.
  private func link(_ instruction: String, setUp: String = "", count: Int = 64) throws -> Double {
    let chain = Array(repeating: instruction, count: count + 1).joined(separator: "\n")
    // The second reading of the clock waits until all before it have started.
    let cycles = try ClockProgram(setUp: setUp, body: chain).run().cycles[0]
    return Double(cycles) / Double(count)
  }

  @Test("A dependent instruction issues 4 cycles after an addition or FMA, 18 to 23 after ex2 (2402.13499)")
  func dependentIssue() throws {
    #expect((3.9...4.6).contains(try link("fma.rn.ftz.f32 %f10, %f10, %f11, %f12;")))
    #expect((3.9...4.6).contains(try link("add.s32 %r10, %r10, %r11;")))
    #expect((3.9...5.5).contains(try link("mad.lo.s32 %r10, %r10, %r11, %r12;")))
    #expect((18...23).contains(try link("ex2.approx.ftz.f32 %f10, %f10;")))
  }

  @Test("A shared load takes 29 to 33 cycles, of a block's neighbour 180 (2402.13499)")
  func sharedLoads() throws {
    let zero = "st.shared.u32 [%r2], %r1; mov.u32 %r10, %r2;"
    let own = try link(
      "ld.shared.u32 %r11, [%r10]; and.b32 %r11, %r11, 0; add.u32 %r10, %r2, %r11;", setUp: zero)
    // Two integer operations make the next address.
    #expect((29...33).contains(own - 8))
    let chain = Array(
      repeating: "ld.shared::cluster.u32 %r11, [%r10]; and.b32 %r11, %r11, 0; add.u32 %r10, %r12, %r11;",
      count: 33
    ).joined(separator: "\n")
    let remote = try ClockProgram(
      setUp: """
        mov.u32 %r13, %cluster_ctarank;
        xor.b32 %r13, %r13, 1;
        mapa.shared::cluster.u32 %r12, %r2, %r13;
        mov.u32 %r10, %r12;
        st.shared.u32 [%r2], %r1;
        barrier.cluster.arrive.release;
        barrier.cluster.wait.acquire;
        """, body: chain, end: "barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;", grid: 2,
      cluster: 2
    ).run().cycles[0]
    #expect((170...200).contains(Double(remote) / 32 - 8))
  }

  /// Cycles of one access by a warp whose lane `l` is at byte `stride · (l & mask)`, of many that need not wait for each
  /// other.
  private func access(_ instruction: String, stride: Int, mask: Int = 31) throws -> (Double, LaunchReport) {
    let count = 256
    let setUp = """
      and.b32 %r10, %r1, \(mask);
      mul.lo.u32 %r10, %r10, \(stride);
      add.u32 %r10, %r10, %r2;
      """
    let body = Array(repeating: instruction, count: count).joined(separator: "\n")
    let (cycles, report) = try ClockProgram(setUp: setUp, body: body, threads: 128).run()
    // Four warps, one on each scheduler, share the multiprocessor's memory.
    return (Double(cycles[0]) / Double(4 * count), report)
  }

  @Test("Bank conflicts: as many wavefronts as words of one bank (programming guide, shared memory)")
  func bankConflicts() throws {
    let load = "ld.shared.u32 %r11, [%r10];"
    for (stride, mask, wavefronts) in [
      (4, 31, 1.0), (8, 31, 2), (128, 31, 32), (0, 31, 1), (4, 7, 1), (12, 31, 1),
    ] {
      let (cycles, report) = try access(load, stride: stride, mask: mask)
      #expect(
        (cycles - wavefronts).magnitude < 0.05 * wavefronts + 0.1, "stride \(stride), mask \(mask): \(cycles)"
      )
      #expect(report.shared.conflictWavefronts == UInt64((wavefronts - 1) * 1024))
    }
    // 16 bytes for each lane: four wavefronts, which a stride of 32 bytes doubles.
    let vector = "ld.shared.v4.u32 {%r11, %r12, %r13, %r14}, [%r10];"
    #expect((try access(vector, stride: 16).0 - 4).magnitude < 0.2)
    #expect((try access(vector, stride: 32).0 - 8).magnitude < 0.4)
  }

  /// Cycles per instruction and scheduler of many independent ones, with four warps on each.
  private func interval(_ instruction: (Int) -> String) throws -> Double {
    let body = (0..<512).map { instruction($0 % 8) }.joined(separator: "\n")
    let (cycles, _) = try ClockProgram(body: body, threads: 512).run()
    let longest = Double(cycles.max() ?? 0)
    return longest / (512 * 4)
  }

  @Test(
    "Lanes per cycle and scheduler: 32 FMA, 16 integer and maximum, 4 ex2, 16 to bf16 pairs (programming guide)"
  )
  func throughput() throws {
    let fma = try interval { "fma.rn.ftz.f32 %f1\($0), %f30, %f31, %f32;" }
    #expect((fma - 1).magnitude < 0.05)
    let add = try interval { "add.s32 %r1\($0), %r30, %r31;" }
    #expect((add - 2).magnitude < 0.1)
    for (type, register) in [("f32", "%f"), ("s32", "%r")] {
      let maximum = try interval { "max.\(type) \(register)1\($0), \(register)30, \(register)31;" }
      #expect((maximum - 2).magnitude < 0.1)
    }
    let ex2 = try interval { "ex2.approx.ftz.f32 %f1\($0), %f30;" }
    #expect((ex2 - 8).magnitude < 0.3)
    let convert = try interval { "cvt.rn.bf16x2.f32 %r1\($0), %f30, %f31;" }
    #expect((convert - 2).magnitude < 0.1)
  }

  /// Cycles per instruction of a warpgroup, one warp on each scheduler, beside another that has so many products to do.
  private func interval(besideProducts count: Int, _ instruction: (Int) -> String) throws -> Double {
    let kernel = ProductKernel(threads: 256, columns: 256)
    func cycles(_ length: Int) throws -> Double {
      let cycles = try kernel.cycles(
        """
        setp.ge.u32 %p5, %r1, 128; @%p5 bra OTHER;
        \(Array(repeating: kernel.product(), count: count).joined(separator: "\n"))
        \(ProductKernel.end)
        bra JOIN;
        OTHER:
        \((0..<length).map { instruction($0 % 8) }.joined(separator: "\n"))
        JOIN:
        """)
      return Double(cycles[128...].max() ?? 0)
    }
    return (try cycles(384) - cycles(128)) / 256
  }

  @Test(
    "Beside products, arithmetic takes longer: 1.8 cycles for FMA, 4.4 at half the rate, 10.5 for ex2 (H100 SXM5, 2026-11)"
  )
  func besideProducts() throws {
    let instructions: [(alone: Double, beside: Double, text: (Int) -> String)] = [
      (1, 1.8, { "fma.rn.f32 %f1\($0), %f30, %f31, %f32;" }),
      (2, 4.4, { "mad.lo.u32 %r1\($0), %r30, %r31, %r32;" }),
      (2, 4.4, { "max.f32 %f1\($0), %f30, %f31;" }),
      (2, 4.4, { "cvt.rn.bf16x2.f32 %r1\($0), %f30, %f31;" }),
      (8, 10.5, { "ex2.approx.ftz.f32 %f1\($0), %f30;" }),
    ]
    for (alone, beside, text) in instructions {
      let measured = (
        alone: try interval(besideProducts: 0, text), beside: try interval(besideProducts: 40, text)
      )
      #expect((measured.alone / alone - 1).magnitude < 0.05, "\(text(0)) \(measured)")
      #expect((measured.beside / beside - 1).magnitude < 0.05, "\(text(0)) \(measured)")
    }
  }

  @Test("A warp that waits for memory leaves the issue slots to the others of its scheduler")
  func slotsOfWaitingWarps() throws {
    // 16 additions that depend on each other, 50 times.
    let chain = """
      mov.u32 %r10, 0;
      CHAIN:
      \(Array(repeating: "fma.rn.ftz.f32 %f10, %f10, %f11, %f12;", count: 16).joined(separator: "\n"))
      add.u32 %r10, %r10, 1;
      setp.lt.u32 %p10, %r10, 50;
      @%p10 bra CHAIN;
      """
    let loads = """
      setp.lt.u32 %p11, %r1, 32;
      @%p11 bra MEASURED;
      mov.u64 %rd10, %rd1;
      LOADS:
      ld.global.u64 %rd11, [%rd10];
      add.u64 %rd10, %rd10, %rd11;
      setp.lt.u64 %p12, %rd11, 999;
      @%p12 bra LOADS;
      MEASURED:
      """
    // Each element is its distance to the next, the last one 1000: loads of 40 lines, one after the other.
    let elements = (0..<40).map { [$0 < 39 ? 128 : 1000] + [UInt64](repeating: 0, count: 15) }
    let data = elements.joined().flatMap { withBytes($0) }
    let alone = try ClockProgram(body: chain).run(data: data).cycles[0]
    // Two warps for each scheduler, all but the first of which only load.
    let measured = "@!%p11 bra OVER;\n" + chain + "\nOVER:"
    let beside = try ClockProgram(setUp: loads, body: measured, threads: 256).run(data: data).cycles[0]
    #expect(beside <= alone + alone / 50, "\(alone) alone, \(beside) beside warps that load")
  }

  @Test(
    "Tensor rates: the dense 16-bit peaks of the data sheets, in TFLOP/s, at a clock that the device has",
    arguments: [("h100", 989.0), ("h800", 989), ("h200", 989), ("h20", 148)])
  func tensorPeak(name: String, peak: Double) throws {
    let device = try #require(DeviceDescription(name: name))
    let gigahertz = peak * 1e3 / (device.processorCount.value * device.tensorRate.value)
    #expect((1.8...1.98).contains(gigahertz), "\(gigahertz)")
  }
}

import GPUDevice
import HopperSimulator
import PTX
import Testing

/// Times of memory and barriers against what others have published.
///
/// Sources: Luo et al., arXiv 2402.13499 and 2501.12084, micro-benchmarks of the H100; NVIDIA's data sheet of the H100.
@Suite("Times of memory and barriers")
struct MemoryTimeTests {
  /// Cycles of a load by one thread of a chain, each at a line of its own, `steps` of them.
  private func chase(_ device: Simulator, twice: Bool) throws -> Double {
    let steps = 32
    let load = """
      ld.global.u32 %r10, [%rd10];
      cvt.u64.u32 %rd11, %r10;
      add.u64 %rd10, %rd10, %rd11;
      """
    let chain = Array(repeating: load, count: steps + 1).joined(separator: "\n")
    // Each element holds the distance to the next.
    let distance: UInt32 = 4096 + 128
    var data = [UInt8](repeating: 0, count: (steps + 2) * Int(distance))
    for element in 0...steps {
      for byte in 0..<4 { data[element * Int(distance) + byte] = UInt8(distance >> UInt32(8 * byte) & 0xFF) }
    }
    let first = twice ? chain + "\nmov.u64 %rd10, %rd1;" : ""
    let program = ClockProgram(setUp: "mov.u64 %rd10, %rd1;\n" + first, body: chain, threads: 1)
    // A conversion and an addition make the next address: 8 and 4 cycles.
    return Double(try program.run(device, data: data).cycles[0]) / Double(steps) - 12
  }

  @Test("A load takes 262 cycles from L2, 480 to 560 from DRAM (2402.13499)")
  func loadLatency() throws {
    let fromMemory = try chase(Simulator(.warm), twice: false)
    #expect((480...560).contains(fromMemory))
    let fromCache = try chase(Simulator(.warm), twice: true)
    #expect((fromCache - 262).magnitude < 26)
  }

  @Test("A line that is on its way from DRAM is there for nobody before it has come")
  func lineOnItsWay() throws {
    let program = ClockProgram(
      body: "ld.global.u32 %r10, [%rd1];\nadd.u32 %r11, %r10, 1;", grid: 2, threads: 1)
    let cycles = try program.run().cycles
    #expect(cycles.allSatisfy { (480...580).contains($0) }, "\(cycles)")
  }

  /// PTX of thread 0 that makes an mbarrier at the start of shared memory, and of all to wait for its first phase.
  private static let barrier = """
    setp.eq.u32 %p10, %r1, 0;
    @%p10 mbarrier.init.shared::cta.b64 [%r2], 1;
    fence.mbarrier_init.release.cluster;
    add.u32 %r20, %r2, 1024;
    bar.sync 0;
    """
  private static let wait = """
    WAIT:
    mbarrier.try_wait.parity.shared::cta.b64 %p11, [%r2], 0;
    @!%p11 bra WAIT;
    """

  private func copy(_ device: Simulator) throws -> Double {
    let program = ClockProgram(
      setUp: Self.barrier,
      body: """
        @%p10 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 4096;
        @%p10 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r20], [%rd1], 4096, [%r2];
        \(Self.wait)
        """)
    return Double(try program.run(device).cycles[0])
  }

  @Test(
    "A bulk copy by TMA takes 600 to 900 cycles from DRAM, and the latency of DRAM less from L2 (2501.12084)")
  func tensorCopyLatency() throws {
    #expect((600...900).contains(try copy(Simulator(.warm))))
    // The same buffer again: freshly allocated memory lies elsewhere, so that only the first load makes it a hit.
    let program = ClockProgram(
      setUp: Self.barrier + "\nld.global.v4.u32 {%r30, %r31, %r32, %r33}, [%rd1];\nadd.u32 %r34, %r30, 1;",
      body: """
        @%p10 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 16;
        @%p10 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r20], [%rd1], 16, [%r2];
        \(Self.wait)
        """)
    let fromCache = Double(try program.run().cycles[0])
    #expect((400...500).contains(fromCache))
  }

  @Test("A warp goes on 20 to 40 cycles after the last arrival at an mbarrier or a named barrier")
  func barriers() throws {
    let object = try ClockProgram(
      setUp: Self.barrier, body: "@%p10 mbarrier.arrive.shared::cta.b64 _, [%r2];\n" + Self.wait, threads: 64
    ).run().cycles
    #expect(object.allSatisfy { (20...50).contains($0) }, "\(object[0]), \(object[32])")
    let named = try ClockProgram(body: "bar.sync 1, 128;", threads: 128).run().cycles
    #expect(named.allSatisfy { (20...40).contains($0) }, "\(named[0])")
  }

  @Test("A cluster's barrier takes about 190 cycles (2402.13499)")
  func clusterBarrier() throws {
    let cycles = try ClockProgram(
      setUp: "barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;",
      body: "barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;", grid: 2, cluster: 2
    ).run().cycles
    #expect(cycles.allSatisfy { (171...209).contains($0) }, "\(cycles[0])")
  }

  // MARK: Streams

  @Test("A copy that does not fit L2 moves 90 to 93 % of 3.35 TB/s through DRAM (data sheet; 2402.13499)")
  func streamFromMemory() throws {
    let report = try StreamKernel(byteCount: 160 << 20, rounds: 1, writes: true).run(Simulator())
    let rate = Double(report.memory.dramReadBytes + report.memory.dramWriteBytes) / report.seconds
    #expect((0.9...0.93).contains(rate / 3.35e12), "\(rate / 1e12) TB/s")
    #expect(report.limitingUnit()?.name == .dram)
    #expect(report.memory.hitRate == 0)
  }

  @Test("Reads within L2 move 5.5 to 7 TB/s (2501.12084)")
  func readsFromCache() throws {
    let report = try StreamKernel(byteCount: 24 << 20, rounds: 24, writes: false).run(Simulator())
    let rate = Double(report.memory.l2ReadBytes) / report.seconds
    #expect((5.5...7).contains(rate / 1e12), "\(rate / 1e12) TB/s")
    #expect(report.limitingUnit()?.name == .l2)
    #expect((report.memory.hitRate ?? 0) > 0.95)
  }

  @Test("L2 takes 3 to 3.7 TB/s (a profile of partials on an H100): a copy within it has both")
  func copyWithinCache() throws {
    let report = try StreamKernel(byteCount: 12 << 20, rounds: 24, writes: true).run(Simulator())
    let rate = Double(report.memory.l2ReadBytes) / report.seconds
    // As much is written as is read: 1 / (1 / 5.5 + 1 / 3.0) to 1 / (1 / 7.0 + 1 / 3.7).
    #expect((1.94...2.42).contains(rate / 1e12), "\(rate / 1e12) TB/s")
    #expect(report.limitingUnit()?.name == .l2)
  }

  @Test("Atomic additions to one word take their turns in L2; to words of their own they do not")
  func atomics() throws {
    func cycles(_ stride: Int) throws -> UInt64 {
      try ClockProgram(
        setUp: """
          mov.u32 %r10, %ctaid.x;
          mad.lo.u32 %r10, %r10, 256, %r1;
          mul.wide.u32 %rd10, %r10, \(stride);
          add.u64 %rd10, %rd10, %rd1;
          """, body: "red.global.add.u32 [%rd10], 1;", grid: 66, threads: 256
      ).run(data: [UInt8](repeating: 0, count: 66 * 256 * 4)).report.cycles
    }
    let (same, apart) = try (cycles(0), cycles(4))
    // 16,896 additions to one word, one every two cycles.
    #expect(same > 30000 && same < 45000, "\(same)")
    #expect(apart < 3000, "\(apart)")
  }
}

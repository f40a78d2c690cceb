import HopperSimulator
import Testing

/// Times of what the blocks of a cluster do to each other's shared memory.
///
/// Sources: Luo et al., arXiv 2402.13499: 180 cycles to a neighbour's shared memory; the CUDA C++ programming guide: a
/// multicast is one transaction of L2. On an H100 one of data that comes from DRAM saves no time (`mla compare`, 2026-11):
/// its bytes take L2's time once for each receiver. That they are there when the last one has them
/// is uncalibrated.
@Suite("Times within a cluster")
struct ClusterTimeTests {
  /// Sets up an mbarrier for one arrival at the start of each block's shared memory. `%p12` is the first thread of block 0,
  /// `%p13` that of block 1; `%r21` the place of the other block's mbarrier.
  private static let setUp = """
    setp.eq.u32 %p10, %r1, 0;
    mov.u32 %r20, %cluster_ctarank;
    setp.eq.and.u32 %p12, %r20, 0, %p10;
    setp.eq.and.u32 %p13, %r20, 1, %p10;
    xor.b32 %r22, %r20, 1;
    mapa.shared::cluster.u32 %r21, %r2, %r22;
    @%p10 mbarrier.init.shared::cta.b64 [%r2], 1;
    @%p10 mbarrier.init.shared::cta.b64 [%r2+8], 1;
    fence.mbarrier_init.release.cluster;
    """
  private static let sync = "barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;"

  private static func wait(_ offset: Int) -> String {
    """
    WAIT\(offset):
    mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p11, [%r2+\(offset)], 0;
    @!%p11 bra WAIT\(offset);
    """
  }

  /// Cycles until an arrival with these modifiers has ended the phase for which each block waits.
  private func arrival(_ modifiers: String, at place: String = "[%r21]") throws -> [UInt64] {
    try ClockProgram(
      setUp: Self.setUp + "\n" + Self.sync,
      body: "@%p10 mbarrier.arrive\(modifiers).b64 _, \(place);\n" + Self.wait(0),
      end: Self.sync, grid: 2, cluster: 2
    ).run().cycles
  }

  @Test("An arrival at a neighbour's mbarrier takes its way there")
  func remoteArrival() throws {
    for modifiers in [".shared::cluster", ".release.cta.shared::cluster", ".relaxed.cluster.shared::cluster"]
    {
      let cycles = try arrival(modifiers)
      // The way, and what a wait takes.
      #expect(cycles.allSatisfy { (180 + 20...180 + 70).contains($0) }, "\(cycles[0]), \(cycles[32])")
    }
  }

  /// What ptxas 13.0 makes of it begins with MEMBAR.ALL.GPU, also where the mbarrier is the block's own; that took 500 to 800
  /// cycles on an H100 (profile of the decode kernel, 2026-11).
  @Test("An arrival that releases to the cluster, and a fence, wait for all that the warp did before")
  func clusterRelease() throws {
    for (near, far, place) in [
      (".shared::cta", ".release.cluster.shared::cta", "[%r2]"),
      (".shared::cluster", ".release.cluster.shared::cluster", "[%r21]"),
      (".expect_tx.shared::cluster", ".expect_tx.release.cluster.shared::cluster", "[%r21], 0"),
    ] {
      let added = try zip(arrival(far, at: place), arrival(near, at: place)).map { $0 - $1 }
      #expect(added.allSatisfy { (500...800).contains($0) }, "\(far): \(added[0]), \(added[32])")
    }
    let fence = try ClockProgram(body: "fence.acq_rel.cluster;").run().cycles
    #expect(fence.allSatisfy { (500...800).contains($0) }, "\(fence[0])")
    let ofSetUp = try ClockProgram(body: "fence.mbarrier_init.release.cluster;").run().cycles
    #expect(ofSetUp.allSatisfy { $0 < 50 }, "\(ofSetUp[0])")
  }

  /// Block 0 sends copies to both blocks, while block 1 fetches as many of its own, or none.
  private func multicast(copies: Int, others: Int) throws -> (cycles: [UInt64], report: LaunchReport) {
    let size = 4096
    func copy(to place: Int, _ barrier: Int, _ isMulticast: Bool) -> String {
      """
      add.u32 %r30, %r2, \(1024 + size * place);
      add.u32 %r31, %r2, \(barrier);
      @\(isMulticast ? "%p12" : "%p13") cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes\
      \(isMulticast ? ".multicast::cluster" : "") [%r30], [%rd1], \(size), [%r31]\(isMulticast ? ", %h1" : "");
      """
    }
    let sent = (0..<copies).map { copy(to: $0, 0, true) }
    let own = (0..<others).map { copy(to: copies + $0 % 4, 8, false) }
    let program = ClockProgram(
      setUp: """
        .reg .b16 %h<2>;
        mov.b16 %h1, 3;
        \(Self.setUp)
        @%p10 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], \(size * copies);
        @%p10 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2+8], \(size * others);
        \(Self.sync)
        """,
      body: (own + sent).joined(separator: "\n") + "\n" + Self.wait(0),
      end: (others > 0 ? "setp.eq.u32 %p14, %r20, 0;\n@%p14 bra DONE;\n" + Self.wait(8) + "\nDONE:\n" : "")
        + Self.sync, grid: 2, cluster: 2)
    return try program.run()
  }

  @Test(
    "L2 reads a multicast from DRAM once, but is busy for each receiver, which takes its bytes at its own pace"
  )
  func multicasts() throws {
    let alone = try multicast(copies: 8, others: 0)
    #expect(alone.report.memory.l2ReadBytes == 8 * 4096)
    let busy = (alone.report.unit(.l2)?.utilisation ?? 0) * Double(alone.report.cycles)
    #expect((busy - 2 * 8 * 4096 / 2600).magnitude < 2, "\(busy) cycles")
    // 64 bytes a cycle to each multiprocessor.
    #expect(alone.cycles.allSatisfy { $0 > 8 * 64 })
    let besideOthers = try multicast(copies: 8, others: 8)
    #expect(besideOthers.report.memory.l2ReadBytes == 16 * 4096)
    #expect(besideOthers.cycles.allSatisfy { $0 > alone.cycles[0] + 6 * 64 }, "\(besideOthers.cycles[0])")
  }
}

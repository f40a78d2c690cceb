import Foundation
import GPUDevice
import HopperSimulator
import PTX
import Testing

/// How fast the simulator is: printed, never asserted. Run with `MLA_THROUGHPUT=1`.
@Suite("Throughput", .serialized, .enabled(if: ProcessInfo.processInfo.environment["MLA_THROUGHPUT"] != nil))
struct ThroughputTests {
  static let loops: [(name: String, body: String)] = [
    (
      "FMA",
      (0..<16).map { "fma.rn.ftz.f32 %f\($0), %f\($0), %f20, %f21;" }.joined(separator: "\n")
    ),
    (
      "integers and predicates",
      (0..<4).map {
        """
        add.s32 %r\($0), %r\($0), %r20;
        xor.b32 %r\($0 + 4), %r\($0), 7;
        setp.lt.s32 %p\($0), %r\($0), %r20;
        selp.b32 %r\($0 + 8), %r\($0), %r20, %p\($0);
        """
      }.joined(separator: "\n")
    ),
    (
      "shared memory",
      (0..<8).map { "ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r30+\($0 * 16)];\nst.shared.f32 [%r31], %f1;" }
        .joined(separator: "\n")
    ),
    ("ex2", (0..<16).map { "ex2.approx.ftz.f32 %f\($0), %f\($0);" }.joined(separator: "\n")),
  ]

  @Test("Instructions of warps per second", arguments: 0..<4)
  func instructions(_ index: Int) throws {
    let (name, body) = Self.loops[index]
    let text = """
      .version 8.0
      .target sm_90a
      .address_size 64
      .visible .entry k() {
        .reg .pred %p<8>; .reg .b32 %r<40>; .reg .f32 %f<40>;
        .shared .align 16 .b8 data[32768];
        \((0..<40).map { "mov.u32 %r\($0), 1; mov.f32 %f\($0), 0f3F800000;" }.joined(separator: " "))
        mov.u32 %r32, data; mov.u32 %r33, %tid.x; shl.b32 %r34, %r33, 4; and.b32 %r34, %r34, 4095;
        add.u32 %r30, %r32, %r34; add.u32 %r31, %r30, 8192;
        st.shared.v4.u32 [%r30], {%r33, %r33, %r33, %r33};
        st.shared.v4.u32 [%r30+4096], {%r33, %r33, %r33, %r33};
        bar.sync 0;
        mov.u32 %r35, 0;
      LOOP:
      \(body)
        add.u32 %r35, %r35, 1;
        setp.lt.u32 %p7, %r35, 4000;
        @%p7 bra LOOP;
        ret;
      }
      """
    let device = Simulator()
    for (threads, checks) in [(1, false), (1, true), (ProcessInfo.processInfo.activeProcessorCount, true)] {
      device.threadCount = threads
      device.checksHazards = checks
      let module = try device.load(Module(parsing: text))
      let start = (ContinuousClock.now, clock())
      let report = try device.launch(
        module, "k", LaunchConfiguration(grid: Extent(8), block: Extent(256)), parameters: [])
      let seconds = (ContinuousClock.now - start.0) / .seconds(1)
      let processorSeconds = Double(clock() - start.1) / Double(CLOCKS_PER_SEC)
      let rates = [seconds, processorSeconds].map {
        (Double(report.instructionCount) / $0 / 1e5).rounded() / 10
      }
      print(
        "\(name), \(threads) threads, hazard checks \(checks ? "on" : "off"): \(rates[0]) M warp-instructions/s, \(rates[1]) M for each second of a core; \(report.instructionCount) in \(report.cycles) cycles"
      )
    }
  }

  @Test("Bytes per second of a stream by TMA, in tiles of 16 KB")
  func stream() throws {
    let byteCount = 1 << 28
    let device = Simulator()
    let start = (ContinuousClock.now, clock())
    let report = try StreamKernel(byteCount: byteCount, rounds: 4, writes: false).run(device)
    let seconds = (ContinuousClock.now - start.0) / .seconds(1)
    let processorSeconds = Double(clock() - start.1) / Double(CLOCKS_PER_SEC)
    let rates = [seconds, processorSeconds].map { (Double(4 * byteCount) / $0 / 1e6).rounded() }
    print(
      "stream: \(rates[0]) MB/s, \(rates[1]) MB for each second of a core, \(report.cycles) cycles, \(report.memory.dramReadBytes) bytes from DRAM"
    )
  }
}

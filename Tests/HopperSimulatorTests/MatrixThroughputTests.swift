import ExampleKernels
import Foundation
import Testing

/// How fast the simulator multiplies: printed, never asserted; and what its clock says of a large GEMM. Run with
/// `MLA_THROUGHPUT=1`. Seconds are those of cores, over all threads.
@Suite(
  "Throughput of products", .serialized,
  .enabled(if: ProcessInfo.processInfo.environment["MLA_THROUGHPUT"] != nil))
struct MatrixThroughputTests {
  private static var coreSeconds: Double { Double(clock()) / Double(CLOCKS_PER_SEC) }

  @Test("Arithmetic of wgmma per second and core", arguments: [64, 256], ["bf16", "e4m3"])
  func products(_ columns: Int, _ type: String) throws {
    let count = 262_144 / columns
    var kernel = ProductKernel(columns: columns)
    let body = """
      wgmma.fence.sync.aligned;
      mov.u32 %r10, 0;
      LOOP:
      \(Array(repeating: kernel.product(type: type), count: 16).joined(separator: "\n"))
      wgmma.commit_group.sync.aligned;
      wgmma.wait_group.sync.aligned 1;
      add.u32 %r10, %r10, 1; setp.lt.u32 %p4, %r10, \(count); @%p4 bra LOOP;
      """
    let operations = Double(2 * 64 * columns * (type == "bf16" ? 16 : 32) * 16 * count)
    for checks in [false, true] {
      kernel.checksHazards = checks
      let start = Self.coreSeconds
      _ = try kernel.run(body + ProductKernel.end)
      let seconds = Self.coreSeconds - start
      print(
        "m64n\(columns) of \(type), hazard checks \(checks ? "on" : "off"): \((operations / seconds / 1e9).rounded()) GFLOP per second and core"
      )
    }
  }

  @Test("The GEMM example", arguments: [2048, 8192])
  func gemm(_ size: Int) throws {
    let gemm = GemmRun(m: size, n: size, k: size)
    let start = Self.coreSeconds
    let report = try gemm.run(GemmKernel()).report
    let seconds = Self.coreSeconds - start
    let operations = 2 * Double(size) * Double(size) * Double(size)
    if size == 8192 {
      // The range of what GEMMs of this kind reach on the device.
      #expect((550...850).contains(operations / report.seconds / 1e12))
    }
    print(report)
    print(
      "\(size)³: \((operations / report.seconds / 1e12).rounded()) simulated TFLOP/s; \((operations / seconds / 1e9).rounded()) GFLOP per second and core of this machine, set-up included"
    )
  }
}

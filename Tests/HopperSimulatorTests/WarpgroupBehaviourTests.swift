import GPUDevice
import HopperSimulator
import PTX
import Testing

/// PTX with products of operands in shared memory, all of whose bytes are 0: `%rd10` and `%rd11` describe A and B with
/// 128-byte swizzles. Each thread of `%rd1` may write words of an output.
struct ProductKernel {
  var threads = 128
  var sharedByteCount = 65536
  var columns = 256
  var checksHazards = true

  var registers: String { "{" + (0..<columns / 2).map { "%f\($0)" }.joined(separator: ", ") + "}" }

  func product(_ a: String = "%rd10", _ b: String = "%rd11", scale: String = "%p1", type: String = "bf16")
    -> String
  {
    let depth = type == "bf16" ? 16 : type == "tf32" ? 8 : 32
    let literals = type == "bf16" ? a.hasPrefix("{") ? "1, 1, 0" : "1, 1, 0, 0" : "1, 1"
    return "wgmma.mma_async.sync.aligned.m64n\(columns)k\(depth).f32.\(type).\(type) "
      + "\(registers), \(a), \(b), \(scale), \(literals);"
  }

  /// Runs it. Returns what each thread wrote of two words.
  func run(_ body: String) throws -> [UInt32] {
    let text = """
      .version 8.0
      .target sm_90a
      .address_size 64
      .extern .shared .align 1024 .b8 smem[];
      .visible .entry k(.param .u64 out) {
        .reg .pred %p<8>; .reg .b32 %r<40>; .reg .b64 %rd<20>; .reg .f32 %f<128>; .reg .b32 %a<4>;
        ld.param.u64 %rd1, [out]; mov.u32 %r1, %tid.x;
        mul.wide.u32 %rd2, %r1, 8; add.u64 %rd1, %rd1, %rd2;
        mov.u32 %r2, smem; shl.b32 %r3, %r1, 2; mov.u32 %r4, 0;
      CLEAR:
        add.u32 %r5, %r2, %r3; st.shared.u32 [%r5], %r4;
        add.u32 %r3, %r3, \(4 * threads); setp.lt.u32 %p2, %r3, \(sharedByteCount); @%p2 bra CLEAR;
        fence.proxy.async; bar.sync 0;
        shr.u32 %r6, %r2, 4; cvt.u64.u32 %rd3, %r6; or.b64 %rd10, %rd3, 0x4000004000010000;
        add.u64 %rd11, %rd10, 512;
        mov.b32 %a0, 0; mov.b32 %a1, 0; mov.b32 %a2, 0; mov.b32 %a3, 0;
        setp.eq.u32 %p1, %r1, %r1; setp.ne.u32 %p3, %r1, %r1;
      \((0..<128).map { "mov.f32 %f\($0), 0f00000000;" }.joined(separator: "\n"))
      \(body)
        ret;
      }
      """
    let device = Simulator(.warm)
    device.checksHazards = checksHazards
    let memory = DeviceMemory(device)
    let out = try memory.copy([UInt32](repeating: 0, count: 2 * threads))
    var parameters = ParameterBlock()
    parameters.append(out)
    var configuration = LaunchConfiguration(grid: Extent(1), block: Extent(threads))
    configuration.dynamicSharedByteCount = sharedByteCount
    _ = try device.launch(
      device.load(Module(parsing: text)), "k", configuration, parameters: parameters.bytes)
    return try memory.read(out, count: 2 * threads, as: UInt32.self)
  }

  /// The error that running it ends with.
  func error(_ body: String) -> SimulationError.Reason? {
    do {
      _ = try run(body)
      return nil
    } catch let error as SimulationError {
      return error.reason
    } catch {
      return nil
    }
  }

  static let end = "wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;"

  /// Cycles from before some instructions until after them, of each thread.
  func cycles(_ body: String) throws -> [Int] {
    let timed = """
      bar.sync 0;
      wgmma.fence.sync.aligned;
      mov.u32 %r20, %clock;
      \(body)
      mov.u32 %r21, %clock;
      sub.u32 %r22, %r21, %r20;
      st.global.u32 [%rd1], %r22;
      """
    return try run(timed).enumerated().filter { $0.offset % 2 == 0 }.map { Int($0.element) }
  }
}

@Suite("wgmma: what it demands")
struct WarpgroupErrorTests {
  @Test("Descriptors outside of shared memory, misaligned, with a base offset that is not their pattern's")
  func descriptors() {
    let kernel = ProductKernel(columns: 64)
    // Past the end of 65 KB, and before its beginning.
    for start in ["4100", "0"] {
      let body = "and.b64 %rd10, %rd10, 0xFFFFFFFFFFFF0000; or.b64 %rd12, %rd10, \(start);\n"
      for (a, b) in [("%rd12", "%rd11"), ("%rd11", "%rd12")] {
        guard case .outOfBounds("shared", _, _, _)? = kernel.error(body + kernel.product(a, b)) else {
          Issue.record("\(start)")
          return
        }
      }
    }
    guard
      case .misaligned("shared", _, 1024, _)? = kernel.error(
        "add.u64 %rd12, %rd11, 8;\n" + kernel.product("%rd12"))
    else {
      Issue.record("misaligned")
      return
    }
    guard
      case .misaligned("shared", _, 1024, _)? = kernel.error(
        "or.b64 %rd12, %rd11, 0x2000000000000;\n" + kernel.product("%rd10", "%rd12"))
    else {
      Issue.record("base offset of another pattern")
      return
    }
    guard
      case .badOperand? = kernel.error(
        "and.b64 %rd12, %rd11, 0x3FFFFFFFFFFFFFFF; or.b64 %rd12, %rd12, 0x2000000000000;\n"
          + kernel.product("%rd10", "%rd12"))
    else {
      Issue.record("base offset without a swizzle")
      return
    }
  }

  @Test(
    "A warpgroup that is not whole, warps and lanes that differ",
    arguments: [
      (96, "", "%rd11", "%p1"), (128, "setp.eq.u32 %p5, %r1, 70;\n@%p5 exit;", "%rd11", "%p1"),
      (128, "shr.u32 %r7, %r1, 5; cvt.u64.u32 %rd4, %r7; add.u64 %rd11, %rd11, %rd4;", "%rd11", "%p1"),
      (128, "and.b32 %r7, %r1, 1; cvt.u64.u32 %rd4, %r7; add.u64 %rd11, %rd11, %rd4;", "%rd11", "%p1"),
      (128, "and.b32 %r7, %r1, 1; setp.eq.u32 %p5, %r7, 0;", "%rd11", "%p5"),
    ])
  func wholeness(_ threads: Int, _ before: String, _ b: String, _ scale: String) {
    let kernel = ProductKernel(threads: threads, columns: 8)
    let body = before + "\n" + kernel.product("%rd10", b, scale: scale) + ProductKernel.end
    guard case .badOperand? = kernel.error(body) else {
      Issue.record("no error")
      return
    }
  }

  @Test("A warp that waits for products that another never executes is a deadlock that says so")
  func deadlock() {
    let kernel = ProductKernel(columns: 8)
    let body =
      "setp.lt.u32 %p5, %r1, 96;\n@!%p5 bra REST;\n\(kernel.product())\(ProductKernel.end)\nREST: bar.sync 1;"
    guard case .deadlock(let waits)? = kernel.error(body) else {
      Issue.record("no deadlock")
      return
    }
    #expect(waits.contains { $0.contains("3 of 4 warps have executed the next") })
  }
}

/// Cycles of `wgmma`. Rates: H100 whitepaper, 4096 dense 16-bit operations per cycle and multiprocessor; the latency, and
/// that m64n64k16 from shared memory just reaches the rate: arXiv 2402.13499.
@Suite("wgmma: the clock")
struct TensorClockTests {
  /// Cycles that each product adds to a run of them.
  private func interval(_ kernel: ProductKernel, _ product: String) throws -> Double {
    func run(_ count: Int) throws -> Int {
      let products = Array(repeating: product, count: count).joined(separator: "\n")
      return try kernel.cycles(products + "\n" + ProductKernel.end).max() ?? 0
    }
    return Double(try run(48) - run(16)) / 32
  }

  @Test(
    "Back to back",
    arguments: [
      (256, true, "bf16", 128.0), (256, false, "bf16", 128), (128, true, "bf16", 64), (64, true, "bf16", 32),
      (64, false, "bf16", 32), (256, true, "e4m3", 128), (256, true, "tf32", 128),
      // 64 rows of A and 8 of B, of 32 bytes each: 18 wavefronts.
      (8, true, "bf16", 18), (8, false, "bf16", 4),
    ])
  func backToBack(_ columns: Int, _ isShared: Bool, _ type: String, _ cycles: Double) throws {
    let kernel = ProductKernel(columns: columns)
    let a = isShared ? "%rd10" : "{%a0, %a1, %a2, %a3}"
    #expect(try interval(kernel, kernel.product(a, type: type)) == cycles)
  }

  @Test("Two warpgroups share the tensor cores")
  func twoWarpgroups() throws {
    let kernel = ProductKernel(threads: 256, columns: 256)
    let cycles = try interval(kernel, kernel.product())
    #expect((cycles - 256).magnitude < 1)
  }

  @Test("A product runs beside the warps, until they wait for it")
  func asynchrony() throws {
    let kernel = ProductKernel(columns: 256)
    let started = try kernel.cycles(kernel.product() + "\nwgmma.commit_group.sync.aligned;")
    #expect(started.allSatisfy { $0 < 32 })
    // 128 cycles, and about 30 until the result is there.
    let done = try kernel.cycles(kernel.product() + "\n" + ProductKernel.end)
    #expect(done.allSatisfy { (158...170).contains($0) }, "\(done)")
  }

  @Test("wait_group leaves the newest groups pending")
  func groups() throws {
    let kernel = ProductKernel(columns: 256)
    let group = kernel.product() + "\nwgmma.commit_group.sync.aligned;\n"
    for pending in 0...3 {
      let body = group + group + group + "wgmma.wait_group.sync.aligned \(pending);"
      let cycles = try kernel.cycles(body).max() ?? 0
      let expected = pending == 3 ? 0 : 128 * (3 - pending) + 30
      #expect((expected...expected + 24).contains(cycles), "\(pending): \(cycles)")
    }
  }

  @Test("A warp that waits also waits for the other warps' part")
  func lateWarp() throws {
    // The last warp comes 300 cycles later.
    let kernel = ProductKernel(columns: 64)
    let delay = """
      shr.u32 %r7, %r1, 5; setp.ne.u32 %p5, %r7, 3; @%p5 bra EARLY;
      mov.u32 %r8, %clock;
      SPIN: mov.u32 %r9, %clock; sub.u32 %r9, %r9, %r8; setp.lt.u32 %p6, %r9, 300; @%p6 bra SPIN;
      EARLY:
      """
    let cycles = try kernel.cycles(delay + "\n" + kernel.product() + "\n" + ProductKernel.end)
    #expect(cycles.allSatisfy { $0 > 300 })
  }

  @Test("Other accesses to shared memory slow down products that need all of it")
  func contention() throws {
    let kernel = ProductKernel(threads: 256, columns: 64)
    func body(_ other: String) -> String {
      """
      setp.ge.u32 %p5, %r1, 128; @%p5 bra OTHER;
      \(Array(repeating: kernel.product(), count: 16).joined(separator: "\n"))
      \(ProductKernel.end)
      bra JOIN;
      OTHER:
      \(other)
      JOIN:
      """
    }
    let alone = try kernel.cycles(body("")).prefix(128).max() ?? 0
    let loads = Array(repeating: "ld.shared.f32 %f0, [%r2];", count: 32).joined(separator: "\n")
    let beside = try kernel.cycles(body(loads)).prefix(128).max() ?? 0
    // Four warps, 32 wavefronts each.
    #expect((112...144).contains(beside - alone), "\(beside) \(alone)")
  }
}

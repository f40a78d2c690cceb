import GPUDevice
import HopperSimulator
import PTX
import Testing

/// Kernels that never end.
@Suite("Launch limits")
struct LaunchLimitTests {
  private static func text(_ body: String, _ declarations: String = "") -> String {
    """
    .version 8.0
    .target sm_90a
    .address_size 64
    \(declarations)
    .visible .entry k(.param .u64 flag) {
      .reg .pred %p<2>; .reg .b32 %r<4>; .reg .b64 %rd<2>;
      ld.param.u64 %rd1, [flag];
      mov.u32 %r1, %ctaid.x;
      setp.eq.u32 %p1, %r1, 2;
    \(body)
      ret;
    }
    """
  }

  /// The error that a kernel of four blocks of two warps ends with.
  private func error(_ text: String, _ limits: LaunchLimits, threads: Int = 1) throws -> SimulationError? {
    let device = Simulator()
    device.threadCount = threads
    device.limits = limits
    let flag = try device.allocate(4)
    try device.fill(flag, byteCount: 4, with: 0)
    var parameters = ParameterBlock()
    parameters.append(flag)
    let module = try device.load(Module(parsing: text))
    let configuration = LaunchConfiguration(grid: Extent(4), block: Extent(64))
    do throws(SimulationError) {
      _ = try device.launch(module, "k", configuration, parameters: parameters.bytes)
      return nil
    } catch {
      return error
    }
  }

  private static let endless = text("LOOP:\n@%p1 bra LOOP;")

  @Test(
    "A loop without end: kernel, line, block, warp and counts, for any number of threads", arguments: [1, 2])
  func loop(threads: Int) throws {
    let limits = LaunchLimits(instructionCount: 20_000)
    let error = try #require(try error(Self.endless, limits, threads: threads))
    guard case .instructionLimit(20_000, let executed, let byWarp) = error.reason else {
      Issue.record("\(error)")
      return
    }
    let place = try #require(error.place)
    #expect(place.function == "k" && place.line == 11 && place.block == 2 && place.warp == 0)
    #expect(place.instruction == "bra LOOP")
    // Only the two warps of block 2 are still there, and a window is not much longer than the limit.
    #expect((20_001...21_000).contains(executed))
    #expect((executed - 6 * 5) / 2 - 10...executed / 2 + 10 ~= byWarp, "\(byWarp) of \(executed)")
    let unlimited = try self.error(Self.endless, LaunchLimits(instructionCount: 20_000), threads: 3 - threads)
    #expect("\(error)" == unlimited.map { "\($0)" })
  }

  @Test("Warps that wait for what nobody writes come to the limit of cycles")
  func spin() throws {
    let body = "LOOP:\nld.acquire.gpu.global.u32 %r2, [%rd1];\nsetp.eq.u32 %p0, %r2, 0;\n@%p0 bra LOOP;"
    let error = try #require(try error(Self.text(body), LaunchLimits(cycleCount: 50_000)))
    guard case .cycleLimit(50_000, let executed, let byWarp) = error.reason else {
      Issue.record("\(error)")
      return
    }
    #expect(executed < 50_000 && byWarp <= executed / 8 + 10)
    #expect(error.place?.function == "k")
    #expect(error.place.map { (11...13).contains($0.line) } == true, "\(error)")
    #expect("\(error)".contains("not at its end after 50000 cycles"))
  }

  @Test("A kernel within its limits ends")
  func within() throws {
    let body = "mov.u32 %r2, 0;\nLOOP:\nadd.u32 %r2, %r2, 1;\nsetp.lt.u32 %p0, %r2, 100;\n@%p0 bra LOOP;"
    // 8 warps of 5 instructions and 100 rounds of 3.
    let exact = LaunchLimits(instructionCount: 8 * 305)
    #expect(try error(Self.text(body), exact) == nil)
    #expect(try error(Self.text(body), LaunchLimits(instructionCount: exact.instructionCount / 2)) != nil)
  }

  @Test("Calls inside each other without end")
  func recursion() throws {
    let function = ".func f() { call f; ret; }"
    let error = try #require(try error(Self.text("@%p1 call f;", function), LaunchLimits()))
    #expect(error.reason == .callDepth(1024))
    let place = try #require(error.place)
    #expect(place.function == "f" && place.line == 4 && place.block == 2)
  }

  @Test("A device tells the host, and goes on")
  func device() throws {
    let gpu = SimulatedGPU(limits: LaunchLimits(instructionCount: 20_000))
    let flag = try gpu.upload([0] as [UInt32])
    let configuration = LaunchConfiguration(grid: Extent(4), block: Extent(64))
    let kernel = try gpu.load(ptx: Self.endless).kernel("k")
    try gpu.defaultStream.launch(kernel, configuration, arguments: [.memory(flag)])
    let error = #expect(throws: GPUDeviceError.self) { try gpu.synchronize() }
    guard case .kernelFailed("k", let reason) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(reason.contains("k, PTX line 11, block 2, warp 0") && reason.contains("the limit is 20000"))
    try gpu.defaultStream.launch(
      gpu.load(ptx: Self.text("")).kernel("k"), configuration, arguments: [.memory(flag)])
    try gpu.synchronize()
  }
}

import GPUDevice
import GPUDeviceConformance
import HopperSimulator
import Testing

/// The simulated device behind the protocol that real ones have.
@Suite("Simulated GPU")
struct SimulatedGPUTests {
  @Test("Does what every device must do", arguments: DeviceConformance.checks.map(\.name))
  func conformance(_ name: String) throws {
    let check = try #require(DeviceConformance.checks.first { $0.name == name })
    #expect(check.run(on: SimulatedGPU()).failure == nil)
  }

  /// The values are those of `mla ptx devices`.
  @Test(
    "What is measured of the clock",
    arguments: [
      ("24 KB of straight-line code again, of 8 instructions", 8),
      ("64 KB of straight-line code again, of 8 instructions", 16),
      ("256 KB of straight-line code again, of 8 instructions", 44), ("m64n32k16, A in shared memory", 24),
      ("m64n256k16, A in registers", 128), ("exponential, of a warp on each scheduler", 8),
      ("exponential beside products, of a warp on each scheduler", 10.5),
    ])
  func clock(_ name: String, cycles: Double) throws {
    let measurement = try #require(DeviceConformance.clockMeasurements.first { $0.name == name })
    let gpu = SimulatedGPU()
    #expect((try measurement.cycles(on: gpu) / cycles - 1).magnitude < 0.01)
    #expect(gpu.takeFindings().isEmpty)
  }

  @Test("What ends all use of a real device leaves this one as usable as before")
  func afterFaults() throws {
    let gpu = SimulatedGPU()
    let faults = DeviceConformance.checks.filter(\.endsUseOfDevice)
    #expect(faults.count == 4)
    for check in faults + DeviceConformance.checks {
      #expect(check.run(on: gpu).failure == nil, "\(check.name)")
    }
  }

  /// Adds `step` to each of 128 words, one thread each; `reach` words further than it says.
  private static let text = """
    .version 8.0
    .target sm_90a
    .address_size 64
    .visible .entry add(.param .u64 words, .param .u32 step, .param .u32 reach) .maxntid 128 {
      .reg .b32 %r<5>;
      .reg .b64 %d<3>;
      ld.param.u64 %d0, [words];
      ld.param.u32 %r0, [step];
      ld.param.u32 %r1, [reach];
      mov.u32 %r2, %tid.x;
      add.u32 %r2, %r2, %r1;
      mul.wide.u32 %d1, %r2, 4;
      add.u64 %d2, %d0, %d1;
      ld.global.u32 %r3, [%d2];
      add.u32 %r3, %r3, %r0;
      st.global.u32 [%d2], %r3;
      ret;
    }
    .visible .entry only64() .reqntid 64 { ret; }
    """

  private static let configuration = LaunchConfiguration(grid: Extent(1), block: Extent(128))

  private static func arguments(_ address: DeviceAddress, step: UInt32, reach: UInt32 = 0) -> [KernelArgument]
  {
    [.address(address), .value(step), .value(reach)]
  }

  @Test(
    "A fault is thrown by the next operation that waits, names the kernel and the place, and ends nothing else"
  )
  func fault() throws {
    let gpu = SimulatedGPU()
    let kernel = try gpu.load(ptx: Self.text).kernel("add")
    let words = try gpu.upload([UInt32](repeating: 1, count: 128))
    let stream = try gpu.makeStream()
    try stream.launch(kernel, Self.configuration, arguments: Self.arguments(words.address, step: 2, reach: 1))
    let error = #expect(throws: GPUDeviceError.self) { try stream.synchronize() }
    guard case .kernelFailed("add", let reason) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(reason.contains("PTX line 14"))
    #expect(reason.contains("ld.global.u32"))
    #expect(reason.contains("lane 31"))
    try stream.launch(kernel, Self.configuration, arguments: Self.arguments(words.address, step: 2))
    try stream.synchronize()
    // The launch that failed has done what came before its fault.
    #expect(try gpu.download(1, of: UInt32.self, from: words).first == 3)
    #expect(gpu.takeLaunches().count == 1)
  }

  @Test("Memory that is let go before a launch has run is there for it, and its fault is told later")
  func release() throws {
    let gpu = SimulatedGPU()
    let kernel = try gpu.load(ptx: Self.text).kernel("add")
    let stream = try gpu.makeStream()
    let copy = try gpu.upload([UInt32](repeating: 0, count: 128))
    do {
      let words = try gpu.upload([UInt32](repeating: 1, count: 128))
      try stream.launch(kernel, Self.configuration, arguments: Self.arguments(words.address, step: 2))
      try stream.copy(from: words.address, to: copy.address, byteCount: 512)
      try stream.launch(
        kernel, Self.configuration, arguments: Self.arguments(words.address, step: 2, reach: 1))
    }
    #expect(try gpu.download(128, of: UInt32.self, from: copy) == [UInt32](repeating: 3, count: 128))
    #expect(throws: GPUDeviceError.self) { try gpu.synchronize() }
    do {
      let words = try gpu.upload([UInt32](repeating: 1, count: 128))
      try stream.launch(kernel, Self.configuration, arguments: Self.arguments(words.address, step: 2))
    }
    try gpu.synchronize()
  }

  @Test("Copies and fills stay within one allocation")
  func bounds() throws {
    let gpu = SimulatedGPU()
    let memory = try gpu.allocate(byteCount: 100)
    let stream = gpu.defaultStream
    let wrong: [() throws -> Void] = [
      { try stream.fill(memory.address, byteCount: 101, with: 1) },
      { try stream.fill(memory.address, byteCount: .max, with: 1) },
      { try stream.copy([1, 2] as [UInt8], to: memory.address.advanced(by: 99)) },
      { try stream.copy([1] as [UInt8], to: DeviceAddress(16)) },
      { try stream.copy(from: memory.address, to: memory.address.advanced(by: 51), byteCount: 50) },
    ]
    for (index, body) in wrong.enumerated() {
      let error = #expect(throws: GPUDeviceError.self) { try body() }
      guard case .invalid(_, "bytes", _, _) = error else {
        Issue.record("\(index): \(String(describing: error))")
        continue
      }
    }
    #expect(throws: GPUDeviceError.self) { try stream.fill(memory.address, byteCount: -1, with: 1) }
  }

  @Test("Memory and modules are freed with the last reference")
  func lifetime() throws {
    var description = DeviceDescription.h100
    description.memoryByteCount.value = 1_000_000
    let gpu = SimulatedGPU(description)
    let address = try gpu.allocate(byteCount: 64).address
    #expect(throws: GPUDeviceError.self) { try gpu.defaultStream.copy([1] as [UInt8], to: address) }
    // Each takes more than half of the memory: the module in two variables, neither of which does alone.
    let large = """
      .version 8.0
      .target sm_90a
      .address_size 64
      .global .align 4 .b8 first[300000];
      .global .align 4 .b8 second[300000];
      """
    for _ in 0..<3 {
      _ = try gpu.load(ptx: large)
      _ = try gpu.allocate(byteCount: 600_000)
    }
    let kept = try gpu.load(ptx: large)
    #expect(throws: GPUDeviceError.outOfMemory(byteCount: 300_000)) { try gpu.load(ptx: large) }
    withExtendedLifetime(kept) {}
  }

  @Test("Objects of another device are refused")
  func otherDevice() throws {
    let (gpu, other) = (SimulatedGPU(), SimulatedGPU())
    let kernel = try other.load(ptx: Self.text).kernel("add")
    let event = try other.makeEvent()
    let words = try gpu.upload([UInt32](repeating: 1, count: 128))
    #expect(throws: GPUDeviceError.otherDevice(operation: "launch of add", field: "kernel")) {
      try gpu.defaultStream.launch(
        kernel, Self.configuration, arguments: Self.arguments(words.address, step: 1))
    }
    #expect(throws: GPUDeviceError.otherDevice(operation: "recording an event", field: "event")) {
      try gpu.defaultStream.record(event)
    }
  }

  @Test("A text that is no PTX is rejected with line and column")
  func rejected() throws {
    #expect(
      throws: GPUDeviceError.moduleRejected(log: "line 2, column 1: expected a directive, found 'target'")
    ) { try SimulatedGPU().load(ptx: ".version 8.0\ntarget sm_90a\n") }
  }

  @Test("A kernel's own block size and registers")
  func attributes() throws {
    let gpu = SimulatedGPU()
    let module = try gpu.load(ptx: Self.text)
    let kernel = try module.kernel("only64")
    #expect(kernel.attributes.maximumBlockThreadCount == 64)
    #expect(
      throws: GPUDeviceError.invalid(
        operation: "launch of only64", field: "block", value: "(32, 1, 1)",
        requirement: "(64, 1, 1), as the kernel demands")
    ) {
      try gpu.defaultStream.launch(
        kernel, LaunchConfiguration(grid: Extent(1), block: Extent(32)), arguments: [])
    }
    // Two addresses of two words each, and two numbers, are live where the first address is used.
    #expect(try module.kernel("add").attributes.registerCount == 24)
    #expect(
      try module.kernel("add").parameters == [
        KernelParameter(offset: 0, byteCount: 8), KernelParameter(offset: 8, byteCount: 4),
        KernelParameter(offset: 12, byteCount: 4),
      ])
  }

  @Test("Events measure the launch and the kernel's cycles")
  func time() throws {
    let gpu = SimulatedGPU()
    let kernel = try gpu.load(ptx: Self.text).kernel("add")
    let words = try gpu.upload([UInt32](repeating: 1, count: 128))
    let stream = try gpu.makeStream()
    let (start, end) = (try gpu.makeEvent(), try gpu.makeEvent())
    #expect(throws: GPUDeviceError.self) { try end.elapsed(since: start) }
    try stream.record(start)
    for _ in 0..<3 {
      try stream.launch(kernel, Self.configuration, arguments: Self.arguments(words.address, step: 1))
    }
    try stream.record(end)
    let cycles = gpu.takeLaunches().map(\.report.cycles)
    #expect(cycles.count == 3)
    #expect(gpu.takeLaunches().isEmpty)
    let device = gpu.description
    let expected =
      3 * device.launchLatency.value * 1e-6
      + Double(cycles.reduce(0, +)) / (device.clock.value * 1e9)
    let elapsed = try end.elapsed(since: start) / .seconds(1)
    #expect(abs(elapsed - expected) < 1e-12)
    #expect(cycles.allSatisfy { $0 > 0 })
  }

  @Test("What tensor maps the simulator has not, it names")
  func tensorMap() throws {
    let gpu = SimulatedGPU()
    var map = TensorMapDescription(
      elementType: .float32FlushingSubnormals, address: DeviceAddress(1024), sizes: [64, 8, 4],
      byteStrides: [256, 2048], box: [8, 8, 1])
    func field() -> String? {
      let error = #expect(throws: GPUDeviceError.self) { try gpu.makeTensorMap(map) }
      guard case .invalid(_, let field, _, _) = error else { return nil }
      return field
    }
    #expect(field() == "elementType")
    map.elementType = .float32
    map.interleave = .bytes16
    #expect(field() == "interleave")
  }
}

import Foundation
import GPUDevice
import HopperSimulator
import Testing

/// Grids that start before the one ahead of them has ended, and grids whose blocks wait for each other.
@Suite("Overlapping and cooperative grids")
struct OverlappedLaunchTests {
  /// `produce` lets the next grid start, computes for long, and stores; `consume` computes as long, waits, and adds what
  /// was stored to when its block began. `meet` waits for a flag that `flag` sets before it waits for `meet`.
  private static func text(
    letsStart: Bool = true, consumerSteps: Int = 1000,
    load: String = "griddepcontrol.wait;\nld.global.u32 %r1, [%d3];"
  ) -> String {
    func loop(_ steps: Int) -> String {
      """
        mov.u32 %r3, 0;
      SPIN:
        add.u32 %r3, %r3, 1;
        setp.lt.u32 %p, %r3, \(steps);
        @%p bra SPIN;
      """
    }
    let registers = ".reg .pred %p; .reg .b32 %r<6>; .reg .b64 %d<8>;"
    return """
      .version 8.0
      .target sm_90a
      .address_size 64
      .visible .entry produce(.param .u64 out) {
        \(registers)
        \(letsStart ? "griddepcontrol.launch_dependents;" : "")
        \(loop(1000))
        mov.u32 %r0, %ctaid.x;
        mul.wide.u32 %d0, %r0, 4;
        ld.param.u64 %d1, [out];
        add.u64 %d2, %d1, %d0;
        add.u32 %r1, %r0, %r3;
        st.global.u32 [%d2], %r1;
        ret;
      }
      .visible .entry consume(.param .u64 in, .param .u64 out, .param .u64 times) {
        \(registers)
        mov.u64 %d6, %clock64;
        \(loop(consumerSteps))
        mov.u32 %r0, %ctaid.x;
        mul.wide.u32 %d0, %r0, 4;
        ld.param.u64 %d1, [in];
        ld.param.u64 %d2, [out];
        add.u64 %d3, %d1, %d0;
        add.u64 %d4, %d2, %d0;
        \(load)
        st.global.u32 [%d4], %r1;
        ld.param.u64 %d5, [times];
        mul.wide.u32 %d0, %r0, 8;
        add.u64 %d5, %d5, %d0;
        st.global.u64 [%d5], %d6;
        ret;
      }
      .visible .entry meet(.param .u64 flag, .param .u64 out) {
        \(registers)
        griddepcontrol.launch_dependents;
        ld.param.u64 %d0, [flag];
      SPIN:
        ld.acquire.gpu.global.u32 %r0, [%d0];
        setp.eq.u32 %p, %r0, 0;
        @%p bra SPIN;
        ld.param.u64 %d1, [out];
        st.global.u32 [%d1], %r0;
        ret;
      }
      .visible .entry flag(.param .u64 flag, .param .u64 out) {
        \(registers)
        ld.param.u64 %d0, [flag];
        atom.release.gpu.global.add.u32 %r0, [%d0], 7;
        griddepcontrol.wait;
        ld.param.u64 %d1, [out];
        ld.global.u32 %r1, [%d1];
        st.global.u32 [%d1+4], %r1;
        ret;
      }
      """
  }

  /// A producer's and a consumer's launch, and when the first block of the consumer began, in cycles from the start of
  /// the producer.
  private static func run(letsStart: Bool = true, isEarly: Bool, shared: Int = 0) throws -> (
    launches: [SimulatedLaunch], firstBlock: UInt64, total: Duration
  ) {
    let gpu = SimulatedGPU()
    let blocks = gpu.properties.multiprocessorCount
    let module = try gpu.load(ptx: text(letsStart: letsStart))
    let produced = try gpu.upload([UInt32](repeating: 0, count: blocks))
    let consumed = try gpu.upload([UInt32](repeating: 0, count: blocks))
    let times = try gpu.upload([UInt64](repeating: 0, count: blocks))
    var configuration = LaunchConfiguration(grid: Extent(blocks), block: Extent(32))
    configuration.dynamicSharedByteCount = shared
    let stream = try gpu.makeStream()
    let (start, end) = (try gpu.makeEvent(), try gpu.makeEvent())
    try stream.record(start)
    try stream.launch(module.kernel("produce"), configuration, arguments: [.memory(produced)])
    configuration.allowsEarlyStart = isEarly
    try stream.launch(
      module.kernel("consume"), configuration,
      arguments: [.memory(produced), .memory(consumed), .memory(times)])
    try stream.record(end)
    let expected = (0..<blocks).map { UInt32($0 + 1000) }
    #expect(try gpu.download(blocks, of: UInt32.self, from: consumed) == expected)
    let began = try gpu.download(blocks, of: UInt64.self, from: times).min()
    return (gpu.takeLaunches(), try #require(began), try end.elapsed(since: start))
  }

  @Test("A grid that may start early overlaps with the one before, which hides its launch")
  func overlap() throws {
    let (after, early) = (try Self.run(isEarly: false), try Self.run(isEarly: true))
    #expect(after.launches[1].start > after.launches[0].end)
    #expect(early.launches[1].start < early.launches[0].end)
    #expect(early.launches[1].end > early.launches[0].end)
    let device = DeviceDescription.h100
    let launch = device.launchLatency.value * 1e-6 * device.clock.value * 1e9
    // Its launch begins with the other grid.
    #expect(early.firstBlock >= UInt64(launch))
    #expect(Double(early.firstBlock) < launch + 300)
    // Each waits for memory only once it has computed.
    let saved = (after.total - early.total) / .seconds(1) * device.clock.value * 1e9
    let produced = Double(early.launches[0].report.cycles)
    #expect(saved > 0.9 * launch)
    #expect(saved < launch + produced)
  }

  @Test("Without leave it starts when the blocks before have ended")
  func noLeave() throws {
    let run = try Self.run(letsStart: false, isEarly: true)
    // What the blocks have written is on its way a little longer.
    #expect(run.launches[1].start + .nanoseconds(100) >= run.launches[0].end)
    #expect(run.firstBlock + 200 >= run.launches[0].report.cycles)
  }

  @Test("Its blocks start where there is room")
  func room() throws {
    let most = SimulatedGPU().properties.maximumBlockSharedByteCount
    let run = try Self.run(isEarly: true, shared: most)
    #expect(run.launches[1].start < run.launches[0].end)
    #expect(run.firstBlock >= run.launches[0].report.cycles - 600)
    let half = try Self.run(isEarly: true, shared: most / 2 - 1024)
    #expect(half.firstBlock < half.launches[0].report.cycles - 600)
  }

  @Test("Both run at the same time: each waits for what the other does")
  func together() throws {
    let gpu = SimulatedGPU(limits: LaunchLimits(instructionCount: 50_000))
    let module = try gpu.load(ptx: Self.text(letsStart: true))
    let (flag, out) = (try gpu.upload([0] as [UInt32]), try gpu.upload([0, 0] as [UInt32]))
    var configuration = LaunchConfiguration(grid: Extent(1), block: Extent(1))
    let arguments: [KernelArgument] = [.memory(flag), .memory(out)]
    try gpu.defaultStream.launch(module.kernel("meet"), configuration, arguments: arguments)
    configuration.allowsEarlyStart = true
    try gpu.defaultStream.launch(module.kernel("flag"), configuration, arguments: arguments)
    #expect(try gpu.download(2, of: UInt32.self, from: out) == [7, 7])
    // One after the other, the first never ends.
    try gpu.defaultStream.fill(flag.address, byteCount: 4, with: 0)
    configuration.allowsEarlyStart = false
    try gpu.defaultStream.launch(module.kernel("meet"), configuration, arguments: arguments)
    let error = #expect(throws: GPUDeviceError.self) {
      try gpu.defaultStream.launch(module.kernel("flag"), configuration, arguments: arguments)
    }
    guard case .kernelFailed("meet", _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  /// What is found when a consumer loads in some way, from what the producer stores or from elsewhere.
  private func findings(
    load: String, consumerSteps: Int = 1000, isShared: Bool = true
  ) throws -> [HazardFinding] {
    let gpu = SimulatedGPU()
    let module = try gpu.load(ptx: Self.text(consumerSteps: consumerSteps, load: load))
    let memory = try gpu.upload([UInt32](repeating: 0, count: 64))
    let (produced, consumed) = (memory.address, memory.address.advanced(by: 64))
    var configuration = LaunchConfiguration(grid: Extent(4), block: Extent(1))
    try gpu.defaultStream.launch(module.kernel("produce"), configuration, arguments: [.address(produced)])
    configuration.allowsEarlyStart = true
    let source = isShared ? produced : memory.address.advanced(by: 192)
    try gpu.defaultStream.launch(
      module.kernel("consume"), configuration,
      arguments: [.address(source), .address(consumed), .address(consumed.advanced(by: 64))])
    try gpu.synchronize()
    return gpu.takeFindings().compactMap { $0 as? HazardFinding }
  }

  @Test("A grid that reads before griddepcontrol.wait what the one before writes is noticed")
  func missingWait() throws {
    let (wait, load) = ("griddepcontrol.wait;", "ld.global.u32 %r1, [%d3];")
    #expect(try findings(load: wait + load) == [])
    // Memory that the grids do not share needs no wait.
    #expect(try findings(load: load, isShared: false) == [])
    // The consumer reads after the producer has written, and before.
    for (steps, last) in [(3000, "consume"), (1, "produce")] {
      let found = try findings(load: load + wait, consumerSteps: steps)
      #expect(found.map(\.kind) == [.missingGridWait], "\(found)")
      #expect(found.first?.count == 4)
      #expect(found.first?.kernel == last)
      let places = found.flatMap { [$0.place, $0.other].compactMap { $0 } }
      #expect(Set(places.map(\.function)) == ["produce", "consume"])
      #expect(Set(places.map { String($0.instruction.prefix(9)) }) == ["st.global", "ld.global"])
    }
  }

  @Test("Results and cycles do not depend on the number of threads")
  func threads() throws {
    func run(_ threadCount: Int) throws -> [UInt64] {
      let gpu = SimulatedGPU(threadCount: threadCount)
      let module = try gpu.load(ptx: Self.text(letsStart: true))
      let memory = try gpu.upload([UInt64](repeating: 0, count: 3000))
      var configuration = LaunchConfiguration(grid: Extent(500), block: Extent(64))
      for (kernel, offsets) in [
        ("produce", [0]), ("consume", [0, 4000, 8000]), ("consume", [4000, 0, 8000]),
      ] {
        try gpu.defaultStream.launch(
          module.kernel(kernel), configuration,
          arguments: offsets.map { .address(memory.address.advanced(by: $0)) })
        configuration.allowsEarlyStart = true
      }
      try gpu.synchronize()
      let launches = gpu.takeLaunches()
      return launches.map(\.report.cycles) + (try gpu.download(3000, of: UInt64.self, from: memory))
    }
    #expect(try run(1) == run(4))
  }

  @Test("A grid's barrier as nvcc compiles that of cooperative groups")
  func cooperativeGroups() throws {
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("PTXTests/Fixtures/cluster_product.ptx")
    let gpu = SimulatedGPU()
    let kernel = try gpu.load(ptx: String(contentsOf: fixture, encoding: .utf8)).kernel("smooth")
    let (count, rounds) = (3000, 5)
    var values = (0..<count).map { Float($0 * $0 % 1024) }
    let (first, second) = (try gpu.upload(values), try gpu.upload(values))
    var configuration = LaunchConfiguration(grid: Extent(20), block: Extent(64))
    configuration.isCooperative = true
    for _ in 0..<2 {
      try gpu.defaultStream.launch(
        kernel, configuration,
        arguments: [.memory(first), .memory(second), .value(Int32(count)), .value(Int32(rounds))])
    }
    // Each launch leaves its result in `second`, and its last but one in `first`.
    var other = values
    for _ in 0..<2 {
      for round in 0..<rounds {
        let source = round % 2 == 0 ? values : other
        let sums = (0..<count).map { (source[$0] + source[($0 + 1) % count]) / 2 }
        if round % 2 == 0 { other = sums } else { values = sums }
      }
    }
    #expect(try gpu.download(count, of: Float.self, from: second) == other)
    #expect(try gpu.download(count, of: Float.self, from: first) == values)
    configuration.grid = Extent(10_000)
    #expect(throws: GPUDeviceError.self) {
      try gpu.defaultStream.launch(
        kernel, configuration,
        arguments: [.memory(first), .memory(second), .value(Int32(count)), .value(Int32(rounds))])
    }
  }
}

import ExampleKernels
import Foundation
import GPUDevice
import HopperSimulator
import PTX
import Testing

/// What a launch reports and writes down, and that it adds up.
@Suite("Launch reports and traces")
struct LaunchReportTests {
  /// Warps of one warpgroup load and add, and those of the other wait for them at a named barrier.
  private static func roles() throws -> Kernel {
    try Kernel("roles", .threads(256)) { k in
      let data = k.parameter("data", pointerTo: F32.self)
      let index = k.let("index", k.threadIndex())
      k.warpgroups { roles in
        roles.warpgroup(0, "producer") {
          let sum = k.variable("sum", F32.self, 0)
          k.region("load") {
            k.for("i", from: 0, to: 8) { i in sum += data[index + i * 4096] }
          }
          data[index] = sum.value
          k.syncThreads(1, count: 256)
        }
        roles.warpgroup(1, "consumer") { k.syncThreads(1, count: 256) }
      }
    }
  }

  private static func run(
    _ kernel: Kernel, blocks: Int = 3, threads: Int = 2, trace: TraceRequest? = nil
  ) throws -> LaunchReport {
    let device = Simulator()
    device.threadCount = threads
    device.trace = trace
    var parameters = ParameterBlock()
    parameters.append(try DeviceMemory(device).copy([Float](repeating: 1, count: 40000)))
    return try device.launch(
      device.load(kernel.module), "roles", LaunchConfiguration(grid: Extent(blocks), block: Extent(256)),
      parameters: parameters.bytes)
  }

  @Test("Regions are roles; issued and waited cycles are the life of their warps")
  func roles() throws {
    let report = try Self.run(Self.roles())
    #expect(report.roles.map(\.name) == ["consumer", "producer"])
    for role in report.roles {
      #expect(role.warpCount == 12)
      #expect(role.time.cycles == role.time.issued + role.time.stalls.values.reduce(0, +))
      #expect(role.time.cycles <= 12 * report.cycles)
      #expect(role.regions.reduce(0) { $0 + $1.time.cycles } == role.time.cycles)
    }
    let (consumer, producer) = (report.roles[0], report.roles[1])
    #expect(producer.regions.map(\.path) == ["", "producer", "producer/load"])
    // Eight loads wait for DRAM one after the other, as their sum demands; the others wait for the barrier.
    let waited = producer.regions[2].time
    #expect((waited.stalls[.globalMemory] ?? 0) > waited.cycles / 2)
    #expect((consumer.time.stalls[.namedBarrier] ?? 0) > consumer.time.cycles * 9 / 10)
    #expect(report.processors.count == 3)
    #expect(report.processors.allSatisfy { $0.blockCount == 1 && $0.busyCycles <= report.cycles })
    #expect(report.processors.reduce(0) { $0 + $1.issued } == report.roles.reduce(0) { $0 + $1.time.issued })
  }

  @Test("Lanes that part late in a warp's life meet again as soon as others")
  func lanesMeetAgain() throws {
    func instructions(turns: Int) throws -> UInt64 {
      let kernel = try Kernel("roles", .threads(256)) { k in
        let data = k.parameter("data", pointerTo: F32.self)
        let index = k.let("index", k.threadIndex())
        let sum = k.variable("sum", F32.self, 0)
        k.for("turn", from: 0, to: Value<S32>(turns), unroll: .never) { _ in sum += 1 }
        k.if(index % 2 == 0) { for _ in 0..<40 { sum += 2 } }
        for _ in 0..<40 { sum *= 3 }
        data[index] = sum.value
      }
      return try Self.run(kernel).instructionCount
    }
    let (few, more, many) = try (instructions(turns: 10), instructions(turns: 20), instructions(turns: 5010))
    #expect(many - few == 500 * (more - few))
  }

  @Test("Reports do not depend on the simulator's threads")
  func determinism() throws {
    let reports = try [1, 2, 5].map {
      try Self.run(Self.roles(), blocks: 400, threads: $0, trace: TraceRequest())
    }
    #expect(reports[0].cycles > 0)
    #expect(reports[1] == reports[0])
    #expect(reports[2] == reports[0])
    let streams = try [1, 2].map { threads in
      let device = Simulator()
      device.threadCount = threads
      return try StreamKernel(byteCount: 8 << 20, rounds: 2, writes: true).run(device)
    }
    #expect(streams[0] == streams[1])
  }

  @Test("The producer of a GEMM waits for stages, its consumers for copies and products")
  func gemm() throws {
    let device = Simulator()
    device.trace = TraceRequest(blocks: 0..<1)
    let report = try GemmRun(m: 256, n: 256, k: 1024).run(GemmKernel(), on: device).report
    #expect(report.roles.map(\.name).contains("producer"))
    let consumer = try #require(report.roles.first { $0.name == "consumer" })
    #expect(consumer.warpCount == 16)
    let waits = consumer.time.stalls
    #expect((waits[.mbarrier] ?? 0) + (waits[.matrixWait] ?? 0) > consumer.time.cycles / 2)
    // 64 rows × 256 columns in steps of 16: 128 cycles of the tensor cores for each of two warpgroups, in two blocks.
    let busy = try #require(report.unit(.tensor)).utilisation * Double(report.cycles) * 132
    #expect((busy - Double(2 * 2 * 64 * 128)).magnitude < 1)
    let trace = try #require(report.trace)
    let products = trace.slices.filter { $0.name == "product" }
    #expect(products.count == 2 * 64)
    #expect(products.reduce(0) { $0 + $1.end - $1.start } >= 2 * 64 * 128)
    #expect(trace.slices.contains { $0.name == "epilogue" && $0.category == .region })
  }

  @Test("A report survives its coded form, and its text names what limits")
  func forms() throws {
    let report = try Self.run(Self.roles())
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let data = try encoder.encode(report)
    #expect(try JSONDecoder().decode(LaunchReport.self, from: data) == report)
    #expect(String(decoding: data, as: UTF8.self).contains("\"global memory\":"))
    let text = report.description
    #expect(text.contains("limited by: latency"))
    #expect(text.contains("named barrier"))
    #expect(text.contains("producer (12)"))
    var shares = 0
    for role in report.roles {
      for (path, regions) in Dictionary(grouping: role.regions, by: \.path) where !path.isEmpty {
        let cycles = regions.reduce(0) { $0 + $1.time.cycles }
        let share = (1000 * Double(cycles) / Double(role.time.cycles)).rounded() / 10
        #expect(text.contains(try Regex("\n\(path) +\(share)  ")), "\(path) \(share)\n\(text)")
        shares += 1
      }
    }
    #expect(shares > 0)
  }

  @Test("L2 keeps what a launch has left, until it is cleared")
  func cache() throws {
    let device = Simulator()
    let kernel = try Self.roles()
    let module = try device.load(kernel.module)
    var parameters = ParameterBlock()
    parameters.append(try DeviceMemory(device).copy([Float](repeating: 1, count: 40000)))
    func missing() throws -> UInt64 {
      try device.launch(
        module, "roles", LaunchConfiguration(grid: Extent(1), block: Extent(256)),
        parameters: parameters.bytes
      ).memory.dramReadBytes
    }
    // Eight times 128 elements of 4 bytes.
    #expect(try missing() == 4096)
    #expect(try missing() == 0)
    device.clearCache()
    #expect(try missing() == 4096)
  }

  // MARK: Traces

  private struct Event: Decodable {
    var ph: String
    var name: String
    var cat: String?
    var ts: Double?
    var dur: Double?
    var pid: Int
    var tid: Int?
    var args: [String: Value]?

    /// A name or a number.
    enum Value: Decodable {
      case text(String), number(Double)

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
          self = .text(text)
        } else {
          self = .number(try container.decode(Double.self))
        }
      }
    }

    var start: Int { Int(((ts ?? 0) * 1000).rounded()) }
    var end: Int { start + Int(((dur ?? 0) * 1000).rounded()) }
  }

  private struct TraceFile: Decodable {
    var traceEvents: [Event]
  }

  @Test("A trace is JSON whose slices nest, and whose waits add up to the report's")
  func trace() throws {
    let report = try Self.run(Self.roles(), trace: TraceRequest(blocks: 0..<3, shortestStall: 1))
    let json = try #require(report.trace).json
    let events = try JSONDecoder().decode(TraceFile.self, from: Data(json.utf8)).traceEvents
    let slices = events.filter { $0.ph == "X" }
    for track in Set(slices.map(\.tid)) {
      var open: [Event] = []
      for slice in slices where slice.tid == track {
        if let before = open.last { #expect(slice.start >= before.start) }
        while let outer = open.last, outer.end <= slice.start { open.removeLast() }
        if let outer = open.last { #expect(slice.end <= outer.end, "\(slice.name) in \(outer.name)") }
        open.append(slice)
      }
    }
    // By reason, over all warps: all blocks are traced, and no wait is too short.
    for reason in StallReason.allCases {
      let sum = slices.filter { $0.cat == "stall" && $0.name == reason.name }.reduce(0) {
        $0 + $1.end - $1.start
      }
      let reported = report.roles.reduce(0) { $0 + ($1.time.stalls[reason] ?? 0) }
      #expect(sum == Int(reported), "\(reason.name)")
    }
    let names = events.filter { $0.ph == "M" && $0.name == "thread_name" }.compactMap { event -> String? in
      guard case .text(let name)? = event.args?["name"] else { return nil }
      return name
    }
    #expect(names.count == 24)
    #expect(names.contains("CTA 1 warp 5 (consumer)"))
    let dram = events.filter { $0.ph == "C" && $0.name == "DRAM bytes" }.reduce(0.0) { sum, event in
      guard case .number(let value)? = event.args?["value"] else { return sum }
      return sum + value
    }
    #expect(dram == Double(report.memory.dramReadBytes + report.memory.dramWriteBytes))
  }

  @Test("A trace has only the blocks and waits that were asked for")
  func tracedBlocks() throws {
    let report = try Self.run(Self.roles(), trace: TraceRequest(blocks: 1..<2, shortestStall: 100))
    let trace = try #require(report.trace)
    #expect(trace.processes == ["memory", "SM 1"])
    #expect(trace.tracks.count == 8)
    #expect(trace.slices.allSatisfy { $0.category != .stall || $0.end - $0.start >= 100 })
    #expect(try Self.run(Self.roles()).trace == nil)
  }
}

import ExampleKernels
import Foundation
import GPUDevice
import HopperSimulator
import PTX
import Testing

/// How far the clock takes a compiler to look ahead.
@Suite("Scheduling window")
struct SchedulingWindowTests {
  private static func device(window: Int) -> Simulator {
    var description = DeviceDescription.warm
    description.schedulingWindow = DeviceConstant(Double(window), .estimated, "a test")
    return Simulator(description)
  }

  /// Independent pairs of a shared load and an addition that needs it.
  private static func pairs(window: Int) throws -> UInt64 {
    let body = (0..<32).map { "ld.shared.f32 %f1, [%r2+\($0 * 128)];\nadd.ftz.f32 %f\($0 + 10), %f1, %f2;" }
    return try ClockProgram(body: body.joined(separator: "\n")).run(device(window: window)).cycles[0]
  }

  @Test("In a window of one, each pair waits for the one before; in one of all, only for a unit")
  func bounds() throws {
    // 29 cycles of the load, and its successor's issue.
    let inOrder = try Self.pairs(window: 1)
    #expect((32 * 29...32 * 34).contains(inOrder), "\(inOrder)")
    // The load/store pipe takes one of a scheduler's loads every four cycles.
    let free = try Self.pairs(window: 64)
    #expect((32 * 4...32 * 4 + 34).contains(free), "\(free)")
    let some = try Self.pairs(window: 8)
    #expect(some > free && some < inOrder)
  }

  /// Cycles of example kernels by the window. Printed, with `MLA_SCHEDULING=1`.
  @Test("Example kernels", .enabled(if: ProcessInfo.processInfo.environment["MLA_SCHEDULING"] != nil))
  func table() throws {
    for window in [1, 4, 8, 16, 32, 64, 128] {
      let softmax = try Self.softmax(Self.device(window: window))
      let reduction = try Self.reduction(Self.device(window: window))
      let gemm = try GemmRun(m: 256, n: 512, k: 512).run(GemmKernel(), on: Self.device(window: window)).report
      print(
        "window \(window): softmax \(softmax.cycles), reduction \(reduction.cycles), GEMM \(gemm.cycles) cycles"
      )
      if window == 32 { print(gemm) }
    }
  }

  private static func softmax(_ device: Simulator) throws -> LaunchReport {
    let memory = DeviceMemory(device)
    var parameters = ParameterBlock()
    parameters.append(try memory.copy([Float](repeating: 1, count: 132 * 4096)))
    parameters.append(try memory.copy([Float](repeating: 1, count: 132 * 4096)))
    parameters.append(UInt32(4096))
    return try device.launch(
      device.load(ExampleKernels.softmaxRow().module), "softmax_row",
      LaunchConfiguration(grid: Extent(132), block: Extent(256)), parameters: parameters.bytes)
  }

  private static func reduction(_ device: Simulator) throws -> LaunchReport {
    let memory = DeviceMemory(device)
    var parameters = ParameterBlock()
    parameters.append(try memory.copy([Float](repeating: 1, count: 1 << 20)))
    parameters.append(UInt32(1 << 20))
    parameters.append(try memory.copy([Float(0)]))
    return try device.launch(
      device.load(ExampleKernels.reduction().module), "reduction",
      LaunchConfiguration(grid: Extent(264), block: Extent(256)), parameters: parameters.bytes)
  }
}

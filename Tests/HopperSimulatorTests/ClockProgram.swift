import GPUDevice
import HopperSimulator
import PTX

extension DeviceDescription {
  /// An H100 on which code and parameters have been used before, and addresses have been translated: micro-benchmarks warm
  /// a device up to this before they measure.
  static let warm = {
    var device = h100
    device.instructionLineInterval.value = 0
    device.distantStreamInterval.value = 0
    device.distantLineInterval.value = 0
    device.translationLatency.value = 0
    device.parameterLatency.value = 0
    return device
  }()
}

/// A kernel that measures itself, as micro-benchmarks on a device do: every thread reads the clock before and after
/// some PTX.
struct ClockProgram {
  /// Before the measurement. `%r1` is the thread's index, `%rd1` the address of a buffer, `%r2` that of dynamic shared
  /// memory; `%r`, `%rd`, `%f`, `%p` from 10 on are free.
  var setUp = ""
  /// What is measured.
  var body: String
  /// After it.
  var end = ""
  var grid = 1
  var threads = 32
  var cluster = 1

  private var text: String {
    """
    .version 8.0
    .target sm_90a
    .address_size 64
    .extern .shared .align 1024 .b8 smem[];
    .visible .entry k(.param .u64 data, .param .u64 times) {
      .reg .pred %p<40>; .reg .b32 %r<100>; .reg .b64 %rd<60>; .reg .f32 %f<100>;
      ld.param.u64 %rd1, [data];
      ld.param.u64 %rd2, [times];
      mov.u32 %r1, %tid.x;
      mov.u32 %r2, smem;
      \(setUp)
      mov.u64 %rd3, %clock64;
      \(body)
      mov.u64 %rd4, %clock64;
      sub.u64 %rd5, %rd4, %rd3;
      mov.u32 %r3, %ctaid.x;
      mad.lo.u32 %r3, %r3, \(threads), %r1;
      mul.wide.u32 %rd6, %r3, 8;
      add.u64 %rd6, %rd6, %rd2;
      st.global.u64 [%rd6], %rd5;
      \(end)
      ret;
    }
    """
  }

  /// Runs it on a buffer of so many bytes that hold 0, or the given ones. Returns what each thread has measured, and the
  /// launch's report.
  func run(_ device: Simulator = Simulator(.warm), data: [UInt8] = [UInt8](repeating: 0, count: 4096)) throws
    -> (cycles: [UInt64], report: LaunchReport)
  {
    let (cycles, _, report) = try launch(device, data)
    return (cycles, report)
  }

  /// The first words of 64 bits that it leaves in its buffer.
  func words(_ device: Simulator, count: Int) throws -> [UInt64] {
    let (_, buffer, _) = try launch(device, [UInt8](repeating: 0, count: 4096))
    return try DeviceMemory(device).read(buffer, count: count, as: UInt64.self)
  }

  private func launch(_ device: Simulator, _ data: [UInt8]) throws
    -> (cycles: [UInt64], buffer: UInt64, report: LaunchReport)
  {
    let memory = DeviceMemory(device)
    let buffer = try memory.copy(data)
    let times = try memory.copy([UInt64](repeating: 0, count: grid * threads))
    let module = try device.load(Module(parsing: text))
    var parameters = ParameterBlock()
    parameters.append(buffer)
    parameters.append(times)
    var configuration = LaunchConfiguration(grid: Extent(grid), block: Extent(threads))
    configuration.cluster = Extent(cluster)
    configuration.dynamicSharedByteCount = 65536
    let report = try device.launch(module, "k", configuration, parameters: parameters.bytes)
    return (try memory.read(times, count: grid * threads, as: UInt64.self), buffer, report)
  }
}

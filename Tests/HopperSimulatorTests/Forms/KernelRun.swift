import GPUDevice
import HopperSimulator
import PTX

/// A kernel of a test's own: what it reads, what it writes, and how it is launched.
///
/// Registers are declared and filled: `%rd1` the input, `%rd2` the output, `%rd3` the thread's word of the output, `%r1`
/// the thread's index in its block, `%r2` dynamic shared memory, `%p1` whether it is thread 0.
struct KernelRun {
  var body: String
  /// Functions and variables of the module.
  var declarations = ""
  /// Further registers.
  var registers = ""
  /// Of the kernel, such as `.maxnreg 104`.
  var directives = ""
  var threads = 32
  var grid = 1
  var cluster = 1
  var input: [UInt32] = [0]
  /// Words of the output; they are 0xEEEEEEEE before.
  var outputCount = 32
  var maps: [TensorMapFields] = []

  init(_ body: String) {
    self.body = body
  }

  private var text: String {
    let mapParameters = maps.indices.map { ", .param .align 64 .b8 map\($0)[128]" }.joined()
    return """
      .version 8.6
      .target sm_90a
      .address_size 64
      .extern .shared .align 1024 .b8 smem[];
      \(declarations)
      .visible .entry k(.param .u64 in, .param .u64 out\(mapParameters)) \(directives) {
        .reg .pred %p<16>; .reg .b16 %h<16>; .reg .b32 %r<64>; .reg .b64 %rd<64>; \(registers)
        ld.param.u64 %rd1, [in];
        ld.param.u64 %rd2, [out];
        mov.u32 %r1, %tid.x;
        mov.u32 %r2, smem;
        setp.eq.u32 %p1, %r1, 0;
        mov.u32 %r3, %ctaid.x;
        mad.lo.u32 %r3, %r3, \(threads), %r1;
        mad.wide.u32 %rd3, %r3, 4, %rd2;
      \(body)
        ret;
      }
      """
  }

  /// Runs it. Returns the words of the output.
  func callAsFunction() throws -> [UInt32] {
    let device = Simulator()
    device.threadCount = 1
    device.limits = LaunchLimits(instructionCount: 10_000_000)
    let memory = DeviceMemory(device)
    let (source, target) = try (
      memory.copy(input), memory.copy([UInt32](repeating: 0xEEEE_EEEE, count: outputCount))
    )
    let module = try device.load(Module(parsing: FormRecorder.record(text)))
    var parameters = ParameterBlock()
    parameters.append(source)
    parameters.append(target)
    for map in maps {
      var map = map
      map.address &+= source
      parameters.append(map.bytes, alignment: 64)
    }
    var configuration = LaunchConfiguration(grid: Extent(grid), block: Extent(threads))
    configuration.cluster = Extent(cluster)
    configuration.dynamicSharedByteCount = 65536
    _ = try device.launch(module, "k", configuration, parameters: parameters.bytes)
    return try memory.read(target, count: outputCount, as: UInt32.self)
  }
}

/// PTX of one thread that makes an mbarrier, whose address a register has, and starts a copy that is to bring it bytes; and
/// of all to wait for them.
func awaitedCopy(_ byteCount: Int, barrier register: String, _ copy: String) -> String {
  """
    @!%p1 bra READY;
    mbarrier.init.shared::cta.b64 [\(register)], 1;
    fence.mbarrier_init.release.cluster;
    mbarrier.arrive.expect_tx.shared::cta.b64 _, [\(register)], \(byteCount);
    \(copy)
    READY:
    bar.sync 0;
    WAIT:
    mbarrier.try_wait.parity.shared::cta.b64 %p2, [\(register)], 0;
    @!%p2 bra WAIT;

  """
}

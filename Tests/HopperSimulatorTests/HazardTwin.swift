import GPUDevice
import HopperSimulator
import PTX
import Testing

/// A right kernel, and how to break it.
struct HazardTwin: Sendable, CustomTestStringConvertible {
  var kind: HazardFinding.Kind
  var name: String
  var threads = 64
  var grid = 1
  var cluster = 1
  /// Functions and variables of the module.
  var declarations = ""
  /// The right kernel, see `text`.
  var body: String
  /// What is taken out of it, and what is put in its place.
  var fault: (right: String, broken: String)
  /// Starts of the instructions that conflict: one is where the fault is noticed.
  var sites: [String]
  /// Other findings that the fault may bring with it.
  var also: Set<HazardFinding.Kind> = []

  var testDescription: String { "\(kind.rawValue): \(name)" }

  var broken: String { body.replacing(fault.right, with: fault.broken) }
  private var brokenDeclarations: String { declarations.replacing(fault.right, with: fault.broken) }

  /// What a run of a body found, and the error that ended it if one did.
  func run(_ body: String, declarations: String = "", threads simulatorThreads: Int = 1) throws -> (
    findings: [HazardFinding], error: SimulationError?
  ) {
    let device = Simulator(.warm)
    device.threadCount = simulatorThreads
    device.limits = LaunchLimits(instructionCount: 100_000)
    let memory = DeviceMemory(device)
    let input = try memory.copy([UInt8](repeating: 1, count: 1 << 16))
    let output = try memory.copy([UInt8](repeating: 0, count: 1 << 16))
    let fresh = try device.allocate(1 << 12)
    var map = TensorMapFields(
      address: 0, element: .u32, sizes: [32, 64], strides: [128], box: [32, 8], swizzle: .none)
    map.address = input
    var parameters = ParameterBlock()
    for address in [input, output, fresh] { parameters.append(address) }
    parameters.append(map.bytes, alignment: 64)
    var configuration = LaunchConfiguration(grid: Extent(grid), block: Extent(threads))
    configuration.cluster = Extent(cluster)
    configuration.dynamicSharedByteCount = 65536
    let module = try device.load(Module(parsing: Self.text(body, declarations)))
    var error: SimulationError?
    do throws(SimulationError) {
      _ = try device.launch(module, "k", configuration, parameters: parameters.bytes)
    } catch let thrown {
      error = thrown
    }
    return (device.takeFindings(), error)
  }

  /// A kernel: `%rd1` is a buffer of ones, `%rd2` one of zeros, `%rd3` one that was never written, `%rd4` the generic
  /// address of a map of the first, 32 × 64 words in boxes of 32 × 8; `%r1` the thread, `%r2` shared memory, `%r3` the
  /// warp, `%p1` whether this is thread 0, `%r4` a place for an mbarrier, `%r5` the thread's word of shared memory,
  /// `%r6` that of thread 63 - this.
  static func text(_ body: String, _ declarations: String = "") -> String {
    """
    .version 8.0
    .target sm_90a
    .address_size 64
    .extern .shared .align 1024 .b8 smem[];
    \(declarations)
    .visible .entry k(
      .param .u64 in, .param .u64 out, .param .u64 fresh, .param .align 64 .b8 map[128]) {
      .reg .pred %p<8>; .reg .b32 %r<60>; .reg .b64 %rd<40>; .reg .b16 %h<4>; .reg .f32 %f<140>;
      ld.param.u64 %rd1, [in];
      ld.param.u64 %rd2, [out];
      ld.param.u64 %rd3, [fresh];
      mov.b64 %rd4, map;
      cvta.param.u64 %rd4, %rd4;
      mov.u32 %r1, %tid.x;
      mov.u32 %r2, smem;
      shr.u32 %r3, %r1, 5;
      setp.eq.u32 %p1, %r1, 0;
      add.u32 %r4, %r2, 60000;
      shl.b32 %r7, %r1, 2;
      add.u32 %r5, %r2, %r7;
      sub.u32 %r6, 252, %r7;
      add.u32 %r6, %r6, %r2;
    \(body)
      ret;
    }
    """
  }

  /// Checks both twins.
  func check() throws {
    let right = try run(body, declarations: declarations)
    #expect(right.error == nil, "\(right.error.map { "\($0)" } ?? "")")
    #expect(right.findings.isEmpty, "\(right.findings.map(\.description).joined(separator: "\n"))")
    #expect(broken != body || brokenDeclarations != declarations)
    let wrong = try run(broken, declarations: brokenDeclarations)
    let text =
      wrong.findings.map(\.description).joined(separator: "\n") + (wrong.error.map { "\n\($0)" } ?? "")
    let finding = try #require(wrong.findings.first { $0.kind == kind }, "\(text)")
    #expect(finding.kernel == "k")
    let places = [finding.place] + (finding.other.map { [$0] } ?? [])
    for site in sites {
      let place = try #require(places.first { $0.instruction.hasPrefix(site) }, "\(text)")
      #expect(line(place.line)?.contains(site) == true, "\(text)")
    }
    #expect(Set(wrong.findings.map(\.kind)).subtracting(also) == [kind], "\(text)")
  }

  /// A line of the broken kernel.
  func line(_ number: Int) -> Substring? {
    let lines = Self.text(broken, brokenDeclarations).split(separator: "\n", omittingEmptySubsequences: false)
    return lines.indices.contains(number - 1) ? lines[number - 1] : nil
  }
}

import ArgumentParser
import CPUEngine
import GPUDevice
import HopperEngine
import HopperKernels
import HopperSimulator
import LatentAttention

/// Which engine runs the plans.
enum EngineName: String, ExpressibleByArgument, CaseIterable {
  /// Threads of this machine.
  case cpu
  /// A Hopper GPU: simulated, or this machine's.
  case hopper
}

/// On what the Hopper engine runs.
enum DeviceName: String, ExpressibleByArgument, CaseIterable {
  /// A simulated H100.
  case simulated
  /// This machine's first GPU.
  case cuda
}

/// The engine of a command, but for its threads and instruction set, of which some commands take lists.
struct EngineOptions: ParsableArguments {
  @Option(help: "Which engine.") var engine = EngineName.cpu
  @Option(help: "What the Hopper engine runs on.") var device = DeviceName.simulated
  @OptionGroup var variant: HopperVariantOptions

  /// Whether times are those of a simulated device.
  var isSimulated: Bool { engine == .hopper && device == .simulated }

  /// Refuses an element type of queries and cache that the engine does not take, naming the option.
  func validate(_ option: String, _ type: ElementType) throws {
    guard engine == .cpu || type == .bfloat16 || type == .float16 else {
      throw ValidationError("\(option) = \(type.rawValue): must be bf16 or fp16 with --engine hopper")
    }
  }

  /// Refuses instruction sets, given as on a command line, for an engine that has none to choose from.
  func validateInstructionSets(_ given: String?) throws {
    guard let given, engine != .cpu else { return }
    throw ValidationError("--isa = \(given): only with --engine cpu")
  }

  func choose(threads: Int?, isa: InstructionSet?) throws -> ChosenEngine {
    switch (engine, device) {
    case (.cpu, _): ChosenEngine(try CPUEngine(threadCount: threads, instructionSet: isa))
    case (.hopper, .simulated):
      ChosenEngine(
        try hopperEngine(SimulatedGPU(.h100, threadCount: threads)), simulated: .h100, threads: threads)
    case (.hopper, .cuda):
      ChosenEngine(try hopperEngine(CUDADevice(index: 0)), simulated: nil, threads: threads)
    }
  }

  private func hopperEngine(_ device: any GPUDevice) throws -> HostHopperEngine {
    HostHopperEngine(HopperEngine(device: device, options: try variant.engineOptions()))
  }
}

/// The engine of a command.
struct EngineChoice: ParsableArguments {
  @OptionGroup var options: EngineOptions
  @Option(help: "Instruction set of the CPU engine; the default is the best there is.") var isa:
    InstructionSet?
  @Option(help: "Threads, of the simulator too; the default is all processors.") var threads: Int?

  func validate() throws {
    try options.validateInstructionSets(isa?.rawValue)
    if let threads { try mla.validate("--threads", threads) }
  }

  func choose() throws -> ChosenEngine { try options.choose(threads: threads, isa: isa) }

  /// The options as they are given on a command line.
  var words: [String] {
    var words: [String] = []
    if options.engine != .cpu { words.append("--engine \(options.engine.rawValue)") }
    if let isa { words.append("--isa \(isa.rawValue)") }
    if let threads { words.append("--threads \(threads)") }
    if options.engine == .hopper {
      words += ["--device \(options.device.rawValue)"] + options.variant.words
    }
    return words
  }
}

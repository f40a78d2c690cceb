import ArgumentParser
import CPUEngine
import GPUDevice
import HopperEngine
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

extension HopperEngineOptions.SecondStage: ExpressibleByArgument {}

/// The engine of a command, and what it is called in results.
struct EngineChoice: ParsableArguments {
  @Option(help: "Which engine.") var engine = EngineName.cpu
  @Option(help: "Instruction set of the CPU engine; the default is the best there is.") var isa:
    InstructionSet?
  @Option(help: "Threads, of the simulator too; the default is all processors.") var threads: Int?
  @Option(help: "What the Hopper engine runs on.") var device = DeviceName.simulated
  @Option(help: "Where the Hopper engine merges.") var secondStage = HopperEngineOptions.SecondStage
    .sameLaunch
  @Option(help: "Type of the Hopper engine's partial results.") var partials = ElementType.float32

  /// An engine that is ready, with names for it.
  struct Chosen {
    let engine: any AttentionEngine
    /// The instruction set, or the device.
    let place: String
    let threadCount: Int
    /// The device, if it has one.
    let device: (any GPUDevice)?
  }

  func choose() throws -> Chosen {
    switch engine {
    case .cpu:
      let engine = try CPUEngine(threadCount: threads, instructionSet: isa)
      return Chosen(
        engine: engine, place: engine.instructionSet.rawValue, threadCount: engine.threadCount, device: nil)
    case .hopper:
      let device: any GPUDevice =
        switch device {
        case .simulated: SimulatedGPU(.h100, threadCount: threads)
        case .cuda: try CUDADevice(index: 0)
        }
      var options = HopperEngineOptions()
      options.secondStage = secondStage
      options.partialType = partials
      return Chosen(
        engine: HostHopperEngine(HopperEngine(device: device, options: options)),
        place: device.properties.name, threadCount: threads ?? CPUEngine.availableThreadCount, device: device)
    }
  }

  /// The options as they are given on a command line.
  var words: [String] {
    var words: [String] = []
    if engine != .cpu { words.append("--engine \(engine.rawValue)") }
    if let isa { words.append("--isa \(isa.rawValue)") }
    if let threads { words.append("--threads \(threads)") }
    if engine == .hopper {
      words.append("--device \(device.rawValue) --second-stage \(secondStage.rawValue)")
      words.append("--partials \(partials.rawValue)")
    }
    return words
  }
}

import ArgumentParser
import AssemblerTools
import HopperKernels
import PTX
import Reports

/// Shows and checks the Hopper kernels.
struct Kernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the Hopper kernels, print their PTX, assemble them.",
    subcommands: [ListKernels.self, PrintKernel.self, CheckKernels.self])
}

struct ListKernels: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "List all kernels.")

  func run() throws {
    var table = TextTable(columns: [
      .text("kernel"), .number("threads"), .number("dynamic shared bytes"), .number("instructions"),
    ])
    for kernel in HopperKernel.all + HopperKernel.tuned {
      let kernel = try kernel.record()
      let threads = kernel.function.directives.requiredThreads?.reduce(1, *) ?? 0
      table.append([
        kernel.function.name, "\(threads)", "\(kernel.dynamicSharedByteCount)", "\(instructionCount(kernel))",
      ])
    }
    print(table.text(), terminator: "")
  }

  private func instructionCount(_ kernel: Kernel) -> Int {
    (kernel.function.body ?? []).count { if case .instruction = $0 { true } else { false } }
  }
}

struct PrintKernel: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ptx", abstract: "Print a kernel's PTX.")

  @Argument(help: "The kernel's name.") var name: String
  @OptionGroup var parameters: PipelineTuningOptions

  func run() throws {
    let all = HopperKernel.all + HopperKernel.tuned
    guard let kernel = all.first(where: { $0.description == name }) else {
      throw ValidationError("no kernel \(name); `mla kernels list` has all names")
    }
    print(try kernel.tunedForCommand(parameters.tuning).record().module.description, terminator: "")
  }
}

struct CheckKernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Assemble all kernels with ptxas.",
    discussion: """
      Spills, and messages such as serialised products or an ignored setmaxnreg, are failures: the exit status is 1. \
      Among all kernels are some for each value of each parameter that was tried; with options, the decode kernels of \
      that name are assembled with those values in place of their pipelines' own. Scripts/setup installs ptxas.
      """)

  @Argument(help: "Only kernels whose name contains this.") var name: String?
  @OptionGroup var parameters: PipelineTuningOptions

  func run() throws {
    let tuning = parameters.tuning
    let all =
      tuning == nil
      ? HopperKernel.all + HopperKernel.tuned : DecodeVariant.all.map { HopperKernel.decode($0) }
    let kernels = try all.filter { name.map($0.description.contains) ?? true }
      .map { try $0.tunedForCommand(tuning) }
    guard !kernels.isEmpty else {
      throw ValidationError("no kernel \(name ?? ""); `mla kernels list` has all names")
    }
    let ptxas = try Ptxas.installed()
    var table = TextTable(columns: [
      .text("kernel"), .number("registers"), .number("barriers"), .number("shared bytes"),
      .number("spilled bytes"), .text("messages"),
    ])
    var isClean = true
    for kernel in kernels {
      let kernel = try kernel.record()
      let report = try ptxas.assemble(kernel.module.description)
      let usage = report.usage(of: kernel.function.name) ?? FunctionUsage(name: kernel.function.name)
      let spilled = usage.spillStoreByteCount + usage.spillLoadByteCount
      isClean = isClean && spilled == 0 && report.messages.isEmpty
      let messages = report.messages.isEmpty ? "none" : "\(report.messages.count): \(report.messages[0])"
      table.append([
        kernel.function.name, usage.registerCount.map { "\($0)" } ?? "?", "\(usage.barrierCount)",
        "\(usage.sharedByteCount + kernel.dynamicSharedByteCount)", "\(spilled)", messages,
      ])
    }
    print(table.text(), terminator: "")
    if !isClean { throw ExitCode.failure }
  }
}

extension HopperKernel {
  /// The kernel with a pipeline's parameters from a command line; without any, itself.
  ///
  /// - Throws: `ValidationError` for those that it cannot have.
  fileprivate func tunedForCommand(_ tuning: PipelineTuning?) throws -> HopperKernel {
    guard let tuning else { return self }
    guard case .decode(let variant) = self else {
      throw ValidationError("\(self) is no decode kernel, and has no pipeline's parameters")
    }
    return .decode(try variant.tunedForCommand(tuning))
  }
}

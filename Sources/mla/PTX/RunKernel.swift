import ArgumentParser
import Foundation
import GPUDevice
import HopperSimulator
import Reports

/// Runs one kernel of a PTX text.
struct RunKernel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run a kernel of a PTX text on a simulated device.",
    discussion: """
      Arguments are given in the order of the kernel's parameters, each as one of

        NAME=TYPE:COUNT[:FILL]      a new buffer, passed by its address
        NAME[+OFFSET]               an address in a buffer, the offset in bytes
        TYPE:VALUE                  a number, as u32:7, f32:-0.5, b64:0xFF
        map:NAME[+OFFSET]:TYPE:SIZES:STRIDES:BOX[:swizzle=32|64|128][:fill=nan][:elements=STRIDES]
                                    a tensor map over a buffer, innermost dimension first: sizes and box in elements, as \
      64x40, strides in bytes, one fewer, '-' for none
        struct:BYTES[,OFFSET=ITEM…] a struct by value, zero but for addresses, numbers and tensor maps at offsets

      FILL is a number, range[=START[,STEP]], random[=SEED[,LOW,HIGH]] or file=PATH (raw, little-endian); without it, \
      a buffer is zero. Types are u8…u64, s8…s64, b8…b64, f16, bf16, f32 and f64, of tensor maps tf32 too.

      The exit status is 1 if the kernel fails or the simulator notices a hazard.
      """)

  @Argument(help: "The text.") var file: String
  @Option(help: "The kernel; needed if the text has several.") var kernel: String?
  @Option(help: "Blocks: X[,Y[,Z]].") var grid = CommaList([1])
  @Option(help: "Threads of a block: X[,Y[,Z]].") var block: CommaList<Int>
  @Option(help: "Blocks of a cluster: X[,Y[,Z]].") var cluster = CommaList([1])
  @Option(help: "Bytes of dynamic shared memory of a block.") var shared = 0
  @Flag(help: "All blocks must be resident at once.") var cooperative = false
  @Option(name: .customLong("arg"), parsing: .singleValue, help: "An argument, in the order of parameters.")
  var arguments: [String] = []
  @Option(
    name: .customLong("buffer"), parsing: .singleValue,
    help: "A buffer that is no argument itself: NAME=TYPE:COUNT[:FILL].")
  var buffers: [String] = []
  @Option(parsing: .singleValue, help: "Write a buffer to a raw file after the run: NAME=PATH.") var dump:
    [String] =
      []
  @Option(parsing: .singleValue, help: "Print a buffer's first values after the run: NAME[:COUNT].")
  var show: [String] = []
  @Option(help: "The simulated device.") var device = SimulatedDeviceName(.h100)
  @Option(help: "Threads of the simulator; the default is all processors. Results do not depend on it.")
  var threads: Int?
  @Option(help: "Instructions of warps after which the kernel is given up.")
  var instructionLimit = LaunchLimits().instructionCount
  @Option(help: "Cycles after which the kernel is given up.") var cycleLimit = LaunchLimits().cycleCount
  @Option(help: "Write a trace of the first blocks, for Perfetto, to a file.") var trace: String?
  @Option(help: "Write the result to a JSON file.") var json: String?

  func validate() throws {
    for (sizes, option) in [(grid, "--grid"), (block, "--block"), (cluster, "--cluster")] {
      guard (1...3).contains(sizes.values.count) else {
        throw ValidationError("\(option) has \(sizes.values.count) sizes: must be 1 to 3")
      }
      try sizes.validate(option)
    }
    try mla.validate("--shared", shared, in: 0...maximumCount)
    if let threads { try mla.validate("--threads", threads) }
    _ = try recipe()
  }

  private func recipe() throws -> RunRecipe {
    do throws(ItemError) {
      return try RunRecipe(arguments: arguments, buffers: buffers, dump: dump, show: show)
    } catch {
      throw ValidationError(error.description)
    }
  }

  func run() throws {
    try FileWriter.check(trace, json)
    let recipe = try recipe()
    try recipe.checkDumps()
    let gpu = SimulatedGPU(
      device.device, threadCount: threads,
      limits: LaunchLimits(instructionCount: instructionLimit, cycleCount: cycleLimit),
      trace: trace == nil ? nil : TraceRequest())
    let module = try gpu.load(ptx: PTXFile.text(file))
    let kernel = try module.kernel(kernel ?? onlyKernel())
    let work = try recipe.work(on: gpu)
    var result = RunResult(kernel: kernel.name, device: device.device.name, configuration: configuration)
    do {
      try gpu.defaultStream.launch(kernel, configuration, arguments: recipe.arguments(work, gpu))
      try gpu.synchronize()
    } catch GPUDeviceError.kernelFailed(_, let reason) {
      result.fault = reason
    }
    result.report = gpu.takeLaunches().last?.report
    result.findings = gpu.takeFindings().map(\.description)
    print(result.text, terminator: "")
    try recipe.show(work, gpu)
    try recipe.dump(work, gpu)
    if let trace, let recorded = result.report?.trace { try FileWriter.write(recorded.json, to: trace) }
    if let json { try JSONOutput.write(result, to: json) }
    if result.fault != nil || !result.findings.isEmpty { throw ExitCode.failure }
  }

  private var configuration: LaunchConfiguration {
    func extent(_ sizes: CommaList<Int>) -> Extent {
      let sizes = sizes.values + [1, 1]
      return Extent(sizes[0], sizes[1], sizes[2])
    }
    var configuration = LaunchConfiguration(grid: extent(grid), block: extent(block))
    configuration.cluster = extent(cluster)
    configuration.dynamicSharedByteCount = shared
    configuration.isCooperative = cooperative
    return configuration
  }

  private func onlyKernel() throws -> String {
    let names = try PTXFile.kernelNames(file)
    guard names.count == 1 else {
      throw ValidationError(
        "--kernel is missing: \(file) has \(names.isEmpty ? "none" : names.joined(separator: ", "))")
    }
    return names[0]
  }
}

/// What a run came to, in JSON too.
struct RunResult: Encodable {
  var kernel: String
  var device: String
  var configuration: LaunchConfiguration
  var report: LaunchReport?
  var findings: [String] = []
  var fault: String?

  init(kernel: String, device: String, configuration: LaunchConfiguration) {
    self.kernel = kernel
    self.device = device
    self.configuration = configuration
  }

  private enum CodingKeys: CodingKey {
    case kernel, device, grid, block, cluster, sharedBytes, cooperative, seconds, launchSeconds, report,
      findings,
      fault
  }

  func encode(to encoder: any Encoder) throws {
    func sizes(_ extent: Extent) -> [Int] { [extent.x, extent.y, extent.z] }
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(kernel, forKey: .kernel)
    try container.encode(device, forKey: .device)
    try container.encode(sizes(configuration.grid), forKey: .grid)
    try container.encode(sizes(configuration.block), forKey: .block)
    try container.encode(sizes(configuration.cluster), forKey: .cluster)
    try container.encode(configuration.dynamicSharedByteCount, forKey: .sharedBytes)
    try container.encode(configuration.isCooperative, forKey: .cooperative)
    try container.encode(report?.seconds, forKey: .seconds)
    try container.encode(report?.launchSeconds, forKey: .launchSeconds)
    try container.encode(report, forKey: .report)
    try container.encode(findings, forKey: .findings)
    try container.encode(fault, forKey: .fault)
  }

  var text: String {
    var lines: [String] = []
    if let report {
      lines.append(report.description)
      lines.append("launch: \(NumberFormat.si(report.launchSeconds, unit: "s")) before the kernel\n")
    }
    if let fault { lines.append("FAULT in \(kernel): \(fault)\n") }
    lines += findings.map { "FINDING: \($0)\n" }
    lines.append("\(findings.count) findings\n")
    return lines.joined()
  }
}

// Runs the conformance suite on the GPU of this machine, if there is one, and on the simulated H100, and prints what
// each check came to; then cycles that both take for the same, which nobody checks.
//
// Exit status: 1 if a check failed; 0 otherwise, without a GPU too.

import Foundation
import GPUDevice
import GPUDeviceConformance
import HopperSimulator

/// One device's answers to all checks.
struct Column {
  var title: String
  var results: [ConformanceResult]

  var failures: [ConformanceResult] { results.filter { $0.failure != nil } }
}

/// How a process that runs some of the checks on the GPU is called: with the index of the first one.
let partOption = "--from"

/// Whether a process can run no other check on the GPU after this one: a kernel's fault ends all use of it.
func endsPart(_ check: ConformanceCheck, _ result: ConformanceResult) -> Bool {
  check.endsUseOfDevice || result.failure != nil
}

/// Runs checks on the GPU from one on, up to the first that ends the part, and writes each one's result as a line of
/// JSON.
func runPart(from first: Int) throws {
  let device = try CUDADevice()
  for check in DeviceConformance.checks.dropFirst(first) {
    let result = check.run(on: device)
    var line = try JSONEncoder().encode(result)
    line.append(UInt8(ascii: "\n"))
    try FileHandle.standardOutput.write(contentsOf: line)
    if endsPart(check, result) { return }
  }
}

/// What a process that ran checks from one on has written, and its exit status or the signal that ended it.
func resultsOfPart(from first: Int) throws -> (results: [ConformanceResult], status: Int32) {
  let (part, output) = (Process(), Pipe())
  part.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
  part.arguments = [partOption, "\(first)"]
  part.standardOutput = output
  try part.run()
  let lines = try (output.fileHandleForReading.readToEnd() ?? Data()).split(separator: UInt8(ascii: "\n"))
  part.waitUntilExit()
  // A line that is no result is the driver's, or was cut short.
  let results = lines.compactMap { try? JSONDecoder().decode(ConformanceResult.self, from: $0) }
  return (results, part.terminationStatus)
}

/// Results of the checks on the GPU, by as many processes as it takes. One that ends before it should has been ended by
/// the check after its last result, which thereby fails.
func cudaResults() throws -> [ConformanceResult] {
  let checks = DeviceConformance.checks
  var results: [ConformanceResult] = []
  while results.count < checks.count {
    let part = try resultsOfPart(from: results.count)
    results += part.results
    let hasEnded = part.results.last.map { endsPart(checks[results.count - 1], $0) } ?? false
    if !hasEnded, results.count < checks.count {
      let failure = "the process that ran it ended with status \(part.status)"
      results.append(ConformanceResult(name: checks[results.count].name, failure: failure))
    }
  }
  return results
}

/// The real device, if there is one; says so if there is none.
func cudaDevice() throws -> CUDADevice? {
  do {
    let device = try CUDADevice()
    print("CUDA: \(device.properties.name)")
    return device
  } catch GPUDeviceError.driverNotFound(let library, let reason) {
    print("CUDA: no driver (\(library): \(reason))")
    return nil
  } catch GPUDeviceError.deviceNotFound {
    print("CUDA: no GPU")
    return nil
  }
}

/// The simulated device's column.
func simulatedColumn() -> Column {
  let device = SimulatedGPU()
  print("simulated: \(device.properties.name)")
  return Column(title: "simulated", results: DeviceConformance.checks.map { $0.run(on: device) })
}

func padded(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}

/// Checks down, devices across; then each device's sum and failures.
func show(_ columns: [Column]) {
  let width = DeviceConformance.checks.map(\.name.count).max() ?? 0
  print(padded("check", width), columns.map { padded($0.title, 10) }.joined(separator: " "))
  for (index, check) in DeviceConformance.checks.enumerated() {
    let answers = columns.map { padded($0.results[index].failure == nil ? "passed" : "FAILED", 10) }
    print(padded(check.name, width), answers.joined(separator: " "))
  }
  for column in columns {
    print(
      "\(column.title): \(column.results.count - column.failures.count) of \(column.results.count) passed")
    for result in column.failures { print("  \(result.name): \(result.failure ?? "")") }
  }
}

/// Cycles of the clock's measurements on each device, and of the simulated one those of the real one's.
func showClock(_ device: CUDADevice?) throws {
  let measurements = DeviceConformance.clockMeasurements
  let width = measurements.map(\.name.count).max() ?? 0
  let titles = device == nil ? ["simulated"] : ["CUDA", "simulated", "ratio"]
  print("\n" + padded("cycles", width), titles.map { padded($0, 10) }.joined(separator: " "))
  for measurement in measurements {
    let simulated = try measurement.cycles(on: SimulatedGPU())
    let measured = try device.map { try measurement.cycles(on: $0) }
    let numbers = measured.map { [$0, simulated, simulated / $0] } ?? [simulated]
    let cells = numbers.map { padded(String(format: "%.2f", $0), 10) }
    print(padded(measurement.name, width), cells.joined(separator: " "))
  }
}

do {
  let arguments = CommandLine.arguments
  if arguments.count == 3, arguments[1] == partOption, let first = Int(arguments[2]) {
    try runPart(from: first)
    exit(0)
  }
  let device = try cudaDevice()
  let measured = try device.map { _ in Column(title: "CUDA", results: try cudaResults()) }
  let columns = [measured, simulatedColumn()].compactMap { $0 }
  show(columns)
  try showClock(device)
  exit(columns.contains { !$0.failures.isEmpty } ? 1 : 0)
} catch {
  FileHandle.standardError.write(Data("CUDA: \(error)\n".utf8))
  exit(1)
}

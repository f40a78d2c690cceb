// Runs the conformance suite on the GPU of this machine, if there is one, and on the simulated H100, and prints what
// each check came to.
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

  init(_ title: String, _ device: any GPUDevice) {
    self.title = title
    results = DeviceConformance.checks.map { $0.run(on: device) }
  }

  var failures: [ConformanceResult] { results.filter { $0.failure != nil } }
}

/// The real device's column, if there is a device; says so if there is none.
func cudaColumn() throws(GPUDeviceError) -> Column? {
  do {
    let device = try CUDADevice()
    print("CUDA: \(device.properties.name)")
    return Column("CUDA", device)
  } catch .driverNotFound(let library, let reason) {
    print("CUDA: no driver (\(library): \(reason))")
  } catch .deviceNotFound {
    print("CUDA: no GPU")
  }
  return nil
}

/// The simulated device's column.
func simulatedColumn() -> Column {
  let device = SimulatedGPU()
  print("simulated: \(device.properties.name)")
  return Column("simulated", device)
}

/// Checks down, devices across; then each device's sum and failures.
func show(_ columns: [Column]) {
  func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
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

do {
  let columns = [try cudaColumn(), simulatedColumn()].compactMap { $0 }
  show(columns)
  exit(columns.contains { !$0.failures.isEmpty } ? 1 : 0)
} catch {
  print("CUDA: \(error)")
  exit(1)
}

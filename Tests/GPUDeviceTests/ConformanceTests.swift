import AssemblerSupport
import AssemblerTools
import FakeDriverSupport
import GPUDevice
import GPUDeviceConformance
import PTX
import Testing

@Suite("Conformance suite")
struct ConformanceTests {
  private static let checks = DeviceConformance.checks

  @Test("Every text assembles cleanly, and parses", arguments: checks.filter { $0.text != nil }.map(\.name))
  func texts(_ name: String) throws {
    let text = try #require(Self.checks.first { $0.name == name }?.text)
    let report = try Ptxas.forTests().assemble(text)
    #expect(report.messages.isEmpty)
    #expect(report.spillingFunctions.isEmpty)
    #expect(try Module(parsing: text).kernels.isEmpty == false)
  }

  @Test(
    "Every text of a measurement assembles cleanly",
    arguments: Dictionary(grouping: DeviceConformance.clockMeasurements, by: \.text).values.map { $0[0].name }
  )
  func textsOfMeasurements(_ name: String) throws {
    let measurement = try #require(DeviceConformance.clockMeasurements.first { $0.name == name })
    let report = try Ptxas.forTests().assemble(measurement.text)
    #expect(report.messages.isEmpty)
    #expect(report.spillingFunctions.isEmpty)
  }

  @Test("Names are different")
  func names() {
    for names in [Self.checks.map(\.name), DeviceConformance.clockMeasurements.map(\.name)] {
      #expect(Set(names).count == names.count)
    }
  }

  @Test("On a device that copies but runs no kernel, every check of a kernel's results fails")
  func idleDevice() throws {
    let driver = try FakeDriver(isOld: true)
    let device = try driver.device()
    let passed = Self.checks.filter { $0.run(on: device).failure == nil }.map(\.name)
    #expect(
      passed == [
        "copies to the device and back", "copies of parts", "copies within the device", "fill",
        "allocations are apart, and memory returns", "events take the time", "a kernel that is not there",
        "impossible allocations", "arguments that the kernel does not take", "impossible tensor maps",
      ])
  }

  @Test("A failure tells what differs")
  func failure() throws {
    let driver = try FakeDriver(isOld: true)
    let check = try #require(Self.checks.first { $0.name == "vector addition, typed arguments" })
    #expect(try check.run(on: driver.device()).failure == "sum[0] is -1.0, not 0.5; 1000 of 1024 differ")
  }
}

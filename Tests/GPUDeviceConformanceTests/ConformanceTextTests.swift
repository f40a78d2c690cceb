import AssemblerSupport
import AssemblerTools
import GPUDeviceConformance
import Testing

@Suite("Conformance suite")
struct ConformanceTextTests {
  @Test(
    "Every text assembles cleanly", arguments: DeviceConformance.checks.filter { $0.text != nil }.map(\.name))
  func assemble(_ name: String) throws {
    let check = try #require(DeviceConformance.checks.first { $0.name == name })
    let report = try Ptxas.forTests().assemble(try #require(check.text))
    #expect(report.messages.isEmpty)
    #expect(report.spillingFunctions.isEmpty)
  }

  @Test("Names are different")
  func names() {
    let names = DeviceConformance.checks.map(\.name)
    #expect(Set(names).count == names.count)
    #expect(names.count > 30)
  }
}

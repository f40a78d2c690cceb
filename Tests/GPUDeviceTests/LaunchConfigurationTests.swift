import GPUDevice
import Testing

@Suite("Launch configuration")
struct LaunchConfigurationTests {
  @Test("Missing sizes are 1")
  func extents() {
    #expect(Extent(5).count == 5)
    #expect(Extent(5, 3, 2).count == 30)
    #expect(Extent(5, 3).description == "(5, 3, 1)")
  }
}

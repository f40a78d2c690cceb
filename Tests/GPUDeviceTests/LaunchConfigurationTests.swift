import GPUDevice
import Testing

@Suite("Launch configuration")
struct LaunchConfigurationTests {
  private let properties = DeviceProperties(
    hopper: "test", multiprocessorCount: 132, memoryByteCount: 80 << 30, l2ByteCount: 50 << 20,
    clockFrequency: 1.98e9)
  private let attributes = KernelAttributes(
    registerCount: 168, staticSharedByteCount: 1024, localByteCount: 0, maximumBlockThreadCount: 384)

  @Test("Missing sizes are 1")
  func extents() {
    #expect(Extent(5).count == 5)
    #expect(Extent(5, 3, 2).count == 30)
    #expect(Extent(5, 3).description == "(5, 3, 1)")
  }

  @Test("The largest launches pass")
  func largest() throws {
    var launch = LaunchConfiguration(grid: Extent(Int(Int32.max), 65535, 65535), block: Extent(3, 2, 64))
    launch.dynamicSharedByteCount = (227 << 10) - 1024
    try launch.validate(kernel: "k", attributes: attributes, properties: properties)
    launch.grid = Extent(32, 1, 2)
    launch.cluster = Extent(8, 1, 2)
    try launch.validate(kernel: "k", attributes: attributes, properties: properties)
  }

  @Test("What a device or a kernel does not allow is named")
  func invalid() {
    typealias Change = (inout LaunchConfiguration) -> Void
    let broken: [(String, String, Change)] = [
      ("grid", "(0, 1, 1)", { $0.grid = Extent(0) }),
      ("grid", "(1, 65536, 1)", { $0.grid = Extent(1, 65536) }),
      ("block", "(1, -1, 1)", { $0.block = Extent(1, -1) }),
      ("block", "(1, 1, 65)", { $0.block = Extent(1, 1, 65) }),
      ("block", "(385, 1, 1)", { $0.block = Extent(385) }),
      ("cluster", "(0, 1, 1)", { $0.cluster = Extent(0) }),
      ("cluster", "(17, 1, 1)", { $0.cluster = Extent(17) }),
      ("cluster", "(6, 3, 1)", { $0.cluster = Extent(6, 3) }),
      ("grid", "(12, 6, 1)", { $0.cluster = Extent(1, 4) }),
      ("dynamicSharedByteCount", "-1", { $0.dynamicSharedByteCount = -1 }),
      ("dynamicSharedByteCount", "231425", { $0.dynamicSharedByteCount = 231425 }),
    ]
    for (field, value, change) in broken {
      var launch = LaunchConfiguration(grid: Extent(12, 6), block: Extent(128))
      change(&launch)
      let found = invalidField {
        try launch.validate(kernel: "k", attributes: attributes, properties: properties)
      }
      #expect(
        found?.field == field && found?.value == value, "\(field) \(value): \(String(describing: found))")
    }
  }

  @Test("A kernel's own cluster holds, and admits no other")
  func requiredCluster() throws {
    var attributes = attributes
    attributes.requiredCluster = Extent(2)
    var launch = LaunchConfiguration(grid: Extent(4), block: Extent(128))
    try launch.validate(kernel: "k", attributes: attributes, properties: properties)
    #expect(launch.effectiveCluster(attributes) == Extent(2))
    launch.grid = Extent(5)
    #expect(
      invalidField {
        try launch.validate(kernel: "k", attributes: attributes, properties: properties)
      }?.field == "grid")
    launch = LaunchConfiguration(grid: Extent(4), block: Extent(128))
    launch.cluster = Extent(4)
    #expect(
      invalidField {
        try launch.validate(kernel: "k", attributes: attributes, properties: properties)
      }?.value == "(4, 1, 1)")
  }
}

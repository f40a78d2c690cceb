import GPUDevice
import Synchronization
import Testing

@Suite("Device memory")
struct DeviceMemoryTests {
  @Test("Memory is released once, with its last reference")
  func release() {
    let releases = Releases()
    var memory: DeviceMemory? = DeviceMemory(address: DeviceAddress(256), byteCount: 64) { releases.add() }
    var second = memory
    memory = nil
    #expect(releases.count == 0)
    #expect(second?.byteCount == 64)
    second = nil
    #expect(releases.count == 1)
  }

  @Test("Addresses lie within the allocation")
  func addresses() throws {
    let memory = DeviceMemory(address: DeviceAddress(256), byteCount: 64) {}
    #expect(try memory.address(at: 16, byteCount: 48) == DeviceAddress(272))
    #expect(try memory.address(at: 64, byteCount: 0) == DeviceAddress(320))
    for (offset, byteCount) in [(16, 49), (65, 0), (-1, 1), (0, -1), (Int.max, Int.max)] {
      #expect(
        invalidField { _ = try memory.address(at: offset, byteCount: byteCount) }?.value
          == "\(byteCount) at offset \(offset)")
    }
    #expect(DeviceAddress(8).advanced(by: -16).description == "0xfffffffffffffff8")
  }

  private final class Releases: Sendable {
    private let counter = Mutex(0)
    var count: Int { counter.withLock { $0 } }
    func add() { counter.withLock { $0 += 1 } }
  }
}

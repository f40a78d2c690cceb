import FakeDriverSupport
import Foundation
import GPUDevice
import Testing

@Suite("CUDA device: driver absent")
struct CUDAAbsenceTests {
  @Test("Without the library there is an error that names it")
  func noLibrary() {
    #expect {
      _ = try CUDADevice(library: "/no/such/libcuda.so.1")
    } throws: { error in
      guard case .driverNotFound("/no/such/libcuda.so.1", let reason) = error as? GPUDeviceError else {
        return false
      }
      return reason.contains("No such file")
    }
  }

  @Test("A library that is no driver is an error that names the missing function")
  func otherLibrary() {
    #expect {
      _ = try CUDADevice(library: "libc.so.6")
    } throws: { error in
      guard case .driverNotFound("libc.so.6", let reason) = error as? GPUDeviceError else { return false }
      return reason.contains("cuInit")
    }
  }

  @Test("A driver without devices, or with fewer")
  func noDevice() throws {
    let none = try FakeDriver(deviceCount: 0)
    #expect(throws: GPUDeviceError.deviceNotFound(index: 0, deviceCount: 0)) { try none.device() }
    let two = try FakeDriver(deviceCount: 2)
    #expect(try CUDADevice(index: 1, library: two.path).properties.name == "Fake 41")
    for index in [2, -1] {
      #expect(throws: GPUDeviceError.deviceNotFound(index: index, deviceCount: 2)) {
        _ = try CUDADevice(index: index, library: two.path)
      }
    }
  }
}

@Suite("CUDA device: calls of the driver")
struct CUDADeviceTests {
  private let driver: FakeDriver
  private let device: CUDADevice

  init() throws {
    driver = try FakeDriver()
    device = try driver.device()
    #expect(try driver.takeCalls() == ["retain 40"])
  }

  @Test("Properties")
  func properties() {
    let properties = device.properties
    #expect(properties.name == "Fake 40")
    #expect(properties.computeCapabilityMajor == 9 && properties.computeCapabilityMinor == 1)
    #expect(properties.multiprocessorCount == 132)
    #expect(properties.maximumGrid == Extent(2_147_483_647, 65535, 65534))
    #expect(properties.maximumBlock == Extent(1023, 1022, 64))
    #expect(properties.maximumBlockThreadCount == 1024)
    #expect(properties.maximumClusterBlockCount == 16)
    #expect(properties.maximumBlockSharedByteCount == 232448)
    #expect(properties.multiprocessorSharedByteCount == 233472)
    #expect(properties.multiprocessorRegisterCount == 65536)
    #expect(properties.memoryByteCount == 80 << 30)
    #expect(properties.l2ByteCount == 52_428_800)
    #expect(properties.clockFrequency == 1.98e9)
  }

  @Test("Memory is allocated, copied, filled and freed")
  func memory() throws {
    var memory: DeviceMemory? = try device.upload([1, 2, 3, 4] as [UInt32])
    let second = try device.allocate(byteCount: 20)
    let (address, target) = (try #require(memory).address, second.address)
    try device.defaultStream.copy(from: address, to: target, byteCount: 16)
    try device.defaultStream.fill(target.advanced(by: 4), byteCount: 2, with: 0xFF)
    #expect(try device.download(4, of: UInt32.self, from: second) == [1, 0xFFFF, 3, 4])
    #expect(try device.download(1, of: UInt32.self, from: second, at: 8) == [3])
    memory = nil
    #expect(
      try driver.takeCalls() == [
        "allocate 16", "to device 16 stream 0", "synchronize stream 0", "allocate 20",
        "in device 16 stream 0",
        "fill 2 with 255 stream 0", "to host 16 stream 0", "synchronize stream 0", "to host 4 stream 0",
        "synchronize stream 0", "free",
      ])
  }

  @Test("Impossible sizes are errors before the driver sees them")
  func sizes() throws {
    #expect(invalidField { _ = try device.allocate(byteCount: 0) }?.value == "0")
    #expect(throws: GPUDeviceError.outOfMemory(byteCount: 1 << 40)) {
      try device.allocate(byteCount: 1 << 40)
    }
    let memory = try device.allocate(byteCount: 8)
    #expect(invalidField { _ = try device.download(3, of: UInt32.self, from: memory) }?.field == "bytes")
    #expect(invalidField { _ = try device.download(-1, of: UInt32.self, from: memory) }?.field == "bytes")
    #expect(invalidField { _ = try device.download(.max, of: UInt32.self, from: memory) }?.field == "bytes")
    #expect(
      invalidField { try device.defaultStream.fill(memory.address, byteCount: -1, with: 0) }?.field
        == "byteCount")
  }

  @Test("What the compiler says is in the error")
  func compilation() throws {
    #expect(throws: GPUDeviceError.moduleRejected(log: "ptxas, line 7; error : broken")) {
      try device.load(ptx: "broken")
    }
    #expect(throws: GPUDeviceError.moduleRejected(log: "the driver answers 218, CUDA_ERROR_INVALID_PTX")) {
      try device.load(ptx: "broken and silent")
    }
    #expect(throws: GPUDeviceError.moduleRejected(log: "the text contains a zero byte")) {
      try device.load(ptx: "good\0")
    }
    var module: (any GPUModule)? = try device.load(ptx: "good")
    #expect(throws: GPUDeviceError.kernelNotFound(name: "absent")) { try module?.kernel("absent") }
    module = nil
    #expect(try driver.takeCalls() == ["load 6", "load 17", "load 4", "unload"])
  }

  @Test("A kernel may use all shared memory and large clusters, and tells what it needs")
  func kernel() throws {
    let kernel = try device.load(ptx: "").kernel("k")
    #expect(kernel.name == "k")
    #expect(
      kernel.attributes
        == KernelAttributes(
          registerCount: 168, staticSharedByteCount: 1024, localByteCount: 16, maximumBlockThreadCount: 384))
    #expect(kernel.parameters?.map(\.offset) == [0, 8, 64])
    #expect(kernel.parameters?.map(\.byteCount) == [8, 4, 128])
    #expect(try driver.takeCalls() == ["load 0", "k attribute 8 = 231424", "k attribute 14 = 1"])
    #expect(try device.load(ptx: "").kernel("clustered").attributes.requiredCluster == Extent(2))
  }

  @Test("An old driver tells nothing of parameters")
  func oldDriver() throws {
    let old = try FakeDriver(isOld: true)
    let device = try old.device()
    let kernel = try device.load(ptx: "").kernel("k")
    #expect(kernel.parameters == nil)
    _ = try old.takeCalls()
    try device.defaultStream.launch(
      kernel, LaunchConfiguration(grid: Extent(1), block: Extent(32)), arguments: [.value(UInt16(0x0102))])
    #expect(try old.takeCalls() == ["launch k grid 1 1 1 block 32 1 1 shared 0 stream 0", "parameters 0201"])
  }
}

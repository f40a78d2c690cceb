import FakeDriverSupport
import GPUDevice
import Testing

@Suite("CUDA device: launches, tensor maps, streams")
struct CUDALaunchTests {
  private let driver: FakeDriver
  private let device: CUDADevice
  private let module: any GPUModule

  init() throws {
    driver = try FakeDriver()
    device = try driver.device()
    module = try device.load(ptx: "")
  }

  /// Kernel `empty` takes no arguments.
  private func launchEmpty(
    _ name: String = "empty", _ change: (inout LaunchConfiguration) -> Void = { _ in }
  ) throws -> [String] {
    let kernel = try module.kernel(name)
    var configuration = LaunchConfiguration(grid: Extent(8, 2, 3), block: Extent(64, 2, 1))
    change(&configuration)
    _ = try driver.takeCalls()
    try device.defaultStream.launch(kernel, configuration, arguments: [])
    return try driver.takeCalls()
  }

  @Test("Sizes and attributes reach the driver")
  func attributes() throws {
    let launch = "launch empty grid 8 2 3 block 64 2 1 shared"
    #expect(try launchEmpty() == ["\(launch) 0 stream 0", "parameters "])
    #expect(
      try launchEmpty { $0.dynamicSharedByteCount = 200_000 } == ["\(launch) 200000 stream 0", "parameters "])
    #expect(
      try launchEmpty { $0.cluster = Extent(4, 2, 1) } == [
        "\(launch) 0 stream 0", "cluster 4 2 1", "parameters ",
      ])
    #expect(
      try launchEmpty { $0.isCooperative = true } == ["\(launch) 0 stream 0", "cooperative 1", "parameters "])
    #expect(
      try launchEmpty { $0.allowsEarlyStart = true } == [
        "\(launch) 0 stream 0", "early start 1", "parameters ",
      ])
    let all = try launchEmpty {
      $0.cluster = Extent(2)
      $0.isCooperative = true
      $0.allowsEarlyStart = true
    }
    #expect(Set(all[1...]) == ["cluster 2 1 1", "cooperative 1", "early start 1", "parameters "])
  }

  @Test("Arguments arrive where the kernel reads them")
  func arguments() throws {
    let kernel = try module.kernel("k")
    let map = try TensorMap(bytes: (0..<128).map { UInt8($0) })
    let configuration = LaunchConfiguration(grid: Extent(1), block: Extent(32))
    let stream = try device.makeStream()
    _ = try driver.takeCalls()
    try stream.launch(
      kernel, configuration,
      arguments: [.address(DeviceAddress(0x1122_3344)), .value(UInt32(0xAABB)), .tensorMap(map)])
    let hexadecimal =
      "4433221100000000" + "bbaa0000" + String(repeating: "00", count: 52)
      + map.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(
      try driver.takeCalls() == [
        "launch k grid 1 1 1 block 32 1 1 shared 0 stream 1", "parameters \(hexadecimal)",
      ])
    var raw = ParameterBlock(bytes: [UInt8](repeating: 0, count: 192))
    try raw.write(.address(DeviceAddress(0x1122_3344)), at: 0)
    try raw.write(.value(UInt32(0xAABB)), at: 8)
    try raw.write(.tensorMap(map), at: 64)
    try stream.launch(kernel, configuration, raw)
    #expect(try driver.takeCalls().last == "parameters \(hexadecimal)")
  }

  @Test("What does not fit the kernel never reaches the driver")
  func invalid() throws {
    let kernel = try module.kernel("k")
    let configuration = LaunchConfiguration(grid: Extent(1), block: Extent(385))
    _ = try driver.takeCalls()
    let raw = ParameterBlock(bytes: [UInt8](repeating: 0, count: 192))
    #expect(invalidField { try device.defaultStream.launch(kernel, configuration, raw) }?.field == "block")
    let fitting = LaunchConfiguration(grid: Extent(1), block: Extent(384))
    let short = invalidField { try device.defaultStream.launch(kernel, fitting, ParameterBlock(bytes: [1])) }
    #expect(short?.field == "parameter bytes")
    #expect(try driver.takeCalls() == [])
  }

  @Test("What only the driver knows is told in the words of the launch")
  func refused() throws {
    #expect(invalidField { _ = try launchEmpty("large") { _ in } }?.field == "arguments.count")
    let parameters = ParameterBlock(bytes: [UInt8](repeating: 0, count: 192))
    let configuration = LaunchConfiguration(grid: Extent(12), block: Extent(128))
    for (name, field) in [("large", "grid"), ("wide", "cluster")] {
      let kernel = try module.kernel(name)
      #expect(
        invalidField { try device.defaultStream.launch(kernel, configuration, parameters) }?.field == field)
    }
  }

  @Test("A kernel's fault is thrown by what follows")
  func fault() throws {
    let kernel = try module.kernel("faulty")
    try device.defaultStream.launch(
      kernel, LaunchConfiguration(grid: Extent(1), block: Extent(1)),
      ParameterBlock(bytes: [UInt8](repeating: 0, count: 192)))
    let failure = GPUDeviceError.kernelFailed(kernel: nil, reason: "CUDA_ERROR_ILLEGAL_ADDRESS")
    #expect(throws: failure) { try device.synchronize() }
    #expect(throws: failure) { try device.allocate(byteCount: 4) }
  }

  @Test("A tensor map's description reaches the driver field by field")
  func tensorMap() throws {
    var map = TensorMapDescription(
      elementType: .bfloat16, address: DeviceAddress(0xABCDE0), sizes: [576, 64, 1000],
      byteStrides: [1152, 73728],
      box: [32, 64, 1])
    map.elementStrides = [1, 2, 3]
    map.swizzle = .bytes64
    map.l2Promotion = .bytes256
    map.outOfBoundsFill = .nan
    _ = try driver.takeCalls()
    #expect(try device.makeTensorMap(map).bytes == (1...128).map { UInt8($0) })
    #expect(
      try driver.takeCalls() == [
        "tensor map type 9 rank 3 address abcde0 modes 0 2 3 1",
        "dimension 576 stride 1152 box 32 step 1", "dimension 64 stride 73728 box 64 step 2",
        "dimension 1000 stride 0 box 1 step 3",
      ])
    map.interleave = .bytes32
    map.swizzle = .bytes32
    _ = try device.makeTensorMap(map)
    #expect(try driver.takeCalls()[0] == "tensor map type 9 rank 3 address abcde0 modes 2 1 3 1")
    map.box[0] = 0
    #expect(invalidField { _ = try device.makeTensorMap(map) }?.field == "box[0]")
    #expect(try driver.takeCalls() == [])
  }

  @Test("Every element type and mode has the driver's number")
  func modes() throws {
    var map = TensorMapDescription(
      elementType: .uint8, address: DeviceAddress(0), sizes: [256], byteStrides: [], box: [16])
    // In the order of CUtensorMapDataType.
    let types: [TensorMapDescription.ElementType] = [
      .uint8, .uint16, .uint32, .int32, .uint64, .int64, .float16, .float32, .float64, .bfloat16,
      .float32FlushingSubnormals, .tfloat32, .tfloat32FlushingSubnormals,
    ]
    #expect(types.count == TensorMapDescription.ElementType.allCases.count)
    func call() throws -> String {
      _ = try driver.takeCalls()
      _ = try device.makeTensorMap(map)
      return try driver.takeCalls()[0]
    }
    for (number, type) in types.enumerated() {
      map.elementType = type
      #expect(try call() == "tensor map type \(number) rank 1 address 0 modes 0 0 0 0")
    }
    map.elementType = .uint8
    let swizzles: [TensorMapDescription.Swizzle] = [.none, .bytes32, .bytes64, .bytes128]
    for (number, swizzle) in swizzles.enumerated() {
      map.swizzle = swizzle
      #expect(try call().hasSuffix("modes 0 \(number) 0 0"))
    }
    map.swizzle = .none
    let promotions: [TensorMapDescription.L2Promotion] = [.none, .bytes64, .bytes128, .bytes256]
    for (number, promotion) in promotions.enumerated() {
      map.l2Promotion = promotion
      #expect(try call().hasSuffix("modes 0 0 \(number) 0"))
    }
  }

  @Test("Streams and events")
  func streams() throws {
    _ = try driver.takeCalls()
    do {
      let stream = try device.makeStream()
      let (start, end) = (try device.makeEvent(), try device.makeEvent())
      try device.defaultStream.record(start)
      try stream.wait(for: start)
      try stream.record(end)
      #expect(try end.elapsed(since: start) == .microseconds(250))
      try end.synchronize()
      try stream.synchronize()
      try device.synchronize()
    }
    let calls = try driver.takeCalls()
    #expect(
      calls[..<11] == [
        "stream 1 flags 1", "event 1 flags 0", "event 2 flags 0", "event 1 in stream 0",
        "stream 1 waits for event 1 flags 0", "event 2 in stream 1", "synchronize event 1",
        "synchronize event 2",
        "synchronize event 2", "synchronize stream 1", "synchronize",
      ])
    #expect(Set(calls[11...]) == ["end of stream 1", "end of event 1", "end of event 2"])
  }

  @Test("What another device made is refused")
  func otherDevice() throws {
    let other = try FakeDriver()
    let otherDevice = try other.device()
    let kernel = try otherDevice.load(ptx: "").kernel("empty")
    #expect(throws: GPUDeviceError.otherDevice(operation: "launch of empty", field: "kernel")) {
      try device.defaultStream.launch(
        kernel, LaunchConfiguration(grid: Extent(1), block: Extent(1)), arguments: [])
    }
    let event = try otherDevice.makeEvent()
    #expect(throws: GPUDeviceError.otherDevice(operation: "recording an event", field: "event")) {
      try device.defaultStream.record(event)
    }
    #expect(throws: GPUDeviceError.otherDevice(operation: "waiting for an event", field: "event")) {
      try device.defaultStream.wait(for: event)
    }
    let own = try device.makeEvent()
    #expect(throws: GPUDeviceError.otherDevice(operation: "time between events", field: "start")) {
      try own.elapsed(since: event)
    }
  }

  @Test("The context is released after all that was made in it")
  func release() throws {
    let driver = try FakeDriver()
    var device: CUDADevice? = try driver.device()
    var memory: DeviceMemory? = try device?.allocate(byteCount: 1)
    #expect(memory?.byteCount == 1)
    device = nil
    #expect(try driver.takeCalls() == ["retain 40", "allocate 1"])
    memory = nil
    #expect(try driver.takeCalls() == ["free", "release 40"])
  }
}

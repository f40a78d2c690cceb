import CUDADriver

/// An NVIDIA GPU through the driver's library, which is opened at run time. The driver compiles the PTX.
///
/// It works in the device's primary context, so addresses are those of other libraries in the process too. Every call
/// makes that context the calling thread's own.
public final class CUDADevice: GPUDevice {
  /// What it is and how large a launch may be.
  public let properties: DeviceProperties
  /// The null stream.
  public let defaultStream: any GPUStream
  private let context: CUDAContext

  /// Opens a device.
  ///
  /// - Parameters:
  ///   - index: which one, in the driver's order.
  ///   - library: the driver's file, found as the dynamic linker finds files.
  /// - Throws: ``GPUDeviceError/driverNotFound(library:reason:)`` if the library is absent, too old, or does not
  ///   start; ``GPUDeviceError/deviceNotFound(index:deviceCount:)`` if the driver sees no such GPU.
  public init(index: Int = 0, library: String = "libcuda.so.1") throws(GPUDeviceError) {
    let library = try CUDALibrary(path: library)
    var count: Int32 = 0
    try library.call("counting devices") { driver in unsafe driver.table.device_get_count(&count) }
    guard (0..<Int(count)).contains(index) else {
      throw .deviceNotFound(index: index, deviceCount: Int(count))
    }
    var device: cuda_device = 0
    try library.call("opening device \(index)") { driver in
      unsafe driver.table.device_get(&device, Int32(index))
    }
    properties = try DeviceProperties(of: device, library: library)
    context = try CUDAContext(library: library, device: device)
    defaultStream = CUDAStream(default: context, properties: properties)
  }

  /// Allocates global memory.
  public func allocate(byteCount: Int) throws(GPUDeviceError) -> DeviceMemory {
    guard byteCount > 0 else {
      throw .invalid(
        operation: "allocation", field: "byteCount", value: "\(byteCount)", requirement: "positive")
    }
    var address: cuda_address = 0
    do {
      try context.call("allocation") { driver in unsafe driver.table.memory_allocate(&address, byteCount) }
    } catch .driverFailed(_, cuda_error_out_of_memory, _) {
      throw .outOfMemory(byteCount: byteCount)
    }
    return DeviceMemory(address: DeviceAddress(address), byteCount: byteCount) { [context, address] in
      context.release { driver in unsafe driver.table.memory_free(address) }
    }
  }

  /// Compiles a PTX text by the driver's compiler.
  public func load(ptx: String) throws(GPUDeviceError) -> any GPUModule {
    try CUDAModule(ptx, context: context, properties: properties)
  }

  /// Makes a tensor map by the driver.
  public func makeTensorMap(_ description: TensorMapDescription) throws(GPUDeviceError) -> TensorMap {
    try description.validate()
    var bytes = [UInt8](repeating: 0, count: TensorMap.byteCount)
    try context.call("tensor map") { driver in
      var tensor = cuda_tensor(description)
      return unsafe cuda_driver_encode_tiled(driver.pointer, &tensor, &bytes)
    }
    return try TensorMap(bytes: bytes)
  }

  /// Makes a stream that does not wait for the default stream.
  public func makeStream() throws(GPUDeviceError) -> any GPUStream {
    try CUDAStream(context: context, properties: properties)
  }

  /// Makes an event that takes the time.
  public func makeEvent() throws(GPUDeviceError) -> any GPUEvent { try CUDAEvent(context: context) }

  /// Waits for all work in the context.
  public func synchronize() throws(GPUDeviceError) {
    try context.call("waiting for the device") { driver in unsafe driver.table.context_synchronize() }
  }
}

extension DeviceProperties {
  fileprivate init(of device: cuda_device, library: CUDALibrary) throws(GPUDeviceError) {
    func attribute(_ number: Int) throws(GPUDeviceError) -> Int {
      var value: Int32 = 0
      try library.call("device attribute \(number)") { driver in
        unsafe driver.table.device_get_attribute(&value, Int32(number), device)
      }
      return Int(value)
    }
    var name = [CChar](repeating: 0, count: 256)
    try library.call("device name") { driver in
      unsafe driver.table.device_get_name(&name, Int32(name.count), device)
    }
    var memoryByteCount = 0
    try library.call("device memory") { driver in
      unsafe driver.table.device_total_memory(&memoryByteCount, device)
    }
    self.init(
      hopper: String(zeroTerminated: name),
      multiprocessorCount: try attribute(cuda_device_multiprocessor_count),
      memoryByteCount: memoryByteCount, l2ByteCount: try attribute(cuda_device_l2_bytes),
      clockFrequency: 1000 * Double(try attribute(cuda_device_clock_kilohertz)))
    computeCapabilityMajor = try attribute(cuda_device_compute_capability_major)
    computeCapabilityMinor = try attribute(cuda_device_compute_capability_minor)
    maximumGrid = Extent(
      try attribute(cuda_device_max_grid_x), try attribute(cuda_device_max_grid_y),
      try attribute(cuda_device_max_grid_z))
    maximumBlock = Extent(
      try attribute(cuda_device_max_block_x), try attribute(cuda_device_max_block_y),
      try attribute(cuda_device_max_block_z))
    maximumBlockThreadCount = try attribute(cuda_device_max_threads_per_block)
    if try attribute(cuda_device_cluster_launch) == 0 { maximumClusterBlockCount = 1 }
    maximumBlockSharedByteCount = try attribute(cuda_device_max_shared_per_block_optin)
    multiprocessorSharedByteCount = try attribute(cuda_device_max_shared_per_multiprocessor)
    multiprocessorRegisterCount = try attribute(cuda_device_max_registers_per_multiprocessor)
  }
}

extension cuda_tensor {
  /// The numbers of CUtensorMapDataType and its companions. The description is valid.
  fileprivate init(_ description: TensorMapDescription) {
    self.init()
    element_type =
      switch description.elementType {
      case .uint8: 0
      case .uint16: 1
      case .uint32: 2
      case .int32: 3
      case .uint64: 4
      case .int64: 5
      case .float16: 6
      case .float32: 7
      case .float64: 8
      case .bfloat16: 9
      case .float32FlushingSubnormals: 10
      case .tfloat32: 11
      case .tfloat32FlushingSubnormals: 12
      }
    interleave = Self.index(of: description.interleave)
    swizzle = Self.index(of: description.swizzle)
    l2_promotion = Self.index(of: description.l2Promotion)
    fill = Self.index(of: description.outOfBoundsFill)
    rank = UInt32(description.rank)
    address = description.address.rawValue
    sizes = Self.five(description.sizes)
    byte_strides = Self.five(description.byteStrides)
    box = Self.five(description.box)
    element_strides = Self.five(description.elementStrides)
  }

  /// At most five numbers, and zeros.
  private static func five<Number: FixedWidthInteger>(
    _ values: [Int]
  ) -> (Number, Number, Number, Number, Number) {
    func value(_ index: Int) -> Number { index < values.count ? Number(values[index]) : 0 }
    return (value(0), value(1), value(2), value(3), value(4))
  }

  /// These cases are declared in CUDA's order.
  private static func index<Mode: CaseIterable & Equatable>(of mode: Mode) -> Int32 {
    Int32(Mode.allCases.enumerated().first { $0.element == mode }?.offset ?? 0)
  }
}

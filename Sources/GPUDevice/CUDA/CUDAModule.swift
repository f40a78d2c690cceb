import CUDADriver

/// A module of the driver.
@safe final class CUDAModule: GPUModule, @unchecked Sendable {
  let context: CUDAContext
  private let properties: DeviceProperties
  private let handle: cuda_module

  /// Bytes for what the compiler says.
  private static let logByteCount = 16 << 10

  /// Compiles a text.
  init(_ ptx: String, context: CUDAContext, properties: DeviceProperties) throws(GPUDeviceError) {
    guard !ptx.utf8.contains(0) else { throw .moduleRejected(log: "the text contains a zero byte") }
    self.context = context
    self.properties = properties
    var handle: cuda_module?
    var log = [CChar](repeating: 0, count: Self.logByteCount)
    do {
      try context.call("compilation") { driver in
        unsafe cuda_driver_load(driver.pointer, ptx, &handle, &log, log.count)
      }
    } catch .driverFailed(_, let code, let name) {
      let said = String(zeroTerminated: log)
      throw .moduleRejected(log: said.isEmpty ? "the driver answers \(code), \(name)" : said)
    }
    guard let handle = unsafe handle else { throw .moduleRejected(log: "the driver made no module") }
    unsafe self.handle = handle
  }

  deinit {
    context.release { [handle = unsafe handle] driver in unsafe driver.table.module_unload(handle) }
  }

  func kernel(_ name: String) throws(GPUDeviceError) -> any GPUKernel {
    var function: cuda_function?
    do {
      try context.call("looking up \(name)") { driver in
        unsafe driver.table.module_get_function(&function, handle, name)
      }
    } catch .driverFailed(_, cuda_error_not_found, _) {
      throw .kernelNotFound(name: name)
    }
    guard let function = unsafe function else { throw .kernelNotFound(name: name) }
    return try unsafe CUDAKernel(name, function, module: self, properties: properties)
  }
}

/// A kernel of the driver.
@safe final class CUDAKernel: GPUKernel, @unchecked Sendable {
  let name: String
  let attributes: KernelAttributes
  let parameters: [KernelParameter]?
  let module: CUDAModule
  let handle: cuda_function

  /// A kernel that may use all the shared memory of a block, and any cluster that the device has.
  init(
    _ name: String, _ handle: cuda_function, module: CUDAModule, properties: DeviceProperties
  ) throws(GPUDeviceError) {
    self.name = name
    self.module = module
    unsafe self.handle = handle
    let function = unsafe Function(name: name, handle: handle, context: module.context)
    let hasClusters = properties.maximumClusterBlockCount > 1
    attributes = try function.attributes(hasClusters: hasClusters)
    parameters = try function.parameters()
    let dynamic = properties.maximumBlockSharedByteCount - attributes.staticSharedByteCount
    try function.set(cuda_function_max_dynamic_shared_bytes, to: max(0, dynamic))
    if hasClusters { try function.set(cuda_function_non_portable_cluster_size_allowed, to: 1) }
  }
}

/// What the driver tells of a function.
@safe private struct Function {
  let name: String
  let handle: cuda_function
  let context: CUDAContext

  func attributes(hasClusters: Bool) throws(GPUDeviceError) -> KernelAttributes {
    var cluster: Extent?
    if hasClusters, case let width = try get(cuda_function_required_cluster_width), width > 0 {
      cluster = Extent(
        width, try get(cuda_function_required_cluster_height), try get(cuda_function_required_cluster_depth))
    }
    return KernelAttributes(
      registerCount: try get(cuda_function_registers),
      staticSharedByteCount: try get(cuda_function_shared_bytes),
      localByteCount: try get(cuda_function_local_bytes),
      maximumBlockThreadCount: try get(cuda_function_max_threads_per_block), requiredCluster: cluster)
  }

  /// The parameters; nil if the driver does not tell.
  func parameters() throws(GPUDeviceError) -> [KernelParameter]? {
    var parameters: [KernelParameter] = []
    while true {
      var (offset, byteCount) = (0, 0)
      var isKnown = true
      let result = context.library.result { driver in
        guard let getParameter = unsafe driver.table.function_get_parameter else {
          isKnown = false
          return cuda_result(cuda_success)
        }
        return unsafe getParameter(handle, parameters.count, &offset, &byteCount)
      }
      guard isKnown else { return nil }
      // An index past the last parameter is an invalid value.
      guard result == cuda_success else { return parameters }
      parameters.append(KernelParameter(offset: offset, byteCount: byteCount))
    }
  }

  func set(_ attribute: Int, to value: Int) throws(GPUDeviceError) {
    try context.call("attribute \(attribute) of \(name)") { driver in
      unsafe driver.table.function_set_attribute(handle, Int32(attribute), Int32(value))
    }
  }

  private func get(_ attribute: Int) throws(GPUDeviceError) -> Int {
    var value: Int32 = 0
    try context.call("attribute \(attribute) of \(name)") { driver in
      unsafe driver.table.function_get_attribute(&value, Int32(attribute), handle)
    }
    return Int(value)
  }
}

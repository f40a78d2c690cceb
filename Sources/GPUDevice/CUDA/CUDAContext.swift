import CUDADriver

/// A device's primary context, shared with whoever else in the process uses it. All that is made in it keeps it.
@safe final class CUDAContext: @unchecked Sendable {
  let library: CUDALibrary
  let device: cuda_device
  private let handle: cuda_context

  init(library: CUDALibrary, device: cuda_device) throws(GPUDeviceError) {
    self.library = library
    self.device = device
    var handle: cuda_context?
    try library.call("retaining the primary context") { driver in
      unsafe driver.table.primary_context_retain(&handle, device)
    }
    guard let handle = unsafe handle else {
      throw .driverFailed(operation: "retaining the primary context", code: 0, name: "no context")
    }
    unsafe self.handle = handle
  }

  deinit {
    _ = library.result { [device] driver in unsafe driver.table.primary_context_release(device) }
  }

  /// Calls functions of the driver with this context as the thread's own.
  func call(
    _ operation: @autoclosure () -> String, _ body: (CUDAFunctions) -> cuda_result
  ) throws(GPUDeviceError) {
    let handle = unsafe handle
    try library.call(operation()) { driver in
      let result = unsafe driver.table.context_set_current(handle)
      return result == cuda_success ? body(driver) : result
    }
  }

  /// Gives something back; what the driver says of it has nobody to hear it.
  func release(_ body: (CUDAFunctions) -> cuda_result) {
    try? call("release", body)
  }
}

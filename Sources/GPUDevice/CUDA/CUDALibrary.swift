import CUDADriver

/// The driver's functions, in memory that ``CUDALibrary`` owns.
@safe struct CUDAFunctions {
  let pointer: UnsafePointer<cuda_driver>

  /// The functions one by one.
  @unsafe var table: cuda_driver { unsafe pointer.pointee }
}

/// The driver's functions, from a library that stays open. They may be called from any thread.
@safe final class CUDALibrary: @unchecked Sendable {
  private let functions: CUDAFunctions

  /// Opens the library and initialises the driver.
  init(path: String) throws(GPUDeviceError) {
    var reason = [CChar](repeating: 0, count: 1024)
    guard let functions = unsafe cuda_driver_open(path, &reason, reason.count) else {
      throw .driverNotFound(library: path, reason: String(zeroTerminated: reason))
    }
    self.functions = unsafe CUDAFunctions(pointer: functions)
    let result = Int(unsafe self.functions.table.`init`(0))
    guard result != cuda_error_no_device else {
      throw .deviceNotFound(index: 0, deviceCount: 0)
    }
    guard result == cuda_success else {
      throw .driverNotFound(library: path, reason: name(of: cuda_result(result)))
    }
  }

  deinit {
    unsafe cuda_driver_free(functions.pointer)
  }

  /// Calls functions of the driver and throws what their result says.
  ///
  /// - Throws: ``GPUDeviceError/kernelFailed(kernel:reason:)`` for the fault of a kernel that was launched before,
  ///   else ``GPUDeviceError/driverFailed(operation:code:name:)``.
  func call(
    _ operation: @autoclosure () -> String, _ body: (CUDAFunctions) -> cuda_result
  ) throws(GPUDeviceError) {
    let result = body(functions)
    guard result != cuda_success else { return }
    guard !Self.faults.contains(result) else { throw .kernelFailed(kernel: nil, reason: name(of: result)) }
    throw .driverFailed(operation: operation(), code: Int(result), name: name(of: result))
  }

  /// Calls functions of the driver and yields their result, for callers that know what it means.
  func result(_ body: (CUDAFunctions) -> cuda_result) -> cuda_result { body(functions) }

  /// The driver's name of a result.
  func name(of result: cuda_result) -> String {
    var name: UnsafePointer<CChar>?
    guard unsafe functions.table.error_name(result, &name) == cuda_success,
      let name = unsafe name
    else { return "unknown error \(result)" }
    return unsafe String(cString: name)
  }

  private static let faults: Set<cuda_result> = Set(
    [
      cuda_error_illegal_address, cuda_error_launch_timeout, cuda_error_assert, cuda_error_hardware_stack,
      cuda_error_illegal_instruction, cuda_error_misaligned_address, cuda_error_invalid_address_space,
      cuda_error_invalid_program_counter, cuda_error_launch_failed,
    ].map { cuda_result($0) })
}

extension String {
  /// The text before the first zero of a buffer that C filled.
  init(zeroTerminated buffer: [CChar]) {
    self.init(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

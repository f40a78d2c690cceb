/// Why a device did not do what it was asked.
public enum GPUDeviceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is no usable driver: its library does not open or lacks a function, for this reason.
  case driverNotFound(library: String, reason: String)
  /// The driver is there, but no such GPU.
  case deviceNotFound(index: Int, deviceCount: Int)
  /// The driver refused an operation.
  case driverFailed(operation: String, code: Int, name: String)
  /// Device memory is used up.
  case outOfMemory(byteCount: Int)
  /// A value that the operation does not take.
  case invalid(operation: String, field: String, value: String, requirement: String)
  /// The device cannot make machine code of a text; its compiler, or the simulator's parser, says this.
  case moduleRejected(log: String)
  /// A module has no kernel of this name.
  case kernelNotFound(name: String)
  /// A kernel, stream or event of another device was passed.
  case otherDevice(operation: String, field: String)
  /// A kernel ended by a fault. Real devices do not say which, and run nothing more.
  case kernelFailed(kernel: String?, reason: String)

  /// What happened, in a sentence.
  public var description: String {
    switch self {
    case .driverNotFound(let library, let reason):
      "no CUDA driver: \(library): \(reason)"
    case .deviceNotFound(let index, let deviceCount):
      "no GPU \(index): the driver sees \(deviceCount)"
    case .driverFailed(let operation, let code, let name):
      "\(operation): the driver answers \(code), \(name)"
    case .outOfMemory(let byteCount):
      "no device memory left for \(byteCount) bytes"
    case .invalid(let operation, let field, let value, let requirement):
      "\(operation): \(field) is \(value), but must be \(requirement)"
    case .moduleRejected(let log):
      "the module does not load: \(log)"
    case .kernelNotFound(let name):
      "the module has no kernel named \(name)"
    case .otherDevice(let operation, let field):
      "\(operation): \(field) belongs to another device"
    case .kernelFailed(let kernel, let reason):
      "\(kernel.map { "kernel \($0)" } ?? "a kernel") failed: \(reason)"
    }
  }
}

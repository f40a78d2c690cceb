/// An address in a device's global memory.
public struct DeviceAddress: Sendable, Hashable, BitwiseCopyable, CustomStringConvertible {
  /// The address as kernels see it.
  public var rawValue: UInt64

  /// An address as kernels see it.
  public init(_ rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// The address so many bytes further; it wraps at 2⁶⁴.
  public func advanced(by byteCount: Int) -> DeviceAddress {
    DeviceAddress(rawValue &+ UInt64(truncatingIfNeeded: byteCount))
  }

  /// In hexadecimal.
  public var description: String { "0x" + String(rawValue, radix: 16) }
}

/// Global memory of a device that was allocated here. It is freed with the last reference: keep one until the work
/// that uses it has ended.
public final class DeviceMemory: Sendable {
  /// The first byte; aligned to at least 256.
  public let address: DeviceAddress
  /// Bytes.
  public let byteCount: Int
  private let release: @Sendable () -> Void

  /// Memory that a device allocated and frees by `release`.
  public init(address: DeviceAddress, byteCount: Int, release: @escaping @Sendable () -> Void) {
    self.address = address
    self.byteCount = byteCount
    self.release = release
  }

  deinit {
    release()
  }

  /// The address of some of its bytes.
  ///
  /// - Throws: ``GPUDeviceError/invalid(operation:field:value:requirement:)`` if they do not lie in it.
  public func address(at offset: Int, byteCount: Int) throws(GPUDeviceError) -> DeviceAddress {
    guard offset >= 0, byteCount >= 0, offset <= self.byteCount, byteCount <= self.byteCount - offset else {
      throw .invalid(
        operation: "device memory", field: "bytes", value: "\(byteCount) at offset \(offset)",
        requirement: "within the \(self.byteCount) bytes of the allocation")
    }
    return address.advanced(by: offset)
  }
}

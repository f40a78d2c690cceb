/// A GPU, real or simulated. Any thread may call it and what it makes.
///
/// What a device makes belongs to whoever holds a reference, and is given back with the last one; modules, streams
/// and events keep their device. Objects of one device passed to another are an error.
public protocol GPUDevice: AnyObject, Sendable {
  /// What it is and how large a launch may be.
  var properties: DeviceProperties { get }

  /// The stream for work that needs no order of its own.
  var defaultStream: any GPUStream { get }

  /// Allocates global memory, aligned to 256 bytes. Its contents are undefined.
  ///
  /// - Throws: ``GPUDeviceError/outOfMemory(byteCount:)``, or
  ///   ``GPUDeviceError/invalid(operation:field:value:requirement:)`` unless the count is positive.
  func allocate(byteCount: Int) throws(GPUDeviceError) -> DeviceMemory

  /// Compiles a PTX text.
  ///
  /// - Throws: ``GPUDeviceError/moduleRejected(log:)`` with what the compiler says.
  func load(ptx: String) throws(GPUDeviceError) -> any GPUModule

  /// Makes a tensor map for this device's kernels.
  ///
  /// - Throws: ``GPUDeviceError/invalid(operation:field:value:requirement:)`` with the field that breaks a rule.
  func makeTensorMap(_ description: TensorMapDescription) throws(GPUDeviceError) -> TensorMap

  /// Makes a stream, whose work is ordered with that of other streams only by events.
  func makeStream() throws(GPUDeviceError) -> any GPUStream

  /// Makes an event, which can be recorded.
  func makeEvent() throws(GPUDeviceError) -> any GPUEvent

  /// Waits for the work of all streams.
  ///
  /// - Throws: what that work met, as ``GPUDeviceError/kernelFailed(kernel:reason:)``.
  func synchronize() throws(GPUDeviceError)

  /// What the device noticed in launches since it was last asked: hazards that did not stop a kernel. Real devices
  /// notice nothing.
  func takeFindings() -> [any LaunchFinding]
}

/// Something that a simulated device noticed while a kernel ran.
public protocol LaunchFinding: Sendable, CustomStringConvertible {
  /// The kernel.
  var kernel: String { get }
}

/// Work in order: each operation starts when the one before has ended. Errors of a kernel may be thrown by any later
/// operation.
public protocol GPUStream: AnyObject, Sendable {
  /// Copies to the device; the bytes are taken when the call returns.
  func copy(from host: RawSpan, to address: DeviceAddress) throws(GPUDeviceError)

  /// Copies from the device; waits until the bytes are there.
  func copy(from address: DeviceAddress, to host: inout MutableRawSpan) throws(GPUDeviceError)

  /// Copies within the device. The two ranges must not overlap.
  func copy(from source: DeviceAddress, to target: DeviceAddress, byteCount: Int) throws(GPUDeviceError)

  /// Fills bytes of the device with one value.
  func fill(_ address: DeviceAddress, byteCount: Int, with byte: UInt8) throws(GPUDeviceError)

  /// Launches a kernel. The caller keeps the memory that its arguments name.
  ///
  /// - Throws: ``GPUDeviceError/invalid(operation:field:value:requirement:)`` if the configuration or the arguments
  ///   do not fit the kernel.
  func launch(
    _ kernel: any GPUKernel, _ configuration: LaunchConfiguration, _ parameters: ParameterBlock
  ) throws(GPUDeviceError)

  /// Marks the place between the work so far and the work to come.
  func record(_ event: any GPUEvent) throws(GPUDeviceError)

  /// Has the work to come wait until an event that was recorded, perhaps by another stream, is reached.
  func wait(for event: any GPUEvent) throws(GPUDeviceError)

  /// Waits until the work so far has ended.
  func synchronize() throws(GPUDeviceError)
}

/// A compiled PTX text.
public protocol GPUModule: AnyObject, Sendable {
  /// The kernel of a name.
  ///
  /// - Throws: ``GPUDeviceError/kernelNotFound(name:)``.
  func kernel(_ name: String) throws(GPUDeviceError) -> any GPUKernel
}

/// A kernel of a module, which it keeps.
public protocol GPUKernel: AnyObject, Sendable {
  /// The name of its entry.
  var name: String { get }
  /// What it needs.
  var attributes: KernelAttributes { get }
  /// Its parameters; absent if the driver is too old to tell (before CUDA 12.4).
  var parameters: [KernelParameter]? { get }
}

/// A place in a stream's work. Recording it again moves it.
public protocol GPUEvent: AnyObject, Sendable {
  /// Waits until the place is reached; returns at once if it was never recorded.
  func synchronize() throws(GPUDeviceError)

  /// The device's time from an earlier event of it to this one. Both must have been recorded; waits for both.
  func elapsed(since start: any GPUEvent) throws(GPUDeviceError) -> Duration
}

extension GPUDevice {
  /// Nothing, as of a real device.
  public func takeFindings() -> [any LaunchFinding] { [] }
}

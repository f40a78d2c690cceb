/// What a device is and how large a launch may be.
public struct DeviceProperties: Sendable, Hashable {
  /// The name, as "NVIDIA H100 80GB HBM3".
  public var name: String
  /// Compute capability before the point: 9 for Hopper.
  public var computeCapabilityMajor: Int
  /// Compute capability after the point.
  public var computeCapabilityMinor: Int
  /// Streaming multiprocessors.
  public var multiprocessorCount: Int
  /// Most blocks of a grid along each dimension.
  public var maximumGrid: Extent
  /// Most threads of a block along each dimension.
  public var maximumBlock: Extent
  /// Most threads of a block.
  public var maximumBlockThreadCount: Int
  /// Most blocks of a cluster. From 9 on a kernel need not run on devices with less (non-portable).
  public var maximumClusterBlockCount: Int
  /// Most bytes of shared memory of a block, static and dynamic.
  public var maximumBlockSharedByteCount: Int
  /// Bytes of shared memory of a multiprocessor.
  public var multiprocessorSharedByteCount: Int
  /// 32-bit registers of a multiprocessor.
  public var multiprocessorRegisterCount: Int
  /// Bytes of global memory.
  public var memoryByteCount: Int
  /// Bytes of L2.
  public var l2ByteCount: Int
  /// Highest clock of the multiprocessors, in Hz.
  public var clockFrequency: Double

  /// The limits of compute capability 9.0 (CUDA C++ Programming Guide, technical specifications), for a device with
  /// these sizes.
  public init(
    hopper name: String, multiprocessorCount: Int, memoryByteCount: Int, l2ByteCount: Int,
    clockFrequency: Double
  ) {
    self.name = name
    computeCapabilityMajor = 9
    computeCapabilityMinor = 0
    self.multiprocessorCount = multiprocessorCount
    maximumGrid = Extent(Int(Int32.max), 65535, 65535)
    maximumBlock = Extent(1024, 1024, 64)
    maximumBlockThreadCount = 1024
    maximumClusterBlockCount = 16
    maximumBlockSharedByteCount = 227 << 10
    multiprocessorSharedByteCount = 228 << 10
    multiprocessorRegisterCount = 64 << 10
    self.memoryByteCount = memoryByteCount
    self.l2ByteCount = l2ByteCount
    self.clockFrequency = clockFrequency
  }
}

/// What a kernel needs, as the device compiled it.
public struct KernelAttributes: Sendable, Hashable {
  /// Registers of a thread at entry; 0 if the device does not assign registers.
  public var registerCount: Int
  /// Bytes of static shared memory of a block.
  public var staticSharedByteCount: Int
  /// Bytes of local memory of a thread.
  public var localByteCount: Int
  /// Most threads of a block.
  public var maximumBlockThreadCount: Int
  /// The cluster that the kernel's text demands (`.reqnctapercluster`); absent if it takes any.
  public var requiredCluster: Extent?

  /// What a kernel needs.
  public init(
    registerCount: Int, staticSharedByteCount: Int, localByteCount: Int, maximumBlockThreadCount: Int,
    requiredCluster: Extent? = nil
  ) {
    self.registerCount = registerCount
    self.staticSharedByteCount = staticSharedByteCount
    self.localByteCount = localByteCount
    self.maximumBlockThreadCount = maximumBlockThreadCount
    self.requiredCluster = requiredCluster
  }
}

/// Three sizes: of a grid in blocks, of a block in threads, of a cluster in blocks.
public struct Extent: Sendable, Hashable, CustomStringConvertible {
  /// The fastest dimension.
  public var x: Int
  /// The second.
  public var y: Int
  /// The slowest.
  public var z: Int

  /// Sizes in the order of CUDA.
  public init(_ x: Int, _ y: Int = 1, _ z: Int = 1) {
    self.x = x
    self.y = y
    self.z = z
  }

  /// Elements in all.
  public var count: Int { x * y * z }

  /// As `(x, y, z)`.
  public var description: String { "(\(x), \(y), \(z))" }
}

/// How a kernel is launched.
public struct LaunchConfiguration: Sendable, Hashable {
  /// Blocks.
  public var grid: Extent
  /// Threads of a block.
  public var block: Extent
  /// Blocks of a cluster; each dimension divides that of the grid. One block is no cluster.
  public var cluster = Extent(1)
  /// Bytes of dynamic shared memory for each block.
  public var dynamicSharedByteCount = 0
  /// Whether all blocks must be resident at once, so that they can wait for each other.
  public var isCooperative = false
  /// Programmatic dependent launch: the kernel may start when its predecessor in the stream allows it, before
  /// that has ended.
  public var allowsEarlyStart = false

  /// A launch without clusters, dynamic shared memory, cooperation and early start.
  public init(grid: Extent, block: Extent) {
    self.grid = grid
    self.block = block
  }
}

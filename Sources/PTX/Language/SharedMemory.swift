/// Shared memory that a kernel has reserved.
struct SharedAllocations {
  /// Bytes that a launch must give.
  var dynamicByteCount = 0
  var dynamicAlignment = 16
  var staticByteCount = 0

  /// Name of the one variable under which PTX knows dynamic shared memory.
  static let dynamicName = "dynamic_shared"
  /// What a block can have at most (227 KiB), and without asking for dynamic memory.
  static let limit = 232_448
  static let staticLimit = 49_152

  /// The place of the next dynamic variable.
  mutating func reserve(byteCount: Int, alignment: Int) -> Int {
    let offset = (dynamicByteCount + alignment - 1) / alignment * alignment
    dynamicByteCount = offset + byteCount
    dynamicAlignment = max(dynamicAlignment, alignment)
    return offset
  }
}

extension KernelBuilder {
  /// Declares a variable in shared memory whose size the launch need not know: 48 KiB in all at most.
  ///
  /// `alignment` is a power of two in bytes, that of the element if not said.
  public func shared<T>(
    _ name: String, _ type: T.Type = T.self, count: Int, alignment: Int = T.byteCount,
    file: String = #fileID, line: Int = #line
  ) -> Pointer<T, Shared> {
    locate(file, line)
    declare(name)
    let alignment = checkedAlignment(alignment, T.byteCount, count)
    let byteCount = checkedSize(count, T.byteCount)
    shared.staticByteCount += byteCount
    variables.append(
      PTX.Variable(name, space: .shared, type: .b8, dimensions: [byteCount], alignment: alignment))
    return Pointer(builder: self, base: .symbol(name), offset: 0, alignment: alignment)
  }

  /// Reserves a part of dynamic shared memory, after what was reserved before. The launch gives
  /// `Kernel.dynamicSharedByteCount` bytes.
  ///
  /// `alignment` is a power of two in bytes, that of the element if not said.
  public func dynamicShared<T>(
    _ type: T.Type = T.self, count: Int, alignment: Int = T.byteCount, file: String = #fileID,
    line: Int = #line
  ) -> Pointer<T, Shared> {
    locate(file, line)
    let alignment = checkedAlignment(alignment, T.byteCount, count)
    let offset = shared.reserve(byteCount: checkedSize(count, T.byteCount), alignment: alignment)
    // The whole variable gets the strictest alignment, so that an offset's own is that of the address.
    return Pointer(
      builder: self, base: .symbol(SharedAllocations.dynamicName), offset: offset, alignment: alignment)
  }

  /// Bytes of dynamic shared memory reserved so far.
  public var dynamicSharedByteCount: Int { shared.dynamicByteCount }

  private func checkedAlignment(_ alignment: Int, _ natural: Int, _ count: Int) -> Int {
    guard alignment > 0, alignment & (alignment - 1) == 0, alignment >= natural, alignment <= 1 << 16 else {
      fail(
        .outOfRange(
          what: "alignment of shared memory", value: alignment, allowed: "a power of two from \(natural) on"))
      return natural
    }
    return alignment
  }

  private func checkedSize(_ count: Int, _ elementByteCount: Int) -> Int {
    guard count > 0, count <= 1 << 20 else {
      fail(.outOfRange(what: "elements in shared memory", value: count, allowed: "1 to 1048576"))
      return elementByteCount
    }
    return count * elementByteCount
  }

  /// Declares dynamic shared memory if there is some, and checks what a block can have.
  func finishShared() {
    if shared.staticByteCount > SharedAllocations.staticLimit {
      fail(
        .tooMuchSharedMemory(byteCount: shared.staticByteCount, limit: SharedAllocations.staticLimit))
    }
    // Dynamic memory begins behind the static variables, at its own alignment.
    let start = (shared.staticByteCount + shared.dynamicAlignment - 1) / shared.dynamicAlignment
    let total = start * shared.dynamicAlignment + shared.dynamicByteCount
    if total > SharedAllocations.limit {
      fail(.tooMuchSharedMemory(byteCount: total, limit: SharedAllocations.limit))
    }
    guard shared.dynamicByteCount > 0 else { return }
    moduleVariables.append(
      PTX.Variable(
        SharedAllocations.dynamicName, space: .shared, type: .b8, dimensions: [0],
        alignment: shared.dynamicAlignment, linkage: .extern))
  }
}

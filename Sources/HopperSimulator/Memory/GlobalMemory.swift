import Foundation

/// The device's global memory: allocations with guarded gaps between them.
///
/// Addresses depend on the order of allocations alone, so that runs repeat. Blocks that run at the same time read and
/// write the same bytes, as on the device; a program that orders its accesses gets one result.
@safe final class GlobalMemory: @unchecked Sendable {
  @safe struct Allocation {
    let address: UInt64
    let byteCount: Int
    let base: UnsafeMutableRawPointer
    fileprivate(set) var words: InitialisedWords

    fileprivate func deallocate() {
      unsafe Foundation.free(base)
      words.deallocate()
    }
  }

  /// In rising order of address. Changed only between launches.
  private(set) var allocations: [Allocation] = []
  private var nextAddress: UInt64 = 0x10_0000_0000
  private(set) var allocatedByteCount = 0
  let capacity: Int

  /// Bytes between allocations that no access may touch.
  private static let gap: UInt64 = 1 << 16

  init(capacity: Int) {
    self.capacity = capacity
  }

  deinit {
    for allocation in allocations { allocation.deallocate() }
  }

  /// Allocates memory whose contents are unspecified, aligned to 512 bytes.
  func allocate(_ byteCount: Int) throws(SimulationError) -> UInt64 {
    guard byteCount >= 0, byteCount <= capacity - allocatedByteCount else {
      throw SimulationError(reason: .outOfMemory(byteCount: byteCount))
    }
    // The machine may have less memory than the device.
    let size = (max(1, byteCount) + 511) & ~511
    guard let base = unsafe aligned_alloc(512, size) else {
      throw SimulationError(reason: .outOfMemory(byteCount: byteCount))
    }
    let address = nextAddress
    unsafe allocations.append(
      Allocation(
        address: address, byteCount: byteCount, base: base, words: InitialisedWords(byteCount: byteCount)))
    allocatedByteCount += byteCount
    nextAddress += (UInt64(byteCount) + Self.gap + 511) & ~511
    return address
  }

  /// Frees the allocation that begins at an address; false when none does.
  func free(_ address: UInt64) -> Bool {
    guard let index = allocations.firstIndex(where: { $0.address == address }) else { return false }
    allocations[index].deallocate()
    allocatedByteCount -= allocations[index].byteCount
    allocations.remove(at: index)
    return true
  }

  /// The allocation that has this byte.
  func allocation(containing address: UInt64) -> Allocation? {
    index(containing: address).map { allocations[$0] }
  }

  private func index(containing address: UInt64) -> Int? {
    var (low, high) = (0, allocations.count)
    while low < high {
      let middle = (low + high) / 2
      if allocations[middle].address <= address { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return nil }
    let found = allocations[low - 1]
    return address - found.address < UInt64(found.byteCount) ? low - 1 : nil
  }

  /// The host, or a device that is not looked at, has written bytes.
  func markInitialised(_ address: UInt64, _ byteCount: Int) {
    guard let place = index(containing: address) else { return }
    let first = Int(address - allocations[place].address)
    if first == 0 && byteCount == allocations[place].byteCount {
      allocations[place].words.markAll()
    } else {
      allocations[place].words.mark(first..<first + byteCount)
    }
  }

  /// Takes all bytes of all allocations for written.
  func markAllInitialised() {
    for place in allocations.indices { allocations[place].words.markAll() }
  }

  /// Memory of `byteCount` bytes at an address, all in one allocation; nil when there is none.
  @unsafe func pointer(_ address: UInt64, _ byteCount: Int) -> UnsafeMutableRawPointer? {
    guard let found = allocation(containing: address) else { return nil }
    let offset = Int(address - found.address)
    return byteCount <= found.byteCount - offset ? unsafe found.base + offset : nil
  }
}

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Memory that is freed with its owner, aligned for vectors, and for huge pages where it is large.
///
/// Whoever hands out views of it sees to it that nobody writes while others read.
@safe package final class AlignedMemory: @unchecked Sendable {
  /// The memory; uninitialised at first.
  package let bytes: UnsafeMutableRawBufferPointer

  /// Bytes of it.
  package var byteCount: Int { unsafe bytes.count }

  private static let vectorAlignment = 64
  private static let hugePageSize = 2 << 20

  /// Allocates `byteCount` bytes.
  ///
  /// - Throws: `ProblemError.outOfRange`, naming `field`, where the system has not that much.
  package init(byteCount: Int, field: String) throws(ProblemError) {
    let alignment = byteCount >= Self.hugePageSize ? Self.hugePageSize : Self.vectorAlignment
    var address: UnsafeMutableRawPointer?
    guard unsafe posix_memalign(&address, alignment, max(byteCount, 1)) == 0, let start = unsafe address
    else {
      throw ProblemError(
        .outOfRange, field, value: "\(byteCount) bytes", requirement: "must be no more than can be allocated")
    }
    unsafe bytes = UnsafeMutableRawBufferPointer(start: start, count: byteCount)
    #if os(Linux)
      // Rows are read in no order that the processor could foresee; with pages of 4 KB each costs a walk of the
      // page table. Only advice: a system that has no huge pages to give goes on without.
      if byteCount >= Self.hugePageSize { unsafe _ = madvise(start, byteCount, MADV_HUGEPAGE) }
    #endif
  }

  deinit {
    unsafe free(bytes.baseAddress)
  }

  /// Writes one 16-bit pattern all over.
  package func fill(_ pattern: UInt16) {
    unsafe bytes.bindMemory(to: UInt16.self).update(repeating: pattern)
  }
}

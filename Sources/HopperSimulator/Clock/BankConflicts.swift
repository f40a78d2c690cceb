/// Bank conflicts of an access to shared memory (CUDA C++ programming guide, shared memory, compute capability 5 and
/// up): 32 banks of 4 bytes; lanes that read the same word share it.
enum BankConflicts {
  /// Wavefronts that an access takes, and how few it would take without conflicts. `byteCount` for each lane; wide
  /// accesses go in halves and quarters of the warp.
  static func wavefronts(_ addresses: (Int) -> UInt64, active: UInt32, byteCount: Int) -> (
    total: UInt64, least: UInt64
  ) {
    let lanesAtOnce = byteCount <= 4 ? 32 : byteCount == 8 ? 16 : 8
    var total: UInt64 = 0
    var least: UInt64 = 0
    for first in stride(from: 0, to: 32, by: lanesAtOnce) {
      let group = active >> UInt32(first) & (lanesAtOnce == 32 ? .max : 1 << UInt32(lanesAtOnce) - 1)
      if group == 0 { continue }
      least += 1
      total += most(addresses, group, first, byteCount)
    }
    return (total, least)
  }

  /// The most different words that one bank has to give.
  private static func most(_ addresses: (Int) -> UInt64, _ group: UInt32, _ first: Int, _ byteCount: Int)
    -> UInt64
  {
    unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 32 * 32) { words in
      var counts = InlineArray<32, UInt8>(repeating: 0)
      var most: UInt8 = 1
      var rest = group
      while rest != 0 {
        let lane = first + rest.trailingZeroBitCount
        rest &= rest &- 1
        for offset in 0..<max(1, byteCount / 4) {
          let word = addresses(lane) / 4 + UInt64(offset)
          let bank = Int(word & 31)
          let known = Int(counts[bank])
          if (0..<known).contains(where: { unsafe words[bank * 32 + $0] == word }) { continue }
          unsafe words[bank * 32 + known] = word
          counts[bank] += 1
          most = max(most, counts[bank])
        }
      }
      return UInt64(most)
    }
  }
}

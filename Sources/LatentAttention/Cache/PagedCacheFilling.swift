extension PagedCache {
  /// Entries of the table of numbers: 12 random bits choose one, and it stays in the first-level cache.
  private static let tableCount = 1 << 12

  /// Fills the whole pool with numbers of mean 0 and variance 1, for benchmarks. O(bytes).
  ///
  /// They are drawn from a table of 4096 numbers, which are drawn from `seed`.
  public mutating func fill(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let numbers = (0..<Self.tableCount).map { _ in generator.normal() }
    switch elementType {
    case .bfloat16: fill(from: numbers.map(BFloat16Bits.rounding), &generator)
    case .float16: fill(from: numbers.map { Float16($0).bitPattern }, &generator)
    case .float32: fill(from: numbers.map { $0.bitPattern }, &generator)
    case .float8: fill(from: numbers.map(E4M3Bits.rounding), &generator)
    }
  }

  private func fill<Bits: FixedWidthInteger>(from table: [Bits], _ generator: inout SplitMix64) {
    let elements = unsafe memory.bytes.bindMemory(to: Bits.self)
    let table = table.span
    var element = 0
    while element < elements.count {
      var bits = generator.next()
      let end = min(element + 64 / 12, elements.count)
      while element < end {
        unsafe elements[element] = table[Int(bits % UInt64(Self.tableCount))]
        bits >>= 12
        element += 1
      }
    }
  }
}

import LatentAttention

/// The values that a source takes over the threads of a test.
enum ValueSet {
  /// Bits of a width: the ends of every integer type and what is next to them, small numbers, and random ones.
  case bits(Int)
  /// Amounts of a shift and the like.
  case amounts
  /// Numbers of a format: zeros, infinities, NaN, the smallest and largest of each kind, ordinary and random ones.
  case numbers(ReferenceFormat)
  /// Two such numbers of 16 or 8 bits.
  case pairs(ReferenceFormat)
  /// One after the other.
  case listed([UInt64])

  /// Values that are worth meeting each other.
  private var special: [UInt64] {
    switch self {
    case .bits(1): [0, 1]
    case .bits(let width):
      ([
        0, 1, 2, 3, 31, 32, 33, 255, 256, 0x7F, 0x80, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000,
        0xFFFF_FFFF,
      ]
        + [1 << 63, .max >> 1, .max, .max - 1, 0x0123_4567_89AB_CDEF]).map {
          $0 & (.max >> UInt64(64 - width))
        }
    case .amounts: [0, 1, 5, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 0x8000_0000, 0xFFFF_FFFF]
    case .numbers(let format), .pairs(let format): format.special
    case .listed(let values): values
    }
  }

  /// The value of a thread for one of `count` operands: first the special ones, each with each; then mixed.
  func value(_ thread: Int, _ operand: Int, of count: Int, using generator: inout SplitMix64) -> UInt64 {
    let special = special
    if case .listed = self { return special[thread % special.count] }
    if case .pairs(let format) = self {
      let half = ValueSet.numbers(format)
      let low = half.value(thread, operand, of: count, using: &generator)
      return low | half.value(FormCase.threadCount, operand, of: count, using: &generator)
        << UInt64(format.bitCount)
    }
    // The first operand's change fastest.
    let turn = (0..<operand).reduce(thread) { turn, _ in turn / special.count }
    if count <= 2, thread < special.count * special.count { return special[turn % special.count] }
    return Int.random(in: 0..<3, using: &generator) == 0
      ? special[Int.random(in: special.indices, using: &generator)] : random(using: &generator)
  }

  private func random(using generator: inout SplitMix64) -> UInt64 {
    let bits = generator.next()
    switch self {
    case .bits(let width):
      return (bits >> UInt64.random(in: 0..<64, using: &generator)) & (.max >> UInt64(64 - width))
    case .amounts: return bits % 70
    case .numbers(let format), .pairs(let format): return format.random(bits)
    case .listed(let values): return values[Int(bits % UInt64(values.count))]
    }
  }
}

/// A small random generator whose numbers depend on the seed alone, on every platform.
///
/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
package struct SplitMix64: RandomNumberGenerator, Hashable, Sendable {
  private var state: UInt64

  /// Starts a sequence.
  package init(seed: UInt64) {
    state = seed
  }

  /// Starts one of many independent sequences of a seed.
  package init(seed: UInt64, stream: Int) {
    var mixer = SplitMix64(seed: seed)
    state = mixer.next() ^ UInt64(bitPattern: Int64(stream)) &* 0xD134_2543_DE82_EF95
    state = next()
  }

  /// The next 64 random bits.
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }

  /// A number of mean 0 and variance 1, near enough to normal for test data: the sum of four uniform
  /// ones, at most 2√3 in magnitude. No logarithm, whose last bit would depend on the platform.
  package mutating func normal() -> Float {
    let bits = next()
    var sum: Int32 = 0
    for part in 0..<4 { sum += Int32(truncatingIfNeeded: (bits >> UInt64(16 * part)) & 0xFFFF) }
    // Four uniform integers in 0 ..< 2^16 have mean 2 · (2^16 − 1) and variance 4 · 2^32 / 12.
    let centred = Float(sum - 2 * 65_535)
    return centred * (Float(3).squareRoot() / 65_536)
  }

  /// Whether a thing of this probability happens.
  package mutating func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &self) < probability
  }

  /// One of `choices`, which must not be empty.
  package mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
    choices[Int.random(in: choices.indices, using: &self)]
  }
}

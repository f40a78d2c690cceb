import LatentAttention
import SimulatorKernels
import Testing

/// The choice of the warp that goes on, against a plain search.
@Suite("Turns of warps")
struct TurnTests {
  @Test("The first of the lowest times, and the lowest of the others", arguments: [8, 16, 40])
  func turns(_ count: Int) throws {
    var random = SplitMix64(seed: 3)
    for range: UInt64 in [1, 3, 1000] {
      for _ in 0..<50 {
        // Slots without a warp have the largest number.
        let times = (0..<count).map { _ in
          Bool.random(using: &random) ? UInt64.random(in: 0..<range, using: &random) : .max
        }
        let found = unsafe sim_next_turn(times, Int32(count))
        let lowest = try #require(times.min())
        let slot = try #require(times.firstIndex(of: lowest))
        var others = times
        others.remove(at: slot)
        #expect(found.time == lowest && Int(found.slot) == slot)
        #expect(found.second == others.min())
      }
    }
  }
}

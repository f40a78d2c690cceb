import LatentAttention
import SimulatorKernels
import Testing

/// Numbers of the 16-byte units of shared memory, as the hazard checks replace them: against one unit after the other.
@Suite("Numbers of units")
struct TileNumberTests {
  /// An operand of 16-bit elements: K-major, or MN-major.
  private static func tile(start: UInt32, swizzle: UInt32, isAlongRows: Bool) -> sim_tile {
    unsafe sim_tile(
      memory: nil, start: start, leading: swizzle == 0 ? 128 : 8192, stride: swizzle == 0 ? 256 : 8 * swizzle,
      swizzle: Int32(swizzle), base_offset: 0, is_mn_major: isAlongRows ? 1 : 0)
  }

  /// What `sim_tile_replace` says: replaces until a unit's number is not in `known`.
  private static func replace(
    _ tile: inout sim_tile, first: Int32, rows: Int32, from: Int32, _ numbers: inout [UInt32],
    _ known: [UInt32: UInt32]
  ) -> Int32 {
    let count = unsafe sim_tile_unit_count(&tile, rows)
    for unit in from..<count {
      let place = unsafe Int(sim_tile_unit(&tile, first, rows, unit)) / 16
      guard let next = known[numbers[place]] else { return unit }
      numbers[place] = next
    }
    return count
  }

  /// Few numbers in long runs: two that have the same place in the list, and that of units whose words have parted.
  private static func numbers(_ random: inout SplitMix64) -> [UInt32] {
    var numbers: [UInt32] = []
    for place in 0..<8192 {
      let isNew = place % 16 == 0 || UInt32.random(in: 0..<12, using: &random) == 0
      let other: [UInt32] = [3, 5, 67, .max]
      numbers.append(isNew ? other[Int.random(in: 0..<4, using: &random)] : numbers[place - 1])
    }
    return numbers
  }

  @Test("Operands", arguments: [UInt32(0), 32, 64, 128], [false, true])
  func operands(_ swizzle: UInt32, _ isAlongRows: Bool) {
    var random = SplitMix64(seed: 5)
    for start: UInt32 in [0, 32, 1024] {
      var tile = unsafe Self.tile(start: start, swizzle: swizzle, isAlongRows: isAlongRows)
      for (first, rows): (Int32, Int32) in [(0, 8), (16, 16), (0, 64), (64, 64), (0, 256)] {
        var numbers = Self.numbers(&random)
        var expected = numbers
        var list = sim_replacements()
        unsafe sim_forget_replacements(&list)
        var known: [UInt32: UInt32] = [:]
        var unit: Int32 = 0
        let count = unsafe sim_tile_unit_count(&tile, rows)
        while unit < count {
          let next = unsafe sim_tile_replace(&tile, first, rows, unit, &numbers, &list)
          let plain = unsafe Self.replace(&tile, first: first, rows: rows, from: unit, &expected, known)
          #expect(next == plain)
          #expect(numbers == expected)
          guard next < count else { break }
          let number = unsafe numbers[Int(sim_tile_unit(&tile, first, rows, next)) / 16]
          unit = number == .max ? next + 1 : next
          if number == .max { continue }
          // Of numbers that have the same place, the last that was added is known.
          known = known.filter { $0.key % UInt32(SIM_REPLACEMENTS) != number % UInt32(SIM_REPLACEMENTS) }
          known[number] = number + 1000
          unsafe sim_add_replacement(&list, number, number + 1000)
        }
      }
    }
  }

  @Test("Places of lanes", arguments: [(shift: 2, bytes: UInt64(4)), (4, 16)])
  func lanes(_ unit: (shift: Int, bytes: UInt64)) {
    var random = SplitMix64(seed: 6)
    let addresses = (0..<32).map { _ in 1 << 24 + UInt64.random(in: 0..<64, using: &random) * unit.bytes }
    let mask: UInt64 = 1 << 24 - 1
    var numbers = [UInt32](repeating: 9, count: 64)
    var found: UInt32 = 0
    #expect(unsafe sim_equal_at(numbers, addresses, mask, Int32(unit.shift), &found) != 0 && found == 9)
    for place in numbers.indices {
      numbers[place] = 8
      let isUsed = addresses.contains { ($0 & mask) / unit.bytes == UInt64(place) }
      let isEqual = unsafe sim_equal_at(numbers, addresses, mask, Int32(unit.shift), &found) != 0
      #expect(isEqual == !isUsed || Set(addresses).count == 1)
      numbers[place] = 9
    }
  }
}

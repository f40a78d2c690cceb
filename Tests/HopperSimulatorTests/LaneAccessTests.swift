import LatentAttention
import SimulatorKernels
import Testing

/// Accesses of 32 lanes, against what is said of one lane after the other.
@Suite("Accesses of lanes")
struct LaneAccessTests {
  /// Addresses in a small space, so that lanes meet in words and banks.
  private static func addresses(_ random: inout SplitMix64, byteCount: Int) -> [UInt64] {
    (0..<32).map { _ in UInt64.random(in: 0..<256, using: &random) * UInt64(byteCount) }
  }

  private static func wavefronts(_ addresses: [UInt64], active: UInt32, byteCount: Int) -> (Int, Int) {
    let atOnce = byteCount <= 4 ? 32 : 128 / byteCount
    var (total, least) = (0, 0)
    for first in stride(from: 0, to: 32, by: atOnce) {
      let lanes = (first..<first + atOnce).filter { active >> UInt32($0) & 1 == 1 }
      if lanes.isEmpty { continue }
      let words = Set(
        lanes.flatMap { lane in (0..<max(1, byteCount / 4)).map { addresses[lane] / 4 + UInt64($0) } })
      total += Dictionary(grouping: words) { $0 % 32 }.values.map(\.count).max() ?? 0
      least += 1
    }
    return (total, least)
  }

  @Test("Bank conflicts", arguments: [2, 4, 8, 16])
  func conflicts(_ byteCount: Int) {
    var random = SplitMix64(seed: 1)
    for active: UInt32 in [.max, 0xFFFF, 0x8000_0001, 0x1234_5678] {
      let addresses = Self.addresses(&random, byteCount: byteCount)
      let found = unsafe sim_bank_wavefronts(addresses, active, Int32(byteCount))
      let expected = Self.wavefronts(addresses, active: active, byteCount: byteCount)
      #expect((Int(found.total), Int(found.least)) == expected)
    }
  }

  @Test("Bank conflicts of lanes that are a stride apart", arguments: [4, 8, 16])
  func strides(_ byteCount: Int) {
    for count in 1...64 {
      let stride = UInt64(count * byteCount)
      let found = sim_stride_wavefronts(stride, Int32(byteCount))
      let expected = Self.wavefronts(
        (0..<32).map { 4096 + UInt64($0) * stride }, active: .max, byteCount: byteCount)
      #expect((Int(found.total), Int(found.least)) == expected, "\(stride)")
    }
  }

  @Test("What addresses have in common", arguments: [0, 4, 12, -8])
  func addresses(_ stride: Int) {
    let bases = (0..<32).map { UInt64(bitPattern: Int64(1000 + $0 * stride)) }
    var addresses = [UInt64](repeating: 0, count: 32)
    let narrow = bases.map(UInt32.init(truncatingIfNeeded:))
    for isWide in [false, true] {
      let found =
        isWide
        ? unsafe sim_addresses(&addresses, bases, 1, 24, 4)
        : unsafe sim_addresses(&addresses, narrow, 0, 24, 4)
      let expected = bases.map { $0 + 24 }
      #expect(addresses == expected)
      #expect(found.lowest == expected.min() && found.highest == expected.max())
      #expect(found.joined == expected.reduce(0, |))
      #expect(found.stride == UInt64(bitPattern: Int64(stride)))
      #expect((found.is_linear != 0) == (stride == 4))
    }
    // The same steps in 32 bits, across their end.
    if stride != 0 {
      let wrapping = (0..<32).map { UInt32(truncatingIfNeeded: $0 * stride - 16 * stride) }
      #expect(unsafe sim_addresses(&addresses, wrapping, 0, 0, 4).stride == 0)
      #expect(addresses == wrapping.map(UInt64.init))
    }
    var uneven = bases
    uneven[31] += 4
    #expect(unsafe sim_addresses(&addresses, uneven, 1, 0, 4).stride == 0)
  }

  @Test("Lanes with the same address")
  func equal() {
    let different = (0..<32).map { UInt64(4096 - 8 * $0) }
    for first in 0..<32 {
      for second in 0..<32 where second != first {
        var addresses = different
        addresses[first] = addresses[second]
        for active in [UInt32.max, ~(1 << UInt32(first)), ~(1 << UInt32(second))] {
          #expect(unsafe (sim_have_equal(addresses, active) != 0) == (active == .max))
        }
      }
    }
    #expect(unsafe sim_have_equal(different, .max) == 0)
  }

  @Test("Words from addresses and into them")
  func words() {
    var random = SplitMix64(seed: 3)
    let memory = (0..<1024).map { UInt32($0 * $0) }
    let places = (0..<1024).shuffled(using: &random).prefix(32)
    let addresses = places.map { UInt64(512 + 4 * $0) }
    var row = [UInt32](repeating: 0, count: 32)
    unsafe sim_load_words(&row, memory, 512, addresses)
    #expect(row == places.map { memory[$0] })
    var stored = [UInt32](repeating: 0, count: 1024)
    unsafe sim_store_words(&stored, 512, addresses, row)
    #expect(places.allSatisfy { stored[$0] == memory[$0] } && stored.count { $0 != 0 } <= 32)
    for stride in 1...4 {
      unsafe sim_load_run(&row, memory, Int32(stride))
      #expect(row == (0..<32).map { memory[$0 * stride] })
      stored = [UInt32](repeating: 7, count: 1024)
      unsafe sim_store_run(&stored, row, Int32(stride))
      #expect((0..<1024).allSatisfy { stored[$0] == ($0 % stride == 0 && $0 < 32 * stride ? memory[$0] : 7) })
    }
  }

  @Test("Four words of each lane")
  func quads() {
    let memory = (0..<128).map { UInt32($0 * $0 + 1) }
    let empty = [UInt32](repeating: 0, count: 32)
    var (a, b, c, d) = (empty, empty, empty, empty)
    unsafe sim_load_quads(&a, &b, &c, &d, memory)
    for (part, row) in [a, b, c, d].enumerated() { #expect(row == (0..<32).map { memory[4 * $0 + part] }) }
    var stored = [UInt32](repeating: 0, count: 128)
    unsafe sim_store_quads(&stored, a, b, c, d)
    #expect(stored == memory)
  }

  @Test("Numbers that are a stride apart", arguments: [1, 2, 3, 4, 8, -1, -4])
  func stridedNumbers(_ stride: Int) {
    let first = stride < 0 ? -31 * stride : 0
    var numbers = (0..<256).map { UInt32($0) }
    var number: UInt32 = 0
    unsafe numbers.withUnsafeMutableBufferPointer { numbers in
      guard let base = numbers.baseAddress else { return }
      unsafe sim_fill_strided(base + first, Int32(stride), 1000)
    }
    for index in 0..<256 {
      let isOfLane = (index - first) % stride == 0 && (0..<32).contains((index - first) / stride)
      #expect(numbers[index] == (isOfLane ? 1000 : UInt32(index)))
    }
    for lane in [-1] + Array(0..<32) {
      var changed = numbers
      if lane >= 0 { changed[first + lane * stride] = 7 }
      let isEqual = unsafe changed.withUnsafeBufferPointer { numbers in
        guard let base = numbers.baseAddress else { return false }
        return unsafe sim_equal_strided(base + first, Int32(stride), &number) != 0
      }
      #expect(isEqual == (lane < 0) && (lane >= 0 || number == 1000))
    }
  }

  @Test("Runs of equal numbers")
  func runs() {
    for count in [1, 15, 16, 17, 100] {
      for equal in 1...count {
        // What follows is like the first, too.
        let numbers = (0..<count + 16).map { $0 < equal || $0 >= count ? UInt32(5) : 6 }
        #expect(unsafe Int(sim_equal_count(numbers, Int32(count))) == equal)
      }
    }
  }
}

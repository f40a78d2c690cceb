import GPUDevice
import HopperSimulator
import LatentAttention
import PTX
import Testing

/// Which lines L2 keeps, against a plain list of each set in the order of use.
@Suite("L2 cache")
struct L2CacheTests {
  private struct Access {
    var sector: Int
    var isWrite: Bool
  }

  /// Lines of one set, that used last first; of each, the sectors that are there and those that have been written.
  private struct ReferenceSet {
    private var lines: [(number: Int, present: Set<Int>, written: Set<Int>)] = []

    /// Returns whether a sector was there, and how many written ones had to leave for its line.
    mutating func take(_ access: Access, ways: Int) -> (isHit: Bool, evicted: Int) {
      let number = access.sector / 4
      var line = (number: number, present: Set<Int>(), written: Set<Int>())
      var evicted = 0
      if let place = lines.firstIndex(where: { $0.number == number }) {
        line = lines.remove(at: place)
      } else if lines.count == ways {
        evicted = lines.removeLast().written.count
      }
      let isHit = line.present.contains(access.sector)
      line.present.insert(access.sector)
      if access.isWrite { line.written.insert(access.sector) }
      lines.insert(line, at: 0)
      return (isHit, evicted)
    }
  }

  /// One thread does it all, one after the other.
  private static func text(_ accesses: [Access]) -> String {
    let body = accesses.map { access in
      access.isWrite
        ? "st.global.u32 [%d+\(access.sector * 32)], 1;"
        : "ld.global.u32 %r1, [%d+\(access.sector * 32)]; add.u32 %r0, %r0, %r1;"
    }
    return """
      .version 8.0
      .target sm_90a
      .address_size 64
      .visible .entry touch(.param .u64 memory) {
        .reg .b32 %r<2>; .reg .b64 %d;
        ld.param.u64 %d, [memory];
        mov.u32 %r0, 0;
      \(body.joined(separator: "\n"))
        ret;
      }
      """
  }

  @Test("The line used longest ago leaves first", arguments: [1, 4])
  func order(_ setCount: Int) throws {
    let ways = 16
    var description = DeviceDescription.h100
    description.l2ByteCount.value = Double(setCount * ways * 128)
    // A few lines more than there is room for: many accesses are to the one that is about to leave, or has just left.
    let lineCount = setCount * (ways + 2)
    var generator = SplitMix64(seed: 3)
    let accesses = (0..<1500).map { _ in
      Access(
        sector: Int.random(in: 0..<lineCount * 4, using: &generator),
        isWrite: Int.random(in: 0..<4, using: &generator) == 0)
    }
    var sets = [ReferenceSet](repeating: ReferenceSet(), count: setCount)
    var (hits, misses, evicted) = (0, 0, 0)
    for access in accesses {
      let result = sets[access.sector / 4 % setCount].take(access, ways: ways)
      if !access.isWrite { if result.isHit { hits += 1 } else { misses += 1 } }
      evicted += result.evicted
    }
    let gpu = SimulatedGPU(description)
    let memory = try gpu.upload([UInt8](repeating: 0, count: lineCount * 128))
    try gpu.defaultStream.launch(
      gpu.load(ptx: Self.text(accesses)).kernel("touch"),
      LaunchConfiguration(grid: Extent(1), block: Extent(1)), arguments: [.memory(memory)])
    try gpu.synchronize()
    let counted = try #require(gpu.takeLaunches().first).report.memory
    #expect(counted.l2Hits == UInt64(hits))
    #expect(counted.l2Misses == UInt64(misses))
    #expect(counted.dramWriteBytes == UInt64(evicted * 32))
    #expect(hits > 100 && misses > 100 && evicted > 100)
  }
}

import SimulatorKernels

/// Memory without gaps.
@safe struct MemoryRegion {
  /// Address of the first byte.
  var start: UInt64
  let byteCount: Int
  let base: UnsafeMutableRawPointer

  @unsafe init(start: UInt64, byteCount: Int, base: UnsafeMutableRawPointer) {
    self.start = start
    self.byteCount = byteCount
    unsafe self.base = base
  }

  /// Whether it has all bytes from an address on.
  @inline(__always)
  func contains(_ address: UInt64, _ count: Int) -> Bool {
    let offset = address &- start
    return offset < UInt64(byteCount) && Int(offset) + count <= byteCount
  }
}

/// The addresses of one access of a warp.
@safe struct MemoryAccess {
  /// Of each lane; in memory of the interpreter, which works at one access at a time.
  private let addresses: UnsafeMutablePointer<UInt64>
  /// Of each lane.
  let byteCount: Int
  /// Of the first lane.
  private(set) var first: UInt64 = 0
  /// Of all lanes.
  private(set) var lowest = UInt64.max
  private var highest: UInt64 = 0
  private var joined: UInt64 = 0
  /// Whether each lane follows the one before it without a gap.
  private var isLinear = true
  /// From each of 32 lanes to the next; 0 if that is not known to be the same.
  private var stride: UInt64 = 0
  private var next: UInt64 = 0
  private var isEmpty = true

  /// Without lanes. `addresses` has room for those of 32.
  @unsafe init(byteCount: Int, in addresses: UnsafeMutablePointer<UInt64>) {
    self.byteCount = byteCount
    unsafe self.addresses = addresses
  }

  /// Of a load or store.
  @inline(__always)
  @unsafe init(
    _ i: DecodedInstruction, _ lanes: LaneContext, byteCount: Int, in addresses: UnsafeMutablePointer<UInt64>
  ) {
    unsafe self.init(byteCount: byteCount, in: addresses)
    let offset = UInt64(bitPattern: i.immediate)
    if lanes.active == .max, i.a != DecodedInstruction.noBase {
      let summary = unsafe sim_addresses(
        addresses, lanes.row(i.a), i.isWide ? 1 : 0, offset, Int32(byteCount))
      first = self[0]
      (lowest, highest, joined) = (summary.lowest, summary.highest, summary.joined)
      (stride, isLinear) = (summary.stride, summary.is_linear != 0)
      return
    }
    lanes.forEachActiveLane { lane in
      if i.a == DecodedInstruction.noBase {
        add(lanes.variableAddress(i), lane)
      } else if i.isWide {
        add(lanes.doubleWord(i.a, lane) &+ offset, lane)
      } else {
        add(UInt64(lanes.word(i.a, lane) &+ UInt32(truncatingIfNeeded: offset)), lane)
      }
    }
  }

  @inline(__always)
  mutating func add(_ address: UInt64, _ lane: Int) {
    if isEmpty {
      first = address
      isEmpty = false
    } else if address != next {
      isLinear = false
    }
    next = address &+ UInt64(byteCount)
    lowest = min(lowest, address)
    highest = max(highest, address)
    joined |= address
    unsafe addresses[lane] = address
  }

  @inline(__always)
  subscript(lane: Int) -> UInt64 { unsafe addresses[lane] }

  /// Whether every address is a multiple of the access's size.
  var isAligned: Bool { joined & UInt64(byteCount - 1) == 0 }

  /// Whether the bytes of the active lanes are one aligned run.
  func isContiguous(_ active: UInt32) -> Bool { isLinear && isAligned && active != 0 }

  /// Whether the access is to whole words, all in one window of the generic space and in one block's shared memory.
  var isOfWords: Bool {
    byteCount & 3 == 0 && isAligned
      && lowest >> AddressWindow.sharedBits == highest >> AddressWindow.sharedBits
  }

  /// Whether all bytes are in a region.
  func fits(_ region: MemoryRegion) -> Bool {
    lowest >= region.start && highest &- region.start <= UInt64(region.byteCount)
      && Int(highest - region.start) + byteCount <= region.byteCount
  }

  /// Loads a word of each of 32 lanes, at an offset of its access, all of which are in the region.
  @inline(__always)
  @unsafe func loadWords(_ row: UnsafeMutablePointer<UInt32>, _ region: MemoryRegion, _ offset: Int) {
    if isLinear {
      unsafe sim_load_run(row, firstWord(region, offset), Int32(byteCount / 4))
    } else {
      unsafe sim_load_words(row, region.base + offset, region.start, addresses)
    }
  }

  /// As above, but stores.
  @inline(__always)
  @unsafe func storeWords(_ row: UnsafeMutablePointer<UInt32>, _ region: MemoryRegion, _ offset: Int) {
    if isLinear {
      unsafe sim_store_run(firstWord(region, offset), row, Int32(byteCount / 4))
    } else {
      unsafe sim_store_words(region.base + offset, region.start, addresses, row)
    }
  }

  /// Whether each of 32 lanes has four words, which follow those of the lane before, all in the region.
  @inline(__always)
  func isOfQuads(_ active: UInt32, _ region: MemoryRegion?, elements: Int) -> Bool {
    byteCount == 16 && elements == 4 && active == .max && isLinear && region != nil
  }

  /// The word of the first lane.
  @inline(__always)
  @unsafe func firstWord(_ region: MemoryRegion, _ offset: Int) -> UnsafeMutablePointer<UInt32> {
    unsafe (region.base + offset + Int(first &- region.start)).assumingMemoryBound(to: UInt32.self)
  }

  /// The number that `numbers`, of which there is one for each `unit` bytes of shared memory, has where each of 32 lanes
  /// begins, if all are the same.
  @unsafe func equalNumber(in numbers: UnsafePointer<UInt32>, count: Int, unit: Int) -> UInt32? {
    guard Int(highest & Self.sharedMask) / unit < count else { return nil }
    var number: UInt32 = 0
    if let step = step(unit: unit) {
      let first = unsafe numbers + Int(first & Self.sharedMask) / unit
      return unsafe sim_equal_strided(first, step, &number) != 0 ? number : nil
    }
    let shift = Int32(unit.trailingZeroBitCount)
    return unsafe sim_equal_at(numbers, addresses, Self.sharedMask, shift, &number) != 0 ? number : nil
  }

  /// Sets the numbers of the words of shared memory where each of 32 lanes begins, all of which there are.
  @unsafe func setNumbers(of words: UnsafeMutablePointer<UInt32>, to number: UInt32) {
    if let step = step(unit: 4) {
      return unsafe sim_fill_strided(words + Int(first & Self.sharedMask) / 4, step, number)
    }
    for lane in 0..<32 { unsafe words[Int(self[lane] & Self.sharedMask) / 4] = number }
  }

  /// Units from each lane to the next, if that is a known and whole number.
  private func step(unit: Int) -> Int32? {
    let (step, rest) = Int64(bitPattern: stride).quotientAndRemainder(dividingBy: Int64(unit))
    return stride != 0 && rest == 0 ? Int32(exactly: step) : nil
  }

  /// The bits of a shared address that say where in a block's memory it is.
  private static let sharedMask: UInt64 = 1 << AddressWindow.sharedBits - 1

  /// Wavefronts of shared memory, and as many as there would be without conflicts.
  func wavefronts(_ active: UInt32) -> (UInt64, UInt64) {
    if isLinear {
      let count = UInt64(max(1, (active.nonzeroBitCount * byteCount + 127) / 128))
      return (count, count)
    }
    // Everybody reads the same.
    if lowest == highest { return (1, 1) }
    let hasStride = stride != 0 && stride & UInt64(byteCount - 1) == 0 && byteCount >= 4
    let wavefronts =
      hasStride
      ? sim_stride_wavefronts(stride, Int32(byteCount))
      : unsafe sim_bank_wavefronts(addresses, active, Int32(byteCount))
    return (UInt64(wavefronts.total), UInt64(wavefronts.least))
  }

  /// Adds the bytes to a request, in sectors; lanes that follow each other make one run.
  func addRuns(_ active: UInt32, to queue: inout RequestQueue) {
    let first = queue.runs.count
    if isLinear { return queue.add(self.first, active.nonzeroBitCount * byteCount, since: first) }
    forEachSector(active) { sector, _ in
      queue.add(sector * L2Cache.sectorBytes, Int(L2Cache.sectorBytes), since: first)
    }
  }

  /// Calls for each sector that active lanes are in, once, in the order of lanes, with how many are.
  func forEachSector(_ active: UInt32, _ body: (UInt64, Int) -> Void) {
    var rest = active
    while rest != 0 {
      let sector = self[rest.trailingZeroBitCount] / L2Cache.sectorBytes
      var same: UInt32 = 0
      var others = rest
      while others != 0 {
        let lane = others.trailingZeroBitCount
        others &= others &- 1
        if self[lane] / L2Cache.sectorBytes == sector { same |= 1 << UInt32(lane) }
      }
      rest &= ~same
      body(sector, same.nonzeroBitCount)
    }
  }

  /// Whether two of some lanes have the same address.
  func hasEqual(_ active: UInt32) -> Bool {
    unsafe !isLinear && stride == 0 && sim_have_equal(addresses, active) != 0
  }

  /// The most lanes that are at one address.
  func depth(_ active: UInt32) -> Int {
    if isLinear { return 1 }
    var most = 0
    var rest = active
    while rest != 0 {
      let address = self[rest.trailingZeroBitCount]
      var count = 0
      var others = rest
      while others != 0 {
        let lane = others.trailingZeroBitCount
        others &= others &- 1
        if self[lane] == address {
          count += 1
          rest &= ~(1 << UInt32(lane))
        }
      }
      most = max(most, count)
    }
    return most
  }
}

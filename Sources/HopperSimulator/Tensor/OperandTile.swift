import SimulatorKernels

/// An operand of `wgmma` in shared memory, as a matrix descriptor (PTX ISA 9.7.15.5.1) places it.
@safe struct OperandTile {
  private let tile: sim_tile

  /// `memory` is byte 0 of the block's shared memory; `isAlongRows` says that neighbours along M or N lie next to each
  /// other, and not those along K.
  @unsafe init(_ descriptor: UInt64, memory: UnsafeMutableRawPointer, isAlongRows: Bool) {
    func field(_ first: UInt64) -> UInt32 { UInt32(descriptor >> first & 0x3FFF) << 4 }
    unsafe tile = sim_tile(
      memory: UnsafePointer(memory.assumingMemoryBound(to: UInt8.self)), start: field(0), leading: field(16),
      stride: field(32), swizzle: [0, 128, 64, 32][Int(descriptor >> 62)],
      base_offset: UInt32(descriptor >> 49 & 7),
      is_mn_major: isAlongRows ? 1 : 0)
  }

  /// Whether it lies in the same place in the same way.
  func isSame(as other: OperandTile) -> Bool {
    let (a, b) = unsafe (tile, other.tile)
    return unsafe a.start == b.start && a.leading == b.leading && a.stride == b.stride
      && a.swizzle == b.swizzle && a.is_mn_major == b.is_mn_major
  }

  /// Address of its first element.
  var start: Int { unsafe Int(tile.start) }

  /// Bytes after which the swizzle's pattern repeats.
  var patternByteCount: Int { unsafe max(16, 8 * Int(tile.swizzle)) }

  /// Whether it begins in the first row of the swizzle's pattern, which begins where the base offset says.
  var isAligned: Bool {
    guard unsafe tile.swizzle != 0 else { return true }
    return unsafe (start + 1024 - 128 * Int(tile.base_offset)) % patternByteCount < Int(tile.swizzle)
  }

  /// A base offset that stands where there is no pattern; nil when none does.
  var invalidBaseOffset: UInt32? {
    unsafe tile.swizzle == 0 && tile.base_offset != 0 ? tile.base_offset : nil
  }

  /// The addresses of so many rows (of A, or columns of B).
  func addresses(rows: Int) -> Range<Int> {
    var tile = unsafe tile
    var (first, end): (UInt32, UInt32) = (0, 0)
    unsafe sim_tile_extent(&tile, Int32(rows), &first, &end)
    return Int(first)..<Int(end)
  }

  /// Units of 16 bytes of some rows.
  func unitCount(rows: Range<Int>) -> Int {
    var tile = unsafe tile
    return unsafe Int(sim_tile_unit_count(&tile, Int32(rows.count)))
  }

  /// The address of one of these units.
  func address(ofUnit number: Int, rows: Range<Int>) -> Int {
    var tile = unsafe tile
    return unsafe Int(sim_tile_unit(&tile, Int32(rows.lowerBound), Int32(rows.count), Int32(number)))
  }

  /// Replaces the numbers of units, from the `first`th on, in `numbers`, which has one for each 16 bytes of shared memory.
  /// Returns the first unit of which it is not known what takes the place of its number; as many as there are units when all
  /// are replaced.
  @unsafe func replace(
    _ known: UnsafePointer<sim_replacements>, in numbers: UnsafeMutablePointer<UInt32>, rows: Range<Int>,
    from first: Int
  ) -> Int {
    var tile = unsafe tile
    return unsafe Int(
      sim_tile_replace(&tile, Int32(rows.lowerBound), Int32(rows.count), Int32(first), numbers, known))
  }

  /// Prepares 16 rows of A. All of them must be in memory.
  @unsafe func readA(
    _ type: sim_matrix_type, firstRow: Int, isNegated: Bool, to a: UnsafeMutablePointer<Float>
  ) {
    var tile = unsafe tile
    unsafe sim_read_a(type, &tile, Int32(firstRow), isNegated ? 1 : 0, a)
  }

  /// Prepares columns of B. All of them must be in memory.
  @unsafe func readB(_ type: sim_matrix_type, columns: Int, to b: UnsafeMutablePointer<Float>) {
    var tile = unsafe tile
    unsafe sim_read_b(type, &tile, Int32(columns), b)
  }
}

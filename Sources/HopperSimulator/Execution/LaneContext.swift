import SimulatorKernels

/// The registers of a warp in one call frame, as instructions see them.
///
/// Rows lie in memory of the frame and of the program, both of which outlive the context; slots come from the decoder,
/// which has checked them.
@safe struct LaneContext {
  private let registers: UnsafeMutableRawPointer
  private let constants: UnsafeMutableRawPointer
  private let predicates: UnsafeMutablePointer<UInt32>
  /// Two rows for results that only some lanes keep.
  private let scratch: UnsafeMutableRawPointer
  /// Lanes in which the instruction has effect.
  var active: UInt32 = .max
  /// Place of the instruction in the program.
  var index = 0
  /// Operands that are lists, see `DecodedInstruction.extra`.
  let vectors: UnsafePointer<Int32>
  /// The number of the program's first instruction among all of the module.
  private let firstSite: Int32
  let scoreboard: Scoreboard
  /// The block's shared memory but for the system's bytes.
  let shared: MemoryRegion
  /// Where the block's shared memory begins in that of the cluster.
  let sharedBase: UInt64

  /// `scratch` has room for two rows.
  @unsafe init(_ frame: Frame, _ warp: Warp, scratch: UnsafeMutableRawPointer) {
    unsafe registers = frame.registers
    unsafe constants = frame.tables.constants
    unsafe predicates = frame.predicates
    unsafe self.scratch = scratch
    unsafe vectors = frame.tables.vectors
    firstSite = frame.tables.firstSite
    scoreboard = frame.scoreboard
    shared = warp.shared
    sharedBase = warp.sharedBase
  }

  /// The block's rank in its cluster.
  @inline(__always)
  var rank: Int { Int(sharedBase >> AddressWindow.sharedBits) }

  /// Whether an address in shared memory is the block's own.
  @inline(__always)
  func isOwn(_ address: UInt64) -> Bool { Int(address >> AddressWindow.sharedBits & 0xFF) == rank }

  /// The number under which the hazard checks know an instruction.
  @inline(__always)
  func site(_ i: DecodedInstruction) -> Int32 { firstSite + i.statement }

  /// The row of a slot: 32 words, or 32 double words in it and the next.
  @inline(__always)
  @unsafe func row(_ slot: Int32) -> UnsafeMutableRawPointer {
    unsafe slot >= 0 ? registers + Int(slot) * 128 : constants + Int(~slot) * 128
  }

  @inline(__always)
  @unsafe func words(_ slot: Int32) -> UnsafeMutablePointer<UInt32> {
    unsafe row(slot).assumingMemoryBound(to: UInt32.self)
  }

  @inline(__always)
  @unsafe func doubleWords(_ slot: Int32) -> UnsafeMutablePointer<UInt64> {
    unsafe row(slot).assumingMemoryBound(to: UInt64.self)
  }

  @inline(__always)
  @unsafe func floats(_ slot: Int32) -> UnsafeMutablePointer<Float> {
    unsafe row(slot).assumingMemoryBound(to: Float.self)
  }

  @inline(__always)
  @unsafe func integers(_ slot: Int32) -> UnsafeMutablePointer<Int32> {
    unsafe row(slot).assumingMemoryBound(to: Int32.self)
  }

  @inline(__always)
  @unsafe func doubles(_ slot: Int32) -> UnsafeMutablePointer<Double> {
    unsafe row(slot).assumingMemoryBound(to: Double.self)
  }

  /// The lanes in which a predicate is true.
  @inline(__always)
  func predicate(_ index: Int32) -> UInt32 {
    if index >= 0 { return unsafe index == .max ? .max : predicates[Int(index)] }
    return unsafe index == .min ? 0 : ~predicates[Int(~index)]
  }

  /// The address of an instruction that names a variable, in the space of the instruction.
  @inline(__always)
  func variableAddress(_ i: DecodedInstruction) -> UInt64 {
    UInt64(bitPattern: i.immediate) &+ (i.space == .shared ? sharedBase : 0)
  }

  /// Sets a predicate in the active lanes.
  @inline(__always)
  func setPredicate(_ index: Int32, _ value: UInt32) {
    let word = unsafe predicates + Int(index)
    unsafe word.pointee = (word.pointee & ~active) | (value & active)
  }

  /// Lets `compute` write a whole row, or pair of rows when `isWide`, and keeps of it what active lanes get.
  @inline(__always)
  func write(_ slot: Int32, isWide: Bool, _ compute: (UnsafeMutableRawPointer) -> Void) {
    if active == .max {
      unsafe compute(row(slot))
      return
    }
    unsafe compute(scratch)
    if isWide {
      let result = unsafe scratch.assumingMemoryBound(to: UInt64.self)
      unsafe sim_select64(doubleWords(slot), result, doubleWords(slot), active)
    } else {
      let result = unsafe scratch.assumingMemoryBound(to: UInt32.self)
      unsafe sim_select32(words(slot), result, words(slot), active)
    }
  }

  /// Writes each active lane of a row of words.
  @inline(__always)
  func setWords(_ slot: Int32, _ value: (Int) -> UInt32) {
    let row = unsafe words(slot)
    forEachActiveLane { lane in unsafe row[lane] = value(lane) }
  }

  /// Writes each active lane of a pair of rows of double words.
  @inline(__always)
  func setDoubleWords(_ slot: Int32, _ value: (Int) -> UInt64) {
    let row = unsafe doubleWords(slot)
    forEachActiveLane { lane in unsafe row[lane] = value(lane) }
  }

  @inline(__always)
  func word(_ slot: Int32, _ lane: Int) -> UInt32 { unsafe words(slot)[lane] }

  @inline(__always)
  func doubleWord(_ slot: Int32, _ lane: Int) -> UInt64 { unsafe doubleWords(slot)[lane] }

  @inline(__always)
  func forEachActiveLane(_ body: (Int) -> Void) {
    var rest = active
    while rest != 0 {
      body(rest.trailingZeroBitCount)
      rest &= rest &- 1
    }
  }

  /// A word that all active lanes should have alike: that of the first.
  @inline(__always)
  func uniformWord(_ slot: Int32) -> UInt32 {
    word(slot, active == 0 ? 0 : active.trailingZeroBitCount)
  }
}

/// `atom` and `red` (PTX ISA 9.7.13.5): lane after lane.
extension Interpreter {
  func executeAtomic(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    guard let operation = AtomicOperation(rawValue: i.operation),
      let element = AtomicElement(rawValue: i.type)
    else {
      return .next
    }
    let isWide = element.byteCount == 8
    let hasResult = i.opcode == .atomic
    return try unsafe inTurn(i, lanes, warp, place, byteCount: element.byteCount, hasResult: hasResult) {
      lane, memory, isGlobal in
      let operand = isWide ? lanes.doubleWord(i.b, lane) : UInt64(lanes.word(i.b, lane))
      let other = isWide ? lanes.doubleWord(i.c, lane) : UInt64(lanes.word(i.c, lane))
      let old = unsafe AtomicArithmetic.load(memory, element)
      let new =
        element == .f32 && operation == .add && isGlobal
        ? AtomicArithmetic.flushedSum(old, operand)
        : AtomicArithmetic.result(operation, element, old, operand, other)
      unsafe AtomicArithmetic.store(new, memory, element)
      guard hasResult else { return }
      if isWide {
        unsafe lanes.doubleWords(i.d)[lane] = old
      } else {
        unsafe lanes.words(i.d)[lane] = UInt32(truncatingIfNeeded: old)
      }
    }
  }

  /// Does something for each lane, one after the other, with the memory of its atomic operation, which may be global.
  @unsafe func inTurn(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int, byteCount: Int,
    hasResult: Bool,
    _ body: (_ lane: Int, _ memory: UnsafeMutableRawPointer, _ isGlobal: Bool) -> Void
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    if waitForOrder(i, warp, place) { return .blocked(.turn) }
    var access = unsafe MemoryAccess(byteCount: byteCount, in: addresses)
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let address = address(i, lanes, lane)
      access.add(address, lane)
      let memory = try unsafe memory(i, address, byteCount, lane, warp, place)
      unsafe body(lane, memory, isGlobal(i, address))
      checkAtomic(i, address, byteCount, warp, place)
    }
    checkAtomicEnd(i, warp)
    time(access, i, lanes.active, warp, place, hasResult: hasResult)
    return .next
  }

  private func isGlobal(_ i: DecodedInstruction, _ address: UInt64) -> Bool {
    i.space == .global || i.space == .generic && Self.space(ofGeneric: address) == .global
  }

  /// Takes the time of an atomic operation. Lanes at one address follow each other, in shared memory as in L2.
  private func time(
    _ access: MemoryAccess, _ i: DecodedInstruction, _ active: UInt32, _ warp: Warp, _ place: Int,
    hasResult: Bool
  ) {
    let frame = warp.fragments[place].frame
    let index = warp.fragments[place].index
    let depth = access.depth(active)
    if i.space == .shared || i.space == .generic && Self.space(ofGeneric: access.first) == .shared {
      let (wavefronts, least) = access.wavefronts(active)
      let total = max(wavefronts, UInt64(depth))
      let start = warp.takeShared(
        at: issueTime, slot: slotTime, wavefronts: total, conflicts: total - least)
      let latency = warp.clock.sharedLatency(access.first, from: warp.block.rank)
      if hasResult { frame.scoreboard.setReady(index, at: start + total - 1 + latency, .sharedMemory) }
      return
    }
    let first = requests.runs.count
    access.addRuns(active, to: &requests)
    request(
      .atomic(depth: depth), from: first, at: issueTime, warp,
      hasResult ? .registers(frame, instruction: index) : .nobody)
    if hasResult { frame.scoreboard.setReady(index, at: Frame.isComing) }
  }
}

/// What atomic operations and reductions compute, on the bits of one element.
enum AtomicArithmetic {
  @unsafe static func load(_ memory: UnsafeMutableRawPointer, _ element: AtomicElement) -> UInt64 {
    switch element.byteCount {
    case 2: UInt64(unsafe memory.load(as: UInt16.self))
    case 4: UInt64(unsafe memory.load(as: UInt32.self))
    default: unsafe memory.load(as: UInt64.self)
    }
  }

  @unsafe static func store(_ bits: UInt64, _ memory: UnsafeMutableRawPointer, _ element: AtomicElement) {
    switch element.byteCount {
    case 2: unsafe memory.storeBytes(of: UInt16(truncatingIfNeeded: bits), as: UInt16.self)
    case 4: unsafe memory.storeBytes(of: UInt32(truncatingIfNeeded: bits), as: UInt32.self)
    default: unsafe memory.storeBytes(of: bits, as: UInt64.self)
    }
  }

  /// The new value. Of `cas`, `b` is compared and `c` is put in its place.
  static func result(
    _ operation: AtomicOperation, _ element: AtomicElement, _ old: UInt64, _ b: UInt64, _ c: UInt64
  ) -> UInt64 {
    switch operation {
    case .and: return old & b
    case .or: return old | b
    case .xor: return old ^ b
    case .exch: return b
    case .cas: return old == truncated(b, element) ? c : old
    case .inc: return old >= b ? 0 : old + 1
    case .dec: return old == 0 || old > b ? b : old - 1
    case .add, .min, .max: break
    }
    switch element {
    case .u32, .u64, .u16:
      return operation == .add ? truncated(old &+ b, element) : operation == .min ? min(old, b) : max(old, b)
    case .s32:
      return UInt64(
        UInt32(bitPattern: signed(operation, Int32(truncatingIfNeeded: old), Int32(truncatingIfNeeded: b))))
    case .s64: return UInt64(bitPattern: signed(operation, Int64(bitPattern: old), Int64(bitPattern: b)))
    case .f32: return UInt64(sum32(UInt32(truncatingIfNeeded: old), UInt32(truncatingIfNeeded: b)))
    case .f64: return (Double(bitPattern: old) + Double(bitPattern: b)).bitPattern
    case .f16: return half(operation, .f16, old, b)
    case .bf16: return half(operation, .bf16, old, b)
    case .f16x2: return half(operation, .f16, old, b) | half(operation, .f16, old >> 16, b >> 16) << 16
    case .bf16x2: return half(operation, .bf16, old, b) | half(operation, .bf16, old >> 16, b >> 16) << 16
    }
  }

  private static func truncated(_ bits: UInt64, _ element: AtomicElement) -> UInt64 {
    element.byteCount == 8 ? bits : bits & (1 << UInt64(element.byteCount * 8) - 1)
  }

  private static func signed<T: FixedWidthInteger>(_ operation: AtomicOperation, _ a: T, _ b: T) -> T {
    operation == .add ? a &+ b : operation == .min ? min(a, b) : max(a, b)
  }

  private static func sum32(_ a: UInt32, _ b: UInt32) -> UInt32 {
    (Float(bitPattern: a) + Float(bitPattern: b)).bitPattern
  }

  /// A sum of fp32 in global memory: subnormal operands and results are zeros (PTX ISA 9.7.13.5).
  static func flushedSum(_ a: UInt64, _ b: UInt64) -> UInt64 {
    func flushed(_ bits: UInt32) -> UInt32 { bits & 0x7F80_0000 == 0 ? bits & 0x8000_0000 : bits }
    return UInt64(
      flushed(sum32(flushed(UInt32(truncatingIfNeeded: a)), flushed(UInt32(truncatingIfNeeded: b)))))
  }

  private static func half(_ operation: AtomicOperation, _ format: NumberFormat, _ a: UInt64, _ b: UInt64)
    -> UInt64
  {
    let (x, y) = (format.decode(UInt32(a & 0xFFFF)), format.decode(UInt32(b & 0xFFFF)))
    if operation == .add { return UInt64(format.encode(x + y, .nearestEven)) }
    if x.isNaN || y.isNaN { return UInt64(format.encode(x.isNaN ? y : x, .nearestEven)) }
    // −0 is less than +0.
    let isLess = x < y || (x == y && x.sign == .minus)
    return (operation == .min) == isLess ? a & 0xFFFF : b & 0xFFFF
  }
}

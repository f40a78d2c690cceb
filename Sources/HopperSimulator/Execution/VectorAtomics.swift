/// Atomic operations on more than one element, or on 128 bits (PTX ISA 9.7.13.5, 9.7.13.6).
extension Interpreter {
  /// Vectors in global memory: each element is an atomic operation of its own.
  func executeAtomicVector(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    if mustWait(i, warp, place) { return .blocked(.turn) }
    guard let operation = AtomicOperation(rawValue: i.operation),
      let element = AtomicElement(rawValue: i.type)
    else {
      return .next
    }
    let (count, vectors) = unsafe (Int(i.elementCount), lanes.vectors)
    let keepsOld = Int(i.extraCount) > count
    var access = unsafe MemoryAccess(byteCount: element.byteCount * count, in: addresses)
    let operands = unsafe vectors + Int(i.extra) + (keepsOld ? count : 0)
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let address = address(i, lanes, lane)
      access.add(address, lane)
      let memory = try unsafe memory(i, address, element.byteCount * count, lane, warp, place)
      for part in 0..<count {
        let target = unsafe memory + part * element.byteCount
        let old = unsafe AtomicArithmetic.load(target, element)
        let operand = unsafe UInt64(lanes.word(operands[part], lane))
        let new =
          element == .f32 && operation == .add
          ? AtomicArithmetic.flushedSum(old, operand)
          : AtomicArithmetic.result(operation, element, old, operand, 0)
        unsafe AtomicArithmetic.store(new, target, element)
        if keepsOld {
          unsafe lanes.words(vectors[Int(i.extra) + part])[lane] = UInt32(truncatingIfNeeded: old)
        }
      }
      checkAtomic(i, address, element.byteCount * count, warp, place)
    }
    checkAtomicEnd(i, warp)
    time(access, i, lanes.active, warp, place, hasResult: keepsOld)
    return .next
  }

  /// `exch` and `cas` of 128 bits, whose halves are pairs of rows.
  func executeWideAtomic(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    if mustWait(i, warp, place) { return .blocked(.turn) }
    var access = unsafe MemoryAccess(byteCount: 16, in: addresses)
    var rest = lanes.active
    while rest != 0 {
      let lane = rest.trailingZeroBitCount
      rest &= rest &- 1
      let address = address(i, lanes, lane)
      access.add(address, lane)
      let memory = try unsafe memory(i, address, 16, lane, warp, place)
      let old = unsafe (memory.load(as: UInt64.self), memory.load(fromByteOffset: 8, as: UInt64.self))
      let b = (lanes.doubleWord(i.b, lane), lanes.doubleWord(i.b + 2, lane))
      let c = (lanes.doubleWord(i.c, lane), lanes.doubleWord(i.c + 2, lane))
      let isSwap = i.operation == AtomicOperation.cas.rawValue
      if !isSwap || old == b {
        unsafe memory.storeBytes(of: c.0, as: UInt64.self)
        unsafe memory.storeBytes(of: c.1, toByteOffset: 8, as: UInt64.self)
      }
      unsafe lanes.doubleWords(i.d)[lane] = old.0
      unsafe lanes.doubleWords(i.d + 2)[lane] = old.1
      checkAtomic(i, address, 16, warp, place)
    }
    checkAtomicEnd(i, warp)
    time(access, i, lanes.active, warp, place, hasResult: true)
    return .next
  }
}

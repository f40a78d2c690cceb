/// Atomic operations on more than one element, or on 128 bits (PTX ISA 9.7.13.5, 9.7.13.6).
extension Interpreter {
  /// Vectors in global memory: each element is an atomic operation of its own.
  func executeAtomicVector(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    guard let operation = AtomicOperation(rawValue: i.operation),
      let element = AtomicElement(rawValue: i.type)
    else {
      return .next
    }
    let (count, vectors) = unsafe (Int(i.elementCount), lanes.vectors)
    let keepsOld = Int(i.extraCount) > count
    let operands = unsafe vectors + Int(i.extra) + (keepsOld ? count : 0)
    let byteCount = element.byteCount * count
    return try unsafe inTurn(i, lanes, warp, place, byteCount: byteCount, hasResult: keepsOld) {
      lane, memory, _ in
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
    }
  }

  /// `exch` and `cas` of 128 bits, whose halves are pairs of rows.
  func executeWideAtomic(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    let isSwap = i.operation == AtomicOperation.cas.rawValue
    return try unsafe inTurn(i, lanes, warp, place, byteCount: 16, hasResult: true) { lane, memory, _ in
      let old = unsafe (memory.load(as: UInt64.self), memory.load(fromByteOffset: 8, as: UInt64.self))
      let b = (lanes.doubleWord(i.b, lane), lanes.doubleWord(i.b + 2, lane))
      let c = (lanes.doubleWord(i.c, lane), lanes.doubleWord(i.c + 2, lane))
      if !isSwap || old == b {
        unsafe memory.storeBytes(of: c.0, as: UInt64.self)
        unsafe memory.storeBytes(of: c.1, toByteOffset: 8, as: UInt64.self)
      }
      unsafe lanes.doubleWords(i.d)[lane] = old.0
      unsafe lanes.doubleWords(i.d + 2)[lane] = old.1
    }
  }
}

import SimulatorKernels

/// `wgmma` (PTX ISA 9.7.15).
///
/// A product's numbers are computed when warps execute it, each its own 16 rows; its time passes beside them.
extension Interpreter {
  func executeWarpgroup(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> Outcome {
    if lanes.active == 0 { return .next }
    if let missing = try missingLanes(i, lanes, warp, place) { return .blocked(.lanes(missing)) }
    switch i.opcode {
    case .warpgroupMultiply: try multiplyWarpgroup(i, lanes, warp, place)
    case .warpgroupFence: warp.hazards?.productOrder.fenceCount += 1
    case .warpgroupCommit: warp.products.commit()
    case .warpgroupWait:
      let warpgroup = warp.block.warpgroup(of: warp)
      let count = warp.products.endedCount(allBut: Int(i.immediate))
      guard let time = warpgroup.resultTime(count) else { return .blocked(.products) }
      warp.products.forget(allBut: Int(i.immediate))
      checkProductWait(warp)
      warpgroup.forgetResults()
      warp.wait(until: time, .matrixWait)
    // Registers are ready when a product is issued: it has waited for them as other instructions do.
    default: break
    }
    return .next
  }

  /// A product, of a warp with all its lanes.
  func multiplyWarpgroup(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let block = warp.block
    let warpgroup = block.warpgroup(of: warp)
    let number = warp.products.executedCount
    guard warpgroup.isWhole(for: number) else {
      throw error(.badOperand("a warpgroup has four warps, of which no thread has exited"), i, warp, place)
    }
    let product = MatrixProduct(i)
    let isShared = product.flags.contains(.isShared)
    let b = try descriptor(i.b, i, lanes, warp, place)
    let a = isShared ? try descriptor(i.a, i, lanes, warp, place) : nil
    let adds = lanes.predicate(i.e)
    if adds != 0 && adds != .max { throw error(.badOperand("lanes differ in scale-d"), i, warp, place) }
    let part = warpgroup.join(
      Warpgroup.Arrival(number: number, statement: i.statement, a: a, b: b, time: issueTime))
    guard let part else {
      throw error(
        .badOperand("the warps of a warpgroup differ in instruction or descriptors"), i, warp, place)
    }
    let bTile = unsafe OperandTile(b, memory: block.shared, isAlongRows: product.flags.contains(.isAlongN))
    let aTile = a.map {
      unsafe OperandTile($0, memory: block.shared, isAlongRows: product.flags.contains(.isAlongM))
    }
    if part.isFirst {
      try check(bTile, rows: product.columns, block, i, warp, place)
      if let aTile { try check(aTile, rows: 64, block, i, warp, place) }
      unsafe bTile.readB(product.bType, columns: product.columns, to: part.operand)
    }
    let slots = unsafe lanes.vectors + Int(i.extra)
    let isNegated = product.flags.contains(.negates)
    if let aTile {
      unsafe aTile.readA(
        product.aType, firstRow: 16 * (warp.index % 4), isNegated: isNegated, to: products.a)
    } else {
      unsafe sim_read_a_registers(
        product.aType, lanes.words(0), slots + product.resultCount, 4, isNegated ? 1 : 0, products.a)
    }
    if product.sum == .f32 {
      unsafe sim_multiply(
        lanes.floats(0), slots, products.a, part.operand, Int32(product.columns), Int32(product.depth),
        adds == 0 ? 0 : 1)
    } else {
      unsafe sum(
        product, lanes, slots, part.operand, addend: adds == 0 ? nil : slots, isHalf: product.sum == .f16)
    }
    if let hazards = warp.hazards {
      let site = lanes.site(i)
      hazards.lastProduct = site
      if part.isFirst { checkProduct(a: aTile, b: bTile, columns: product.columns, block, warp, hazards) }
      checkProductRegisters(
        site, lanes.index, adds: adds != 0, warp.fragments[place].frame, warp, hazards)
    }
    warp.products.execute()
    guard let last = part.lastArrival else { return }
    let rows = product.columns + (isShared ? 64 : 0)
    begin(
      TensorProduct(
        arrival: last, cycles: warp.clock.tensor.cycles(columns: product.columns),
        wavefronts: warp.clock.wavefronts(32 * rows)),
      of: warpgroup, on: warp.clock)
  }

  // MARK: Operands in shared memory

  /// A matrix descriptor, which must be the same in all lanes.
  private func descriptor(
    _ slot: Int32, _ i: DecodedInstruction, _ lanes: LaneContext, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> UInt64 {
    let row = unsafe lanes.doubleWords(slot)
    let first = unsafe row[0]
    var difference: UInt64 = 0
    for lane in 1..<32 { difference |= unsafe row[lane] ^ first }
    guard difference == 0 else {
      let other = (1..<32).first { unsafe row[$0] != first } ?? 0
      throw error(.badOperand("lanes 0 and \(other) differ in a matrix descriptor"), i, warp, place)
    }
    return first
  }

  /// Throws unless so many rows of A, or columns of B, lie as they must, and all in shared memory.
  private func check(
    _ tile: OperandTile, rows: Int, _ block: Block, _ i: DecodedInstruction, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let start = UInt64(tile.start)
    if let offset = tile.invalidBaseOffset {
      throw error(
        .badOperand("base offset \(offset) in a matrix descriptor without a swizzle"), i, warp, place)
    }
    if !tile.isAligned {
      throw error(
        .misaligned(space: "shared", address: start, byteCount: tile.patternByteCount, lane: 0), i, warp,
        place)
    }
    let addresses = tile.addresses(rows: rows)
    guard addresses.lowerBound >= AddressWindow.reservedShared,
      addresses.upperBound <= block.sharedByteCount
    else {
      throw error(
        .outOfBounds(space: "shared", address: start, byteCount: addresses.count, lane: 0), i, warp, place)
    }
  }

  // MARK: Time

  /// Gives a product to the tensor cores.
  private func begin(_ product: TensorProduct, of warpgroup: Warpgroup, on clock: ProcessorClock) {
    clock.tensor.add(product, of: warpgroup)
    if clock.tensor.isActive { return }
    clock.tensor.isActive = true
    schedule(at: product.arrival) { $0.startProduct(at: product.arrival, on: clock) }
  }

  private func startProduct(at time: UInt64, on clock: ProcessorClock) {
    let tensor = clock.tensor
    clock.isMultiplying = false
    guard let (warpgroup, ready) = tensor.next() else {
      tensor.isActive = false
      return
    }
    if ready > time {
      schedule(at: ready) { $0.startProduct(at: ready, on: clock) }
      return
    }
    let product = warpgroup.queue.removeFirst()
    clock.isMultiplying = true
    let before = clock.accessedWavefronts
    let end = time + product.cycles
    schedule(at: end) { $0.endProduct(product, of: warpgroup, from: time, at: end, before, on: clock) }
  }

  /// Ends a product, but not before shared memory has given its operands beside what warps have accessed meanwhile and
  /// copies must write.
  private func endProduct(
    _ product: TensorProduct, of warpgroup: Warpgroup, from start: UInt64, at time: UInt64,
    _ accessedBefore: UInt64, on clock: ProcessorClock
  ) {
    let accessed = clock.accessedWavefronts - accessedBefore
    let sharedEnd = start + product.wavefronts + accessed + clock.overdueWavefronts
    if sharedEnd > time {
      schedule(at: sharedEnd) {
        $0.endProduct(product, of: warpgroup, from: start, at: sharedEnd, accessedBefore, on: clock)
      }
      return
    }
    clock.takeSharedForProduct(product.wavefronts, room: time - start - product.wavefronts - accessed)
    clock.tensor.busy += product.cycles
    clock.trace?.add(.tensor, "product", from: start, to: time)
    warpgroup.tensorEnd = time
    warpgroup.end(at: time + clock.tensor.latency)
    startProduct(at: time, on: clock)
  }
}

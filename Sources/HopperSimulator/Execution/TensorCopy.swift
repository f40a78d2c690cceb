/// Copies of boxes of tensors (PTX ISA 9.7.9.26).
extension Interpreter {
  /// The box that an instruction names.
  private func box(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) -> TensorBox {
    let address = lanes.doubleWord(i.b, lane)
    guard let source = unsafe mapMemory(address, warp) else {
      throw error(
        .outOfBounds(space: "generic", address: address, byteCount: TensorMapFields.byteCount, lane: lane), i,
        warp,
        place)
    }
    if address & 63 != 0 {
      throw error(.misaligned(space: "generic", address: address, byteCount: 64, lane: lane), i, warp, place)
    }
    let bytes = unsafe Array(UnsafeRawBufferPointer(start: source, count: TensorMapFields.byteCount))
    guard let map = TensorMapFields(bytes: bytes) else {
      throw error(.badOperand("no tensor map at 0x\(String(address, radix: 16))"), i, warp, place)
    }
    guard map.rank == Int(i.extraCount) else {
      throw error(
        .badOperand("\(i.extraCount) coordinates for a tensor map of rank \(map.rank)"), i, warp, place)
    }
    let start = (0..<map.rank).map { dimension in
      Int(Int32(bitPattern: lanes.word(unsafe lanes.vectors[Int(i.extra) + dimension], lane)))
    }
    let box = TensorBox(map: map, start: start)
    // A box begins at a multiple of 16 bytes (PTX ISA 5.5.3.1): as the tensor and its strides do too, that is up to the
    // innermost coordinate. The ISA does not say what happens otherwise. An H100 ended loads and stores by an illegal
    // instruction, as the conformance suite found; reductions and prefetches are taken to end alike.
    if start[0] * map.element.byteCount % 16 != 0 {
      let reason = SimulationError.Reason.misalignedBox(
        coordinate: start[0], elementByteCount: map.element.byteCount, address: box.address, lane: lane)
      throw error(reason, i, warp, place)
    }
    return box
  }

  /// Memory of a tensor map at a generic address.
  @unsafe private func mapMemory(_ address: UInt64, _ warp: Warp) -> UnsafeMutableRawPointer? {
    switch Self.space(ofGeneric: address) {
    case .parameter:
      let offset = Int(address & 0xFFFF_FFFF)
      return unsafe offset + TensorMapFields.byteCount <= launch.parameterByteCount
        ? launch.parameters + offset : nil
    case .shared: return unsafe sharedMemory(address & 0xFFFF_FFFF, TensorMapFields.byteCount, warp)
    default: return unsafe launch.memory.pointer(address, TensorMapFields.byteCount)
    }
  }

  /// L2 is as it was: only what a copy of the box would refuse is refused.
  func prefetchTensor(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    _ = try box(i, lanes, lane, warp, place)
  }

  func loadTensor(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let box = try box(i, lanes, lane, warp, place)
    let byteCount = box.map.boxByteCount
    let barrier = lanes.doubleWord(i.c, lane)
    let cluster = warp.block.cluster
    let origin = CopyOrigin(i, warp, place)
    var bases: [(address: UInt64, base: SharedBase, access: Access?)] = []
    for address in targets(i, lanes, lane, lanes.doubleWord(i.a, lane)) {
      let target = try unsafe memory(.shared, address, byteCount, alignment: 128, lane, i, warp, place)
      let access = checkCopy(
        into: address, byteCount: byteCount, barrier: Self.barrierAddress(barrier, of: i, beside: address),
        site(i, warp, place), warp)
      unsafe bases.append((address, SharedBase(target - Self.sharedOffset(address)), access))
    }
    let first = requests.runs.count
    box.addRuns(to: &requests)
    if let hazards = warp.hazards { checkGlobal(.read, box, site(i, warp, place), warp, hazards) }
    requestCopy(from: first, to: bases.map(\.address), byteCount, warp) { [unowned self] done in
      for (address, base, access) in bases {
        schedule(at: done) { interpreter throws(SimulationError) in
          try unsafe interpreter.load(box, into: base.pointer, at: Self.sharedOffset(address), origin, lane)
          let place = Self.barrierAddress(barrier, of: i, beside: address)
          try interpreter.complete(byteCount, at: place, in: cluster, time: done, access, origin)
        }
      }
    }
  }

  /// The offset of a shared address in its block's memory.
  private static func sharedOffset(_ address: UInt64) -> Int {
    Int(address & (1 << AddressWindow.sharedBits - 1))
  }

  /// Copies a box into a block's shared memory.
  @unsafe private func load(
    _ box: TensorBox, into shared: UnsafeMutableRawPointer, at offset: Int, _ origin: CopyOrigin,
    _ lane: Int
  ) throws(SimulationError) {
    let size = box.map.element.byteCount
    let rowBytes = box.map.box[0] * size
    var fault: UInt64?
    // A row is gathered in full, outside elements filled, and then laid out.
    unsafe withUnsafeTemporaryAllocation(byteCount: max(1, rowBytes), alignment: 16) { row in
      guard let base = row.baseAddress else { return }
      box.forEachRow { part in
        if part.count * size < rowBytes { unsafe Self.fill(base, box, rowBytes) }
        if part.count > 0 {
          guard let source = unsafe launch.memory.pointer(part.address, part.count * size) else {
            fault = part.address
            return
          }
          unsafe (base + part.skipped * size).copyMemory(from: source, byteCount: part.count * size)
        }
        box.forEachPiece(at: offset, from: part.boxOffset, byteCount: rowBytes) { address, from, count in
          unsafe (shared + address).copyMemory(from: base + from, byteCount: count)
        }
      }
    }
    if let fault {
      throw SimulationError(
        reason: .outOfBounds(space: "global", address: fault, byteCount: rowBytes, lane: lane),
        place: origin.place)
    }
  }

  @unsafe private static func fill(_ row: UnsafeMutableRawPointer, _ box: TensorBox, _ byteCount: Int) {
    let size = box.map.element.byteCount
    for byte in 0..<byteCount {
      unsafe row.storeBytes(
        of: UInt8(truncatingIfNeeded: box.fill >> UInt64(8 * (byte % size))), toByteOffset: byte,
        as: UInt8.self)
    }
  }

  func storeTensor(
    _ i: DecodedInstruction, _ lanes: LaneContext, _ lane: Int, _ warp: Warp, _ place: Int
  ) throws(SimulationError) {
    let box = try box(i, lanes, lane, warp, place)
    let reduction = i.operation == 0 ? nil : BulkReduction(i.operation - 1, box.map.element.atomicElement)
    // Stores at negative coordinates, whether aligned or not, ended by an illegal instruction on an H100, as the conformance
    // suite found; past the tensor's end they do not, nor do loads. Nobody has tried reductions.
    if reduction == nil, let dimension = box.start.firstIndex(where: { $0 < 0 }) {
      let reason = SimulationError.Reason.storeBeforeTensor(
        dimension: dimension, coordinate: box.start[dimension], address: box.address, lane: lane)
      throw error(reason, i, warp, place)
    }
    let byteCount = box.map.boxByteCount
    let address = lanes.doubleWord(i.a, lane) & 0xFFFF_FFFF
    let source = try unsafe memory(.shared, address, byteCount, alignment: 128, lane, i, warp, place)
    let offset = Self.sharedOffset(address)
    let times = writeTimes(byteCount, warp)
    warp.asynchronous.bulk[lane, default: CopyGroups()].add(times)
    let origin = CopyOrigin(i, warp, place)
    let base = unsafe SharedBase(source - offset)
    let first = requests.runs.count
    box.addRuns(to: &requests)
    request(.write, from: first, at: issueTime, warp, .nobody)
    if let hazards = warp.hazards {
      let kind: GlobalAccess.Kind = reduction == nil ? .write : .synchronizingWrite
      checkGlobal(kind, box, site(i, warp, place), warp, hazards)
    }
    if let access = checkBulkRead(site(i, warp, place), lane, warp) {
      box.forEachRow { part in
        let from = part.boxOffset + part.skipped * box.map.element.byteCount
        let rowBytes = part.count * box.map.element.byteCount
        box.forEachPiece(at: offset, from: from, byteCount: rowBytes) { piece, _, count in
          checkRead(access, address - UInt64(offset) + UInt64(piece), byteCount: count, warp)
        }
      }
    }
    schedule(at: times.done, keeping: warp.block.cluster) { interpreter throws(SimulationError) in
      try unsafe interpreter.store(box, from: base.pointer, at: offset, reduction, origin, lane)
    }
  }

  @unsafe private func store(
    _ box: TensorBox, from shared: UnsafeMutableRawPointer, at offset: Int, _ reduction: BulkReduction?,
    _ origin: CopyOrigin, _ lane: Int
  ) throws(SimulationError) {
    let size = box.map.element.byteCount
    var fault: UInt64?
    box.forEachRow { part in
      guard part.count > 0 else { return }
      guard let target = unsafe launch.memory.pointer(part.address, part.count * size) else {
        fault = part.address
        return
      }
      let from = part.boxOffset + part.skipped * size
      box.forEachPiece(at: offset, from: from, byteCount: part.count * size) { address, to, count in
        if let reduction {
          unsafe reduction.apply(shared + address, to: target + to, byteCount: count)
        } else {
          unsafe (target + to).copyMemory(from: shared + address, byteCount: count)
        }
      }
    }
    if let fault {
      throw SimulationError(
        reason: .outOfBounds(space: "global", address: fault, byteCount: size, lane: lane),
        place: origin.place)
    }
  }
}

/// Byte 0 of a block's shared memory.
@safe private struct SharedBase {
  let pointer: UnsafeMutableRawPointer

  @unsafe init(_ pointer: UnsafeMutableRawPointer) {
    unsafe self.pointer = pointer
  }
}

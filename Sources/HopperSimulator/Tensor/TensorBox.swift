/// One box of a tensor: where its rows lie in global and in shared memory.
struct TensorBox {
  let map: TensorMapFields
  /// Of its first element, innermost first; may lie outside of the tensor.
  let start: [Int]

  /// Global address of its first element, as if the tensor had no borders.
  var address: UInt64 {
    zip(start, [map.element.byteCount] + map.strides).reduce(map.address) { address, step in
      address &+ UInt64(bitPattern: Int64(step.0 &* step.1))
    }
  }

  /// A row along the innermost dimension.
  struct Row {
    /// Bytes from the start of the box, as if nothing were swizzled.
    var boxOffset: Int
    /// Global address of the first element that is in the tensor.
    var address: UInt64
    /// Elements of the row before those that are in the tensor, and of those.
    var skipped: Int
    var count: Int
  }

  /// Calls for every row. Rows that are all outside of the tensor have a count of 0.
  func forEachRow(_ body: (Row) -> Void) {
    let rank = map.rank
    let rowBytes = map.box[0] * map.element.byteCount
    let copied = map.copied
    let first = max(0, -start[0])
    let end = min(map.box[0], map.sizes[0] - start[0])
    var position = [Int](repeating: 0, count: rank)
    for row in 0..<copied.dropFirst().reduce(1, *) {
      var isInside = end > first
      var address = map.address
      for dimension in 1..<max(1, rank) {
        let coordinate = start[dimension] + position[dimension] * map.elementStrides[dimension]
        isInside = isInside && (0..<map.sizes[dimension]).contains(coordinate)
        address &+= UInt64(bitPattern: Int64(coordinate &* map.strides[dimension - 1]))
      }
      address &+= UInt64(bitPattern: Int64((start[0] + first) * map.element.byteCount))
      body(
        Row(boxOffset: row * rowBytes, address: address, skipped: first, count: isInside ? end - first : 0))
      var dimension = 1
      while dimension < rank {
        position[dimension] += 1
        if position[dimension] < copied[dimension] { break }
        position[dimension] = 0
        dimension += 1
      }
    }
  }

  /// Calls for the pieces of a run of bytes of the box that stay together in shared memory: its address there, and the
  /// piece's place in the run.
  ///
  /// The swizzle permutes units of 16 bytes by their address, so the box's own address counts.
  func forEachPiece(
    at shared: Int, from boxOffset: Int, byteCount: Int,
    _ body: (_ address: Int, _ offset: Int, _ count: Int) -> Void
  ) {
    if map.swizzle == .none { return body(shared + boxOffset, 0, byteCount) }
    var offset = 0
    while offset < byteCount {
      let plain = shared + boxOffset + offset
      let count = min(16 - plain % 16, byteCount - offset)
      body(map.swizzle(plain), offset, count)
      offset += count
    }
  }

  /// Adds the bytes of the tensor that the box has to a request.
  func addRuns(to queue: inout RequestQueue) {
    let first = queue.runs.count
    forEachRow { row in
      let byteCount = row.count * map.element.byteCount
      if byteCount > 0 { queue.add(row.address, byteCount, since: first) }
    }
  }

  /// The bits that fill an element outside of the tensor.
  var fill: UInt64 {
    guard map.fillsWithNaN else { return 0 }
    return switch map.element {
    case .f16, .bf16: 0x7FFF
    case .f32, .tf32: 0x7FFF_FFFF
    case .f64: 0x7FFF_FFFF_FFFF_FFFF
    default: 0
    }
  }
}

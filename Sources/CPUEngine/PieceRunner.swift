import CPUMicrokernels
import LatentAttention

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Runs pieces on one worker: for each block of keys scores, softmax and accumulation, one after the other, so
/// that the block's keys stay in L2 for both products.
@safe struct PieceRunner: ~Copyable {
  private let call: EngineCall
  private let workspace: UnsafePointer<Workspace>
  private let partials: UnsafePointer<PartialStates>
  private let functions: mla_microkernels

  @unsafe init(
    call: EngineCall, workspace: UnsafePointer<Workspace>, partials: UnsafePointer<PartialStates>
  ) {
    self.call = call
    unsafe self.workspace = workspace
    unsafe self.partials = partials
    unsafe functions = call.kernels.functions.pointee
  }

  /// Computes one piece and writes its rows: final outputs, or a partial.
  func run(_ piece: Piece) {
    let rows = piece.rowCount.roundedUp(to: call.kernels.rowLanes)
    let lanesPerRow = call.lanesPerRow(rowCount: piece.rowCount)
    packQueries(piece, rows: rows, lanesPerRow: lanesPerRow)
    placeWideKeys()
    for row in 0..<rows {
      unsafe workspace.pointee.rowMaximum[row] = -.infinity
      unsafe workspace.pointee.rowSum[row] = 0
    }
    var keys = BlockKeys(piece)
    while let block = keys.next() { attend(to: block, of: piece, rows: rows, lanesPerRow: lanesPerRow) }
    for row in 0..<piece.rowCount { finish(row, of: piece, rows: rows) }
  }

  private func packQueries(_ piece: Piece, rows: Int, lanesPerRow: Int) {
    let packed = unsafe workspace.pointee.packedQueries
    let geometry = call.geometry
    if rows > piece.rowCount {
      // Lanes without a row must hold numbers: what is left there could be NaN and slow the lanes beside it.
      let words = (call.paddedLatentWidth + geometry.ropeWidth) * Int(unsafe functions.packed_pair_bytes) / 8
      unsafe packed.initializeMemory(as: UInt32.self, repeating: 0, count: words * rows)
    }
    let (latent, rope) = (call.queries.latent, call.queries.rope)
    for row in 0..<piece.rowCount {
      let (token, head) = call.place(request: piece.request, row: piece.firstRow + row)
      unsafe functions.pack_query(
        latent.rowAddress(token, head), Int64(geometry.latentWidth), Int64(call.paddedLatentWidth),
        rope?.rowAddress(token, head), Int64(geometry.ropeWidth), packed, Int64(row), Int64(rows),
        Int32(lanesPerRow))
    }
  }

  private func attend(to block: BlockKeys.Block, of piece: Piece, rows: Int, lanesPerRow: Int) {
    let space = unsafe workspace
    let paddedKeys = block.count.roundedUp(to: call.kernels.keyStep)
    placeKeys(block, of: piece, paddedKeys: paddedKeys)
    if call.cache.isCoded { decode(paddedKeys: paddedKeys) }
    var keys = unsafe keyBlock(paddedKeys: paddedKeys)
    unsafe functions.scores(
      &keys, space.pointee.packedQueries, Int64(rows), Int32(lanesPerRow), space.pointee.scores)
    let isMasked = markVisibleKeys(block, of: piece, rows: rows)
    var softmax = unsafe mla_softmax_state(
      rows: Int64(rows), valid_keys: Int64(block.count), padded_keys: Int64(paddedKeys),
      scale: call.geometry.softmaxScale * Self.log2OfE,
      visible_keys: isMasked ? UnsafePointer(space.pointee.visibleKeys) : nil,
      row_maximum: space.pointee.rowMaximum, row_sum: space.pointee.rowSum, rescale: space.pointee.rescale)
    unsafe functions.softmax(&softmax, space.pointee.scores, space.pointee.probabilities)
    unsafe functions.accumulate(
      &keys, space.pointee.probabilities, Int64(piece.rowCount), Int64(rows), space.pointee.rescale,
      block.isFirst ? 1 : 0, space.pointee.outputs, space.pointee.valueScratch)
  }

  private static let log2OfE: Float = 1.442_695_040_888_963_4

  /// Fills the address lists: the block's keys, zeros up to `paddedKeys`, then the next block's keys.
  private func placeKeys(_ block: BlockKeys.Block, of piece: Piece, paddedKeys: Int) {
    let latentRows = unsafe workspace.pointee.latentRows
    let ropeRows = unsafe workspace.pointee.ropeRows
    let scaleRows = unsafe workspace.pointee.scaleRows
    let zeroKey = unsafe UnsafeRawPointer(workspace.pointee.zeroKey)
    if block.isFirst {
      place(keys: block.start, count: block.count, of: piece, at: 0)
    } else {
      // They were placed as the next ones of the block before, which was full.
      unsafe latentRows.update(from: latentRows + Workspace.blockKeys, count: block.count)
      unsafe ropeRows.update(from: ropeRows + Workspace.blockKeys, count: block.count)
      unsafe scaleRows.update(from: scaleRows + Workspace.blockKeys, count: block.count)
    }
    for position in block.count..<max(block.count, paddedKeys) {
      unsafe latentRows[position] = zeroKey
      unsafe ropeRows[position] = zeroKey
      unsafe scaleRows[position] = zeroKey
    }
    place(keys: block.start + block.count, count: block.nextCount, of: piece, at: paddedKeys)
    for position in paddedKeys + block.nextCount..<max(paddedKeys + block.nextCount, 2 * paddedKeys) {
      unsafe latentRows[position] = zeroKey
      unsafe ropeRows[position] = zeroKey
    }
  }

  /// Writes the addresses of `count` keys of the piece's request, one page's run after another.
  private func place(keys start: Int, count: Int, of piece: Piece, at position: Int) {
    let batch = call.plan.batch
    var key = start
    while key < start + count {
      let (poolPage, slot) = batch.place(request: piece.request, key: key)
      // Tokens of lists follow each other nowhere.
      let run = min(batch.pageSize - key % batch.pageSize, start + count - key)
      unsafe placeRun(
        call.cache.latent, poolPage, slot, run, workspace.pointee.latentRows + position + key - start)
      if let tail = call.cache.rope ?? call.cache.latentTail {
        unsafe placeRun(tail, poolPage, slot, run, workspace.pointee.ropeRows + position + key - start)
      }
      if let scales = call.cache.scales?.groups?.scales {
        unsafe placeRun(scales, poolPage, slot, run, workspace.pointee.scaleRows + position + key - start)
      }
      key += run
    }
  }

  private func placeRun(
    _ view: TensorView, _ page: Int, _ slot: Int, _ count: Int,
    _ addresses: UnsafeMutablePointer<UnsafeRawPointer?>
  ) {
    let stride = view.innerStride * view.elementType.byteCount
    var address = unsafe view.rowAddress(page, slot)
    for index in 0..<count {
      unsafe addresses[index] = address
      // The last step may leave the tensor; addresses wrap, nothing is read there.
      unsafe address = UnsafeRawPointer(bitPattern: UInt(bitPattern: address) &+ UInt(stride)) ?? address
    }
  }

  /// Decodes the placed rows of an 8-bit cache into the workspace, and names the next block's for a prefetch.
  private func decode(paddedKeys: Int) {
    let space = unsafe workspace
    let cache = call.cache
    var keys = unsafe mla_coded_keys()
    unsafe keys.codes = UnsafePointer(space.pointee.latentRows)
    unsafe keys.tails = UnsafePointer(space.pointee.ropeRows)
    unsafe keys.keys = Int64(paddedKeys)
    unsafe keys.width = Int64(cache.latent.width)
    unsafe keys.scale = 1
    switch cache.scales?.latent {
    case .uniform(let scale): unsafe keys.scale = scale
    case .groups(_, let width), .exponents(_, let width):
      unsafe keys.scales = UnsafePointer(space.pointee.scaleRows)
      unsafe keys.group_width = Int64(width)
    case nil: break
    }
    if case .exponents = cache.scales?.latent { unsafe keys.scale_format = Int32(MLA_SCALE_E8M0) }
    if let tail = cache.rope ?? cache.latentTail {
      unsafe keys.tail_width = Int64(tail.width)
      unsafe keys.tail_element = tail.elementType.microkernelCode
      unsafe keys.tail_scale = cache.scales?.rope ?? 1
    }
    unsafe functions.decode(&keys, space.pointee.widenedKeys)
    for key in 0..<paddedKeys {
      unsafe space.pointee.wideLatentRows[paddedKeys + key] = space.pointee.latentRows[paddedKeys + key]
      unsafe space.pointee.wideRopeRows[paddedKeys + key] = space.pointee.ropeRows[paddedKeys + key]
    }
  }

  /// Points the wide addresses at this geometry's rows of the widened or decoded keys.
  private func placeWideKeys() {
    guard call.bringsRows else { return }
    let space = unsafe workspace
    if call.cache.isCoded {
      let elementBytes = call.productType.byteCount
      for key in 0..<Workspace.blockKeys {
        let row =
          unsafe UnsafeRawPointer(space.pointee.widenedKeys) + key * call.geometry.keyWidth * elementBytes
        unsafe space.pointee.wideLatentRows[key] = row
        unsafe space.pointee.wideRopeRows[key] = row + call.geometry.latentWidth * elementBytes
      }
      return
    }
    // Rows are widened in whole lines, so that each part must start on one.
    let latentWidth = call.paddedLatentWidth.roundedUp(to: Workspace.lineWords)
    let rowWidth = latentWidth + call.geometry.ropeWidth.roundedUp(to: Workspace.lineWords)
    for key in 0..<Workspace.blockKeys {
      let row = unsafe space.pointee.widenedKeys + key * rowWidth
      unsafe space.pointee.wideLatentRows[key] = UnsafeRawPointer(row)
      unsafe space.pointee.wideRopeRows[key] = UnsafeRawPointer(row + latentWidth)
    }
  }

  /// The block whose addresses were placed, as the micro-kernels take it.
  private func keyBlock(paddedKeys: Int) -> mla_key_block {
    let space = unsafe workspace
    var block = unsafe mla_key_block()
    unsafe block.latent = UnsafePointer(
      call.bringsRows ? space.pointee.wideLatentRows : space.pointee.latentRows)
    unsafe block.rope = UnsafePointer(call.bringsRows ? space.pointee.wideRopeRows : space.pointee.ropeRows)
    unsafe block.keys = Int64(paddedKeys)
    unsafe block.latent_width = Int64(call.paddedLatentWidth)
    unsafe block.rope_width = Int64(call.geometry.ropeWidth)
    unsafe block.element = call.productType.microkernelCode
    unsafe block.prefetched_bytes = Int64(call.prefetchedByteCount)
    guard call.widens else { return unsafe block }
    unsafe block.narrow_latent = UnsafePointer(space.pointee.latentRows)
    unsafe block.narrow_rope = UnsafePointer(space.pointee.ropeRows)
    unsafe block.narrow_latent_width = Int64(call.geometry.latentWidth)
    unsafe block.narrow_element = call.kernels.elementType.microkernelCode
    return unsafe block
  }

  /// Fills in how many of the block's keys each row sees; false if all rows see all of them.
  private func markVisibleKeys(_ block: BlockKeys.Block, of piece: Piece, rows: Int) -> Bool {
    let batch = call.plan.batch
    let heads = call.geometry.headCount
    let firstToken = piece.firstRow / heads
    guard
      batch.visibleKeyCount(request: piece.request, token: firstToken) < block.start + block.count
    else { return false }
    for row in 0..<rows {
      let token = min(piece.firstRow + row, piece.firstRow + piece.rowCount - 1) / heads
      let visible = batch.visibleKeyCount(request: piece.request, token: token) - block.start
      unsafe workspace.pointee.visibleKeys[row] = Int32(min(max(visible, 0), block.count))
    }
    return true
  }

  private func finish(_ row: Int, of piece: Piece, rows: Int) {
    let space = unsafe workspace
    let sum = unsafe space.pointee.rowSum[row]
    // Empty rows give 0 and −∞. NaN sums are not empty: they show a NaN in the caller's data.
    let isEmpty = sum == 0
    let lse = isEmpty ? -Float.infinity : unsafe space.pointee.rowMaximum[row] + log2f(sum)
    if let partialRow = piece.partialRow {
      let target = unsafe partials.pointee.outputs + (partialRow + row) * partials.pointee.width
      unsafe partials.pointee.lse[partialRow + row] = lse
      unsafe partials.pointee.maxima[partialRow + row] = space.pointee.rowMaximum[row]
      unsafe store(row, rows: rows, isEmpty ? nil : 1 / sum, target, .float32)
      return
    }
    let (token, head) = call.place(request: piece.request, row: piece.firstRow + row)
    let view = call.output.output
    unsafe store(
      row, rows: rows, isEmpty ? nil : call.sinkShare(lse, head: head) / sum, view.rowAddress(token, head),
      view.view.elementType)
    call.writeLSE(lse, token: token, head: head)
    call.writeMaximum(unsafe space.pointee.rowMaximum[row], token: token, head: head)
  }

  /// Writes one row of the outputs times `factor`, or zeros.
  @unsafe private func store(
    _ row: Int, rows: Int, _ factor: Float?, _ target: UnsafeMutableRawPointer, _ type: ElementType
  ) {
    let width = call.geometry.latentWidth
    guard let factor else {
      unsafe target.initializeMemory(as: UInt8.self, repeating: 0, count: width * type.byteCount)
      return
    }
    unsafe functions.store_row(
      workspace.pointee.outputs, Int64(row), Int64(rows), Int64(width), factor, target, type.microkernelCode)
  }

  /// Combines the partials of a merge job's rows and writes the final outputs.
  func run(_ job: MergeJob) {
    for row in 0..<job.rowCount {
      let (token, head) = call.place(request: job.request, row: job.firstRow + row)
      let lse = merge(job, row: row, token: token, head: head)
      call.writeLSE(lse, token: token, head: head)
      guard call.output.maximumScores != nil else { continue }
      var maximum = -Float.infinity
      for part in 0..<job.partialCount {
        let partial = unsafe partials.pointee.maxima[job.partialRow + row + part * job.partialStride]
        maximum = max(maximum, partial)
      }
      call.writeMaximum(maximum, token: token, head: head)
    }
  }

  /// Weighs each partial by its share of the total sum of exponentials; returns the LSE in base 2.
  private func merge(_ job: MergeJob, row: Int, token: Int, head: Int) -> Float {
    let states = unsafe partials
    let width = call.geometry.latentWidth
    var maximum = -Float.infinity
    for part in 0..<job.partialCount {
      let lse = unsafe states.pointee.lse[job.partialRow + row + part * job.partialStride]
      // Written so that NaN wins: it shows a NaN in the caller's data, which an empty row must not hide.
      if !(lse <= maximum) { maximum = lse }
    }
    let view = call.output.output
    let target = unsafe view.rowAddress(token, head)
    guard maximum != -.infinity else {
      unsafe target.initializeMemory(
        as: UInt8.self, repeating: 0, count: width * view.view.elementType.byteCount)
      return -.infinity
    }
    let merged = unsafe workspace.pointee.mergedRow
    var sum: Float = 0
    for part in 0..<job.partialCount {
      let partialRow = job.partialRow + row + part * job.partialStride
      let weight = exp2f(unsafe states.pointee.lse[partialRow] - maximum)
      unsafe functions.add_scaled(
        merged, states.pointee.outputs + partialRow * states.pointee.width, weight, Int64(width),
        part == 0 ? 1 : 0)
      sum += weight
    }
    unsafe functions.store_row(
      merged, 0, 1, Int64(width), call.sinkShare(maximum + log2f(sum), head: head) / sum, target,
      view.view.elementType.microkernelCode)
    return maximum + log2f(sum)
  }
}

extension EngineCall {
  /// The share of keys in a softmax that a sink takes part in; `lse` is of base 2.
  fileprivate func sinkShare(_ lse: Float, head: Int) -> Float {
    guard let sinks = output.sinks else { return 1 }
    return 1 / (1 + exp2f(sinks[head] / Self.naturalLogOf2 - lse))
  }

  /// Writes a largest score, given in base 2, where the caller wants one.
  fileprivate func writeMaximum(_ maximum: Float, token: Int, head: Int) {
    guard let view = output.maximumScores else { return }
    unsafe view.rowAddress(token, head).storeBytes(of: maximum * Self.naturalLogOf2, as: Float.self)
  }

  fileprivate static let naturalLogOf2: Float = 0.693_147_180_559_945_3

  /// Writes an LSE, given in base 2, where the caller wants one.
  fileprivate func writeLSE(_ lse: Float, token: Int, head: Int) {
    guard let view = output.lse else { return }
    let value = output.lseBase == .two ? lse : lse * Self.naturalLogOf2
    unsafe view.rowAddress(token, head).storeBytes(of: value, as: Float.self)
  }
}

/// Walks the keys of a piece in blocks.
private struct BlockKeys {
  struct Block {
    var start: Int
    var count: Int
    /// Keys of the block after this one.
    var nextCount: Int
    var isFirst: Bool
  }

  private let firstKey: Int
  private let end: Int
  private var position: Int

  init(_ piece: Piece) {
    firstKey = piece.keyStart
    position = piece.keyStart
    end = piece.keyEnd
  }

  mutating func next() -> Block? {
    guard position < end else { return nil }
    let count = min(Workspace.blockKeys, end - position)
    let block = Block(
      start: position, count: count, nextCount: min(Workspace.blockKeys, end - position - count),
      isFirst: position == firstKey)
    position += count
    return block
  }
}

extension MutableTensorView {
  /// Address of a row's first element. The caller has checked the place.
  fileprivate func rowAddress(_ outer: Int, _ inner: Int) -> UnsafeMutableRawPointer {
    unsafe baseAddress + (outer * view.outerStride + inner * view.innerStride) * view.elementType.byteCount
  }
}

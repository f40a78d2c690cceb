/// A paged cache of latent and rope vectors that owns its memory: the pool of one layer.
///
/// There is one owner, who alone can change it; runs read it through `view`. Sequences that start with the
/// same tokens can share pages: the last, partly filled one is copied when one of them goes on.
public struct PagedCache: ~Copyable, Sendable {
  /// Where latent and rope parts lie.
  public enum Layout: String, Sendable, Hashable, Codable, CaseIterable {
    /// In one tensor `[page, slot, latentWidth + ropeWidth]`.
    case combined
    /// In two tensors.
    case separate
  }

  /// The layer that the cache is for.
  public let geometry: AttentionGeometry
  /// Number format of the elements.
  public let elementType: ElementType
  /// Tokens per page.
  public let pageSize: Int
  let memory: AlignedMemory
  private let latent: MutableTensorView
  private let rope: MutableTensorView?
  private var allocator: PageAllocator

  /// Allocates a pool; its contents are undefined.
  ///
  /// - Throws: `ProblemError` for a page size below 1, a page count outside 0 to 2³¹ − 1, or sizes past what 64
  ///   bits or the system can hold.
  public init(
    geometry: AttentionGeometry, elementType: ElementType, pageSize: Int, pageCount: Int,
    layout: Layout = .combined
  ) throws(ProblemError) {
    guard pageSize >= 1 else {
      throw ProblemError(.notPositive, "pageSize", value: pageSize, requirement: "must be at least 1")
    }
    guard pageCount >= 0 else {
      throw ProblemError(.notPositive, "pageCount", value: pageCount, requirement: "must not be negative")
    }
    let slotBytes = geometry.keyWidth * elementType.byteCount
    let byteCount = try pageCount.multiplied(by: pageSize, field: "pageCount")
      .multiplied(by: slotBytes, field: "pageCount")
    let memory = try AlignedMemory(byteCount: byteCount, field: "pageCount")
    let allocator = try PageAllocator(pageCount: pageCount)

    let isCombined = layout == .combined
    let latentRow = isCombined ? geometry.keyWidth : geometry.latentWidth
    let ropeRow = isCombined ? geometry.keyWidth : geometry.ropeWidth
    // The rope part starts after the first latent row, or after all of them.
    let ropeStart = isCombined ? geometry.latentWidth : pageCount * pageSize * geometry.latentWidth
    let latent = unsafe try MutableTensorView(
      memory.bytes, elementType, shape: (pageCount, pageSize, geometry.latentWidth),
      strides: (pageSize * latentRow, latentRow), field: "cache.latent")
    let rope = unsafe try MutableTensorView(
      UnsafeMutableRawBufferPointer(
        rebasing: memory.bytes[min(ropeStart * elementType.byteCount, byteCount)...]),
      elementType, shape: (pageCount, pageSize, geometry.ropeWidth),
      strides: (pageSize * ropeRow, ropeRow), field: "cache.rope")

    self.geometry = geometry
    self.elementType = elementType
    self.pageSize = pageSize
    self.memory = memory
    self.allocator = allocator
    self.latent = latent
    self.rope = geometry.ropeWidth > 0 ? rope : nil
  }

  /// The pool as runs read it; valid while the cache exists.
  public var view: CacheView {
    CacheView(
      latent: latent.view, rope: rope?.view, scales: elementType == .float8 ? CacheScales() : nil)
  }
  /// Pages in the pool.
  public var pageCount: Int { allocator.pageCount }
  /// Pages that no sequence holds.
  public var freePageCount: Int { allocator.freePageCount }
  /// Bytes of the pool.
  public var byteCount: Int { memory.byteCount }

  /// Appends tokens given as numbers, rounded to the element type.
  ///
  /// - Parameters:
  ///   - sequence: the request that the tokens belong to; takes pages from the pool as it needs them.
  ///   - latent: `[token, latentWidth]`.
  ///   - rope: `[token, ropeWidth]`.
  /// - Throws: `ProblemError`, before anything changes: `mismatch` where counts do not fit the widths or
  ///   each other, `poolExhausted` where there are not enough free pages.
  /// - Complexity: O(tokens · key width).
  public mutating func append(
    to sequence: inout CacheSequence, latent: Span<Float>, rope: Span<Float>
  ) throws(ProblemError) {
    let widths = (latent: geometry.latentWidth, rope: geometry.ropeWidth)
    let count = latent.count / widths.latent
    guard latent.count == count * widths.latent else {
      throw ProblemError(
        .mismatch, "latent.count", value: latent.count, requirement: "must be a multiple of \(widths.latent)")
    }
    guard rope.count == count * widths.rope else {
      throw ProblemError(
        .mismatch, "rope.count", value: rope.count,
        requirement: "must be \(count * widths.rope), for \(count) tokens")
    }
    let start = sequence.length
    try extend(&sequence, by: count)
    for token in 0..<count {
      let (page, slot) = place(of: start + token, in: sequence)
      self.latent.storeRow(
        page, slot, latent.extracting(token * widths.latent..<(token + 1) * widths.latent))
      self.rope?.storeRow(page, slot, rope.extracting(token * widths.rope..<(token + 1) * widths.rope))
    }
  }

  /// Writes one token where a scheduler of the caller's own has placed it, rounded to the element type.
  ///
  /// - Throws: `ProblemError`, before anything changes: `outOfRange` for a page or slot outside the pool,
  ///   `mismatch` where counts are not the widths.
  /// - Complexity: O(key width).
  public mutating func store(
    page: Int32, slot: Int, latent: Span<Float>, rope: Span<Float>
  ) throws(ProblemError) {
    guard (0..<pageCount).contains(Int(page)) else {
      throw ProblemError(.outOfRange, "page", value: page, requirement: "must be 0 ..< \(pageCount)")
    }
    guard (0..<pageSize).contains(slot) else {
      throw ProblemError(.outOfRange, "slot", value: slot, requirement: "must be 0 ..< \(pageSize)")
    }
    for (field, count, width) in [
      ("latent.count", latent.count, geometry.latentWidth), ("rope.count", rope.count, geometry.ropeWidth),
    ] where count != width {
      throw ProblemError(.mismatch, field, value: count, requirement: "must be \(width)")
    }
    self.latent.storeRow(Int(page), slot, latent)
    self.rope?.storeRow(Int(page), slot, rope)
  }

  /// Appends tokens from tensors of any element type; bit for bit where it is the cache's.
  ///
  /// - Parameters:
  ///   - sequence: the request that the tokens belong to; takes pages from the pool as it needs them.
  ///   - latent: `[token, 1, latentWidth]`, not in this cache's memory.
  ///   - rope: `[token, 1, ropeWidth]`, not in this cache's memory; nil where the rope width is 0.
  /// - Throws: as the other `append`; `overlap` for tensors in the cache's own memory.
  /// - Complexity: O(tokens · key width).
  public mutating func append(
    to sequence: inout CacheSequence, latent: TensorView, rope: TensorView?
  ) throws(ProblemError) {
    let count = latent.outerCount
    try checkSource(latent, "latent", count, width: geometry.latentWidth)
    guard (rope == nil) == (geometry.ropeWidth == 0) else {
      throw ProblemError(
        .mismatch, "rope", value: rope == nil ? "nil" : "a tensor",
        requirement: "must be given if, and only if, the rope width is not 0")
    }
    if let rope { try checkSource(rope, "rope", count, width: geometry.ropeWidth) }
    let start = sequence.length
    try extend(&sequence, by: count)
    for token in 0..<count {
      let (page, slot) = place(of: start + token, in: sequence)
      self.latent.copyRow(page, slot, from: latent, token, 0)
      if let rope { self.rope?.copyRow(page, slot, from: rope, token, 0) }
    }
  }

  /// Makes room for tokens that somebody else writes, or that hold what the memory held.
  ///
  /// The partly filled last page is copied first if another sequence holds it too.
  ///
  /// - Throws: `ProblemError`, before anything changes: `notPositive` for a negative count, `poolExhausted`
  ///   where there are not enough free pages, `outOfRange` for a sequence that was released.
  /// - Complexity: O(new pages), and O(page size · key width) for the copy.
  public mutating func extend(_ sequence: inout CacheSequence, by count: Int) throws(ProblemError) {
    guard count >= 0 else {
      throw ProblemError(.notPositive, "count", value: count, requirement: "must not be negative")
    }
    // The last page tells, at a cost that does not grow with the sequence.
    try checkHeld(sequence, from: max(0, sequence.pages.count - 1))
    let length = try sequence.length.added(to: count, field: "count")
    let pageCount = length / pageSize + (length % pageSize == 0 ? 0 : 1)
    let copiesLast = count > 0 ? try sharesPartialPage(sequence) : false
    let needed = pageCount - sequence.pages.count + (copiesLast ? 1 : 0)
    guard needed <= freePageCount else {
      throw ProblemError(
        .poolExhausted, "pages", value: needed,
        requirement: "must be at most \(freePageCount), the free pages")
    }
    if copiesLast, let page = allocator.allocate() { try moveLastPage(of: &sequence, to: page) }
    while sequence.pages.count < pageCount, let page = allocator.allocate() { sequence.pages.append(page) }
    sequence.length = length
  }

  /// A second sequence with the same tokens, which shares all pages. O(pages).
  ///
  /// - Throws: `ProblemError.outOfRange` for a sequence that was released.
  public mutating func fork(_ sequence: CacheSequence) throws(ProblemError) -> CacheSequence {
    try checkHeld(sequence)
    for page in sequence.pages { try allocator.retain(page) }
    return sequence
  }

  /// Gives a sequence's pages back and empties it; pages that others share stay theirs. O(pages).
  ///
  /// - Throws: `ProblemError.outOfRange`, before anything changes, for a sequence that was released.
  public mutating func release(_ sequence: inout CacheSequence) throws(ProblemError) {
    try checkHeld(sequence)
    for page in sequence.pages { try allocator.release(page) }
    sequence = CacheSequence()
  }

  private func place(of token: Int, in sequence: CacheSequence) -> (page: Int, slot: Int) {
    (Int(sequence.pages[token / pageSize]), token % pageSize)
  }

  private func checkHeld(_ sequence: CacheSequence, from first: Int = 0) throws(ProblemError) {
    for index in first..<sequence.pages.count {
      guard try allocator.holderCount(sequence.pages[index]) > 0 else {
        throw ProblemError(
          .outOfRange, "sequence.pages", index: index, value: sequence.pages[index],
          requirement: "must be a page in use")
      }
    }
  }

  private func sharesPartialPage(_ sequence: CacheSequence) throws(ProblemError) -> Bool {
    guard sequence.length % pageSize > 0, let last = sequence.pages.last else { return false }
    return try allocator.holderCount(last) > 1
  }

  /// Copies the filled slots of the last page to another, which takes its place.
  private mutating func moveLastPage(
    of sequence: inout CacheSequence, to page: Int32
  ) throws(ProblemError) {
    let shared = sequence.pages[sequence.pages.count - 1]
    for slot in 0..<sequence.length % pageSize {
      latent.copyRow(Int(page), slot, from: latent.view, Int(shared), slot)
      if let rope { rope.copyRow(Int(page), slot, from: rope.view, Int(shared), slot) }
    }
    sequence.pages[sequence.pages.count - 1] = page
    try allocator.release(shared)
  }

  private func checkSource(
    _ source: TensorView, _ field: String, _ count: Int, width: Int
  ) throws(ProblemError) {
    let found = (source.outerCount, source.innerCount, source.width)
    guard found == (count, 1, width) else {
      throw ProblemError(
        .mismatch, "\(field).shape", value: "\(found)", requirement: "must be \((count, 1, width))")
    }
    guard !source.overlaps(latent.view), !(rope.map { source.overlaps($0.view) } ?? false) else {
      throw ProblemError(
        .overlap, field, value: "bytes \(source.addresses)", requirement: "must not lie in the cache")
    }
  }
}

/// Where tokens lie in paged key lists: the request of each, and its position there.
public struct TokenPlaces: Hashable, Sendable {
  /// The request of each token; a token of a negative one has no place.
  public let requests: [Int]
  /// The position of each token among its request's keys.
  public let positions: [Int]
  /// Where each request's list starts in `pageIndices`, and the end of the last.
  public let pageOffsets: [Int]
  /// The page lists of all requests, one after another.
  public let pageIndices: [Int32]

  /// Checks and keeps places.
  ///
  /// - Throws: `ProblemError` for counts that differ, a request without offsets, a negative position, or offsets that go
  ///   down or point past `pageIndices`.
  public init(
    requests: [Int], positions: [Int], pageOffsets: [Int], pageIndices: [Int32]
  ) throws(ProblemError) {
    guard requests.count == positions.count else {
      throw ProblemError(
        .mismatch, "positions.count", value: positions.count, requirement: "must be \(requests.count)")
    }
    for index in pageOffsets.indices {
      guard pageOffsets[index] >= (index == 0 ? 0 : pageOffsets[index - 1]),
        pageOffsets[index] <= pageIndices.count
      else {
        throw ProblemError(
          .badOffsets, "pageOffsets", index: index, value: pageOffsets[index],
          requirement: "must not go down, and be at most \(pageIndices.count), the number of page indices")
      }
    }
    for (index, request) in requests.enumerated() where request >= 0 {
      guard request < pageOffsets.count - 1 else {
        throw ProblemError(
          .outOfRange, "requests", index: index, value: request,
          requirement: "must be below \(max(0, pageOffsets.count - 1)), the number of requests")
      }
      guard positions[index] >= 0 else {
        throw ProblemError(
          .notPositive, "positions", index: index, value: positions[index],
          requirement: "must not be negative")
      }
    }
    self.requests = requests
    self.positions = positions
    self.pageOffsets = pageOffsets
    self.pageIndices = pageIndices
  }
}

/// A paged cache that tokens are written to: a latent and a rope part, in one tensor or in two.
public struct MutableCacheView: Sendable {
  /// `[page, slot, latentWidth]`.
  public let latent: MutableTensorView
  /// `[page, slot, ropeWidth]`; nil where the rope width is 0.
  public let rope: MutableTensorView?

  /// Describes where to write.
  ///
  /// - Throws: `ProblemError.mismatch` where the two parts differ in pages or slots.
  public init(latent: MutableTensorView, rope: MutableTensorView?) throws(ProblemError) {
    if let rope {
      let found = (rope.view.outerCount, rope.view.innerCount)
      let expected = (latent.view.outerCount, latent.view.innerCount)
      guard found == expected else {
        throw ProblemError(
          .mismatch, "cache.rope.shape", value: "\(found)", requirement: "must be \(expected) pages and slots"
        )
      }
    }
    self.latent = latent
    self.rope = rope
  }

  /// Writes tokens to their places, bit for bit where the element types agree; of two with one place the later stays.
  ///
  /// - Parameters:
  ///   - latent: `[token, 1, latentWidth]`, not in this cache's memory.
  ///   - rope: `[token, 1, ropeWidth]`, not in this cache's memory; nil where the rope width is 0.
  ///   - places: one for each token.
  /// - Throws: `ProblemError`, before anything is written: `mismatch` for shapes that do not fit, `overlap` for tensors in
  ///   the cache's own memory, `outOfRange` for a position past its request's pages or a page outside the cache.
  /// - Complexity: O(tokens · key width).
  public func store(latent: TensorView, rope: TensorView?, at places: TokenPlaces) throws(ProblemError) {
    let count = places.requests.count
    try check(latent, "latent", count, self.latent.view)
    guard (rope == nil) == (self.rope == nil) else {
      throw ProblemError(
        .mismatch, "rope", value: rope == nil ? "nil" : "a tensor",
        requirement: "must be given if, and only if, the cache has a rope part")
    }
    if let rope, let target = self.rope { try check(rope, "rope", count, target.view) }
    var slots: [(page: Int, slot: Int)?] = []
    slots.reserveCapacity(count)
    for token in 0..<count { slots.append(try slot(of: token, places)) }
    for (token, place) in slots.enumerated() {
      guard let (page, slot) = place else { continue }
      self.latent.copyRow(page, slot, from: latent, token, 0)
      if let rope { self.rope?.copyRow(page, slot, from: rope, token, 0) }
    }
  }

  /// Page and slot of a token, nil for one without a place.
  private func slot(of token: Int, _ places: TokenPlaces) throws(ProblemError) -> (page: Int, slot: Int)? {
    let request = places.requests[token]
    guard request >= 0 else { return nil }
    let pageSize = latent.view.innerCount
    let pages = places.pageIndices[places.pageOffsets[request]..<places.pageOffsets[request + 1]]
    guard pageSize > 0, places.positions[token] / pageSize < pages.count else {
      throw ProblemError(
        .outOfRange, "positions", index: token, value: places.positions[token],
        requirement: "must lie in the \(pages.count) pages of \(pageSize) tokens of request \(request)")
    }
    let entry = pages.startIndex + places.positions[token] / pageSize
    guard (0..<latent.view.outerCount).contains(Int(pages[entry])) else {
      throw ProblemError(
        .outOfRange, "pageIndices", index: entry, value: pages[entry],
        requirement: "must be 0 ..< \(latent.view.outerCount), the cache's pages")
    }
    return (Int(pages[entry]), places.positions[token] % pageSize)
  }

  private func check(
    _ source: TensorView, _ field: String, _ count: Int, _ target: TensorView
  ) throws(ProblemError) {
    let found = (source.outerCount, source.innerCount, source.width)
    guard found == (count, 1, target.width) else {
      throw ProblemError(
        .mismatch, "\(field).shape", value: "\(found)", requirement: "must be \((count, 1, target.width))")
    }
    guard !source.overlaps(latent.view), !(rope.map { source.overlaps($0.view) } ?? false) else {
      throw ProblemError(
        .overlap, field, value: "bytes \(source.addresses)", requirement: "must not lie in the cache")
    }
  }
}

import LatentAttention
import TestSupport
import Testing

@Suite struct PagedCacheTests {
  private let geometry: AttentionGeometry

  init() throws {
    geometry = try AttentionGeometry(headCount: 2, latentWidth: 6, ropeWidth: 2, softmaxScale: 1)
  }

  /// Numbers of token `tag`, exact in every element type below 32: latent, then rope.
  private func token(_ tag: Int) -> [Float] { (0..<8).map { Float(tag) + Float($0) / 8 } }

  private func append(
    _ tags: Range<Int>, to sequence: inout CacheSequence, of cache: inout PagedCache
  ) throws {
    let latent = tags.flatMap { token($0).prefix(6) }
    let rope = tags.flatMap { token($0).suffix(2) }
    try cache.append(to: &sequence, latent: latent.span, rope: rope.span)
  }

  private func contents(_ sequence: CacheSequence, of cache: borrowing PagedCache) -> [[Float]] {
    (0..<sequence.length).map { token in
      let page = Int(sequence.pages[token / cache.pageSize])
      let slot = token % cache.pageSize
      return cache.view.latent.row(page, slot) + (cache.view.rope?.row(page, slot) ?? [])
    }
  }

  @Test(arguments: PagedCache.Layout.allCases, ElementType.allCases)
  func tokensAreWhereTheSequenceSays(layout: PagedCache.Layout, type: ElementType) throws {
    var cache = try PagedCache(
      geometry: geometry, elementType: type, pageSize: 3, pageCount: 10, layout: layout)
    var (first, second) = (CacheSequence(), CacheSequence())
    try append(0..<4, to: &first, of: &cache)
    try append(20..<21, to: &second, of: &cache)
    try append(4..<9, to: &first, of: &cache)
    try append(21..<21, to: &second, of: &cache)
    try append(21..<24, to: &second, of: &cache)
    let found = [contents(first, of: cache), contents(second, of: cache)]
    #expect(found[0] == (0..<9).map(token))
    #expect(found[1] == (20..<24).map(token))
    let counts = (first.pages.count, second.pages.count, cache.freePageCount, cache.byteCount)
    #expect(counts == (3, 2, 5, 10 * 3 * 8 * type.byteCount))
  }

  @Test func layoutsLieAsDescribed() throws {
    let combined = try PagedCache(geometry: geometry, elementType: .bfloat16, pageSize: 4, pageCount: 3)
    let view = combined.view
    let rope = try #require(view.rope)
    #expect((view.latent.outerStride, view.latent.innerStride) == (32, 8))
    #expect((rope.outerStride, rope.innerStride) == (32, 8))
    let apart = unsafe rope.baseAddress - view.latent.baseAddress
    #expect(apart == 12)
    let separate = try PagedCache(
      geometry: geometry, elementType: .bfloat16, pageSize: 4, pageCount: 3, layout: .separate)
    #expect((separate.view.latent.outerStride, separate.view.latent.innerStride) == (24, 6))
    let strides = separate.view.rope.map { [$0.outerStride, $0.innerStride] }
    #expect(strides == [8, 2])
  }

  @Test func geometryWithoutRope() throws {
    let plain = try AttentionGeometry(headCount: 1, latentWidth: 4, ropeWidth: 0, softmaxScale: 1)
    for layout in PagedCache.Layout.allCases {
      var cache = try PagedCache(
        geometry: plain, elementType: .float32, pageSize: 2, pageCount: 2, layout: layout)
      var sequence = CacheSequence()
      let (numbers, none): ([Float], [Float]) = ([1, 2, 3, 4, 5, 6, 7, 8], [])
      try cache.append(to: &sequence, latent: numbers.span, rope: none.span)
      let tensor = try OwnedTensor(.float16, (1, 1, 4), [9, 10, 11, 12])
      try cache.append(to: &sequence, latent: tensor.view, rope: nil)
      withExtendedLifetime(tensor) {}
      let found = contents(sequence, of: cache)
      #expect(found == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]])
    }
  }

  @Test func forkedSequencesShareUntilTheyGoOn() throws {
    var cache = try PagedCache(geometry: geometry, elementType: .bfloat16, pageSize: 4, pageCount: 10)
    var first = CacheSequence()
    try append(0..<6, to: &first, of: &cache)
    var second = try cache.fork(first)
    let shared = (second, cache.freePageCount)
    #expect(shared.0 == first)
    #expect(shared.1 == 8)

    try append(30..<31, to: &second, of: &cache)
    try append(6..<7, to: &first, of: &cache)
    let found = [contents(first, of: cache), contents(second, of: cache)]
    #expect(found[0] == (0..<7).map(token))
    #expect(found[1] == ((0..<6) + [30]).map(token))
    #expect(second.pages[0] == first.pages[0])
    #expect(second.pages[1] != first.pages[1])
    let afterCopy = cache.freePageCount
    #expect(afterCopy == 7)

    try cache.release(&first)
    let afterFirst = (cache.freePageCount, contents(second, of: cache))
    #expect(afterFirst.0 == 8)
    #expect(afterFirst.1 == ((0..<6) + [30]).map(token))
    try cache.release(&second)
    let afterBoth = cache.freePageCount
    #expect(afterBoth == 10)
    #expect(first == CacheSequence())
  }

  @Test func fullPagesAndEmptyAppendsAreNotCopied() throws {
    var cache = try PagedCache(geometry: geometry, elementType: .bfloat16, pageSize: 4, pageCount: 3)
    var first = CacheSequence()
    try append(0..<4, to: &first, of: &cache)
    var second = try cache.fork(first)
    try append(20..<21, to: &second, of: &cache)
    #expect(second.pages[0] == first.pages[0])
    var third = try cache.fork(second)
    try cache.extend(&third, by: 0)
    let free = cache.freePageCount
    #expect(third == second)
    #expect(free == 1)
  }

  @Test func exhaustedPoolChangesNothing() throws {
    var cache = try PagedCache(geometry: geometry, elementType: .bfloat16, pageSize: 4, pageCount: 3)
    var first = CacheSequence()
    try append(0..<6, to: &first, of: &cache)
    var second = try cache.fork(first)
    let before = second
    // A copy of the shared page and one more page are needed; one is free.
    expectProblem(.poolExhausted, "pages", value: "2") { try append(20..<23, to: &second, of: &cache) }
    expectProblem(.poolExhausted, "pages", value: "2") { try cache.extend(&second, by: 3) }
    let after = (second, cache.freePageCount, contents(first, of: cache))
    #expect(after.0 == before)
    #expect(after.1 == 1)
    #expect(after.2 == (0..<6).map(token))
    try append(20..<22, to: &second, of: &cache)
    expectProblem(.poolExhausted, "pages", value: "1") { try append(22..<23, to: &second, of: &cache) }
    expectProblem(.overflow, "count") { try cache.extend(&second, by: .max) }
    expectProblem(.notPositive, "count", value: "-1") { try cache.extend(&second, by: -1) }
    let found = contents(second, of: cache)
    #expect(found == ((0..<6) + [20, 21]).map(token))
  }

  @Test func releasedSequencesCannotBeUsed() throws {
    var cache = try PagedCache(geometry: geometry, elementType: .bfloat16, pageSize: 4, pageCount: 3)
    var sequence = CacheSequence()
    try append(0..<6, to: &sequence, of: &cache)
    var stale = sequence
    try cache.release(&sequence)
    expectProblem(.outOfRange, "sequence.pages", index: 0, value: "0") { try cache.release(&stale) }
    expectProblem(.outOfRange, "sequence.pages", index: 0, value: "0") { _ = try cache.fork(stale) }
    expectProblem(.outOfRange, "sequence.pages", index: 1, value: "1") { try cache.extend(&stale, by: 1) }
    let free = cache.freePageCount
    #expect(free == 3)
  }

  @Test(arguments: ElementType.allCases, ElementType.allCases)
  func appendsFromTensorsOfAnyType(source: ElementType, target: ElementType) throws {
    var cache = try PagedCache(geometry: geometry, elementType: target, pageSize: 2, pageCount: 4)
    let latent = try OwnedTensor(source, (3, 1, 6), (0..<3).flatMap { token($0).prefix(6) })
    let rope = try OwnedTensor(source, (3, 1, 2), (0..<3).flatMap { token($0).suffix(2) })
    var sequence = CacheSequence()
    try cache.append(to: &sequence, latent: latent.view, rope: rope.view)
    withExtendedLifetime((latent, rope)) {}
    let found = contents(sequence, of: cache)
    #expect(found == (0..<3).map(token))
  }

  @Test func appendsThatDoNotFitChangeNothing() throws {
    var cache = try PagedCache(geometry: geometry, elementType: .bfloat16, pageSize: 2, pageCount: 4)
    var sequence = CacheSequence()
    func tensor(_ outer: Int, _ inner: Int, _ width: Int) throws -> OwnedTensor {
      try OwnedTensor(.bfloat16, (outer, inner, width), repeating: 1)
    }
    let (latent, rope) = (try tensor(2, 1, 6), try tensor(2, 1, 2))
    let (numbers, none): ([Float], [Float]) = (token(1), [])
    let wrong = (try tensor(2, 1, 7), try tensor(1, 1, 2), try tensor(1, 2, 6))
    expectProblem(.mismatch, "latent.count", value: "7") {
      try cache.append(to: &sequence, latent: numbers.span.extracting(first: 7), rope: none.span)
    }
    expectProblem(.mismatch, "rope.count", value: "1") {
      try cache.append(
        to: &sequence, latent: numbers.span.extracting(first: 6), rope: numbers.span.extracting(first: 1))
    }
    expectProblem(.mismatch, "latent.shape", value: "(2, 1, 7)") {
      try cache.append(to: &sequence, latent: wrong.0.view, rope: rope.view)
    }
    expectProblem(.mismatch, "rope.shape", value: "(1, 1, 2)") {
      try cache.append(to: &sequence, latent: latent.view, rope: wrong.1.view)
    }
    expectProblem(.mismatch, "latent.shape", value: "(1, 2, 6)") {
      try cache.append(to: &sequence, latent: wrong.2.view, rope: rope.view)
    }
    expectProblem(.mismatch, "rope", value: "nil") {
      try cache.append(to: &sequence, latent: latent.view, rope: nil)
    }
    let inside = cache.view.latent
    let first = try PagedCache(geometry: geometry, elementType: .bfloat16, pageSize: 1, pageCount: 2)
    expectProblem(.overlap, "latent") {
      try cache.append(to: &sequence, latent: inside.firstSlots, rope: first.view.rope)
    }
    let after = (sequence, cache.freePageCount)
    #expect(after.0 == CacheSequence())
    #expect(after.1 == 4)
  }

  @Test func sizesThatCannotBe() throws {
    let geometry = self.geometry
    func make(_ pageSize: Int, _ pageCount: Int) throws {
      _ = try PagedCache(geometry: geometry, elementType: .bfloat16, pageSize: pageSize, pageCount: pageCount)
    }
    try make(1, 0)
    expectProblem(.notPositive, "pageSize", value: "0") { try make(0, 1) }
    expectProblem(.notPositive, "pageCount", value: "-1") { try make(1, -1) }
    expectProblem(.overflow, "pageCount") { try make(.max, 2) }
    expectProblem(.overflow, "pageCount") { try make(1, .max) }
    // 2^57 bytes: more than any address space.
    expectProblem(.outOfRange, "pageCount", value: "\(1 << 57) bytes") { try make(1 << 43, 1 << 10) }
  }

  @Test(arguments: ElementType.allCases)
  func fillingIsReproducibleAndNormal(type: ElementType) throws {
    func fill(_ seed: UInt64) throws -> [Float] {
      var cache = try PagedCache(geometry: geometry, elementType: type, pageSize: 7, pageCount: 501)
      cache.fill(seed: seed)
      let whole = (0..<501).flatMap { page in
        (0..<7).flatMap { cache.view.latent.row(page, $0) + (cache.view.rope?.row(page, $0) ?? []) }
      }
      return whole
    }
    let numbers = try fill(1)
    let again = try fill(1)
    let other = try fill(2)
    #expect(numbers == again)
    #expect(numbers != other)
    let mean = numbers.reduce(0) { $0 + Double($1) } / Double(numbers.count)
    let variance = numbers.reduce(0) { $0 + Double($1) * Double($1) } / Double(numbers.count)
    #expect(mean.magnitude < 0.1)
    #expect((variance - 1).magnitude < 0.1)
    #expect(Set(numbers.suffix(14)).count > 7)
  }
}

extension TensorView {
  /// The first slot of each page: `[page, 1, width]`.
  fileprivate var firstSlots: TensorView {
    get throws {
      let bytes = unsafe UnsafeRawBufferPointer(start: baseAddress, count: 2 * outerStride * outerCount)
      return unsafe try TensorView(
        bytes, elementType, shape: (outerCount, 1, width), strides: (outerStride, width))
    }
  }
}

import LatentAttention
import TestSupport
import Testing

/// Writing tokens where a scheduler of the caller's own has placed them.
@Suite struct CacheWritingTests {
  private let places = TokenPlacesArguments(
    requests: [0, 1, -1, 1], positions: [3, 0, 99, 4], pageOffsets: [0, 2, 5], pageIndices: [4, 1, 0, 3, 2])

  @Test func tokensGoToTheirPlaces() throws {
    let cache = try OwnedTensor(.bfloat16, (5, 2, 3), repeating: -1)
    let rope = try OwnedTensor(.float32, (5, 2, 2), repeating: -1)
    let latent = try OwnedTensor(.float32, (4, 1, 3), (0..<12).map(Float.init))
    let ropeRows = try OwnedTensor(.float32, (4, 1, 2), (100..<108).map(Float.init))
    let target = try MutableCacheView(latent: cache.rows, rope: rope.rows)
    try target.store(latent: latent.view, rope: ropeRows.view, at: try places.made())
    withExtendedLifetime((latent, ropeRows)) {}
    // Key 3 of request 0 is slot 1 of its second page, 1; keys 0 and 4 of request 1 are in its pages 0 and 2.
    let expected: [[Int]: (token: Int, row: [Float])] = [
      [1, 1]: (0, [0, 1, 2]), [0, 0]: (1, [3, 4, 5]), [2, 0]: (3, [9, 10, 11]),
    ]
    for page in 0..<5 {
      for slot in 0..<2 {
        let written = expected[[page, slot]]
        #expect(cache.row(page, slot) == written?.row ?? [-1, -1, -1], "page \(page), slot \(slot)")
        let ropeRow = written.map { [Float(100 + 2 * $0.token), Float(101 + 2 * $0.token)] }
        #expect(rope.row(page, slot) == ropeRow ?? [-1, -1], "page \(page), slot \(slot)")
      }
    }
  }

  @Test func mistakesAreNamedAndNothingIsWritten() throws {
    let cache = try OwnedTensor(.float32, (5, 2, 3), repeating: -1)
    let latent = try OwnedTensor(.float32, (4, 1, 3), repeating: 7)
    let target = try MutableCacheView(latent: cache.rows, rope: nil)
    var wrong = places
    wrong.positions[3] = 6
    expectProblem(.outOfRange, "positions", index: 3) {
      try target.store(latent: latent.view, rope: nil, at: try wrong.made())
    }
    wrong = places
    wrong.pageIndices[4] = 5
    expectProblem(.outOfRange, "pageIndices", index: 4) {
      try target.store(latent: latent.view, rope: nil, at: try wrong.made())
    }
    wrong = places
    wrong.requests[1] = 2
    expectProblem(.outOfRange, "requests", index: 1) { _ = try wrong.made() }
    wrong = places
    wrong.positions[0] = -1
    expectProblem(.notPositive, "positions", index: 0) { _ = try wrong.made() }
    wrong = places
    wrong.pageOffsets[1] = 6
    expectProblem(.badOffsets, "pageOffsets", index: 1) { _ = try wrong.made() }
    expectProblem(.overlap, "latent") {
      let places = try TokenPlaces(
        requests: [0, 0, 0, 0, 0], positions: [0, 0, 0, 0, 0], pageOffsets: [0, 1], pageIndices: [0])
      let slots = unsafe try TensorView(
        UnsafeRawBufferPointer(start: cache.view.baseAddress, count: 5 * 6 * 4), .float32, shape: (5, 1, 3),
        strides: (6, 3))
      try target.store(latent: slots, rope: nil, at: places)
    }
    #expect(
      (0..<5).allSatisfy { cache.row($0, 0) == [-1, -1, -1] && cache.row($0, 1) == [-1, -1, -1] })
  }

  @Test func neededPagesLeaveGarbageOut() {
    let count = Batch.neededPageCount(
      pageOffsets: [0, 3, 5, 5], pageIndices: [4, 900, .min, 7, .max], keyLengths: [2, 1, 0], pageSize: 2)
    #expect(count == 8)
    #expect(Batch.neededPageCount(pageOffsets: [0], pageIndices: [], keyLengths: [], pageSize: 1) == 0)
  }
}

private struct TokenPlacesArguments {
  var requests, positions, pageOffsets: [Int]
  var pageIndices: [Int32]

  func made() throws -> TokenPlaces {
    try TokenPlaces(
      requests: requests, positions: positions, pageOffsets: pageOffsets, pageIndices: pageIndices)
  }
}

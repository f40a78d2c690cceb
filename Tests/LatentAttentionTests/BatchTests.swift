import LatentAttention
import Testing

@Suite struct BatchTests {
  /// A batch of two requests with 2 and 3 query tokens, 5 and 4 keys, pages of 4; parts can be changed.
  private func make(
    queryOffsets: [Int] = [0, 2, 5], pageOffsets: [Int] = [0, 2, 3], pageIndices: [Int32] = [3, 0, 2],
    keyLengths: [Int] = [5, 4], pageSize: Int = 4, poolPageCount: Int = 4
  ) throws -> Batch {
    try Batch(
      queryOffsets: queryOffsets, pageOffsets: pageOffsets, pageIndices: pageIndices, keyLengths: keyLengths,
      pageSize: pageSize, poolPageCount: poolPageCount, isCausal: true)
  }

  @Test func keepsWhatItWasGiven() throws {
    let batch = try make()
    #expect(batch.count == 2)
    #expect(batch.queryTokenCount == 5)
    #expect(batch.queryCount(1) == 3)
  }

  @Test func emptyBatchIsFine() throws {
    let batch = try make(queryOffsets: [0], pageOffsets: [0], pageIndices: [], keyLengths: [])
    #expect(batch.count == 0)
    #expect(batch.queryTokenCount == 0)
    let other = try Batch(
      queryCounts: [], pageLists: [], keyLengths: [], pageSize: 1, poolPageCount: 0, isCausal: false)
    #expect(other.queryOffsets == [0])
  }

  @Test func causalRowsSeePrefixesAlignedToTheEnd() throws {
    let batch = try make(queryOffsets: [0, 2, 8])
    #expect((0..<2).map { batch.visibleKeyCount(request: 0, token: $0) } == [4, 5])
    #expect((0..<6).map { batch.visibleKeyCount(request: 1, token: $0) } == [0, 0, 1, 2, 3, 4])
    let whole = try Batch(
      queryCounts: [3], pageLists: [[0]], keyLengths: [2], pageSize: 4, poolPageCount: 1, isCausal: false)
    #expect((0..<3).map { whole.visibleKeyCount(request: 0, token: $0) } == [2, 2, 2])
  }

  @Test func badSizes() {
    expectProblem(.notPositive, "pageSize", value: "0") { _ = try make(pageSize: 0) }
    expectProblem(.notPositive, "pageSize", value: "-4") { _ = try make(pageSize: -4) }
    expectProblem(.outOfRange, "poolPageCount", value: "-1") { _ = try make(poolPageCount: -1) }
    expectProblem(.outOfRange, "poolPageCount", value: "2147483648") {
      _ = try make(poolPageCount: 1 << 31)
    }
  }

  @Test func badOffsets() {
    expectProblem(.mismatch, "queryOffsets.count", value: "2") { _ = try make(queryOffsets: [0, 5]) }
    expectProblem(.tooShort, "pageOffsets.count", value: "2") { _ = try make(pageOffsets: [0, 2]) }
    expectProblem(.badOffsets, "queryOffsets", index: 0, value: "1") {
      _ = try make(queryOffsets: [1, 2, 5])
    }
    expectProblem(.badOffsets, "queryOffsets", index: 2, value: "1") {
      _ = try make(queryOffsets: [0, 2, 1])
    }
    expectProblem(.badOffsets, "pageOffsets", index: 1, value: "-2") {
      _ = try make(pageOffsets: [0, -2, 3])
    }
    expectProblem(.badOffsets, "pageOffsets", index: 2, value: "4") {
      _ = try make(pageOffsets: [0, 2, 4])
    }
  }

  @Test func badLengths() {
    expectProblem(.notPositive, "keyLengths", index: 1, value: "-1") { _ = try make(keyLengths: [5, -1]) }
    expectProblem(.tooShort, "keyLengths", index: 0, value: "9") { _ = try make(keyLengths: [9, 4]) }
    expectProblem(.tooShort, "keyLengths", index: 1, value: "\(Int.max)") {
      _ = try make(keyLengths: [5, .max])
    }
  }

  @Test(arguments: [Int32(-1), .min, 4, .max])
  func neededPageOutsideThePool(page: Int32) {
    expectProblem(.outOfRange, "pageIndices", index: 1, value: "\(page)") {
      _ = try make(pageIndices: [3, page, 2])
    }
  }

  @Test(arguments: [Int32(-1), .min, 4, .max])
  func garbagePastTheNeededPagesIsAccepted(page: Int32) throws {
    let batch = try make(
      pageOffsets: [0, 3, 6, 99], pageIndices: [3, 0, page, 2, page, page], keyLengths: [5, 4])
    #expect(batch.pageOffsets == [0, 3, 6])
    _ = try make(pageOffsets: [0, 1, 2], pageIndices: [page, page], keyLengths: [0, 0])
  }

  @Test func badLists() {
    func make(_ counts: [Int], _ lists: [[Int32]]) throws {
      _ = try Batch(
        queryCounts: counts, pageLists: lists, keyLengths: [1, 1], pageSize: 1, poolPageCount: 2,
        isCausal: true)
    }
    expectProblem(.mismatch, "pageLists.count", value: "1") { try make([1, 1], [[0]]) }
    expectProblem(.mismatch, "queryOffsets.count", value: "2") { try make([1], [[0], [1]]) }
    expectProblem(.notPositive, "queryCounts", index: 1, value: "-3") { try make([1, -3], [[0], [1]]) }
    expectProblem(.overflow, "queryCounts", value: "\(Int.max) + 1") { try make([.max, 1], [[0], [1]]) }
  }

  @Test func badGeometries() {
    func make(_ heads: Int, _ latent: Int, _ rope: Int, _ scale: Float) throws {
      _ = try AttentionGeometry(headCount: heads, latentWidth: latent, ropeWidth: rope, softmaxScale: scale)
    }
    expectProblem(.outOfRange, "headCount", value: "0") { try make(0, 512, 64, 1) }
    expectProblem(.outOfRange, "headCount", value: "257") { try make(257, 512, 64, 1) }
    expectProblem(.outOfRange, "latentWidth", value: "0") { try make(1, 0, 64, 1) }
    expectProblem(.outOfRange, "ropeWidth", value: "-1") { try make(1, 512, -1, 1) }
    expectProblem(.outOfRange, "ropeWidth", value: "8193") { try make(1, 512, 8193, 1) }
    expectProblem(.notFinite, "softmaxScale", value: "nan") { try make(1, 512, 64, .nan) }
    expectProblem(.notFinite, "softmaxScale", value: "-inf") { try make(1, 512, 64, -.infinity) }
  }
}

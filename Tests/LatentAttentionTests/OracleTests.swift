import Foundation
import LatentAttention
import TestSupport
import Testing

@Suite struct OracleTests {
  /// Two keys on swapped pages, one head: scores 1 and 0, then 0 and 1 for the second query.
  @Test func resultsComputedByHand() throws {
    let geometry = try AttentionGeometry(headCount: 1, latentWidth: 2, ropeWidth: 1, softmaxScale: 0.5)
    let queries = try OwnedTensor(.float32, (2, 1, 3), [1, 0, 1, -1, 0, 3])
    // Page 2 holds key 0 = (2, 4 | 0), page 0 holds key 1 = (-1, 8 | 1).
    let cache = try OwnedTensor(.float32, (3, 1, 3), [-1, 8, 1, .nan, .nan, .nan, 2, 4, 0])
    let batch = try Batch(
      queryCounts: [2], pageLists: [[2, 0, -7]], keyLengths: [2], pageSize: 1, poolPageCount: 3,
      isCausal: false)
    let oracle = try Oracle(
      batch: batch, geometry: geometry, queries: QueryView(combined: queries.view, geometry: geometry),
      cache: CacheView(combined: cache.view, geometry: geometry))

    // Scores 0.5 · (2 + 0) = 1 and 0.5 · (−1 + 1) = 0; e / (e + 1) = 0.7310585786300049.
    let first = try oracle.row(request: 0, token: 0, head: 0)
    let weight = 0.7310585786300049
    expectClose(first.output, [2 * weight - (1 - weight), 4 * weight + 8 * (1 - weight)])
    expectClose([first.lse], [1.3132616875182228])
    expectClose(first.weightedMagnitude, [2 * weight + (1 - weight), 4 * weight + 8 * (1 - weight)])
    #expect(first.totalMagnitude == [3, 12])
    // Σ |q · k| is 2 for either key.
    expectClose([first.scoreMagnitude], [weight * 1 + (1 - weight) * 1])
    expectClose([first.weightSum], [1 + exp(-1)])
    #expect(first.keyCount == 2)

    // Scores 0.5 · (−2 + 0) = −1 and 0.5 · (1 + 3) = 2; e³ / (e³ + 1) = 0.9525741268224334.
    let second = try oracle.row(request: 0, token: 1, head: 0)
    let other = 0.9525741268224334
    expectClose(second.output, [2 * (1 - other) - other, 4 * (1 - other) + 8 * other])
    expectClose([second.lse], [2 + 0.04858735157374196])
    expectClose([second.scoreMagnitude], [1 * (1 - other) + 2 * other])
    #expect(try oracle.rows(request: 0, token: 1) == [second])
    withExtendedLifetime((queries, cache)) {}
  }

  private func expectClose(
    _ got: [Double], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(got.count == expected.count, sourceLocation: sourceLocation)
    for (got, expected) in zip(got, expected) {
      #expect(
        (got - expected).magnitude <= 1e-14 * max(1, expected.magnitude), sourceLocation: sourceLocation)
    }
  }

  @Test func rowsWithoutKeysAreEmpty() throws {
    let verificationCase = try VerificationCase(CaseRecipe("empty", requests: [CaseRecipe.Request(3, 1)]))
    let oracle = try verificationCase.oracle()
    for row in try oracle.rows(request: 0, token: 1) {
      #expect(row.output == Array(repeating: 0, count: 512))
      #expect(row.lse == -.infinity)
      #expect(row.keyCount == 0)
    }
    // One key: its latent part is the output, whatever the query.
    let page = Int(verificationCase.batch.pageIndices[0])
    for row in try oracle.rows(request: 0, token: 2) {
      #expect(row.output == verificationCase.cache.latent.row(page, 0).map(Double.init))
      #expect(row.weightSum == 1)
    }
    withExtendedLifetime(verificationCase) {}
  }

  /// The definition without paging, views or a shifted exponent, over plain arrays.
  private func longForm(
    query: [Float], keys: ArraySlice<[Float]>, latentWidth: Int, scale: Float
  ) -> (output: [Double], lse: Double) {
    var sum = 0.0
    var output = Array(repeating: 0.0, count: latentWidth)
    for key in keys {
      var score = 0.0
      for index in query.indices { score += Double(query[index]) * Double(key[index]) }
      let weight = exp(Double(scale) * score)
      sum += weight
      for column in 0..<latentWidth { output[column] += weight * Double(key[column]) }
    }
    return (output.map { $0 / sum }, log(sum))
  }

  @Test(arguments: [true, false])
  func agreesWithTheLongForm(isCausal: Bool) throws {
    let (heads, latent, rope, pageSize) = (3, 11, 6, 4)
    let (queryCounts, keyLengths) = ([2, 5, 1], [9, 17, 4])
    let pageLists: [[Int32]] = [[4, 7, 1], [0, 9, 2, 6, 3], [8]]
    var generator = SplitMix64(seed: 42)
    func row() -> [Float] { (0..<latent + rope).map { _ in generator.normal() } }
    let queries = (0..<8).map { _ in (0..<heads).map { _ in row() } }
    let keys = keyLengths.map { (0..<$0).map { _ in row() } }

    var pool = Array(repeating: Array(repeating: Float.nan, count: latent + rope), count: 10 * pageSize)
    for (request, list) in keys.enumerated() {
      for (key, numbers) in list.enumerated() {
        pool[Int(pageLists[request][key / pageSize]) * pageSize + key % pageSize] = numbers
      }
    }
    let geometry = try AttentionGeometry(
      headCount: heads, latentWidth: latent, ropeWidth: rope, softmaxScale: 0.3)
    let batch = try Batch(
      queryCounts: queryCounts, pageLists: pageLists, keyLengths: keyLengths, pageSize: pageSize,
      poolPageCount: 10, isCausal: isCausal)
    let queryTensor = try OwnedTensor(
      .float32, (8, heads, latent + rope), queries.flatMap { $0.flatMap { $0 } })
    let latents = try OwnedTensor(.float32, (10, pageSize, latent), pool.flatMap { $0.prefix(latent) })
    let ropes = try OwnedTensor(.float32, (10, pageSize, rope), pool.flatMap { $0.suffix(rope) })
    let oracle = try Oracle(
      batch: batch, geometry: geometry,
      queries: QueryView(combined: queryTensor.view, geometry: geometry),
      cache: CacheView(latent: latents.view, rope: ropes.view))

    for request in 0..<3 {
      for token in 0..<queryCounts[request] {
        let hidden = isCausal ? queryCounts[request] - 1 - token : 0
        for head in 0..<heads {
          let expected = longForm(
            query: queries[batch.queryOffsets[request] + token][head], keys: keys[request].dropLast(hidden),
            latentWidth: latent, scale: 0.3)
          let got = try oracle.row(request: request, token: token, head: head)
          expectClose(got.output, expected.output)
          expectClose([got.lse], [expected.lse])
        }
      }
    }
    withExtendedLifetime((queryTensor, latents, ropes)) {}
  }

  @Test func scoresFarFromZeroDoNotOverflow() throws {
    var recipe = CaseRecipe("far", requests: [CaseRecipe.Request(1, 50)])
    recipe.softmaxScale = 100
    let verificationCase = try VerificationCase(recipe)
    for row in try verificationCase.oracle().rows(request: 0, token: 0) {
      #expect(row.lse > 1000)
      #expect(row.output.allSatisfy { $0.isFinite })
    }
    withExtendedLifetime(verificationCase) {}
  }

  @Test func placesThatDoNotExist() throws {
    let verificationCase = try VerificationCase(
      CaseRecipe("two requests", requests: [CaseRecipe.Request(1, 3), CaseRecipe.Request(0, 3)]))
    let oracle = try verificationCase.oracle()
    expectProblem(.outOfRange, "request", value: "2") { _ = try oracle.row(request: 2, token: 0, head: 0) }
    expectProblem(.outOfRange, "request", value: "-1") { _ = try oracle.rows(request: -1, token: 0) }
    expectProblem(.outOfRange, "token", value: "1") { _ = try oracle.rows(request: 0, token: 1) }
    expectProblem(.outOfRange, "token", value: "0") { _ = try oracle.row(request: 1, token: 0, head: 0) }
    expectProblem(.outOfRange, "head", value: "16") { _ = try oracle.row(request: 0, token: 0, head: 16) }
  }

  @Test func randomRowsAreComparedInPlace() throws {
    var recipe = CaseRecipe(
      "ragged",
      requests: [(0, 5), (2, 30), (0, 0), (1, 7), (0, 2)].map { CaseRecipe.Request($0.0, $0.1) })
    recipe.headCount = 3
    let verificationCase = try VerificationCase(recipe)
    try ReferenceEngine.runOracle(verificationCase)
    let oracle = try verificationCase.oracle()
    let comparison = try oracle.compare(verificationCase.output, randomRows: 200, seed: 1)
    #expect(comparison.passed)
    #expect(comparison.rowCount == 200)

    let rows = verificationCase.output.output
    var row = rows.view.row(2, 1)
    row[0] += 1
    rows.storeRow(2, 1, row.span)
    let fault = try oracle.compare(verificationCase.output, randomRows: 200, seed: 1).firstFault
    withExtendedLifetime(verificationCase) {}
    #expect(fault?.place == Comparison.Place(request: 3, token: 0, head: 1))

    let empty = try VerificationCase(CaseRecipe("none", requests: [CaseRecipe.Request(0, 5)]))
    #expect(try empty.oracle().compare(empty.output, randomRows: 10, seed: 1).rowCount == 0)
  }
}

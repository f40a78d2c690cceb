import LatentAttention
import TestSupport
import Testing

/// Faults that checking a verification case must notice, each put into an otherwise right result.
@Suite struct FaultDetectionTests {
  private func makeCase(
    _ requests: [(Int, Int)], _ change: (inout CaseRecipe) -> Void = { _ in }
  ) throws -> VerificationCase {
    var recipe = CaseRecipe("fault", requests: requests.map { CaseRecipe.Request($0.0, $0.1) })
    change(&recipe)
    let verificationCase = try VerificationCase(recipe)
    try ReferenceEngine.runOracle(verificationCase)
    #expect(try verificationCase.check().passed)
    return verificationCase
  }

  /// An oracle of the same case with other pages or lengths.
  private func oracle(
    of verificationCase: VerificationCase, pages: [Int32]? = nil, keyLength: Int
  ) throws -> Oracle {
    let batch = verificationCase.batch
    let changed = try Batch(
      queryCounts: [batch.queryCount(0)], pageLists: [pages ?? batch.pageIndices], keyLengths: [keyLength],
      pageSize: batch.pageSize, poolPageCount: batch.poolPageCount, isCausal: batch.isCausal)
    return try Oracle(
      batch: changed, geometry: verificationCase.geometry, queries: verificationCase.queries,
      cache: verificationCase.cache)
  }

  @Test(arguments: ElementType.allCases)
  func untouchedOutputFails(type: ElementType) throws {
    var recipe = CaseRecipe("untouched", requests: [CaseRecipe.Request(1, 0)])
    recipe.elementType = type
    recipe.outputType = type
    let comparison = try VerificationCase(recipe).check()
    #expect(comparison.outputError == .infinity)
    guard case .output(let place, column: 0, got: let got, expected: 0, bound: 0) = comparison.firstFault
    else {
      Issue.record("\(comparison)")
      return
    }
    #expect(place == Comparison.Place(request: 0, token: 0, head: 0))
    #expect(got.isNaN)
  }

  @Test(arguments: [(96, 2), (48, 3), (40, 4), (24, 6), (20, 7)])
  func newestKeySkippedInOneRow(heads: Int, queries: Int) throws {
    let verificationCase = try makeCase([(queries, 65)]) { $0.headCount = heads }
    let shortened = try oracle(of: verificationCase, keyLength: 64)
    let row = try shortened.row(request: 0, token: queries - 1, head: heads - 1)
    ReferenceEngine.write(row, to: verificationCase.output, queries - 1, heads - 1)
    let fault = try #require(try verificationCase.check().firstFault)
    #expect(fault.place == Comparison.Place(request: 0, token: queries - 1, head: heads - 1))
  }

  @Test(arguments: ElementType.allCases)
  func oneOfAThousandKeysSkipped(type: ElementType) throws {
    let verificationCase = try makeCase([(1, 1000)]) {
      $0.elementType = type
      $0.outputType = type
      $0.pageSize = 1
      $0.isCausal = false
      $0.values = .small
    }
    var pages = verificationCase.batch.pageIndices
    pages.remove(at: 500)
    let without = try oracle(of: verificationCase, pages: pages, keyLength: 999)
    for (head, row) in try without.rows(request: 0, token: 0).enumerated() {
      ReferenceEngine.write(row, to: verificationCase.output, 0, head)
    }
    #expect(try !verificationCase.check().passed)
  }

  @Test func wrongLogarithmBase() throws {
    let verificationCase = try makeCase([(1, 40)]) { $0.lseBase = .two }
    let lse = try #require(verificationCase.output.lse)
    let token = try #require(lse.view.row(0, 5).first)
    lse.storeRow(0, 5, [token * 0.6931472].span)
    let comparison = try verificationCase.check()
    guard case .lse(let place, _, let expected, _) = comparison.firstFault else {
      Issue.record("\(comparison)")
      return
    }
    #expect(place == Comparison.Place(request: 0, token: 0, head: 5))
    #expect((expected - Double(token)).magnitude < 1e-5 * Double(token.magnitude))
  }

  @Test(arguments: ElementType.allCases)
  func twoRowsSwapped(type: ElementType) throws {
    let verificationCase = try makeCase([(1, 40), (2, 300)]) {
      $0.elementType = type
      $0.outputType = type
    }
    let output = verificationCase.output.output
    let (first, second) = (output.view.row(1, 3), output.view.row(1, 4))
    output.storeRow(1, 3, second.span)
    output.storeRow(1, 4, first.span)
    let comparison = try verificationCase.check()
    guard case .output(let place, _, _, _, _) = comparison.firstFault else {
      Issue.record("\(comparison)")
      return
    }
    #expect(place == Comparison.Place(request: 1, token: 0, head: 3))
    #expect(comparison.outputErrorShare > 1)
    #expect(comparison.lseErrorShare <= 1)
  }

  @Test(arguments: [0, 100, 511])
  func numbersThatAreNaN(column: Int) throws {
    let verificationCase = try makeCase([(1, 40)])
    var row = verificationCase.output.output.view.row(0, 2)
    row[column] = .nan
    verificationCase.output.output.storeRow(0, 2, row.span)
    let comparison = try verificationCase.check()
    guard case .output(let place, let found, let got, _, _) = comparison.firstFault else {
      Issue.record("\(comparison)")
      return
    }
    #expect(place.head == 2)
    #expect(found == column)
    #expect(got.isNaN)
    #expect("\(comparison)".contains("request 0, token 0, head 2, column \(column) is nan"))
  }

  @Test func emptyRowsMustBeExactlyEmpty() throws {
    let verificationCase = try makeCase([(3, 2)])
    var row = verificationCase.output.output.view.row(0, 0)
    row[7] = 1e-9
    verificationCase.output.output.storeRow(0, 0, row.span)
    #expect(try verificationCase.check().outputErrorShare == .infinity)

    let other = try makeCase([(3, 2)])
    let lse = try #require(other.output.lse)
    lse.storeRow(0, 0, [-1e30].span)
    #expect(try other.check().lseErrorShare == .infinity)
    lse.storeRow(0, 0, [Float.infinity].span)
    #expect(try !other.check().passed)
  }

  @Test(arguments: [-1, 512, 515])
  func writesBesideRows(column: Int) throws {
    let verificationCase = try makeCase([(2, 10)]) { $0.outputLayout.rowPadding = 4 }
    let output = verificationCase.output.output
    unsafe output.baseAddress.storeBytes(of: 0, toByteOffset: 2 * column, as: UInt16.self)
    let comparison = try verificationCase.check()
    guard case .strayWrite(tensor: "output", _) = comparison.firstFault else {
      Issue.record("\(comparison)")
      return
    }
  }

  @Test func writesPastTheEndOfTheLSEs() throws {
    let verificationCase = try makeCase([(2, 10)])
    let lse = try #require(verificationCase.output.lse)
    unsafe lse.baseAddress.storeBytes(of: 1, toByteOffset: 4 * 2 * 16, as: Float.self)
    let comparison = try verificationCase.check()
    guard case .strayWrite(tensor: "lse", _) = comparison.firstFault else {
      Issue.record("\(comparison)")
      return
    }
  }
}

import LatentAttention
import TestSupport
import Testing

@Suite struct VerificationCaseTests {
  @Test func roundedOraclePassesRandomCases() throws {
    for index in 0..<40 {
      let verificationCase = try VerificationCase(seed: 7, index: index)
      try ReferenceEngine.runOracle(verificationCase)
      let comparison = try verificationCase.check()
      #expect(comparison.passed, "\(verificationCase.recipe): \(comparison)")
      #expect(
        comparison.rowCount == verificationCase.batch.queryTokenCount * verificationCase.geometry.headCount)
    }
  }

  @Test func singlePrecisionPassesRandomCases() throws {
    for index in 0..<40 { try expectSinglePrecisionPasses(CaseRecipe.random(seed: 11, index: index)) }
  }

  @Test func singlePrecisionPassesAwkwardCases() throws {
    for recipe in CaseRecipe.awkward { try expectSinglePrecisionPasses(recipe) }
  }

  private func expectSinglePrecisionPasses(_ recipe: CaseRecipe) throws {
    let verificationCase = try VerificationCase(recipe)
    ReferenceEngine.runSinglePrecision(verificationCase)
    let comparison = try verificationCase.check()
    #expect(comparison.passed, "\(recipe): \(comparison)")
  }

  @Test func awkwardNamesAreUnique() {
    #expect(Set(CaseRecipe.awkward.map(\.name)).count == CaseRecipe.awkward.count)
  }

  @Test func sameSeedAndIndexMakeTheSameCase() throws {
    for index in 0..<20 {
      let first = try VerificationCase(seed: 3, index: index)
      let second = try VerificationCase(seed: 3, index: index)
      #expect(first.recipe == second.recipe)
      #expect(first.batch == second.batch)
      #expect(bits(first.cache.latent) == bits(second.cache.latent))
      #expect(bits(first.queries.latent) == bits(second.queries.latent))
      withExtendedLifetime((first, second)) {}
    }
    #expect(CaseRecipe.random(seed: 3, index: 0).seed != CaseRecipe.random(seed: 3, index: 1).seed)
    #expect(CaseRecipe.random(seed: 3, index: 0).seed != CaseRecipe.random(seed: 4, index: 0).seed)
  }

  private func bits(_ view: TensorView) -> [UInt32] {
    (0..<view.outerCount).flatMap { outer in
      (0..<view.innerCount).flatMap { view.row(outer, $0).map(\.bitPattern) }
    }
  }

  @Test func randomCasesVaryAndStayAffordable() {
    let recipes = (0..<400).map { CaseRecipe.random(seed: 1, index: $0) }
    #expect(Set(recipes.map(\.elementType)) == Set(ElementType.allCases))
    #expect(Set(recipes.map(\.pageSize)) == [1, 3, 7, 16, 64, 128, 256])
    #expect(
      Set(recipes.map(\.headCount)).isSuperset(of: [1, 3, 8, 16, 20, 24, 40, 48, 64, 96, 126, 128, 256]))
    #expect(Set(recipes.map(\.values)) == Set(CaseRecipe.Values.allCases))
    #expect(recipes.contains { $0.requests.isEmpty })
    #expect(recipes.contains { $0.requests.contains { $0.queryCount > $0.keyLength && $0.keyLength > 0 } })
    #expect(recipes.contains { $0.requests.contains { $0.keyLength > 1000 } })
    for recipe in recipes {
      let pairs = recipe.requests.reduce(0) { $0 + $1.queryCount * $1.keyLength }
      #expect(pairs * recipe.headCount * (2 * recipe.latentWidth + recipe.ropeWidth) <= 300_000_000)
      #expect(recipe.requests.reduce(0) { $0 + $1.keyLength } <= 20_000)
    }
  }

  @Test func optionsHold() throws {
    for index in 0..<30 {
      let options = VerificationOptions(elementType: .float16, headCount: 12)
      let recipe = CaseRecipe.random(seed: 1, index: index, options: options)
      #expect(recipe.elementType == .float16)
      #expect(recipe.headCount == 12)
    }
    for heads in [Int.min, -1, 0, 257, .max] {
      expectProblem(.outOfRange, "headCount", value: "\(heads)") {
        _ = try VerificationCase(seed: 1, index: 0, options: VerificationOptions(headCount: heads))
      }
    }
  }

  @Test func recipesNoCallMayHaveAreErrors() {
    func make(_ change: (inout CaseRecipe) -> Void) throws {
      var recipe = CaseRecipe("bad", requests: [CaseRecipe.Request(1, 10)])
      change(&recipe)
      _ = try VerificationCase(recipe)
    }
    expectProblem(.outOfRange, "requests.queryCount", index: 0, value: "-1") {
      try make { $0.requests[0].queryCount = -1 }
    }
    expectProblem(.outOfRange, "requests.keyLength", index: 0, value: "\(Int.max)") {
      try make { $0.requests[0].keyLength = .max }
    }
    expectProblem(.outOfRange, "pageSize", value: "0") { try make { $0.pageSize = 0 } }
    expectProblem(.outOfRange, "layout.rowPadding", value: "-1") {
      try make { $0.cacheLayout.rowPadding = -1 }
    }
    expectProblem(.outOfRange, "latentWidth", value: "0") { try make { $0.latentWidth = 0 } }
    expectProblem(.outOfRange, "ropeWidth", value: "-1") { try make { $0.ropeWidth = -1 } }
  }

  @Test func unusedSlotsHoldNoNumberAndUsedOnesDo() throws {
    for recipe in CaseRecipe.awkward where recipe.requests.count < 20 {
      let verificationCase = try VerificationCase(recipe)
      let batch = verificationCase.batch
      var used: Set<[Int]> = []
      for request in 0..<batch.count {
        for key in 0..<batch.keyLengths[request] {
          let page = batch.pageIndices[batch.pageOffsets[request] + key / batch.pageSize]
          used.insert([Int(page), key % batch.pageSize])
        }
      }
      for page in 0..<batch.poolPageCount {
        for slot in 0..<batch.pageSize {
          let isUsed = used.contains([page, slot])
          let row = verificationCase.cache.latent.row(page, slot)
          #expect(row.allSatisfy { $0.isFinite == isUsed }, "\(recipe.name), page \(page), slot \(slot)")
        }
      }
    }
  }

  @Test func someCasesHaveGarbageAndSharedPages() throws {
    var garbage: Set<Int32> = []
    var sharedPages = 0
    for index in 0..<100 {
      let batch = try VerificationCase(seed: 5, index: index).batch
      var seen: Set<Int32> = []
      for request in 0..<batch.count {
        let needed = (batch.keyLengths[request] + batch.pageSize - 1) / batch.pageSize
        let pages = batch.pageIndices[batch.pageOffsets[request]..<batch.pageOffsets[request + 1]]
        garbage.formUnion(pages.dropFirst(needed).filter { $0 <= 0 || $0 == .max })
        for page in pages.prefix(needed) where !seen.insert(page).inserted { sharedPages += 1 }
      }
    }
    #expect(garbage.isSuperset(of: [-1, .min, .max]))
    #expect(sharedPages > 0)
  }
}

import LatentAttention
import TestSupport
import Testing

@Suite struct VerificationCaseTests {
  @Test func roundedOraclePassesRandomCases() throws {
    for index in 0..<40 {
      try expectReferencePasses(CaseRecipe.random(seed: 7, index: index))
    }
  }

  @Test func roundedOraclePassesAwkwardCases() throws {
    for recipe in CaseRecipe.awkward { try expectReferencePasses(recipe) }
  }

  private func expectReferencePasses(_ recipe: CaseRecipe) throws {
    let verificationCase = try VerificationCase(recipe)
    try ReferenceEngine.run(verificationCase)
    let comparison = try verificationCase.check()
    #expect(comparison.passed, "\(recipe): \(comparison)")
  }
}

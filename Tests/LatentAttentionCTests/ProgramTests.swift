import Testing

/// The C header and what is linked to the dynamic library, as C compilers see them.
@Suite struct ProgramTests {
  @Test(arguments: ["c11", "c17", "c++17", "c++20"])
  func headerCompiles(standard: String) throws {
    let outcome = try CProgram.outcome(
      of: "Sources/LatentAttentionHeader/include/latent_attention.h", standard: standard, isRun: false)
    #expect(outcome.status == 0, "\(outcome.text)")
  }

  @Test func exampleRuns() throws {
    let outcome = try CProgram.outcome(of: "Examples/decode.c", standard: "c11")
    #expect(outcome.status == 0)
    #expect(outcome.text.contains("output[0] = "), "\(outcome.text)")
    #expect(outcome.text.contains("refused: output.shape = (2, 16, 500): the plan was made for (2, 16, 512)"))
  }

  @Test func hostileArgumentsAreRefused() throws {
    let outcome = try CProgram.outcome(
      of: "Tests/LatentAttentionCTests/Programs/hostile.c", standard: "c11")
    #expect(outcome.status == 0, "\(outcome.text)")
    #expect(outcome.text.contains("refused"), "\(outcome.text)")
  }

  @Test func messagesBelongToThreads() throws {
    let outcome = try CProgram.outcome(
      of: "Tests/LatentAttentionCTests/Programs/threads.c", standard: "c11")
    #expect(outcome.status == 0, "\(outcome.text)")
  }
}

import LatentAttention
import Testing

/// Expects a `ProblemError` with all that callers match on.
func expectProblem(
  _ code: ProblemError.Code, _ field: String, index: Int? = nil, value: String? = nil,
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  let error = #expect(throws: ProblemError.self, sourceLocation: sourceLocation) { try body() }
  guard let error else { return }
  #expect(error.code == code, sourceLocation: sourceLocation)
  #expect(error.field == field, sourceLocation: sourceLocation)
  #expect(error.index == index, sourceLocation: sourceLocation)
  if let value { #expect(error.value == value, sourceLocation: sourceLocation) }
}

import GPUDevice
import Testing

/// Expects an `invalid` error and yields its field and value; an issue if the work throws another or none.
func invalidField(
  _ location: SourceLocation = #_sourceLocation, of work: () throws -> Void
) -> (field: String, value: String)? {
  let error = #expect(throws: GPUDeviceError.self, sourceLocation: location, performing: work)
  guard case .invalid(_, let field, let value, _) = error else {
    Issue.record("\(String(describing: error))", sourceLocation: location)
    return nil
  }
  return (field, value)
}

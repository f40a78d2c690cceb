import Foundation

/// Collects the PTX that tests run while they run for the conformance page.
final class FormRecorder: @unchecked Sendable {
  @TaskLocal static var current: FormRecorder?
  private let lock = NSLock()
  private var recorded: [String] = []

  var texts: [String] { lock.withLock { recorded } }

  /// Notes a text that a test is about to run, and gives it back.
  static func record(_ text: String) -> String {
    if let current { current.lock.withLock { current.recorded.append(text) } }
    return text
  }
}

extension FormSuite {
  /// Tests that record each text that they run with `FormRecorder.record`.
  init(_ name: String, running tests: @escaping @Sendable () throws -> Void) {
    self.init(
      name,
      texts: {
        let recorder = FormRecorder()
        try FormRecorder.$current.withValue(recorder, operation: tests)
        return recorder.texts
      })
  }
}

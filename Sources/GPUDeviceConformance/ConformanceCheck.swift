import GPUDevice

/// One thing that every device must do.
public struct ConformanceCheck: Sendable {
  /// What is checked, in a few words.
  public let name: String
  /// The PTX that it loads; absent if it needs none or makes its own.
  package let text: String?
  /// Whether a kernel of it fails on purpose. A real device then runs nothing more for the process.
  public let endsUseOfDevice: Bool
  private let body: @Sendable (any GPUDevice) throws -> Void

  init(
    _ name: String, text: String? = nil, endsUseOfDevice: Bool = false,
    body: @escaping @Sendable (any GPUDevice) throws -> Void
  ) {
    self.name = name
    self.text = text
    self.endsUseOfDevice = endsUseOfDevice
    self.body = body
  }

  /// A check of one text's kernels.
  init(
    _ name: String, text: String, endsUseOfDevice: Bool = false,
    body: @escaping @Sendable (any GPUDevice, any GPUModule) throws -> Void
  ) {
    self.init(name, text: text, endsUseOfDevice: endsUseOfDevice) { device in
      try body(device, try device.load(ptx: text))
    }
  }

  /// Runs the check. What a simulated device noticed meanwhile fails it too, where its kernels are right.
  public func run(on device: any GPUDevice) -> ConformanceResult {
    _ = device.takeFindings()
    do {
      try body(device)
      if !endsUseOfDevice { try device.synchronize() }
    } catch {
      return ConformanceResult(name: name, failure: "\(error)")
    }
    let findings = device.takeFindings()
    return ConformanceResult(
      name: name,
      failure: findings.isEmpty || endsUseOfDevice ? nil : findings.map(\.description).joined(separator: "; ")
    )
  }
}

/// How a check went.
public struct ConformanceResult: Sendable, Hashable, Codable {
  /// What was checked.
  public var name: String
  /// Why it failed; absent if it passed.
  public var failure: String?

  /// A check that passed, or that failed for a reason.
  public init(name: String, failure: String?) {
    self.name = name
    self.failure = failure
  }
}

/// The checks that every device must pass: what it computes is compared with the host's own results.
public enum DeviceConformance {
  /// All checks, in an order that a failure disturbs least: those that end the use of a real device are the last.
  public static let checks: [ConformanceCheck] =
    memoryChecks + argumentChecks + launchChecks + clusterChecks + streamChecks + tensorMapChecks
    + matrixChecks + errorChecks + tensorMapFaultChecks
}

/// A device did something else than the host expects.
struct ConformanceFailure: Error, CustomStringConvertible {
  var description: String
}

/// Expects something.
func expect(_ isMet: Bool, _ failure: @autoclosure () -> String) throws(ConformanceFailure) {
  guard isMet else { throw ConformanceFailure(description: failure()) }
}

/// Expects equal values, and tells the first that differs.
func expectEqual<Value: Equatable>(_ found: [Value], _ expected: [Value], _ what: String)
  throws(ConformanceFailure)
{
  try expect(found.count == expected.count, "\(what): \(found.count) values, not \(expected.count)")
  let differing = zip(found, expected).enumerated().filter { $0.element.0 != $0.element.1 }
  if let (index, (value, wanted)) = differing.first {
    throw ConformanceFailure(
      description: "\(what)[\(index)] is \(value), not \(wanted); \(differing.count) of \(found.count) differ"
    )
  }
}

/// Expects an error that a predicate knows.
func expectError(
  _ what: String, where isExpected: (GPUDeviceError) -> Bool, of work: () throws -> Void
) throws(ConformanceFailure) {
  do {
    try work()
  } catch let error as GPUDeviceError {
    try expect(isExpected(error), "\(what): \(error)")
    return
  } catch {
    throw ConformanceFailure(description: "\(what): \(error)")
  }
  throw ConformanceFailure(description: "\(what): no error")
}

extension GPUDeviceError {
  /// The field that an `invalid` error names.
  var invalidField: String? {
    guard case .invalid(_, let field, _, _) = self else { return nil }
    return field
  }
}

/// The directives that every text begins with.
let textHeader = """
  .version 8.0
  .target sm_90a
  .address_size 64

  """

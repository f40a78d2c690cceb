import LatentAttention

/// One request of a serving system: when it came, how long its prompt was, how much it generated.
public struct TraceRequest: Hashable, Sendable {
  /// Seconds from the start of the trace, finite and not negative.
  public let arrival: Double
  /// Tokens of the prompt, 1 to `maximumLength`.
  public let promptLength: Int
  /// Tokens generated, 1 to `maximumLength`.
  public let outputLength: Int
  /// Identities of the prompt's leading blocks of `RequestTrace.prefixBlockSize` tokens each.
  ///
  /// Two requests with the same identity at the same position have the same tokens up to the end of
  /// that block. Empty where nothing is known; entries past the prompt's end mean nothing.
  public let prefixBlocks: [Int]

  /// Lengths past this are refused, so that sums of lengths always fit 64 bits.
  public static let maximumLength = Int(Int32.max)

  /// Describes a request.
  ///
  /// - Throws: `ProblemError` for an arrival that is negative or not finite, or a length outside
  ///   1…`maximumLength`.
  public init(
    arrival: Double, promptLength: Int, outputLength: Int, prefixBlocks: [Int] = []
  ) throws(ProblemError) {
    guard arrival.isFinite, arrival >= 0 else {
      throw ProblemError(
        .outOfRange, "arrival", value: arrival, requirement: "must be finite and not negative")
    }
    try Self.checkLength(promptLength, field: "promptLength")
    try Self.checkLength(outputLength, field: "outputLength")
    self.arrival = arrival
    self.promptLength = promptLength
    self.outputLength = outputLength
    self.prefixBlocks = prefixBlocks
  }

  private static func checkLength(_ length: Int, field: String) throws(ProblemError) {
    guard (1...maximumLength).contains(length) else {
      throw ProblemError(
        .outOfRange, field, value: length, requirement: "must be 1 to \(maximumLength)")
    }
  }
}

/// The requests that a serving system saw, in order of arrival.
public struct RequestTrace: Hashable, Sendable {
  /// Where the requests come from: a file's name, or what a generator calls itself.
  public let source: String
  /// Tokens per entry of `TraceRequest.prefixBlocks`.
  public let prefixBlockSize: Int
  /// The requests, sorted by arrival; those that came together keep their order.
  public let requests: [TraceRequest]

  /// Tokens per prefix block in Mooncake's traces, and what generated streams use.
  public static let defaultPrefixBlockSize = 512

  /// Sorts requests into a trace.
  ///
  /// - Throws: `ProblemError.notPositive` for a block size below 1.
  public init(
    source: String, prefixBlockSize: Int = defaultPrefixBlockSize, requests: [TraceRequest]
  ) throws(ProblemError) {
    guard prefixBlockSize >= 1 else {
      throw ProblemError(
        .notPositive, "prefixBlockSize", value: prefixBlockSize, requirement: "must be at least 1")
    }
    self.source = source
    self.prefixBlockSize = prefixBlockSize
    self.requests = requests.sorted { $0.arrival < $1.arrival }
  }

  /// Sorts requests whose prefix blocks, if any, have the default size.
  init(source: String, sorting requests: [TraceRequest]) {
    self.source = source
    prefixBlockSize = Self.defaultPrefixBlockSize
    self.requests = requests.sorted { $0.arrival < $1.arrival }
  }
}

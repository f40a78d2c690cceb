import LatentAttention

/// Requests made up from a few numbers, for when there is no trace at hand.
///
/// - Arrivals are a Poisson process: the gaps are exponential with mean 1 / `arrivalRate`.
/// - Prompts are log-normal: the logarithm is normal around ln `promptMedian` with deviation
///   `promptSigma`; rounded to the nearest token and clamped to `promptLimits`.
/// - Outputs are geometric with mean `outputMean`, as if each token were the last with the same
///   probability; clamped to `outputLimit`.
/// - A share `prefixShare` of the requests starts with one of `prefixCount` common prefixes, all equally
///   likely, each `prefixBlockCount` blocks of 512 tokens long; it comes before the prompt drawn above
///   and adds to its length.
///
/// The same values give the same requests on every machine.
public struct SyntheticStream: Hashable, Sendable, Codable {
  /// Where the random numbers start.
  public var seed: UInt64
  /// Requests to make.
  public var requestCount: Int
  /// Requests per second.
  public var arrivalRate: Double
  /// Half of the prompts, prefixes not counted, are longer: tokens.
  public var promptMedian: Double = 1024
  /// Deviation of the prompt length's natural logarithm, 0 to 8.
  public var promptSigma: Double = 1
  /// Shortest and longest prompt, prefixes not counted: tokens.
  public var promptLimits: ClosedRange<Int> = 1...131_072
  /// Tokens generated on average, before the limit; at least 1.
  public var outputMean: Double = 256
  /// Most tokens generated.
  public var outputLimit: Int = 4096
  /// Part of the requests that has a common prefix, 0 to 1.
  public var prefixShare: Double = 0
  /// Different common prefixes.
  public var prefixCount: Int = 1
  /// Length of a common prefix in blocks of 512 tokens.
  public var prefixBlockCount: Int = 4

  /// A stream with the default lengths and no common prefixes.
  public init(seed: UInt64, requestCount: Int, arrivalRate: Double) {
    self.seed = seed
    self.requestCount = requestCount
    self.arrivalRate = arrivalRate
  }

  /// Makes the requests.
  ///
  /// - Throws: `ProblemError` that names a number outside what its description allows.
  /// - Complexity: O(requests).
  public func trace() throws(ProblemError) -> RequestTrace {
    try check()
    var generator = SeededGenerator(seed: seed)
    var time = 0.0
    var requests: [TraceRequest] = []
    requests.reserveCapacity(requestCount)
    for _ in 0..<requestCount {
      time += generator.exponential() / arrivalRate
      let prompt = generator.logNormal(median: promptMedian, sigma: promptSigma).rounded()
      let ownLength = Int(
        min(max(prompt, Double(promptLimits.lowerBound)), Double(promptLimits.upperBound)))
      let outputLength = min(generator.geometric(mean: outputMean), outputLimit)
      let blocks = drawPrefix(using: &generator)
      requests.append(
        try TraceRequest(
          arrival: time, promptLength: blocks.count * RequestTrace.defaultPrefixBlockSize + ownLength,
          outputLength: outputLength, prefixBlocks: blocks))
    }
    return RequestTrace(source: "synthetic, seed \(seed)", sorting: requests)
  }

  private func drawPrefix(using generator: inout SeededGenerator) -> [Int] {
    guard generator.uniform() < prefixShare else { return [] }
    let first = generator.integer(in: 0...(prefixCount - 1)) * prefixBlockCount
    return Array(first..<(first + prefixBlockCount))
  }

  private func check() throws(ProblemError) {
    let maximumLength = TraceRequest.maximumLength
    try Self.check(requestCount, "requestCount", in: 0...maximumLength)
    try Self.check(arrivalRate, "arrivalRate", in: 1e-9...1e9)
    try Self.check(promptMedian, "promptMedian", in: 1...Double(maximumLength))
    try Self.check(promptSigma, "promptSigma", in: 0...8)
    try Self.check(promptLimits.lowerBound, "promptLimits.lowerBound", in: 1...maximumLength)
    try Self.check(promptLimits.upperBound, "promptLimits.upperBound", in: 1...maximumLength)
    try Self.check(outputMean, "outputMean", in: 1...Double(maximumLength))
    try Self.check(outputLimit, "outputLimit", in: 1...maximumLength)
    try Self.check(prefixShare, "prefixShare", in: 0...1)
    try Self.check(prefixCount, "prefixCount", in: 1...maximumLength)
    let longestPrefix = (maximumLength - promptLimits.upperBound) / RequestTrace.defaultPrefixBlockSize
    try Self.check(prefixBlockCount, "prefixBlockCount", in: 0...longestPrefix)
  }

  private static func check<Value: Comparable & CustomStringConvertible>(
    _ value: Value, _ field: String, in range: ClosedRange<Value>
  ) throws(ProblemError) {
    guard range.contains(value) else {
      throw ProblemError(
        .outOfRange, field, value: value,
        requirement: "must be \(range.lowerBound) to \(range.upperBound)")
    }
  }
}

/// What came of replaying a stream of requests. The properties' names are the keys in JSON.
public struct ReplaySummary: Hashable, Sendable, Encodable {
  /// Decode steps that ran.
  public var steps: Int
  /// Tokens that were decoded.
  public var tokens: Int
  /// `tokens` ÷ time.
  public var tokensPerSecond: Double
  /// Median time of a step.
  public var stepMillisecondsP50: Double
  /// Nine of ten steps took at most this.
  public var stepMillisecondsP90: Double
  /// 99 of 100 steps took at most this.
  public var stepMillisecondsP99: Double
  /// Time of the slowest step.
  public var stepMillisecondsMax: Double
  /// Share of the time that went into planning, 0 to 1.
  public var planTimeShare: Double
  /// Useful arithmetic per second of attention, in 10⁹ FLOP.
  public var gflops: Double
  /// Cache read per second of attention, in 10⁹ bytes, each key counted once per call.
  public var kvGBps: Double
  /// `gflops` ÷ what the machine's arithmetic allows; null where that was not measured.
  @Nullable public var fractionOfPeakGflops: Double?
  /// `kvGBps` ÷ what the machine can read from memory; null where that was not measured.
  @Nullable public var fractionOfPeakGBps: Double?
  /// Largest share of the cache pool's pages in use, 0 to 1.
  public var poolUsePeak: Double
  /// Mean over the steps of that share.
  public var poolUseMean: Double
  /// Output rows that were compared with the double-precision reference.
  public var verifiedRows: Int
  /// Largest error of an output among them, relative to the row's norm; null where none was compared.
  @Nullable public var worstOutputError: Double?
  /// Largest absolute error of an LSE among them; null where none was compared.
  @Nullable public var worstLSEError: Double?

  /// Describes a replay; null keys are nil.
  public init(
    steps: Int, tokens: Int, tokensPerSecond: Double, stepMilliseconds: Percentiles?, planTimeShare: Double,
    gflops: Double, kvGBps: Double, fractionOfPeakGflops: Double?, fractionOfPeakGBps: Double?,
    poolUsePeak: Double, poolUseMean: Double, verifiedRows: Int, worstOutputError: Double?,
    worstLSEError: Double?
  ) {
    self.steps = steps
    self.tokens = tokens
    self.tokensPerSecond = tokensPerSecond
    self.stepMillisecondsP50 = stepMilliseconds?.p50 ?? .nan
    self.stepMillisecondsP90 = stepMilliseconds?.p90 ?? .nan
    self.stepMillisecondsP99 = stepMilliseconds?.p99 ?? .nan
    self.stepMillisecondsMax = stepMilliseconds?.maximum ?? .nan
    self.planTimeShare = planTimeShare
    self.gflops = gflops
    self.kvGBps = kvGBps
    self.fractionOfPeakGflops = fractionOfPeakGflops
    self.fractionOfPeakGBps = fractionOfPeakGBps
    self.poolUsePeak = poolUsePeak
    self.poolUseMean = poolUseMean
    self.verifiedRows = verifiedRows
    self.worstOutputError = worstOutputError
    self.worstLSEError = worstLSEError
  }

  /// The summary as a table for people.
  public func table() -> TextTable {
    func number(_ value: Double?) -> String {
      value.map { NumberFormat.significant($0) } ?? NumberFormat.missing
    }
    func percent(_ value: Double?) -> String { value.map(NumberFormat.percent) ?? NumberFormat.missing }
    let lines = [
      ("steps", NumberFormat.grouped(steps)), ("tokens", NumberFormat.grouped(tokens)),
      ("tokens/s", number(tokensPerSecond)), ("step ms, p50", number(stepMillisecondsP50)),
      ("step ms, p90", number(stepMillisecondsP90)), ("step ms, p99", number(stepMillisecondsP99)),
      ("step ms, max", number(stepMillisecondsMax)), ("planning", percent(planTimeShare)),
      ("GFLOP/s", number(gflops)), ("of peak GFLOP/s", percent(fractionOfPeakGflops)),
      ("KV GB/s", number(kvGBps)), ("of peak GB/s", percent(fractionOfPeakGBps)),
      ("pool in use, peak", percent(poolUsePeak)), ("pool in use, mean", percent(poolUseMean)),
      ("rows verified", NumberFormat.grouped(verifiedRows)), ("worst output error", number(worstOutputError)),
      ("worst LSE error", number(worstLSEError)),
    ]
    var table = TextTable(columns: [.text("replay"), .number("")])
    for (name, value) in lines { table.append([name, value]) }
    return table
  }
}

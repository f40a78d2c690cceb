/// One measured setting of an attention engine. The properties' names are the keys in JSON.
public struct BenchRow: Hashable, Sendable, Encodable {
  /// The engine: `cpu`, `hopper`, a simulated device as `hopper-h100-simulated`, or a peer's name.
  public var engine: String
  /// The instruction set or the device that ran.
  public var isa: String
  /// Element type of queries and cache.
  public var type: String
  /// Query heads.
  public var heads: Int
  /// Requests.
  public var batch: Int
  /// Keys of each request.
  public var kv: Int
  /// Query tokens of each request.
  public var query: Int
  /// Worker threads.
  public var threads: Int
  /// Median time of one call; the device's, if there is one.
  public var milliseconds: Double
  /// Useful arithmetic per second, in 10⁹ FLOP: `2 · query · heads · kv · (key width + latent width)` per request.
  public var gflops: Double
  /// Cache read per second, in 10⁹ bytes, each key counted once.
  public var kvGBps: Double
  /// What the machine's arithmetic allows for this type, in 10⁹ FLOP per second; null where not measured.
  @Nullable public var peakGflops: Double?
  /// `gflops ÷ peakGflops`; null where the peak was not measured.
  @Nullable public var fractionOfPeak: Double?

  /// Describes a measurement; `fractionOfPeak` follows from the two rates.
  public init(
    engine: String, isa: String, type: String, heads: Int, batch: Int, kv: Int, query: Int, threads: Int,
    milliseconds: Double, gflops: Double, kvGBps: Double, peakGflops: Double?
  ) {
    self.engine = engine
    self.isa = isa
    self.type = type
    self.heads = heads
    self.batch = batch
    self.kv = kv
    self.query = query
    self.threads = threads
    self.milliseconds = milliseconds
    self.gflops = gflops
    self.kvGBps = kvGBps
    self.peakGflops = peakGflops
    self.fractionOfPeak = peakGflops.map { gflops / $0 }
  }

  /// Rows as a table for people.
  public static func table(_ rows: [BenchRow]) -> TextTable {
    var table = TextTable(columns: [
      .text("engine"), .text("isa"), .text("type"), .number("heads"), .number("batch"), .number("kv"),
      .number("query"), .number("threads"), .number("ms"), .number("GFLOP/s"), .number("KV GB/s"),
      .number("of peak"),
    ])
    for row in rows {
      table.append([
        row.engine, row.isa, row.type, "\(row.heads)", "\(row.batch)", "\(row.kv)", "\(row.query)",
        "\(row.threads)", NumberFormat.significant(row.milliseconds), NumberFormat.significant(row.gflops),
        NumberFormat.significant(row.kvGBps),
        row.fractionOfPeak.map(NumberFormat.percent) ?? NumberFormat.missing,
      ])
    }
    return table
  }
}

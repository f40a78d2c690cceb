import LatentAttention
import Reports

/// What was measured at a point.
struct MeasuredPoint {
  let row: BenchRow
  private let spread: Spread?
  /// The share of the binding limit that the median call reached, and which limit that is.
  private let limit: (share: Double, name: String)?

  init(
    _ point: BenchPoint, engine: ChosenEngine, work: CallWork, milliseconds: [Double], limits: EngineLimits?
  ) {
    spread = Spread(milliseconds)
    let median = spread?.median ?? .nan
    let seconds = median / 1e3
    row = BenchRow(
      engine: engine.name, isa: engine.place, type: point.type.rawValue,
      heads: point.heads, batch: point.batch, kv: point.kv, query: point.query, threads: point.threads,
      milliseconds: median, gflops: work.flops / seconds / 1e9, kvGBps: work.keyBytes / seconds / 1e9,
      peakGflops: limits.map { $0.flopsPerSecond / 1e9 })
    limit = limits.map { limits in
      let (products, reads) = (
        work.flops / limits.flopsPerSecond, work.keyBytes / limits.readBytesPerSecond
      )
      return (max(products, reads) / seconds, products >= reads ? "products" : "memory")
    }
  }

  /// The rows for people, with spread and limits.
  static func table(_ points: [MeasuredPoint]) -> TextTable {
    var table = TextTable(columns: [
      .text("isa"), .text("type"), .number("heads"), .number("batch"), .number("kv"), .number("query"),
      .number("threads"), .number("ms"), .number("fastest"), .number("slowest"), .number("GFLOP/s"),
      .number("KV GB/s"), .number("peak GFLOP/s"), .number("of limit"), .text("limit"),
    ])
    for point in points {
      let row = point.row
      table.append([
        row.isa, row.type, "\(row.heads)", "\(row.batch)", "\(row.kv)", "\(row.query)", "\(row.threads)",
        number(row.milliseconds), number(point.spread?.minimum), number(point.spread?.maximum),
        number(row.gflops), number(row.kvGBps), number(row.peakGflops),
        point.limit.map { NumberFormat.percent($0.share) } ?? NumberFormat.missing, point.limit?.name ?? "",
      ])
    }
    return table
  }
}

/// How much faster one point is than another of the same shape, round by round.
struct MeasuredRatio {
  private let shape: BenchPoint
  private let text: String
  private let spread: Spread?
  private let rounds: Int

  /// The ratio of speeds of `row` and `base`, which differ in what `compared` names and agree in `constant`.
  init(
    _ row: BenchMeasurement, over base: BenchMeasurement, compared: (BenchPoint) -> String,
    constant: (BenchPoint) -> String
  ) {
    shape = row.point.shape
    text = "\(constant(row.point)): \(compared(row.point)) over \(compared(base.point))"
    // Times of the same round, so less time is more speed.
    let ratios = zip(base.roundMilliseconds, row.roundMilliseconds).map { $0 / $1 }
    spread = Spread(ratios)
    rounds = ratios.count
  }

  /// The ratios for people.
  static func table(_ ratios: [MeasuredRatio]) -> TextTable {
    var table = TextTable(columns: [
      .number("heads"), .number("batch"), .number("kv"), .number("query"), .text("speed of"),
      .number("ratio"), .number("lowest"), .number("highest"), .number("rounds"),
    ])
    for ratio in ratios {
      let shape = ratio.shape
      table.append([
        "\(shape.heads)", "\(shape.batch)", "\(shape.kv)", "\(shape.query)", ratio.text,
        number(ratio.spread?.median), number(ratio.spread?.minimum), number(ratio.spread?.maximum),
        "\(ratio.rounds)",
      ])
    }
    return table
  }
}

/// A number in a table, or that it is missing.
private func number(_ value: Double?) -> String {
  value.map { NumberFormat.significant($0) } ?? NumberFormat.missing
}

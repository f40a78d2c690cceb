import HopperSimulator
import Reports

/// How far the times of a comparison are from those of an earlier one.
struct ComparisonDeviation: Encodable {
  /// Of times, relative to the earlier ones.
  struct Errors: Encodable {
    let calls: Int
    let meanAbsolute, bias: Double

    /// Nil of none.
    init?(_ errors: [Double]) {
      guard !errors.isEmpty else { return nil }
      calls = errors.count
      meanAbsolute = errors.map(abs).reduce(0, +) / Double(errors.count)
      bias = errors.reduce(0, +) / Double(errors.count)
    }
  }

  struct Outlier: Encodable {
    let call: ComparedCall
    let error: Double
  }

  struct Variant: Encodable {
    let variant: String
    let all: Errors
    /// Of those that were not predicted; nil where all were.
    let timed: Errors?
    /// The calls that are furthest off, the worst one first.
    let worst: [Outlier]
  }

  /// Of two variants, which one is faster.
  struct Order: Encodable {
    let first, second: String
    /// That both comparisons have in both variants, and how many of them agree.
    let calls, agreeing: Int
    /// Mean of the second variant's time over the first one's, here and earlier.
    let ratio, earlierRatio: Double
  }

  /// Of the earlier comparison.
  let device: String
  let isSimulated: Bool
  /// Microseconds that were added to simulated times to compare them with measured ones: a measured call begins and ends
  /// with an event, a simulated one with its first and last block.
  let launchMicroseconds: Double
  let variants: [Variant]
  let orders: [Order]

  private static let outlierCount = 3
  /// Pairs whose order is looked at.
  private static let pairs = [
    ("wg2", "wg3"), ("wg2", ComparedVariant.flashInferThree.name), ("wg2", "wg4"), ("wg2", "wg2 multicast"),
    ("wg2", "wg2 fp32"),
  ]

  /// A time here and earlier.
  private struct Pair {
    let row: VariantComparison.Row
    let here, earlier: Double

    var error: Double { here / earlier - 1 }
  }

  init(of rows: [VariantComparison.Row], _ timer: any CallTimer, from earlier: EarlierComparison) {
    (device, isSimulated) = (earlier.device, earlier.isSimulated)
    let launch = timer.description.launchLatency.value
    let isMixed = timer.isSimulated != earlier.isSimulated
    launchMicroseconds = isMixed ? launch : 0
    var times: [String: [ComparedCall: Double]] = [:]
    for row in earlier.rows {
      times[row.variant, default: [:]][ComparedCall(row)] = row.microseconds.map {
        $0 + (isMixed && earlier.isSimulated ? launch : 0)
      }
    }
    let here = isMixed && timer.isSimulated ? launch : 0
    let pairs = rows.compactMap { row in
      times[row.variant]?[ComparedCall(row)].map {
        Pair(row: row, here: row.microseconds + here, earlier: $0)
      }
    }
    let byVariant = Dictionary(grouping: pairs, by: \.row.variant)
    variants = ComparedVariant.all.compactMap { Self.variant($0.name, byVariant[$0.name] ?? []) }
    orders = Self.pairs.compactMap { Self.order($0, byVariant[$0] ?? [], $1, byVariant[$1] ?? []) }
  }

  private static func variant(_ name: String, _ pairs: [Pair]) -> Variant? {
    guard let all = Errors(pairs.map(\.error)) else { return nil }
    let worst = pairs.sorted { abs($0.error) > abs($1.error) }.prefix(outlierCount)
    return Variant(
      variant: name, all: all, timed: Errors(pairs.filter { $0.row.source != .predicted }.map(\.error)),
      worst: worst.map { Outlier(call: ComparedCall($0.row), error: $0.error) })
  }

  private static func order(
    _ first: String, _ firstPairs: [Pair], _ second: String, _ secondPairs: [Pair]
  ) -> Order? {
    let others = Dictionary(uniqueKeysWithValues: secondPairs.map { (ComparedCall($0.row), $0) })
    let both = firstPairs.compactMap { pair in others[ComparedCall(pair.row)].map { (pair, $0) } }
    guard !both.isEmpty else { return nil }
    let mean = { (ratio: (Pair, Pair) -> Double) in
      both.map { ratio($0.0, $0.1) }.reduce(0, +) / Double(both.count)
    }
    return Order(
      first: first, second: second, calls: both.count,
      agreeing: both.count { ($0.here < $1.here) == ($0.earlier < $1.earlier) },
      ratio: mean { $1.here / $0.here }, earlierRatio: mean { $1.earlier / $0.earlier })
  }
}

extension ComparisonDeviation {
  /// What is compared with what.
  var title: String {
    let launch =
      launchMicroseconds > 0
      ? "; simulated times with \(NumberFormat.significant(launchMicroseconds)) µs for the launch" : ""
    return "relative to \(device), \(isSimulated ? "simulated" : "measured")\(launch)"
  }

  /// Errors of each variant.
  var errorTable: TextTable {
    var table = TextTable(columns: [
      .text("variant"), .number("calls"), .number("mean error"), .number("bias"), .number("not predicted"),
      .number("mean error"), .number("bias"), .text("furthest off"),
    ])
    let cells = { (errors: Errors?) in
      errors.map { ["\($0.calls)", NumberFormat.percent($0.meanAbsolute), NumberFormat.percent($0.bias)] }
        ?? ["", "", ""]
    }
    for variant in variants {
      let worst = variant.worst.map { "\($0.call): \(NumberFormat.percent($0.error))" }
      table.append([variant.variant] + cells(variant.all) + cells(variant.timed) + worst.prefix(1))
      for line in worst.dropFirst() { table.append(Array(repeating: "", count: 7) + [line]) }
    }
    return table
  }

  /// Orders of variants.
  var orderTable: TextTable {
    var table = TextTable(columns: [
      .text("order of"), .number("calls"), .number("agree"), .number("mean ratio"), .number("earlier"),
    ])
    for order in orders {
      table.append([
        "\(order.second) over \(order.first)", "\(order.calls)", "\(order.agreeing)",
        NumberFormat.significant(order.ratio), NumberFormat.significant(order.earlierRatio),
      ])
    }
    return table
  }
}

import HopperSimulator
import Reports

/// A finished comparison.
struct ComparisonResult: Encodable {
  /// The device's name; of a real one, as descriptions call its kind.
  let device: String
  /// Whether times are simulated.
  let isSimulated: Bool
  let rows: [VariantComparison.Row]
  /// Predicted rows that were simulated after all.
  let checked: [VariantComparison.Row]
  /// Published measurements beside our rows of the same calls and variants, and the leads of two warpgroups among them.
  let matches: [PublishedComparison.Match]
  let leads: [PublishedComparison.Lead]
  /// From an earlier comparison; nil without one.
  let deviation: ComparisonDeviation?

  private let calls: [[VariantComparison.Row]]
  private let description: DeviceDescription

  private enum CodingKeys: String, CodingKey {
    case device, isSimulated, rows, checked, matches, leads, deviation
  }

  init(
    _ timer: any CallTimer, calls: [[VariantComparison.Row]], checked: [VariantComparison.Row],
    against earlier: EarlierComparison?
  ) {
    device = timer.description.name
    isSimulated = timer.isSimulated
    self.calls = calls
    self.checked = checked
    description = timer.description
    let rows = calls.flatMap { $0 }
    self.rows = rows
    deviation = earlier.map { ComparisonDeviation(of: rows, timer, from: $0) }
    matches = (device == "h100" ? PublishedMeasurement.h100 : []).compactMap { published in
      rows.first {
        $0.variant == published.variant && $0.heads == published.heads && $0.batch == published.batch
          && $0.kv == published.kv && $0.pageSize == published.pageSize
      }.map {
        PublishedComparison.Match(
          source: published.source, variant: $0.variant, heads: $0.heads, batch: $0.batch, kv: $0.kv,
          pageSize: $0.pageSize, publishedTeraflops: published.teraflops, teraflops: $0.teraflops)
      }
    }
    leads = PublishedComparison(matches).leads(of: "wg2")
  }

  private var kind: String { isSimulated ? "simulated" : "measured" }

  /// Everything, for a terminal.
  var text: String {
    let published =
      matches.isEmpty ? "" : "\n\(publishedTable.text())\(publishedErrorText)\n"
    let deviations =
      deviation.map { "\n\($0.title)\n\($0.errorTable.text())\n\($0.orderTable.text())" } ?? ""
    return """
      \(description.fullName), \(kind); microseconds, * for the best variant, ~ for predicted times
      \(table.text())
      \(errorText)\(published)\(deviations)
      """
  }

  /// A row per call: times of all variants, and how the best one uses the device.
  private var table: TextTable {
    let names = ComparedVariant.all.map(\.name)
    var table = TextTable(
      columns: ["page", "heads", "batch", "kv"].map { .number($0) } + names.map { .number($0) }
        + ["TFLOP/s", "KV GB/s", "tensor", "DRAM"].map { .number($0) })
    for call in calls {
      guard let best = call.first(where: \.isBest) else { continue }
      let times = names.map { name in
        call.first { $0.variant == name }.map {
          ($0.isBest ? "*" : "") + ($0.source == .predicted ? "~" : "")
            + NumberFormat.significant($0.microseconds)
        } ?? ""
      }
      table.append(
        ["\(best.pageSize)", "\(best.heads)", "\(best.batch)", "\(best.kv)"] + times + [
          NumberFormat.significant(best.teraflops), NumberFormat.significant(best.kvGBps),
          NumberFormat.percent(best.tensorShare), NumberFormat.percent(best.dramShare),
        ])
    }
    return table
  }

  /// How far predictions are off where both are known.
  private var errorText: String {
    func line(_ what: String, _ rows: [VariantComparison.Row]) -> String? {
      let errors = rows.compactMap(\.predictionError).map(abs)
      guard let worst = errors.max() else { return nil }
      let mean = errors.reduce(0, +) / Double(errors.count)
      return "\(what), predicted over simulated: mean error \(NumberFormat.percent(mean)), worst "
        + "\(NumberFormat.percent(worst)) of \(errors.count)"
    }
    return [line("simulated calls", rows), line("predicted calls simulated after all", checked)]
      .compactMap { $0 }.joined(separator: "\n")
  }

  private var publishedTable: TextTable {
    var table = TextTable(columns: [
      .text("published"), .text("variant"), .number("page"), .number("heads"), .number("batch"),
      .number("kv"),
      .number("measured TFLOP/s"), .number("ours"), .number("ratio"),
    ])
    for match in matches {
      table.append([
        match.source, match.variant, "\(match.pageSize)", "\(match.heads)", "\(match.batch)", "\(match.kv)",
        NumberFormat.significant(match.publishedTeraflops), NumberFormat.significant(match.teraflops),
        NumberFormat.significant(match.ratio),
      ])
    }
    return table
  }

  /// How far we are from what was published, and from the leads of one variant over another.
  private var publishedErrorText: String {
    let leads = leads.map {
      "; \($0.first) ahead of \($0.second) with \($0.heads) heads, batch \($0.batch), kv \($0.kv), page \($0.pageSize): "
        + "published \(NumberFormat.significant($0.published)) times, ours \(NumberFormat.significant($0.ours))"
    }
    return
      "mean absolute error over all \(matches.count) published measurements: "
      + NumberFormat.percent(PublishedComparison(matches).meanAbsoluteError)
      + leads.joined()
  }

  /// The page: roofline, heat map of the best variants, tables.
  func report(command: String) -> HTMLReport {
    var sections = [
      HTMLReport.Section(
        "Roofline", [.figure(roofline.svg(), caption: "The best variant of each call; bytes count once.")]),
      HTMLReport.Section(
        "Best variant",
        [.figure(heatMap.svg(), caption: "In each cell: how much faster it is than the next best.")]),
      HTMLReport.Section("All calls", [.table(table, caption: "Microseconds. " + errorText)]),
    ]
    if !matches.isEmpty {
      sections.append(
        HTMLReport.Section("Published measurements", [.table(publishedTable, caption: publishedErrorText)]))
    }
    if let deviation {
      sections.append(
        HTMLReport.Section(
          "Another comparison",
          [
            .table(deviation.errorTable, caption: "Errors " + deviation.title),
            .table(deviation.orderTable, caption: "Mean ratios of times, and calls with the same order."),
          ]))
    }
    return HTMLReport(
      title: "MLA decode on \(description.fullName), \(kind)",
      subtitle: "Variants of the Hopper engine over batch, keys, heads and page size", sections: sections,
      command: command)
  }

  private var roofline: Chart {
    let best = rows.filter(\.isBest)
    let flops = { (row: VariantComparison.Row) in row.teraflops * 1e6 * row.microseconds }
    let heads = Set(best.map(\.heads)).sorted()
    let ridge = description.tensorFlopsPerSecond / description.dramBytesPerSecond
    let intensities = best.map { flops($0) / $0.bytes }
    let ends = [intensities.min() ?? ridge / 10, ridge, max(2 * ridge, intensities.max() ?? 0)]
    let roof = ends.map {
      Chart.Point(x: $0, y: min($0 / ridge, 1) * description.tensorFlopsPerSecond)
    }
    return Chart(
      title: "Roofline", x: Chart.Axis("FLOP per byte", scale: .logarithmic),
      y: Chart.Axis("useful FLOP/s", scale: .logarithmic),
      series: [Chart.Series("DRAM and tensor cores", points: roof)]
        + heads.map { count in
          Chart.Series(
            "\(count) heads", mark: .points,
            points: best.filter { $0.heads == count }.map {
              Chart.Point(x: flops($0) / $0.bytes, y: $0.teraflops * 1e12)
            })
        })
  }

  private var heatMap: HeatMap {
    let names = ComparedVariant.all.map(\.name)
    let cells = calls.compactMap { call -> HeatMap.Cell? in
      guard let best = call.first(where: \.isBest) else { return nil }
      let next = call.filter { !$0.isBest }.map(\.microseconds).min() ?? best.microseconds
      return HeatMap.Cell(
        row: "page \(best.pageSize), batch \(best.batch)", column: "\(best.heads) heads, kv \(best.kv)",
        category: names.firstIndex(of: best.variant) ?? 0,
        text: NumberFormat.percent(next / best.microseconds - 1))
    }
    return HeatMap(title: "Best variant and its lead", categories: names, cells: cells)
  }
}

import ArgumentParser
import HopperEngine
import HopperSimulator
import Reports

/// Fits the planner's costs of a Hopper GPU to runs.
struct Fit: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fit the planner's costs to runs of a Hopper GPU, simulated or real.",
    discussion: """
      In each run every multiprocessor has equally many pieces of equally many tiles of 64 keys, with or without partial \
      results; in some, blocks share keys, through L2 or in clusters. What a run takes is then fitted, by least squares, as a sum of costs per call, \
      piece, tile, partial row and second stage. `--write` writes the Swift table that the engine's planner reads, \
      Sources/HopperEngine/FittedCostsTable.swift, with the rows of these devices in place of their old ones.
      """)

  @Option(help: "Simulated devices, and cuda for this machine's GPU.") var device = CommaList(
    DeviceDescription.all.map(TimedDeviceName.init))
  @Option(help: "Threads that simulate; the default is all processors.") var threads: Int?
  @Option(help: "Write the table, a Swift file, here.") var write: String?
  @Option(help: "Write the fitted costs to a JSON file.") var json: String?

  func validate() throws {
    if let threads { try mla.validate("--threads", threads) }
  }

  func run() throws {
    try FileWriter.check(write, json)
    var fitted: [FittedCosts] = []
    for device in device.values {
      let timer = try device.timer(threads: threads)
      for sharing in KeySharing.allCases {
        var options = HopperEngineOptions()
        options.cluster = sharing == .cluster ? .multicast : .none
        let fit = try CostFit(timer, sharing, options)
        print(Self.report(fit, timer))
        fitted.append(fit.fitted(timer.description))
      }
    }
    if let write { try FileWriter.write(Self.table(fitted), to: write) }
    if let json { try JSONOutput.write(fitted, to: json) }
  }

  private static func report(_ fit: CostFit, _ timer: any CallTimer) -> String {
    let kind = timer.isSimulated ? "simulated" : "measured"
    var table = TextTable(columns: [
      .number("pieces"), .number("tiles"), .text("results"), .number("\(kind) µs"), .number("fitted µs"),
      .number("error"),
    ])
    for measurement in fit.measurements {
      let point = measurement.point
      let prediction = fit.prediction(point)
      let error = prediction / measurement.nanoseconds - 1
      table.append([
        "\(point.pieces)", "\(point.tiles)", point.parts == 1 ? "final" : "partial",
        NumberFormat.significant(measurement.nanoseconds * 1e-3), NumberFormat.significant(prediction * 1e-3),
        NumberFormat.significant(100 * error) + " %",
      ])
    }
    let costs = fit.fitted(timer.description)
    let (keys, worker) =
      switch fit.sharing {
      case .none: ("every row tile has its own keys", "multiprocessor")
      case .l2: ("two row tiles of a request share keys", "multiprocessor")
      case .cluster: ("two blocks of a cluster share keys", "cluster")
      }
    return """
      \(timer.description.fullName), \(kind); \(keys); of each \(worker):
      \(table.text())\
      nanoseconds: \(costs.perPiece) per piece, \(costs.perKeyTile) per tile of 64 keys, \(costs.perPartialRow) per \
      partial row, \(costs.secondStage) for a second stage; worst error \
      \(NumberFormat.significant(100 * fit.worstError)) %

      """
  }

  /// The Swift file of a table: devices that were not fitted keep their rows.
  private static func table(_ fitted: [FittedCosts]) -> String {
    let devices = Set(fitted.map(\.device))
    let kept = FittedCosts.table.filter { !devices.contains($0.device) }
    let order = DeviceDescription.all.map(\.name)
    let kinds = KeySharing.allCases
    let rows = (kept + fitted).sorted {
      let places = [$0, $1].map { row in
        (order.firstIndex(of: row.device) ?? order.count, kinds.firstIndex(of: row.sharing) ?? 0)
      }
      return places[0] < places[1]
    }
    let lines = rows.map { row in
      """
          FittedCosts(
            device: "\(row.device)", sharing: .\(row.sharing), perPiece: \(row.perPiece), \
      perKeyTile: \(row.perKeyTile), perPartialRow: \(row.perPartialRow),
            secondStage: \(row.secondStage)),
      """
    }
    return """
      extension FittedCosts {
        /// Nanoseconds, one row for each device and kind of request. Written by `mla fit --write`.
        public static let table = [
      \(lines.joined(separator: "\n"))
        ]
      }

      """
  }
}

import GPUDevice
import HopperEngine
import HopperSimulator
import LatentAttention
import Reports

/// Runs that a device's costs are fitted to, and the fit.
struct CostFit {
  /// A call in which every worker has equally many pieces of equally many tiles.
  struct Point: Sendable {
    /// Pieces of a worker, and tiles of 64 keys of each.
    let pieces, tiles: Int
    /// Pieces that each row tile is cut into: 1, and then pieces write the output, or 2.
    let parts: Int

    /// What the worker pays for: the call, pieces, tiles, rows of partials and a second stage.
    var counts: [Double] {
      let isCut = parts > 1
      return [
        1, Double(pieces), Double(pieces * tiles), isCut ? Double(64 * pieces) : 0, isCut ? 1 : 0,
      ]
    }
  }

  /// A point with what it took, in nanoseconds.
  struct Measurement {
    let point: Point
    let nanoseconds: Double
  }

  static let points = [
    Point(pieces: 1, tiles: 4, parts: 1), Point(pieces: 1, tiles: 16, parts: 1),
    Point(pieces: 2, tiles: 4, parts: 1), Point(pieces: 2, tiles: 10, parts: 1),
    Point(pieces: 4, tiles: 3, parts: 1), Point(pieces: 2, tiles: 4, parts: 2),
    Point(pieces: 2, tiles: 10, parts: 2), Point(pieces: 4, tiles: 3, parts: 2),
  ]

  let device: DeviceDescription
  /// Whether requests have two row tiles, or one.
  let sharesKeys: Bool
  let measurements: [Measurement]
  /// Costs of what `Point.counts` counts.
  let costs: [Double]

  /// Runs all points on a simulated device and fits costs to them, each point's error relative to its time.
  init(_ device: DeviceDescription, sharesKeys: Bool, threads: Int?) throws {
    self.device = device
    self.sharesKeys = sharesKeys
    measurements = try Self.points.map {
      Measurement(
        point: $0,
        nanoseconds: try Self.measure($0, device, rowTiles: sharesKeys ? 2 : 1, threads: threads))
    }
    costs = nonNegativeLeastSquares(
      measurements.map { measurement in measurement.point.counts.map { $0 / measurement.nanoseconds } },
      Array(repeating: 1, count: measurements.count))
  }

  private static func measure(
    _ point: Point, _ device: DeviceDescription, rowTiles: Int, threads: Int?
  ) throws -> Double {
    let simulated = SimulatedGPU(device, threadCount: threads)
    let workers = simulated.properties.multiprocessorCount
    var shape = DecodeSimulation.Shape()
    shape.heads = 64 * rowTiles
    shape.batch = workers * point.pieces / point.parts / rowTiles
    shape.keys = 64 * point.tiles * point.parts
    let simulation = try DecodeSimulation(shape, engine: HopperEngine(device: simulated))
    try simulation.run(simulation.plan(EqualPieces(keys: 64 * point.tiles, rowTiles: rowTiles)))
    let launches = simulated.takeLaunches()
    let start = launches.map(\.start).min() ?? .zero
    return ((launches.map(\.end).max() ?? .zero) - start).inSeconds * 1e9
  }

  /// What the fit says of a point.
  func prediction(_ point: Point) -> Double {
    zip(point.counts, costs).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// The greatest error of the fit, as a share of the time.
  var worstError: Double {
    measurements.map { abs(prediction($0.point) / $0.nanoseconds - 1) }.max() ?? 0
  }

  /// For the table.
  var fitted: FittedCosts {
    // A tenth of a nanosecond is more than enough.
    let rounded = costs.map { ($0 * 10).rounded() / 10 }
    return FittedCosts(
      device: device.name, sharesKeys: sharesKeys, perPiece: rounded[1], perKeyTile: rounded[2],
      perPartialRow: rounded[3], secondStage: rounded[4])
  }
}

/// Cuts all tiles into pieces of so many keys and deals them out: the row tiles of a request go to neighbours.
private struct EqualPieces: PlanningPolicy {
  let keys: Int
  let rowTiles: Int

  var name: String { "pieces of \(keys) keys" }

  func assignPieces(_ problem: PlanningProblem) -> [PieceAssignment] {
    problem.tiles.enumerated().flatMap { tile, shape in
      stride(from: 0, to: shape.keyCount, by: keys).enumerated().map { part, start in
        let partCount = (shape.keyCount + keys - 1) / keys
        let place = (tile / rowTiles * partCount + part) * rowTiles + tile % rowTiles
        return PieceAssignment(
          tile: tile, keyStart: start, keyEnd: min(start + keys, shape.keyCount),
          worker: place % problem.workerCount)
      }
    }
  }
}

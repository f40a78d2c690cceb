import HopperEngine
import HopperKernels
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

    /// What a worker of so many blocks pays for: the call, pieces, tiles, rows of partials and a second stage.
    func counts(blocksPerWorker: Int) -> [Double] {
      let isCut = parts > 1
      return [
        1, Double(pieces), Double(pieces * tiles), isCut ? Double(64 * blocksPerWorker * pieces) : 0,
        isCut ? 1 : 0,
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

  /// Long enough that what a call begins with no longer counts; it takes a third of the time of all the others to simulate.
  static let longPoint = Point(pieces: 1, tiles: 32, parts: 1)

  /// How blocks share keys: requests have one row tile of 64 rows, or two, or one of 128.
  let sharing: KeySharing
  let measurements: [Measurement]
  /// Costs of what `Point.counts` counts.
  let costs: [Double]
  /// Nanoseconds that the tensor cores of a multiprocessor take for a tile of 64 rows and 64 keys, at their peak.
  private let productCost: Double

  /// Times points and fits costs to them, each point's error relative to its time.
  ///
  /// - Parameter options: of the engine; what they say of clusters must fit `sharing`.
  init(
    _ timer: any CallTimer, _ sharing: KeySharing, _ options: HopperEngineOptions, pageSize: Int = 64,
    points: [Point] = Self.points
  ) throws {
    self.sharing = sharing
    let engine = try timer.engine(options)
    let runs = try points.map { try Self.run($0, sharing, on: engine, pageSize: pageSize) }
    measurements = try zip(points, timer.seconds(runs)).map {
      Measurement(point: $0, nanoseconds: $1 * 1e9)
    }
    costs = nonNegativeLeastSquares(
      measurements.map { measurement in
        measurement.point.counts(blocksPerWorker: sharing.blocksPerWorker).map {
          $0 / measurement.nanoseconds
        }
      },
      Array(repeating: 1, count: measurements.count))
    let geometry = try DecodeCall.Shape().geometry()
    let flops =
      2 * HopperKernels.tileRows * HopperKernels.tileRows * (geometry.keyWidth + geometry.latentWidth)
    let peak = timer.description.tensorFlopsPerSecond / timer.description.processorCount.value
    productCost = Double(flops) / peak * 1e9
  }

  private static func run(
    _ point: Point, _ sharing: KeySharing, on engine: HopperEngine, pageSize: Int
  ) throws -> TimedRun {
    let workers = engine.device.properties.multiprocessorCount / sharing.blocksPerWorker
    // Of the plan: a request of 128 rows is one where two blocks run a piece.
    let rowTiles = sharing == .l2 ? 2 : 1
    var shape = DecodeCall.Shape()
    shape.heads = 64 * rowTiles * sharing.blocksPerWorker
    shape.batch = workers * point.pieces / point.parts / rowTiles
    shape.keys = 64 * point.tiles * point.parts
    shape.pageSize = pageSize
    let plan = try engine.plan(
      shape.requests(), geometry: shape.geometry(),
      policy: EqualPieces(keys: 64 * point.tiles, rowTiles: rowTiles))
    return TimedRun(plan: plan, shape: shape, engine: engine)
  }

  /// What the fit says of a point.
  func prediction(_ point: Point) -> Double {
    zip(point.counts(blocksPerWorker: sharing.blocksPerWorker), costs).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// What the fit says of a plan, in nanoseconds: the call, the busiest worker, and the second stage if there is one.
  ///
  /// Workers wait for memory together: of a tile only the products go by the busiest worker, what it takes longer goes by the
  /// mean of all. A piece reads queries and writes results: with fewer rows than the fit's it takes less.
  func prediction(_ plan: AttentionPlan) -> Double {
    let products = min(costs[2], productCost)
    let rowCount = Double(HopperKernels.tileRows * sharing.blocksPerWorker)
    let tileCount = plan.pieces.reduce(0) { $0 + Self.tiles(of: $1) }
    let waits = Double(tileCount) / Double(plan.workerCount) * (costs[2] - products)
    let loads = (0..<plan.workerCount).map { worker in
      plan.pieces[plan.pieceOffsets[worker]..<plan.pieceOffsets[worker + 1]].reduce(0.0) { load, piece in
        let partialRows = piece.partialRow == nil ? 0 : piece.rowCount
        let transfers = Double(piece.rowCount) / rowCount * costs[1] + Double(partialRows) * costs[3]
        return load + transfers + Double(Self.tiles(of: piece)) * products
      }
    }
    return costs[0] + waits + (loads.max() ?? 0) + (plan.mergeJobs.isEmpty ? 0 : costs[4])
  }

  /// Tiles of keys that a piece reads.
  private static func tiles(of piece: Piece) -> Int {
    (piece.keyEnd - piece.keyStart + HopperKernels.tileRows - 1) / HopperKernels.tileRows
  }

  /// The greatest error of the fit, as a share of the time.
  var worstError: Double {
    measurements.map { abs(prediction($0.point) / $0.nanoseconds - 1) }.max() ?? 0
  }

  /// For the table.
  func fitted(_ device: DeviceDescription) -> FittedCosts {
    // A tenth of a nanosecond is more than enough.
    let rounded = costs.map { ($0 * 10).rounded() / 10 }
    return FittedCosts(
      device: device.name, sharing: sharing, perPiece: rounded[1], perKeyTile: rounded[2],
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

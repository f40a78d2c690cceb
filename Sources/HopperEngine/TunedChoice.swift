import HopperKernels
import LatentAttention

/// The pipeline, its parameters and the use of clusters that were fastest for a decode call on a device: found by `mla tune`, on the H100
/// by measuring.
public struct TunedChoice: Sendable, Hashable, Codable {
  /// The device's name, as in `h100`.
  public var device: String
  /// Rows of a request: query tokens × heads.
  public var rows: Int
  /// Requests.
  public var batch: Int
  /// Keys of a request.
  public var keys: Int
  /// Whether keys come in boxes, by TMA: the page size is a multiple of 16.
  public var hasBoxes: Bool
  /// How the warpgroups of a block share the work.
  public var pipeline: DecodeVariant.Pipeline
  /// Whether two blocks share keys.
  public var cluster: DecodeVariant.Cluster
  /// Values of the pipeline's parameters; nil where its own are fastest, or no others were tried.
  public var tuning: PipelineTuning?

  /// What was found for a call.
  public init(
    device: String, rows: Int, batch: Int, keys: Int, hasBoxes: Bool, pipeline: DecodeVariant.Pipeline,
    cluster: DecodeVariant.Cluster, tuning: PipelineTuning? = nil
  ) {
    self.device = device
    self.rows = rows
    self.batch = batch
    self.keys = keys
    self.hasBoxes = hasBoxes
    self.pipeline = pipeline
    self.cluster = cluster
    self.tuning = tuning
  }

  /// Those of a device by the vendor's name for it; of the H100 where there are none.
  static func ofDevice(_ name: String, in choices: [TunedChoice]) -> [TunedChoice] {
    let device = HopperEngine.tableName(ofDevice: name, in: choices.map(\.device))
    return choices.filter { $0.device == device }
  }

  /// The choice in `choices`, all of one device, for the call that is most like a batch: least far in rows, requests and
  /// keys, each as a ratio; of equal ones the first. Rows and keys are those of a mean request. Nil for an empty batch, or
  /// where there is none of that way of loading.
  static func nearest(
    _ batch: Batch, _ geometry: AttentionGeometry, in choices: [TunedChoice]
  ) -> TunedChoice? {
    let hasBoxes = DecodeVariant.Loading(pageSize: batch.pageSize) != .rows
    let count = Double(batch.count)
    let rows = Double(batch.queryTokenCount) * Double(geometry.headCount) / count
    // As doubles: their sum may be too large.
    let keys = batch.keyLengths.reduce(0.0) { $0 + Double($1) } / count
    guard rows > 0 else { return nil }
    return choices.lazy.filter { $0.hasBoxes == hasBoxes }.min {
      $0.distance(rows: rows, batch: count, keys: keys) < $1.distance(rows: rows, batch: count, keys: keys)
    }
  }

  /// The product of all ratios of more to less.
  private func distance(rows: Double, batch: Double, keys: Double) -> Double {
    [(rows, self.rows), (batch, self.batch), (keys, self.keys)].reduce(1) { product, pair in
      let (given, tuned) = (max(1, pair.0), Double(max(1, pair.1)))
      return product * max(given / tuned, tuned / given)
    }
  }
}

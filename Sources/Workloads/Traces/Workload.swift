import Foundation

/// What can be replayed: requests that a batcher turns into steps, or calls that are steps already.
public enum Workload: Hashable, Sendable {
  /// Requests with arrival times, for `ContinuousBatcher`.
  case requests(RequestTrace)
  /// Attention calls as a serving system made them, each a batch of its own.
  case calls([RecordedCall])

  /// Reads a trace file.
  ///
  /// - Parameters:
  ///   - path: the file; errors and `RequestTrace.source` name it as it is given here.
  ///   - format: nil to tell the format from the content.
  ///   - seed: for what a format leaves open; see `TraceFormat.flashInferBench`. The other formats
  ///     leave nothing open.
  /// - Throws: `TraceError` for a file that cannot be read, has no entries or an unknown format, or has
  ///   a malformed line; nothing is skipped but blank lines.
  public static func read(
    path: String, format: TraceFormat? = nil, seed: UInt64 = 0
  ) throws(TraceError) -> Workload {
    let content: Data
    do {
      content = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw TraceError(
        .unreadable, file: path, requirement: "must be a readable file (\(error.localizedDescription))")
    }
    return try parse(content, source: path, format: format, seed: seed)
  }

  /// Reads a trace from memory; `source` stands for the file's name.
  ///
  /// - Throws: as `read(path:format:seed:)` does.
  public static func parse(
    _ content: Data, source: String, format: TraceFormat? = nil, seed: UInt64 = 0
  ) throws(TraceError) -> Workload {
    let lines = TraceLine.split(content, file: source)
    guard let first = lines.first else {
      throw TraceError(.empty, file: source, requirement: "must have at least one entry")
    }
    let detected = if let format { format } else { try TraceFormat.detect(first) }
    switch detected {
    case .mooncake: return .requests(try MooncakeReader.read(lines, source: source))
    case .azure: return .requests(try AzureReader.read(lines, source: source))
    case .flashInferBench: return .calls(try FlashInferBenchReader.read(lines, seed: seed))
    }
  }
}

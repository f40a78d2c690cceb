import Foundation

/// Reads the traces of Mooncake (arXiv 2407.00079): one JSON object a line and request.
enum MooncakeReader {
  /// Keys that tell the format.
  static let recognisedBy: Set<String> = ["timestamp", "input_length", "output_length"]

  private struct Record<Integer: Decodable>: Decodable {
    /// Milliseconds.
    let timestamp: Double
    let inputLength: Integer
    let outputLength: Integer
    let hashIDs: [Integer]

    enum CodingKeys: String, CodingKey {
      case timestamp
      case inputLength = "input_length"
      case outputLength = "output_length"
      case hashIDs = "hash_ids"
    }
  }

  static func read(_ lines: [TraceLine], source: String) throws(TraceError) -> RequestTrace {
    let decoder = JSONDecoder()
    var records: [RequestRecord] = []
    records.reserveCapacity(lines.count)
    for line in lines {
      let record = try line.decode(
        Record<Int>.self, diagnosis: Record<WholeNumber>.self, with: decoder)
      try check(record, at: line)
      records.append(
        RequestRecord(
          line: line, time: record.timestamp / 1000, promptLength: record.inputLength,
          outputLength: record.outputLength, prefixBlocks: record.hashIDs))
    }
    return try RequestTrace(
      source: source, records: records,
      fieldNames: [
        "arrival": "timestamp", "promptLength": "input_length", "outputLength": "output_length",
      ])
  }

  /// Checks what only this format promises.
  private static func check(_ record: Record<Int>, at line: TraceLine) throws(TraceError) {
    guard record.timestamp >= 0 else {
      throw line.error(
        .outOfRange, field: "timestamp", value: "\(record.timestamp)", requirement: "must not be negative")
    }
    let size = RequestTrace.defaultPrefixBlockSize
    // A length below 1 is the trace's own to refuse.
    guard
      record.inputLength < 1 || record.hashIDs.count <= pagesNeeded(for: record.inputLength, pageSize: size)
    else {
      throw line.error(
        .outOfRange, field: "hash_ids", value: "\(record.hashIDs.count) entries",
        requirement: "must be at most one for each \(size) of the \(record.inputLength) prompt tokens")
    }
  }
}

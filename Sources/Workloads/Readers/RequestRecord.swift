import LatentAttention

/// A request as a line has it, with a time that counts from anywhere.
struct RequestRecord {
  let line: TraceLine
  /// Seconds.
  let time: Double
  let promptLength: Int
  let outputLength: Int
  var prefixBlocks: [Int] = []
}

extension RequestTrace {
  /// A trace that starts with its earliest request.
  ///
  /// - Parameter fieldNames: what the file calls the fields of `TraceRequest`.
  init(
    source: String, records: [RequestRecord], fieldNames: [String: String]
  ) throws(TraceError) {
    let start = records.reduce(Double.infinity) { min($0, $1.time) }
    var requests: [TraceRequest] = []
    requests.reserveCapacity(records.count)
    for record in records {
      do {
        requests.append(
          try TraceRequest(
            arrival: record.time - start, promptLength: record.promptLength,
            outputLength: record.outputLength, prefixBlocks: record.prefixBlocks))
      } catch {
        throw record.line.error(
          .outOfRange, field: fieldNames[error.field, default: error.field], value: error.value,
          requirement: error.requirement)
      }
    }
    self.init(source: source, sorting: requests)
  }
}

import Foundation

/// Reads FlashInfer-Bench's workload files of MLA operations: one JSON object a line and call.
///
/// How the recorded totals are shared out is described at `TraceFormat.flashInferBench`.
enum FlashInferBenchReader {
  /// Keys that tell the format.
  static let recognisedBy: Set<String> = ["definition", "workload"]

  private struct Record<Integer: Decodable>: Decodable {
    let definition: String
    let workload: Recording

    struct Recording: Decodable {
      let axes: Axes<Integer>
    }
  }

  private struct Axes<Integer: Decodable>: Decodable {
    /// Requests; given for decode calls.
    let batchSize: Integer?
    /// Query tokens; given for prefill calls.
    let queryTotal: Integer?
    let poolPageCount: Integer
    let offsetCount: Integer
    let pageTotal: Integer

    typealias CodingKeys = AxisName
  }

  private enum AxisName: String, CodingKey {
    case batchSize = "batch_size"
    case queryTotal = "total_q"
    case poolPageCount = "num_pages"
    case offsetCount = "len_indptr"
    case pageTotal = "num_kv_indices"
  }

  /// What a definition's name tells.
  private struct Definition {
    let name: String
    let pageSize: Int
    let headCount: Int?
    let isCausal: Bool

    init(_ name: String, at line: TraceLine) throws(TraceError) {
      let parts = name.split(separator: "_")
      func number(after prefix: String) -> Int? {
        parts.lazy.filter { $0.hasPrefix(prefix) }.compactMap { Int($0.dropFirst(prefix.count)) }.first
      }
      guard parts.first == "mla", let pageSize = number(after: "ps"), (1...65_536).contains(pageSize) else {
        throw line.error(
          .outOfRange, field: "definition", value: name,
          requirement: "must be an MLA operation with its page size, as mla_paged_decode_h16_ps1")
      }
      self.name = name
      self.pageSize = pageSize
      headCount = number(after: "h")
      isCausal = parts.contains("causal")
    }
  }

  /// The numbers of a call, checked: at least one page and one query token for each request, and no
  /// more query tokens than the pages hold.
  private struct Totals {
    let requestCount: Int
    let queryTotal: Int
    let pageTotal: Int
    let poolPageCount: Int
  }

  static func read(_ lines: [TraceLine], seed: UInt64) throws(TraceError) -> [RecordedCall] {
    let decoder = JSONDecoder()
    var generator = SeededGenerator(seed: seed)
    var calls: [RecordedCall] = []
    calls.reserveCapacity(lines.count)
    for line in lines {
      let record = try line.decode(
        Record<Int>.self, diagnosis: Record<WholeNumber>.self, with: decoder)
      let definition = try Definition(record.definition, at: line)
      let totals = try check(record.workload.axes, pageSize: definition.pageSize, at: line)
      calls.append(draw(definition, totals, using: &generator))
    }
    return calls
  }

  private static func check(
    _ axes: Axes<Int>, pageSize: Int, at line: TraceLine
  ) throws(TraceError) -> Totals {
    func checked(
      _ value: Int, _ name: AxisName, in range: ClosedRange<Int>
    ) throws(TraceError) -> Int {
      guard range.contains(value) else {
        throw line.error(
          .outOfRange, field: "workload.axes.\(name.rawValue)", value: "\(value)",
          requirement: "must be \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
    // Limits that no serving system comes near keep a damaged number from asking for all memory.
    let maximumRequestCount = 1 << 20
    let maximumPageCount = TraceRequest.maximumLength / pageSize
    let poolPageCount = try checked(axes.poolPageCount, .poolPageCount, in: 1...Int(Int32.max))
    let offsetCount = try checked(axes.offsetCount, .offsetCount, in: 2...(maximumRequestCount + 1))
    guard let queryTotal = axes.queryTotal else {
      guard let batchSize = axes.batchSize else {
        throw line.error(
          .missingField, field: "workload.axes.batch_size", requirement: "must be given, or total_q")
      }
      // A list of offsets may be longer than the batch, as it is where a CUDA graph fixes its size.
      let requestCount = try checked(batchSize, .batchSize, in: 1...(offsetCount - 1))
      let pageTotal = try checked(axes.pageTotal, .pageTotal, in: requestCount...maximumPageCount)
      return Totals(
        requestCount: requestCount, queryTotal: requestCount, pageTotal: pageTotal,
        poolPageCount: poolPageCount)
    }
    let requestCount = offsetCount - 1
    let pageTotal = try checked(axes.pageTotal, .pageTotal, in: requestCount...maximumPageCount)
    return Totals(
      requestCount: requestCount,
      queryTotal: try checked(queryTotal, .queryTotal, in: requestCount...(pageTotal * pageSize)),
      pageTotal: pageTotal, poolPageCount: poolPageCount)
  }

  private static func draw(
    _ definition: Definition, _ totals: Totals, using generator: inout SeededGenerator
  ) -> RecordedCall {
    let pageSize = definition.pageSize
    let pageCounts = generator.composition(of: totals.pageTotal, partCount: totals.requestCount)
    // Rounding the running sums down gives every request its share, the sum exactly, and nobody more
    // than fits: a share is at most the request's room, which is a whole number.
    let spareQueries = totals.queryTotal - totals.requestCount
    let room = totals.pageTotal * pageSize - totals.requestCount
    var roomSoFar = 0
    var queryCounts: [Int] = []
    var keyLengths: [Int] = []
    for pages in pageCounts {
      let before = room == 0 ? 0 : spareQueries * roomSoFar / room
      roomSoFar += pages * pageSize - 1
      let queries = 1 + (room == 0 ? 0 : spareQueries * roomSoFar / room) - before
      queryCounts.append(queries)
      let shortest = max(queries, (pages - 1) * pageSize + 1)
      keyLengths.append(generator.integer(in: shortest...(pages * pageSize)))
    }
    return RecordedCall(
      definition: definition.name, queryCounts: queryCounts, keyLengths: keyLengths,
      isCausal: definition.isCausal, pageSize: pageSize, headCount: definition.headCount,
      poolPageCount: totals.poolPageCount)
  }
}

import LatentAttention

/// One attention call that a serving system made: a whole batch, to be run as one step.
public struct RecordedCall: Hashable, Sendable {
  /// What the recording calls the operation: `mla_paged_decode_h16_ckv512_kpe64_ps1`.
  public let definition: String
  /// Query tokens of each request: all 1 for a decode call.
  public let queryCounts: [Int]
  /// Keys of each request, at least as many as its query tokens.
  public let keyLengths: [Int]
  /// Whether a query token is kept from seeing keys after its own.
  public let isCausal: Bool
  /// Tokens per page.
  public let pageSize: Int
  /// Query heads, where the recording tells them.
  public let headCount: Int?
  /// Pages of the pool that the recording system had.
  public let poolPageCount: Int

  /// Pages that the call reads.
  public var pageCount: Int { keyLengths.reduce(0) { $0 + pagesNeeded(for: $1, pageSize: pageSize) } }

  /// The call as a batch over a pool of just the pages it reads, handed out in random order as they are
  /// in a system that has run for a while.
  ///
  /// - Throws: `ProblemError` where the pages do not fit 32-bit indices.
  /// - Complexity: O(pages).
  public func batch(using generator: inout some RandomNumberGenerator) throws(ProblemError) -> Batch {
    guard let pageCount = Int32(exactly: pageCount) else {
      throw ProblemError(
        .outOfRange, "pageCount", value: pageCount, requirement: "must be 0 to \(Int32.max)")
    }
    var queryOffsets = [0]
    var pageOffsets = [0]
    for (queries, keys) in zip(queryCounts, keyLengths) {
      queryOffsets.append(queryOffsets[queryOffsets.count - 1] + queries)
      pageOffsets.append(pageOffsets[pageOffsets.count - 1] + pagesNeeded(for: keys, pageSize: pageSize))
    }
    return try Batch(
      queryOffsets: queryOffsets, pageOffsets: pageOffsets,
      pageIndices: (0..<pageCount).shuffled(using: &generator), keyLengths: keyLengths,
      pageSize: pageSize, poolPageCount: Int(pageCount), isCausal: isCausal)
  }
}

/// Pages that hold `tokens` tokens.
func pagesNeeded(for tokens: Int, pageSize: Int) -> Int {
  tokens / pageSize + (tokens % pageSize == 0 ? 0 : 1)
}

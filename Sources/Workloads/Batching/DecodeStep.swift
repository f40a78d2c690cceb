import LatentAttention

/// One step of a serving system: each active request appends one token and attends to all its keys.
///
/// Row `i` of every list is the same request. Rows are in order of admission.
public struct DecodeStep: Sendable {
  /// Steps before this one.
  public let index: Int
  /// When the step begins: seconds from the start of the trace.
  public let time: Double
  /// The active requests, as positions in the trace.
  public let requests: [Int]
  /// Keys of each request, the token appended in this step included.
  public let keyLengths: [Int]
  /// `requests.count + 1` offsets into `pageIndices`.
  public let pageOffsets: [Int]
  /// The page lists. A list may go on past the pages its length needs; what is there means nothing.
  public let pageIndices: [Int32]
  /// Where each request's new token goes.
  public let appendedTokens: [CacheSlot]
  /// Requests that were admitted with this step, in order of their rows.
  public let admissions: [Admission]
  /// Requests whose last token this step appends; their pages are taken back when the next one begins.
  public let completed: [Int]
  /// Requests that lost their pages to others as this step began, and wait again.
  public let preempted: [Int]
  /// How the pool is used during the step.
  public let poolUse: PoolUse
  /// Tokens per page.
  public let pageSize: Int

  /// The attention call of this step: one query token for each request.
  ///
  /// - Throws: nothing for a step that a batcher made, whose lists a batch's own checks accept.
  /// - Complexity: O(requests + pages), for those checks.
  public func batch() throws(ProblemError) -> Batch {
    try Batch(
      queryOffsets: Array(0...requests.count), pageOffsets: pageOffsets, pageIndices: pageIndices,
      keyLengths: keyLengths, pageSize: pageSize, poolPageCount: poolUse.pageCount, isCausal: false)
  }
}

/// A token's place in the cache.
public struct CacheSlot: Hashable, Sendable {
  /// The page.
  public let page: Int32
  /// The token within the page.
  public let slot: Int
}

/// A request that becomes active, and what of its prompt is not in the cache yet.
///
/// The keys `sharedLength ..< promptLength` must be written before the step attends to them; key
/// `sharedLength + t` lies in slot `t % pageSize` of `pagesToFill[t / pageSize]`. The last page may have
/// room left, and where the prompt ends with a page and the appended token begins another, that other
/// is not among them.
public struct Admission: Hashable, Sendable {
  /// The request, as a position in the trace.
  public let request: Int
  /// The request's row in the step.
  public let row: Int
  /// Keys before the token that the step appends: the prompt, and after a preemption what had been
  /// generated.
  public let promptLength: Int
  /// Leading keys that lie in pages shared with earlier requests: a whole number of pages.
  public let sharedLength: Int
  /// Pages for the other keys of the prompt, in order.
  public let pagesToFill: [Int32]
}

/// A request that no schedule could finish in this pool.
public struct Rejection: Hashable, Sendable {
  /// The request, as a position in the trace.
  public let request: Int
  /// Pages that its prompt and output need together.
  public let neededPageCount: Int
  /// Pages in the pool.
  public let poolPageCount: Int
}

/// What a batcher did so far.
public struct BatcherStatistics: Hashable, Sendable {
  /// Steps made.
  public internal(set) var stepCount = 0
  /// Tokens appended, each once.
  public internal(set) var generatedTokenCount = 0
  /// Requests that generated all their tokens.
  public internal(set) var completedCount = 0
  /// Requests that can never fit.
  public internal(set) var rejectedCount = 0
  /// Times a request lost its pages.
  public internal(set) var preemptionCount = 0
  /// Times an admitted request found a page of its prompt in the cache.
  public internal(set) var sharedPageHitCount = 0
  /// Pages that admitted requests had to fill.
  public internal(set) var filledPageCount = 0
  /// Pages that active requests held during the last step, a shared one counted once.
  public internal(set) var pagesInUse = 0
  /// The most pages held during any step.
  public internal(set) var peakPagesInUse = 0
}

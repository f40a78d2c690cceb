import LatentAttention

/// Turns the requests of a trace into decode steps, as a serving system with a paged cache does.
///
///     while let step = batcher.nextStep() {
///       // fill the admitted prompts, append a token per row, run step.batch()
///       try batcher.advance(by: secondsThatTook)
///     }
///
/// - Requests are admitted in order of arrival while the batch has room and there are pages for the
///   prompt, the first token, and one more for each request already active.
/// - With each step every active request appends one token; its key length grows by one.
/// - Where no page is left for that, the request admitted last loses its pages and waits before all
///   others; what it had generated then counts as prompt.
/// - Leading blocks of a prompt that the trace knows by identity are kept in the cache after their
///   requests are done, until room is needed, least recently used first. Only whole blocks are shared,
///   and only if they are whole pages, so no request ever writes to a page that another reads.
/// - While nothing is active, time jumps to the next arrival.
///
/// A step costs O(active requests) plus, over a request's life, O(its pages); the pool's size does not
/// matter. Page lists are changed in place: a step still held when the next is made costs a copy of them.
public struct ContinuousBatcher: Sendable {
  /// The requests.
  public let trace: RequestTrace
  /// Tokens per page.
  public let pageSize: Int
  /// Most requests active at a time.
  public let maximumBatchSize: Int
  /// The present: seconds from the start of the trace.
  public private(set) var time = 0.0
  /// What was done so far.
  public private(set) var statistics = BatcherStatistics()
  /// Requests that can never fit, in order of arrival.
  public private(set) var rejections: [Rejection] = []

  /// A request and how far it got.
  private struct Progress {
    let request: Int
    var generated: Int
  }

  private struct ActiveRequest {
    var progress: Progress
    /// Keys in the cache.
    var length: Int
    /// Keys once the last token is generated.
    let fullLength: Int
    /// The cached blocks it uses, in order of position.
    let blocks: [Int]

    var isComplete: Bool { length == fullLength }
  }

  private var pool: PagePool
  private var table = PageTable()
  /// In order of admission, as the rows of `table`.
  private var active: [ActiveRequest] = []
  /// Those that lost their pages; the last is the next to be admitted.
  private var preempted: [Progress] = []
  /// The first request of the trace that was never admitted.
  private var nextArrival = 0

  /// A batcher with an empty pool.
  ///
  /// - Parameter tokenBudget: tokens the cache holds; rounded down to whole pages.
  /// - Throws: `ProblemError` for a page size or batch size below 1, a budget below one page or one that
  ///   makes more pages than 32-bit indices reach.
  public init(
    trace: RequestTrace, tokenBudget: Int, pageSize: Int, maximumBatchSize: Int
  ) throws(ProblemError) {
    guard pageSize >= 1 else {
      throw ProblemError(.notPositive, "pageSize", value: pageSize, requirement: "must be at least 1")
    }
    guard maximumBatchSize >= 1 else {
      throw ProblemError(
        .notPositive, "maximumBatchSize", value: maximumBatchSize, requirement: "must be at least 1")
    }
    guard tokenBudget >= pageSize else {
      throw ProblemError(
        .outOfRange, "tokenBudget", value: tokenBudget,
        requirement: "must be at least a page of \(pageSize) tokens")
    }
    self.trace = trace
    self.pageSize = pageSize
    self.maximumBatchSize = maximumBatchSize
    pool = try PagePool(pageCount: tokenBudget / pageSize)
  }

  /// Lets time pass, usually as much as the last step took.
  ///
  /// - Throws: `ProblemError.outOfRange` for a duration that is negative or not finite.
  public mutating func advance(by seconds: Double) throws(ProblemError) {
    guard seconds.isFinite, seconds >= 0 else {
      throw ProblemError(
        .outOfRange, "seconds", value: seconds, requirement: "must be finite and not negative")
    }
    time += seconds
  }

  /// Ends the step before and makes the next one; nil once every request is completed or rejected.
  public mutating func nextStep() -> DecodeStep? {
    removeCompleted()
    let victims = appendTokens()
    // Who was just preempted is the next to be admitted, and there is no room for it.
    var admissions = victims.isEmpty ? admit() : []
    while active.isEmpty, nextArrival < trace.requests.count {
      time = max(time, trace.requests[nextArrival].arrival)
      admissions = admit()
    }
    return active.isEmpty ? nil : makeStep(admissions: admissions, preempted: victims)
  }

  private mutating func makeStep(admissions: [Admission], preempted: [Int]) -> DecodeStep {
    let completed = active.filter(\.isComplete).map(\.progress.request)
    let use = pool.use
    let step = DecodeStep(
      index: statistics.stepCount, time: time, requests: active.map(\.progress.request),
      keyLengths: active.map(\.length), pageOffsets: table.offsets, pageIndices: table.indices,
      appendedTokens: active.indices.map { row in
        let position = active[row].length - 1
        return CacheSlot(
          page: table.page(row: row, at: position / pageSize), slot: position % pageSize)
      },
      admissions: admissions, completed: completed, preempted: preempted, poolUse: use,
      pageSize: pageSize)
    statistics.stepCount += 1
    statistics.generatedTokenCount += active.count
    statistics.completedCount += completed.count
    statistics.pagesInUse = use.inUse
    statistics.peakPagesInUse = max(statistics.peakPagesInUse, use.inUse)
    return step
  }
}

// MARK: - Active requests

extension ContinuousBatcher {
  private mutating func removeCompleted() {
    let rows = active.indices.filter { active[$0].isComplete }
    guard !rows.isEmpty else { return }
    for row in rows { releasePages(row: row) }
    table.removeRows(rows)
    active.removeAll(where: \.isComplete)
  }

  private mutating func releasePages(row: Int) {
    for position in 0..<table.pageCount(row: row) { pool.release(table.page(row: row, at: position)) }
    // Last block first: of blocks that fell out of use together, the deepest is the first to be
    // evicted, since it is of no use without those before it.
    for slot in active[row].blocks.reversed() { pool.endUse(ofBlockAt: slot) }
  }

  /// Appends a token to each active request, and returns the requests that had to be preempted for it.
  ///
  /// The one that was admitted first never is: alone in the pool it fits, or it had been rejected.
  private mutating func appendTokens() -> [Int] {
    var victims: [Int] = []
    var row = 0
    while row < active.count {
      if active[row].length == table.pageCount(row: row) * pageSize {
        guard let page = pool.takePage() else {
          victims.append(preemptLast())
          continue
        }
        table.append(page, row: row)
      }
      active[row].length += 1
      active[row].progress.generated += 1
      row += 1
    }
    return victims
  }

  private mutating func preemptLast() -> Int {
    let row = active.count - 1
    releasePages(row: row)
    table.removeLastRow()
    let progress = active.remove(at: row).progress
    preempted.append(progress)
    statistics.preemptionCount += 1
    return progress.request
  }
}

// MARK: - Admission

extension ContinuousBatcher {
  /// Admits those next in line while there is room, and appends their first token.
  private mutating func admit() -> [Admission] {
    var admissions: [Admission] = []
    while active.count < maximumBatchSize, let candidate = nextInLine() {
      guard let admission = admit(candidate) else { break }
      admissions.append(admission)
      if preempted.isEmpty { nextArrival += 1 } else { preempted.removeLast() }
    }
    return admissions
  }

  /// The request to be admitted next, if it has arrived; those that can never fit are rejected on the way.
  private mutating func nextInLine() -> Progress? {
    if let progress = preempted.last { return progress }
    while nextArrival < trace.requests.count, trace.requests[nextArrival].arrival <= time {
      let request = trace.requests[nextArrival]
      let needed = pagesNeeded(for: request.promptLength + request.outputLength, pageSize: pageSize)
      if needed <= pool.pageCount { return Progress(request: nextArrival, generated: 0) }
      rejections.append(
        Rejection(request: nextArrival, neededPageCount: needed, poolPageCount: pool.pageCount))
      statistics.rejectedCount += 1
      nextArrival += 1
    }
    return nil
  }

  /// Leading blocks of a prompt that may be shared: whole ones, where blocks are whole pages.
  private func shareableBlocks(of request: TraceRequest) -> ArraySlice<Int> {
    guard trace.prefixBlockSize.isMultiple(of: pageSize) else { return [] }
    return request.prefixBlocks.prefix(request.promptLength / trace.prefixBlockSize)
  }

  private mutating func admit(_ candidate: Progress) -> Admission? {
    let request = trace.requests[candidate.request]
    let promptLength = request.promptLength + candidate.generated
    let blocks = shareableBlocks(of: request)
    let pagesPerBlock = trace.prefixBlockSize / pageSize
    let needed = pagesNeeded(for: promptLength + 1, pageSize: pageSize)
    // Looking up the blocks is worth while only if finding all of them would be enough.
    guard needed - blocks.count * pagesPerBlock + active.count <= pool.availablePageCount else { return nil }
    let found = pool.cachedSlots(of: blocks)
    let available = pool.availablePageCount - pool.unusedPageCount(at: found)
    guard needed - found.count * pagesPerBlock + active.count <= available else { return nil }

    let (pages, slots) = takePages(needed, blocks: blocks, found: found)
    let fullLength = request.promptLength + request.outputLength
    let row = active.count
    table.appendRow(pages: pages, capacity: pagesNeeded(for: fullLength, pageSize: pageSize))
    active.append(
      ActiveRequest(
        progress: Progress(request: candidate.request, generated: candidate.generated + 1),
        length: promptLength + 1, fullLength: fullLength, blocks: slots))
    let sharedPages = found.count * pagesPerBlock
    let promptPages = pagesNeeded(for: promptLength, pageSize: pageSize)
    statistics.sharedPageHitCount += sharedPages
    statistics.filledPageCount += promptPages - sharedPages
    return Admission(
      request: candidate.request, row: row, promptLength: promptLength,
      sharedLength: sharedPages * pageSize, pagesToFill: Array(pages[sharedPages..<promptPages]))
  }

  /// Takes the pages of a request that is admitted, those of the cached blocks `found` first, and
  /// caches its other blocks for those who come after it.
  ///
  /// - Returns: `count` pages, and the slots of the blocks among them that are cached.
  private mutating func takePages(
    _ count: Int, blocks: ArraySlice<Int>, found: [Int]
  ) -> (pages: [Int32], slots: [Int]) {
    var slots = found
    // Used first, so that taking the others cannot evict them.
    var pages = found.flatMap { pool.useBlock(at: $0) }
    while pages.count < count, let page = pool.takePage() { pages.append(page) }
    let pagesPerBlock = trace.prefixBlockSize / pageSize
    for (position, identity) in blocks.enumerated().dropFirst(found.count) {
      let range = (position * pagesPerBlock)..<((position + 1) * pagesPerBlock)
      let slot = pool.cacheBlock(position: position, identity: identity, pages: Array(pages[range]))
      if let slot { slots.append(slot) }
    }
    return (pages, slots)
  }
}

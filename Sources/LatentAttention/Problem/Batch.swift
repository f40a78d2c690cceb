/// The ragged requests of one attention call: which query tokens, which pages, how many keys.
///
/// Request `i` owns the query tokens `queryOffsets[i] ..< queryOffsets[i + 1]` and the pages
/// `pageIndices[pageOffsets[i] ..< pageOffsets[i + 1]]`; key `t` of it lies in slot `t % pageSize` of
/// the page at position `t / pageSize` of its list. Entries past the last page that
/// `keyLengths[i]` needs are never read and may be garbage.
///
/// With `isCausal`, query token `j` of `q` sees the keys `0 ... keyLength − q + j` (aligned bottom-right);
/// where that is negative it sees none, its output is 0 and its LSE −∞.
public struct Batch: Hashable, Sendable {
  /// `count + 1` offsets into the query tokens; the first is 0.
  public let queryOffsets: [Int]
  /// `count + 1` offsets into `pageIndices`; the first is 0.
  public let pageOffsets: [Int]
  /// The page lists of all requests, one after another.
  public let pageIndices: [Int32]
  /// Keys of each request.
  public let keyLengths: [Int]
  /// Tokens per page, at least 1.
  public let pageSize: Int
  /// Pages in the pool that `pageIndices` points into.
  public let poolPageCount: Int
  /// Whether a query token is kept from seeing keys after its own.
  public let isCausal: Bool
  /// Tokens per page of the cache: `pageSize`, but for batches of token lists, whose pages are single tokens.
  public private(set) var cachePageSize: Int

  /// Checks and keeps a batch. An empty one (offsets `[0]`, no lengths) is fine.
  ///
  /// - Parameters:
  ///   - queryOffsets: where each request's query tokens start, and the end of the last; the first is 0.
  ///   - pageOffsets: may hold more than `keyLengths.count + 1` entries; the rest is ignored.
  ///   - pageIndices: the page lists of all requests, one after another.
  ///   - keyLengths: keys of each request.
  ///   - pageSize: tokens per page.
  ///   - poolPageCount: pages in the pool, 0 to 2,147,483,647.
  ///   - isCausal: whether a query token is kept from seeing keys after its own.
  /// - Throws: `ProblemError` for offsets that do not start at 0, go down or point past `pageIndices`;
  ///   a negative length; a page list too short for its length; a needed page index outside the pool.
  /// - Complexity: O(requests + needed pages).
  public init(
    queryOffsets: [Int], pageOffsets: [Int], pageIndices: [Int32], keyLengths: [Int], pageSize: Int,
    poolPageCount: Int, isCausal: Bool
  ) throws(ProblemError) {
    guard pageSize >= 1 else {
      throw ProblemError(.notPositive, "pageSize", value: pageSize, requirement: "must be at least 1")
    }
    guard (0...Int(Int32.max)).contains(poolPageCount) else {
      throw ProblemError(
        .outOfRange, "poolPageCount", value: poolPageCount, requirement: "must be 0 to \(Int32.max)")
    }
    let count = keyLengths.count
    guard queryOffsets.count == count + 1 else {
      throw ProblemError(
        .mismatch, "queryOffsets.count", value: queryOffsets.count,
        requirement: "must be one more than the \(count) key lengths")
    }
    guard pageOffsets.count > count else {
      throw ProblemError(
        .tooShort, "pageOffsets.count", value: pageOffsets.count,
        requirement: "must be at least one more than the \(count) key lengths")
    }
    try Self.checkOffsets(queryOffsets[...count], field: "queryOffsets", limit: .max)
    try Self.checkOffsets(pageOffsets[...count], field: "pageOffsets", limit: pageIndices.count)
    for request in 0..<count {
      try Self.checkPages(
        request: request, pages: pageIndices[pageOffsets[request]..<pageOffsets[request + 1]],
        keyLength: keyLengths[request], pageSize: pageSize, poolPageCount: poolPageCount)
    }
    self.queryOffsets = queryOffsets
    self.pageOffsets = Array(pageOffsets[...count])
    self.pageIndices = pageIndices
    self.keyLengths = keyLengths
    self.pageSize = pageSize
    self.poolPageCount = poolPageCount
    self.isCausal = isCausal
    cachePageSize = pageSize
  }

  /// A batch from one page list per request.
  ///
  /// - Throws: as the initialiser with offsets does; also where the three lists differ in count or a
  ///   query count is negative.
  public init(
    queryCounts: [Int], pageLists: [[Int32]], keyLengths: [Int], pageSize: Int, poolPageCount: Int,
    isCausal: Bool
  ) throws(ProblemError) {
    guard pageLists.count == keyLengths.count else {
      throw ProblemError(
        .mismatch, "pageLists.count", value: pageLists.count,
        requirement: "must equal the \(keyLengths.count) key lengths")
    }
    var queryOffsets = [0]
    for (index, count) in queryCounts.enumerated() {
      guard count >= 0 else {
        throw ProblemError(
          .notPositive, "queryCounts", index: index, value: count, requirement: "must not be negative")
      }
      queryOffsets.append(try queryOffsets[index].added(to: count, field: "queryCounts"))
    }
    var pageOffsets = [0]
    for list in pageLists { pageOffsets.append(pageOffsets[pageOffsets.count - 1] + list.count) }
    try self.init(
      queryOffsets: queryOffsets, pageOffsets: pageOffsets, pageIndices: Array(pageLists.joined()),
      keyLengths: keyLengths, pageSize: pageSize, poolPageCount: poolPageCount, isCausal: isCausal)
  }

  /// A batch for sparse attention: query token `i` is a request of its own, which sees the tokens of one list.
  ///
  /// - Parameters:
  ///   - tokens: lists of `width` entries, one after another. An entry is `page · pageSize + slot`; what is no place of the
  ///     cache, −1 for one, is passed over.
  ///   - width: entries of each list, at least 1.
  ///   - lengths: how many entries of each list count; nil for all. More than `width` are as many as `width`.
  ///   - pageSize: tokens per page of the cache.
  ///   - pageCount: pages of the cache.
  /// - Throws: `ProblemError` for entries that are not whole lists, lengths that are not as many or negative, or a cache of
  ///   2^31 tokens or more.
  /// - Complexity: O(entries).
  public init(
    tokenLists tokens: Span<Int32>, width: Int, lengths: [Int]? = nil, pageSize: Int, pageCount: Int
  ) throws(ProblemError) {
    guard width >= 1 else {
      throw ProblemError(.notPositive, "width", value: width, requirement: "must be at least 1")
    }
    guard pageSize >= 1 else {
      throw ProblemError(.notPositive, "pageSize", value: pageSize, requirement: "must be at least 1")
    }
    guard pageCount >= 0 else {
      throw ProblemError(.notPositive, "pageCount", value: pageCount, requirement: "must not be negative")
    }
    let count = tokens.count / width
    guard tokens.count % width == 0 else {
      throw ProblemError(
        .mismatch, "tokenLists.count", value: tokens.count, requirement: "must be a multiple of \(width)")
    }
    guard lengths == nil || lengths?.count == count else {
      throw ProblemError(
        .mismatch, "lengths.count", value: lengths?.count ?? 0, requirement: "must be \(count), one per list")
    }
    let tokenCount = try pageCount.multiplied(by: pageSize, field: "pageCount")
    var pages: [Int32] = []
    var offsets = [0]
    for list in 0..<count {
      let length = lengths?[list] ?? width
      guard length >= 0 else {
        throw ProblemError(
          .notPositive, "lengths", index: list, value: length, requirement: "must not be negative")
      }
      for entry in list * width..<list * width + min(length, width)
      where (0..<tokenCount).contains(Int(tokens[entry])) {
        pages.append(tokens[entry])
      }
      offsets.append(pages.count)
    }
    try self.init(
      queryOffsets: Array(0...count), pageOffsets: offsets, pageIndices: pages,
      keyLengths: (0..<count).map { offsets[$0 + 1] - offsets[$0] }, pageSize: 1, poolPageCount: tokenCount,
      isCausal: false)
    cachePageSize = pageSize
  }

  /// Pages of the cache.
  public var cachePageCount: Int { poolPageCount / (cachePageSize / pageSize) }

  /// Page and slot of the cache where a key of a request lies. The key must exist.
  package func place(request: Int, key: Int) -> (page: Int, slot: Int) {
    let page = Int(pageIndices[pageOffsets[request] + key / pageSize])
    guard cachePageSize != pageSize else { return (page, key % pageSize) }
    return (page / cachePageSize, page % cachePageSize)
  }

  /// Number of requests.
  public var count: Int { keyLengths.count }

  /// Query tokens of all requests together.
  public var queryTokenCount: Int { queryOffsets[count] }

  /// Query tokens of one request.
  public func queryCount(_ request: Int) -> Int { queryOffsets[request + 1] - queryOffsets[request] }

  /// Keys that query token `token` (counted within its request) sees: a prefix of the request's keys.
  public func visibleKeyCount(request: Int, token: Int) -> Int {
    let length = keyLengths[request]
    return isCausal ? max(0, length - queryCount(request) + token + 1) : length
  }

  /// Pages of the smallest pool that holds all pages that a batch of these fields needs; garbage in other entries does
  /// not count. For fields that the initialiser refuses, some number.
  /// - Complexity: O(needed pages).
  public static func neededPageCount(
    pageOffsets: [Int], pageIndices: [Int32], keyLengths: [Int], pageSize: Int
  ) -> Int {
    guard pageSize >= 1, pageOffsets.count > keyLengths.count else { return 0 }
    var count = 0
    for (request, length) in keyLengths.enumerated() where length > 0 {
      let first = max(0, pageOffsets[request])
      let needed = (length - 1) / pageSize + 1
      let end = min(
        pageOffsets[request + 1], pageIndices.count, first.addingReportingOverflow(needed).partialValue)
      guard first < end else { continue }
      for page in pageIndices[first..<end] { count = max(count, Int(page) + 1) }
    }
    return count
  }

  private static func checkOffsets(
    _ offsets: ArraySlice<Int>, field: String, limit: Int
  ) throws(ProblemError) {
    guard offsets[0] == 0 else {
      throw ProblemError(.badOffsets, field, index: 0, value: offsets[0], requirement: "must be 0")
    }
    for index in offsets.indices.dropFirst() where offsets[index] < offsets[index - 1] {
      throw ProblemError(
        .badOffsets, field, index: index, value: offsets[index],
        requirement: "must not be below the entry before it, \(offsets[index - 1])")
    }
    guard offsets[offsets.count - 1] <= limit else {
      throw ProblemError(
        .badOffsets, field, index: offsets.count - 1, value: offsets[offsets.count - 1],
        requirement: "must not exceed the \(limit) page indices")
    }
  }

  private static func checkPages(
    request: Int, pages: ArraySlice<Int32>, keyLength: Int, pageSize: Int, poolPageCount: Int
  ) throws(ProblemError) {
    guard keyLength >= 0 else {
      throw ProblemError(
        .notPositive, "keyLengths", index: request, value: keyLength, requirement: "must not be negative")
    }
    let needed = keyLength / pageSize + (keyLength % pageSize == 0 ? 0 : 1)
    guard needed <= pages.count else {
      throw ProblemError(
        .tooShort, "keyLengths", index: request, value: keyLength,
        requirement: "needs \(needed) pages of \(pageSize) tokens, the page list has \(pages.count)")
    }
    for position in pages.indices.prefix(needed)
    where pages[position] < 0 || Int(pages[position]) >= poolPageCount {
      throw ProblemError(
        .outOfRange, "pageIndices", index: position, value: pages[position],
        requirement: "must be 0 ..< \(poolPageCount), the pool's pages (needed by request \(request))")
    }
  }
}

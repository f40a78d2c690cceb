/// Hands out the pages of a pool, and takes them back when nobody holds them any more.
///
/// Pages are counted references, so that requests with a common prefix can hold the same pages.
public struct PageAllocator: Sendable {
  private var holders: [Int32]
  private var free: [Int32]

  /// A pool of `pageCount` free pages; the lowest index is handed out first.
  ///
  /// - Throws: `ProblemError.outOfRange` for a negative count or one past 32-bit page indices.
  public init(pageCount: Int) throws(ProblemError) {
    guard (0...Int(Int32.max)).contains(pageCount) else {
      throw ProblemError(
        .outOfRange, "pageCount", value: pageCount, requirement: "must be 0 to \(Int32.max)")
    }
    holders = Array(repeating: 0, count: pageCount)
    free = (0..<Int32(pageCount)).reversed()
  }

  /// Pages in the pool.
  public var pageCount: Int { holders.count }
  /// Pages that nobody holds.
  public var freePageCount: Int { free.count }

  /// Takes a free page and holds it once, or returns nil if there is none. O(1).
  public mutating func allocate() -> Int32? {
    guard let page = free.popLast() else { return nil }
    holders[Int(page)] = 1
    return page
  }

  /// Holds a page once more.
  ///
  /// - Throws: `ProblemError.outOfRange` for a page that is not in the pool or that nobody holds.
  public mutating func retain(_ page: Int32) throws(ProblemError) {
    try checkHeld(page)
    holders[Int(page)] += 1
  }

  /// Gives a page back; it is free again once every holder did.
  ///
  /// - Throws: `ProblemError.outOfRange` for a page that is not in the pool or that nobody holds.
  public mutating func release(_ page: Int32) throws(ProblemError) {
    try checkHeld(page)
    holders[Int(page)] -= 1
    if holders[Int(page)] == 0 { free.append(page) }
  }

  /// How many hold a page; 0 for a free one.
  ///
  /// - Throws: `ProblemError.outOfRange` for a page that is not in the pool.
  public func holderCount(_ page: Int32) throws(ProblemError) -> Int {
    guard holders.indices.contains(Int(page)) else {
      throw ProblemError(
        .outOfRange, "page", value: page, requirement: "must be 0 ..< \(holders.count)")
    }
    return Int(holders[Int(page)])
  }

  private func checkHeld(_ page: Int32) throws(ProblemError) {
    guard try holderCount(page) > 0 else {
      throw ProblemError(.outOfRange, "page", value: page, requirement: "must be a page in use")
    }
  }
}

import LatentAttention

/// How the pages of a pool are used at one moment; the three parts add up to the pool.
public struct PoolUse: Hashable, Sendable {
  /// Pages that active requests hold, a shared one counted once.
  public let inUse: Int
  /// Pages of prefixes that no active request holds, kept in case one comes that does.
  public let cached: Int
  /// Pages that hold nothing.
  public let free: Int

  /// Pages in the pool.
  public var pageCount: Int { inUse + cached + free }
}

/// The pages of requests and of cached prefixes.
///
/// A page of a cached block is held once by the cache and once by every request that reads it; all
/// other pages are held by one request.
struct PagePool: Sendable {
  private var allocator: PageAllocator
  private var cache = PrefixCache()

  init(pageCount: Int) throws(ProblemError) {
    allocator = try PageAllocator(pageCount: pageCount)
  }

  var pageCount: Int { allocator.pageCount }

  /// Pages that can be had at once: free ones, and those of prefixes that nobody uses.
  var availablePageCount: Int { allocator.freePageCount + cache.unusedPageCount }

  var use: PoolUse {
    PoolUse(
      inUse: pageCount - availablePageCount, cached: cache.unusedPageCount, free: allocator.freePageCount)
  }

  /// Takes a page, at the cost of the least recently used prefix if none is free.
  mutating func takePage() -> Int32? {
    if let page = allocator.allocate() { return page }
    guard let evicted = cache.evict() else { return nil }
    for page in evicted { release(page) }
    return allocator.allocate()
  }

  /// Gives back a request's hold on a page.
  mutating func release(_ page: Int32) {
    do {
      try allocator.release(page)
    } catch {
      preconditionFailure("a page list has a page that its request does not hold: \(error)")
    }
  }

  /// Where the leading blocks of a prompt are cached, up to the first that is not.
  func cachedSlots(of blocks: ArraySlice<Int>) -> [Int] {
    var found: [Int] = []
    for (position, identity) in blocks.enumerated() {
      guard let slot = cache.slot(of: .init(position: position, identity: identity)) else { break }
      found.append(slot)
    }
    return found
  }

  /// Pages among `slots` that count as available, and would no more if the blocks were used.
  func unusedPageCount(at slots: [Int]) -> Int {
    slots.reduce(0) { $0 + (cache.isUnused($1) ? cache.pages(at: $1).count : 0) }
  }

  /// Uses a cached block: its pages are held once more.
  mutating func useBlock(at slot: Int) -> [Int32] {
    cache.addUser(to: slot)
    let pages = cache.pages(at: slot)
    for page in pages { retain(page) }
    return pages
  }

  /// Ends one use of a block; the pages are released on their own.
  mutating func endUse(ofBlockAt slot: Int) { cache.removeUser(from: slot) }

  /// Caches a block that a request just took pages for, and returns its slot; nil if another request's
  /// pages are cached under that identity already.
  mutating func cacheBlock(position: Int, identity: Int, pages: [Int32]) -> Int? {
    let key = PrefixCache.Key(position: position, identity: identity)
    guard cache.slot(of: key) == nil else { return nil }
    for page in pages { retain(page) }
    return cache.insert(key, pages: pages)
  }

  private mutating func retain(_ page: Int32) {
    do {
      try allocator.retain(page)
    } catch {
      preconditionFailure("the prefix cache has a page that nobody holds: \(error)")
    }
  }
}

/// Pages of prompt blocks that several requests may read, found by the block's identity.
///
/// It only keeps the books; `PagePool` holds and releases the pages themselves.
struct PrefixCache: Sendable {
  /// A block's tokens and their positions, and so the contents of its pages.
  struct Key: Hashable {
    /// Which block of the prompt, counted from 0: keys are rotated by their position, so the same
    /// tokens elsewhere have other contents. It also keeps a request from holding a page twice.
    let position: Int
    let identity: Int
  }

  private struct Block {
    var key: Key
    var pages: [Int32]
    var userCount: Int
    /// Neighbours in the list of unused blocks, least recently used first; nil at its ends.
    var older: Int?
    var newer: Int?
  }

  private var blocks: [Block] = []
  private var vacancies: [Int] = []
  private var slots: [Key: Int] = [:]
  private var oldest: Int?
  private var newest: Int?
  /// Pages of blocks that no request uses.
  private(set) var unusedPageCount = 0

  /// Where a block is, or nil if it is not cached.
  func slot(of key: Key) -> Int? { slots[key] }

  func pages(at slot: Int) -> [Int32] { blocks[slot].pages }

  func isUnused(_ slot: Int) -> Bool { blocks[slot].userCount == 0 }

  /// Keeps a block that is not cached yet, with one user.
  mutating func insert(_ key: Key, pages: [Int32]) -> Int {
    let block = Block(key: key, pages: pages, userCount: 1, older: nil, newer: nil)
    let slot: Int
    if let vacancy = vacancies.popLast() {
      slot = vacancy
      blocks[slot] = block
    } else {
      slot = blocks.count
      blocks.append(block)
    }
    slots[key] = slot
    return slot
  }

  mutating func addUser(to slot: Int) {
    if blocks[slot].userCount == 0 {
      unlink(slot)
      unusedPageCount -= blocks[slot].pages.count
    }
    blocks[slot].userCount += 1
  }

  mutating func removeUser(from slot: Int) {
    blocks[slot].userCount -= 1
    guard blocks[slot].userCount == 0 else { return }
    unusedPageCount += blocks[slot].pages.count
    blocks[slot].older = newest
    blocks[slot].newer = nil
    if let newest { blocks[newest].newer = slot } else { oldest = slot }
    newest = slot
  }

  /// Forgets the least recently used block that nobody uses, and returns its pages.
  mutating func evict() -> [Int32]? {
    guard let slot = oldest else { return nil }
    unlink(slot)
    let pages = blocks[slot].pages
    unusedPageCount -= pages.count
    slots[blocks[slot].key] = nil
    blocks[slot].pages = []
    vacancies.append(slot)
    return pages
  }

  private mutating func unlink(_ slot: Int) {
    let (older, newer) = (blocks[slot].older, blocks[slot].newer)
    if let older { blocks[older].newer = newer } else { oldest = newer }
    if let newer { blocks[newer].older = older } else { newest = older }
    blocks[slot].older = nil
    blocks[slot].newer = nil
  }
}

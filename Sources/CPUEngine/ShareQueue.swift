import Synchronization

/// Hands out the items of a plan's shares: to each worker those of its own shares, then what others have not begun. On a
/// shared machine a core may be slower than the plan assumed.
@safe package final class ShareQueue: @unchecked Sendable {
  /// For each share, how many of its items have been taken.
  private var taken: UnsafeMutablePointer<Atomic<Int>>
  private var capacity = 0

  /// A queue without room.
  package init() {
    unsafe taken = .allocate(capacity: 0)
  }

  deinit {
    unsafe taken.deallocate()
  }

  /// Makes room for that many shares. Not while workers take items.
  package func reserve(shares: Int) {
    guard shares > capacity else { return }
    unsafe taken.deallocate()
    unsafe taken = .allocate(capacity: shares)
    capacity = shares
  }

  /// Puts all items of that many shares, for which there is room, back. Not while workers take items.
  package func refill(shares: Int) {
    precondition(shares <= capacity)
    for share in 0..<shares { unsafe (taken + share).initialize(to: Atomic(0)) }
  }

  /// Takes items until there are none. Any number of workers may do so at once; no item is taken twice.
  ///
  /// - Parameters:
  ///   - worker: whose shares come first: `worker`, `worker + workerCount` and so on.
  ///   - workerCount: how many workers the shares are dealt to.
  ///   - offsets: where each share's items start, and the end of the last; as many shares as were filled.
  ///   - body: does the item.
  package func takeAll(worker: Int, of workerCount: Int, from offsets: [Int], _ body: (Int) -> Void) {
    for start in 0..<workerCount {
      let firstShare = (worker + start) % workerCount
      for share in stride(from: firstShare, to: offsets.count - 1, by: workerCount) {
        while let item = takeNext(of: share, from: offsets) { body(item) }
      }
    }
  }

  private func takeNext(of share: Int, from offsets: [Int]) -> Int? {
    let next = unsafe offsets[share] + taken[share].add(1, ordering: .relaxed).oldValue
    return next < offsets[share + 1] ? next : nil
  }
}

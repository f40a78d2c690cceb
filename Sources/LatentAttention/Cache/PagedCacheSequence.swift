/// A sequence of tokens in a `PagedCache`: which pages hold it, and how many tokens there are.
///
/// A value that stands for held pages: give each sequence back once with `PagedCache.release`, and use
/// `PagedCache.fork`, not assignment, for a second sequence that starts with the same tokens.
public struct CacheSequence: Sendable, Hashable {
  /// Pages in order; token `t` is in slot `t % pageSize` of page `t / pageSize` of the list.
  public internal(set) var pages: [Int32] = []
  /// Tokens.
  public internal(set) var length = 0

  /// An empty sequence, which holds no page.
  public init() {}
}

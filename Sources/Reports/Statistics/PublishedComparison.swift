/// Speeds of calls that others have published, each beside ours of the same call and variant.
public struct PublishedComparison: Sendable {
  /// A call with both speeds. The properties' names are the keys in JSON.
  public struct Match: Sendable, Hashable, Encodable {
    /// Where the measurement was published.
    public let source: String
    /// The variant of ours that does the same.
    public let variant: String
    /// The call: query heads, requests, keys of each, tokens of a page.
    public let heads, batch, kv, pageSize: Int
    /// TFLOP/s as published, and ours.
    public let publishedTeraflops, teraflops: Double

    /// A match.
    public init(
      source: String, variant: String, heads: Int, batch: Int, kv: Int, pageSize: Int,
      publishedTeraflops: Double,
      teraflops: Double
    ) {
      (self.source, self.variant) = (source, variant)
      (self.heads, self.batch, self.kv, self.pageSize) = (heads, batch, kv, pageSize)
      (self.publishedTeraflops, self.teraflops) = (publishedTeraflops, teraflops)
    }

    /// Of ours over theirs.
    public var ratio: Double { teraflops / publishedTeraflops }

    fileprivate func isSameCall(as other: Match) -> Bool {
      (heads, batch, kv, pageSize) == (other.heads, other.batch, other.kv, other.pageSize)
    }
  }

  /// A call that two variants of have been published. The properties' names are the keys in JSON.
  public struct Lead: Sendable, Hashable, Encodable {
    /// The variants.
    public let first, second: String
    /// The call.
    public let heads, batch, kv, pageSize: Int
    /// How many times as fast the first is as the second, as published and with us.
    public let published, ours: Double

    fileprivate init(of first: Match, over second: Match) {
      (self.first, self.second) = (first.variant, second.variant)
      (heads, batch, kv, pageSize) = (first.heads, first.batch, first.kv, first.pageSize)
      published = first.publishedTeraflops / second.publishedTeraflops
      ours = first.teraflops / second.teraflops
    }
  }

  /// All calls.
  public let matches: [Match]

  /// A comparison of these.
  public init(_ matches: [Match]) { self.matches = matches }

  /// How far ours are from the published speeds in the mean, as a share of these; 0 of none.
  public var meanAbsoluteError: Double {
    matches.map { abs($0.ratio - 1) }.reduce(0, +) / Double(max(1, matches.count))
  }

  /// How a variant leads others in calls that both have been published of.
  public func leads(of variant: String) -> [Lead] {
    matches.filter { $0.variant == variant }.flatMap { first in
      matches.filter { $0.isSameCall(as: first) && $0.variant != variant }.map { Lead(of: first, over: $0) }
    }
  }
}

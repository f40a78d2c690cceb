/// What a verification case consists of: a value that can be printed, changed and made again.
///
/// Everything else about a case (numbers, order of pages, what lies in unused slots) follows from `seed`.
public struct CaseRecipe: Sendable, Hashable, CustomStringConvertible {
  /// A request's counts.
  public struct Request: Sendable, Hashable {
    /// Query tokens.
    public var queryCount: Int
    /// Keys.
    public var keyLength: Int

    /// Describes a request.
    public init(_ queryCount: Int, _ keyLength: Int) {
      self.queryCount = queryCount
      self.keyLength = keyLength
    }
  }

  /// Where the rows of a tensor `[outer, inner, width]` lie.
  public struct Layout: Sendable, Hashable {
    /// Elements between the end of a row and the start of the next.
    public var rowPadding = 0
    /// More elements after the last row of each outer (or, transposed, inner) index.
    public var blockPadding = 0
    /// Whether neighbours in the outer dimension lie next to each other, not those in the inner one.
    public var isTransposed = false

    /// Describes a layout; the default one is dense.
    public init(rowPadding: Int = 0, blockPadding: Int = 0, isTransposed: Bool = false) {
      self.rowPadding = rowPadding
      self.blockPadding = blockPadding
      self.isTransposed = isTransposed
    }

    func strides(outer: Int, inner: Int, width: Int) -> (Int, Int) {
      let row = width + rowPadding
      return isTransposed ? (row, outer * row + blockPadding) : (inner * row + blockPadding, row)
    }
  }

  /// What the numbers are like.
  public enum Values: String, Sendable, Hashable, Codable, CaseIterable {
    /// Normal, of magnitude 1.
    case normal
    /// Normal, of magnitude 1/10: scores near 0, probabilities nearly equal.
    case small
    /// Normal, with every third query row larger by 16: probabilities near 1 and 0.
    case peaked
    /// Every key the same.
    case identicalKeys
    /// One number everywhere.
    case constant
    /// Queries and half of the latent columns −0.
    case negativeZero
    /// A common part that moves all scores far up for even heads and far down for odd ones.
    case shifted
    /// Keys that grow from first to last, so that the maximum score of half of the heads keeps rising.
    case rising
    /// Some latent columns larger by 50, as models have them.
    case outlierColumns
  }

  /// What the case is called.
  public var name: String
  /// Everything random follows from it.
  public var seed: UInt64
  /// Number format of queries and cache.
  public var elementType = ElementType.bfloat16
  /// Number format of the output: the element type or fp32.
  public var outputType = ElementType.bfloat16
  /// Query heads.
  public var headCount = 16
  /// Width of the latent part.
  public var latentWidth = 512
  /// Width of the rope part.
  public var ropeWidth = 64
  /// Factor on the scores.
  public var softmaxScale = 1 / Float(192).squareRoot()
  /// The batch.
  public var requests: [Request]
  /// Whether a query token is kept from seeing later keys.
  public var isCausal = true
  /// Tokens per page.
  public var pageSize = 64
  /// Whether requests start with pages of earlier ones.
  public var sharesPages = false
  /// Whether latent and rope parts of queries lie in one tensor.
  public var hasCombinedQueries = true
  /// Whether latent and rope parts of the cache lie in one tensor.
  public var hasCombinedCache = true
  /// Layout of the queries.
  public var queryLayout = Layout()
  /// Layout of the cache.
  public var cacheLayout = Layout()
  /// Layout of the output.
  public var outputLayout = Layout()
  /// Layout of the LSEs; nil where none are wanted.
  public var lseLayout: Layout? = Layout()
  /// Base of the LSEs' logarithm.
  public var lseBase = LogarithmBase.natural
  /// What the numbers are like.
  public var values = Values.normal

  /// A plain case: 16 heads of DeepSeek's widths, bf16, causal, pages of 64 tokens.
  public init(_ name: String, seed: UInt64 = 1, requests: [Request]) {
    self.name = name
    self.seed = seed
    self.requests = requests
  }

  /// Query tokens, keys, page sizes and paddings past this are refused.
  public static let maximumCount = 1 << 20

  /// Checks what memory is sized by; the rest is checked where geometry and batch are made.
  ///
  /// - Throws: `ProblemError.outOfRange` for counts that are negative or past `maximumCount`.
  func validate() throws(ProblemError) {
    for (index, request) in requests.enumerated() {
      try Self.check(request.queryCount, "requests.queryCount", index)
      try Self.check(request.keyLength, "requests.keyLength", index)
    }
    try Self.check(requests.reduce(0) { $0 + $1.queryCount }, "requests.queryCount total")
    try Self.check(requests.reduce(0) { $0 + $1.keyLength }, "requests.keyLength total")
    try Self.check(pageSize, "pageSize", minimum: 1)
    for layout in [queryLayout, cacheLayout, outputLayout, lseLayout ?? Layout()] {
      try Self.check(layout.rowPadding, "layout.rowPadding")
      try Self.check(layout.blockPadding, "layout.blockPadding")
    }
  }

  private static func check(
    _ value: Int, _ field: String, _ index: Int? = nil, minimum: Int = 0
  ) throws(ProblemError) {
    guard (minimum...maximumCount).contains(value) else {
      throw ProblemError(
        .outOfRange, field, index: index, value: value, requirement: "must be \(minimum) to \(maximumCount)")
    }
  }

  /// One line that tells all but the layouts' numbers.
  public var description: String {
    let batch = requests.map { "\($0.queryCount)×\($0.keyLength)" }.joined(separator: " ")
    let parts = [
      "\(elementType.rawValue)→\(outputType.rawValue)", "heads \(headCount)",
      "widths \(latentWidth)+\(ropeWidth)", "scale \(softmaxScale)", isCausal ? "causal" : "not causal",
      "pages of \(pageSize)\(sharesPages ? " shared" : "")",
      "\(hasCombinedQueries ? "one" : "two") query and \(hasCombinedCache ? "one" : "two") cache tensors",
      lseLayout == nil ? "no LSE" : "LSE base \(lseBase.rawValue)", "values \(values.rawValue)",
      "requests (queries×keys) \(batch)",
    ]
    return "\(name): \(parts.joined(separator: ", "))"
  }
}

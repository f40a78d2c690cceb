/// How the result of a run compares with the oracle's.
public struct Comparison: Sendable, Hashable, CustomStringConvertible {
  /// What was wrong first.
  public enum Fault: Sendable, Hashable {
    /// A column of an output row is too far off; empty rows must be exactly 0.
    case output(Place, column: Int, got: Double, expected: Double, bound: Double)
    /// An LSE is too far off, in the base that was asked for; of an empty row it must be −∞.
    case lse(Place, got: Double, expected: Double, bound: Double)
    /// Memory that belongs to no row of a tensor was written.
    case strayWrite(tensor: String, byteOffset: Int)

    /// The row, where one is wrong.
    public var place: Place? {
      switch self {
      case .output(let place, _, _, _, _), .lse(let place, _, _, _): place
      case .strayWrite: nil
      }
    }
  }

  /// A row of a batch.
  public struct Place: Sendable, Hashable {
    /// Position of the request in the batch.
    public var request: Int
    /// Query token, counted within the request.
    public var token: Int
    /// Query head.
    public var head: Int

    /// Names a row.
    public init(request: Int, token: Int, head: Int) {
      self.request = request
      self.token = token
      self.head = head
    }
  }

  /// Rows compared.
  public private(set) var rowCount = 0
  /// Largest `|o − o*|`; infinite where a number was NaN.
  public private(set) var outputError = 0.0
  /// Largest `|o − o*|` as a share of its bound; past 1 is a failure.
  public private(set) var outputErrorShare = 0.0
  /// Largest `|lse − lse*|` in natural units.
  public private(set) var lseError = 0.0
  /// Largest `|lse − lse*|` as a share of its bound; past 1 is a failure.
  public private(set) var lseErrorShare = 0.0
  /// What was wrong first, or nil.
  public private(set) var firstFault: Fault?

  /// Whether nothing was wrong.
  public var passed: Bool { firstFault == nil }

  mutating func note(_ fault: Fault) {
    if firstFault == nil { firstFault = fault }
  }

  mutating func add(_ row: OracleRow, at place: Place, token: Int, _ view: OutputView, _ bounds: ErrorBounds)
  {
    rowCount += 1
    let output = view.output.view.row(token, place.head)
    for (column, expected) in row.output.enumerated() {
      let got = Double(output[column])
      let bound = row.keyCount == 0 ? 0 : bounds.output(row, column: column)
      if !Self.measure(got, expected, bound, &outputError, &outputErrorShare) {
        note(.output(place, column: column, got: got, expected: expected, bound: bound))
      }
    }
    guard let lse = view.lse else { return }
    // Bounds are natural; LSEs in base 2 are larger by log₂ e.
    let unit = view.lseBase == .two ? Self.logarithmOfTwo : 1
    let got = lse.view.element(token, place.head, 0)
    let bound = row.keyCount == 0 ? 0 : bounds.lse(row)
    if !Self.measure(got * unit, row.lse, bound, &lseError, &lseErrorShare) {
      note(.lse(place, got: got, expected: row.lse / unit, bound: bound / unit))
    }
  }

  private static let logarithmOfTwo = 0.693147180559945309417

  /// Keeps the worst error; false for one past the bound, or NaN.
  private static func measure(
    _ got: Double, _ expected: Double, _ bound: Double, _ worst: inout Double, _ worstShare: inout Double
  ) -> Bool {
    let difference = got == expected ? 0 : (got - expected).magnitude
    let error = difference.isNaN ? .infinity : difference
    worst = max(worst, error)
    worstShare = max(worstShare, error == 0 ? 0 : error / bound)
    return error <= bound
  }

  /// One line: the errors, and the first fault if there is one.
  public var description: String {
    let worst =
      "\(rowCount) rows, output error \(Float(outputError)) (\(Float(outputErrorShare)) of bound), "
      + "LSE error \(Float(lseError)) (\(Float(lseErrorShare)) of bound)"
    return firstFault.map { "\(worst); first fault: \($0)" } ?? worst
  }
}

extension Comparison.Fault: CustomStringConvertible {
  /// Where, what was found, and what should have been.
  public var description: String {
    switch self {
    case .output(let place, let column, let got, let expected, let bound):
      "output of \(place), column \(column) is \(got), expected \(expected) ± \(bound)"
    case .lse(let place, let got, let expected, let bound):
      "LSE of \(place) is \(got), expected \(expected) ± \(bound)"
    case .strayWrite(let tensor, let byteOffset):
      "byte \(byteOffset) of the memory of \(tensor) was written, no row owns it"
    }
  }
}

extension Comparison.Place: CustomStringConvertible {
  /// Request, token and head in words.
  public var description: String { "request \(request), token \(token), head \(head)" }
}

extension Oracle {
  /// Compares every row of what a run wrote.
  ///
  /// - Throws: `ProblemError` where the output's shape or type does not fit the call.
  /// - Complexity: O(rows · visible keys · key width), in double precision.
  public func compare(_ output: OutputView) throws(ProblemError) -> Comparison {
    try check(output)
    var comparison = Comparison()
    for request in 0..<batch.count {
      for token in 0..<batch.queryCount(request) {
        for (head, row) in try rows(request: request, token: token).enumerated() {
          add(row, request: request, token: token, head: head, output, to: &comparison)
        }
      }
    }
    return comparison
  }

  /// Compares `rowCount` rows of what a run wrote, drawn from `seed` with replacement.
  ///
  /// - Throws: `ProblemError` where the output's shape or type does not fit the call.
  public func compare(
    _ output: OutputView, randomRows rowCount: Int, seed: UInt64
  ) throws(ProblemError) -> Comparison {
    try check(output)
    var comparison = Comparison()
    guard batch.queryTokenCount > 0, rowCount > 0 else { return comparison }
    var generator = SplitMix64(seed: seed)
    for _ in 0..<rowCount {
      let place = Int.random(in: 0..<batch.queryTokenCount, using: &generator)
      let head = Int.random(in: 0..<geometry.headCount, using: &generator)
      let request = batch.queryOffsets.partitioningIndex { $0 > place } - 1
      let token = place - batch.queryOffsets[request]
      let row = try row(request: request, token: token, head: head)
      add(row, request: request, token: token, head: head, output, to: &comparison)
    }
    return comparison
  }

  private func add(
    _ row: OracleRow, request: Int, token: Int, head: Int, _ output: OutputView,
    to comparison: inout Comparison
  ) {
    let bounds = ErrorBounds(
      elementType: elementType, outputType: output.output.view.elementType, keyWidth: geometry.keyWidth)
    comparison.add(
      row, at: Comparison.Place(request: request, token: token, head: head),
      token: batch.queryOffsets[request] + token, output, bounds)
  }
}

extension Array {
  /// Index of the first element that satisfies a predicate, which must stay true once it is. O(log n).
  fileprivate func partitioningIndex(_ predicate: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if predicate(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

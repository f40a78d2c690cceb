#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// What a row of attention should be, in double precision, and how large the numbers behind it are.
public struct OracleRow: Sendable, Hashable {
  /// `Σ p[t] · c[t]`, `latentWidth` numbers; zeros where no key is visible.
  public let output: [Double]
  /// Natural logarithm of `Σ exp(s[t])`; −∞ where no key is visible.
  public let lse: Double
  /// Keys that the row sees.
  public let keyCount: Int
  /// `Σ p[t] · |c[t]|` for each column: what a relative error of every `p[t]` is multiplied by.
  public let weightedMagnitude: [Double]
  /// `Σ |c[t]|` for each column: what an absolute error of every `p[t]` is multiplied by.
  public let totalMagnitude: [Double]
  /// `Σ p[t] · |scale| · Σ |q[i] · k[t][i]|`: what the relative error of summing a score is multiplied by.
  public let scoreMagnitude: Double
  /// `Σ exp(s[t] − max s)`, at least 1 where a key is visible.
  public let weightSum: Double
}

/// Attention straight from its definition, in double precision, one query token at a time: what engines
/// are compared with.
///
/// Elements, their products and the scale are taken as they are; sums are doubles, so the result is
/// good to about 1e-13 of the magnitudes in `OracleRow`.
public struct Oracle: Sendable {
  /// The requests.
  public let batch: Batch
  /// The layer.
  public let geometry: AttentionGeometry
  private let queries: QueryView
  private let cache: CacheView

  /// Takes the inputs of a call; the memory behind the views must outlive the oracle.
  ///
  /// - Throws: `ProblemError` where shapes or types do not fit, as a run would.
  public init(
    batch: Batch, geometry: AttentionGeometry, queries: QueryView, cache: CacheView
  ) throws(ProblemError) {
    try CallValidation.checkInputs(batch: batch, geometry: geometry, queries: queries, cache: cache)
    self.batch = batch
    self.geometry = geometry
    self.queries = queries
    self.cache = cache
  }

  /// Number format of queries and cache.
  public var elementType: ElementType { queries.latent.elementType }

  /// One row; `token` counts within the request.
  ///
  /// - Throws: `ProblemError.outOfRange` for a request, token or head that the batch has not.
  /// - Complexity: O(visible keys · key width).
  public func row(request: Int, token: Int, head: Int) throws(ProblemError) -> OracleRow {
    try check(request, "request", batch.count)
    try check(token, "token", batch.queryCount(request))
    try check(head, "head", geometry.headCount)
    return rows(request: request, token: token, heads: head..<head + 1)[0]
  }

  /// The rows of all heads of a query token; `token` counts within the request.
  ///
  /// - Throws: `ProblemError.outOfRange` for a request or token that the batch has not.
  /// - Complexity: O(heads · visible keys · key width).
  public func rows(request: Int, token: Int) throws(ProblemError) -> [OracleRow] {
    try check(request, "request", batch.count)
    try check(token, "token", batch.queryCount(request))
    return rows(request: request, token: token, heads: 0..<geometry.headCount)
  }

  /// - Throws: `ProblemError` where outputs or LSEs do not fit the call.
  func check(_ output: OutputView) throws(ProblemError) {
    try CallValidation.check(
      batch: batch, geometry: geometry, queries: queries, cache: cache, output: output)
  }

  private func check(_ value: Int, _ field: String, _ count: Int) throws(ProblemError) {
    guard (0..<count).contains(value) else {
      throw ProblemError(.outOfRange, field, value: value, requirement: "must be 0 ..< \(count)")
    }
  }

  private func rows(request: Int, token: Int, heads: Range<Int>) -> [OracleRow] {
    let keyCount = batch.visibleKeyCount(request: request, token: token)
    let place = batch.queryOffsets[request] + token
    let queryRows = heads.map { vectors(queries.latent, queries.rope, place, $0) }
    var scores = Array(repeating: [Double](), count: heads.count)
    var magnitudes = scores
    for key in 0..<keyCount {
      let keyRow = keyVectors(request: request, key: key)
      for head in queryRows.indices {
        var sum = SIMD8<Double>.zero
        var magnitude = SIMD8<Double>.zero
        for lane in keyRow.indices {
          let product = queryRows[head][lane] * keyRow[lane]
          sum += product
          magnitude += product.magnitude
        }
        scores[head].append(Double(geometry.softmaxScale) * sum.sum())
        magnitudes[head].append(Double(geometry.softmaxScale).magnitude * magnitude.sum())
      }
    }
    var sums = scores.indices.map { RowSums(scores[$0], magnitudes[$0], width: geometry.latentWidth) }
    var total = Array(repeating: SIMD8<Double>.zero, count: Self.vectorCount(geometry.latentWidth))
    for key in 0..<keyCount {
      let keyRow = keyVectors(request: request, key: key)
      for lane in total.indices { total[lane] += keyRow[lane].magnitude }
      for head in sums.indices { sums[head].add(key: key, keyRow) }
    }
    return sums.map { $0.row(totalMagnitude: total, width: geometry.latentWidth) }
  }

  private func keyVectors(request: Int, key: Int) -> [SIMD8<Double>] {
    let (page, slot) = batch.place(request: request, key: key)
    var vectors = vectors(cache.latent, cache.rope, page, slot)
    guard let scales = cache.scales else { return vectors }
    for column in 0..<geometry.latentWidth {
      if let tail = cache.latentTail, column >= cache.latent.width {
        vectors[column / 8][column % 8] = tail.element(page, slot, column - cache.latent.width)
      } else {
        vectors[column / 8][column % 8] *= scales.scale(page: page, slot: slot, column: column)
      }
    }
    if cache.rope?.elementType == .float8 {
      for column in geometry.latentWidth..<geometry.keyWidth {
        vectors[column / 8][column % 8] *= Double(scales.rope)
      }
    }
    return vectors
  }

  /// The latent and then the rope part of a row as doubles, filled up with zeros to whole vectors.
  private func vectors(
    _ latent: TensorView, _ rope: TensorView?, _ outer: Int, _ inner: Int
  ) -> [SIMD8<Double>] {
    var vectors = Array(repeating: SIMD8<Double>.zero, count: Self.vectorCount(geometry.keyWidth))
    for column in 0..<latent.width {
      vectors[column / 8][column % 8] = latent.element(outer, inner, column)
    }
    guard let rope else { return vectors }
    for column in geometry.latentWidth..<geometry.keyWidth {
      vectors[column / 8][column % 8] = rope.element(outer, inner, column - geometry.latentWidth)
    }
    return vectors
  }

  fileprivate static func vectorCount(_ width: Int) -> Int { (width + 7) / 8 }
}

/// The weights of one row, and its sums over keys.
private struct RowSums {
  private var weights: [Double]
  private var lse: Double
  private var weightSum: Double
  private var scoreMagnitude: Double
  private var output: [SIMD8<Double>]
  private var magnitude: [SIMD8<Double>]

  init(_ scores: [Double], _ scoreMagnitudes: [Double], width: Int) {
    let maximum = scores.max() ?? -.infinity
    let exponentials = scores.map { exp($0 - maximum) }
    let sum = exponentials.reduce(0, +)
    weights = exponentials.map { $0 / sum }
    weightSum = sum
    lse = maximum + log(sum)
    scoreMagnitude = zip(weights, scoreMagnitudes).reduce(0) { $0 + $1.0 * $1.1 }
    output = Array(repeating: .zero, count: Oracle.vectorCount(width))
    magnitude = output
  }

  mutating func add(key: Int, _ keyRow: [SIMD8<Double>]) {
    let weight = weights[key]
    for lane in output.indices {
      let product = weight * keyRow[lane]
      output[lane] += product
      magnitude[lane] += product.magnitude
    }
  }

  func row(totalMagnitude: [SIMD8<Double>], width: Int) -> OracleRow {
    func flat(_ vectors: [SIMD8<Double>]) -> [Double] { (0..<width).map { vectors[$0 / 8][$0 % 8] } }
    return OracleRow(
      output: flat(output), lse: lse, keyCount: weights.count, weightedMagnitude: flat(magnitude),
      totalMagnitude: flat(totalMagnitude), scoreMagnitude: scoreMagnitude, weightSum: weightSum)
  }
}

extension SIMD8<Double> {
  fileprivate var magnitude: Self { replacing(with: -self, where: self .< 0) }
}

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Combining attention over several sets of keys into attention over all of them.
///
/// A state is an output and the LSE of its row. States of disjoint sets of keys add up to the state of
/// their union, with `L` the base of the logarithm:
///
///     lse = log Σ L^lse[i]
///     o   = Σ L^(lse[i] − lse) · o[i]
///
/// A state whose LSE is −∞ saw no key: whatever its output holds is ignored. Where all states are such,
/// the output is 0 and the LSE −∞. An LSE that is NaN or +∞ makes its row NaN.
///
/// Source: Milakov and Gimelshein, "Online normalizer calculation for softmax", arXiv 1805.02867.
public enum AttentionStates {
  /// Merges any number of states of every row.
  ///
  /// - Parameters:
  ///   - outputs: `[token, state, head, width]`. For states that lie one after another,
  ///     `[state, row, width]`, give one token and the rows as heads.
  ///   - lses: `[token, state, head]`.
  ///   - tokenCount: tokens.
  ///   - stateCount: states of every row.
  ///   - headCount: heads of every token.
  ///   - width: numbers of an output row.
  ///   - lseBase: base of the logarithm of all LSEs, those merged and the result.
  ///   - mergedOutput: `[token, head, width]`.
  ///   - mergedLSE: `[token, head]`.
  /// - Throws: `ProblemError` for counts that are negative, or that do not fit the spans; before writing.
  /// - Complexity: O(tokens · states · heads · width).
  public static func merge(
    outputs: Span<Float>, lses: Span<Float>, tokenCount: Int, stateCount: Int, headCount: Int, width: Int,
    lseBase: LogarithmBase = .natural, into mergedOutput: inout MutableSpan<Float>,
    lse mergedLSE: inout MutableSpan<Float>
  ) throws(ProblemError) {
    let counts = [
      ("tokenCount", tokenCount), ("stateCount", stateCount), ("headCount", headCount), ("width", width),
    ]
    for (field, count) in counts where count < 0 {
      throw ProblemError(.notPositive, field, value: count, requirement: "must not be negative")
    }
    let rowCount = try tokenCount.multiplied(by: headCount, field: "headCount")
    let lseCount = try rowCount.multiplied(by: stateCount, field: "stateCount")
    try check(lses.count, "lses", lseCount)
    try check(outputs.count, "outputs", lseCount.multiplied(by: width, field: "width"))
    try check(mergedLSE.count, "mergedLSE", rowCount)
    try check(mergedOutput.count, "mergedOutput", rowCount.multiplied(by: width, field: "width"))

    for row in 0..<rowCount {
      let (token, head) = row.quotientAndRemainder(dividingBy: headCount)
      let first = token * stateCount * headCount + head
      let sum = WeightSum(
        stateCount: stateCount, base: lseBase, lse: { state in lses[first + state * headCount] })
      for column in 0..<width { mergedOutput[row * width + column] = 0 }
      for state in 0..<stateCount {
        let place = first + state * headCount
        guard let weight = sum.weight(lses[place]) else { continue }
        for column in 0..<width {
          mergedOutput[row * width + column] += weight * outputs[place * width + column]
        }
      }
      mergedLSE[row] = sum.lse
    }
  }

  /// Merges states given as arrays: `output` of `[row, width]`, `lse` of `[row]` each.
  ///
  /// - Throws: `ProblemError.mismatch` where counts differ or do not fit; for no states at all, as their
  ///   number of rows is not known.
  public static func merge(
    _ states: [(output: [Float], lse: [Float])], width: Int, lseBase: LogarithmBase = .natural
  ) throws(ProblemError) -> (output: [Float], lse: [Float]) {
    guard let first = states.first else {
      throw ProblemError(.tooShort, "states", value: 0, requirement: "must have at least one entry")
    }
    for (index, state) in states.enumerated() {
      try check(state.lse.count, "states.lse", first.lse.count, index)
      let count = try first.lse.count.multiplied(by: width, field: "width")
      try check(state.output.count, "states.output", count, index)
    }
    let outputs = states.flatMap(\.output)
    let lses = states.flatMap(\.lse)
    var (mergedOutput, mergedLSE) = first
    var output = mergedOutput.mutableSpan
    var lse = mergedLSE.mutableSpan
    try merge(
      outputs: outputs.span, lses: lses.span, tokenCount: 1, stateCount: states.count,
      headCount: first.lse.count, width: width, lseBase: lseBase, into: &output, lse: &lse)
    return (mergedOutput, mergedLSE)
  }

  /// Merges one more state into a state.
  ///
  /// - Parameters:
  ///   - output: `[row, width]`, replaced by the merged outputs.
  ///   - lse: `[row]`, replaced by the merged LSEs.
  ///   - otherOutput: `[row, width]`.
  ///   - otherLSE: `[row]`.
  ///   - width: numbers of an output row.
  ///   - lseBase: base of the logarithm of all LSEs.
  ///   - isSelected: `[row]`, whether to merge each row; nil for all.
  /// - Throws: `ProblemError` for counts that do not fit; before writing.
  /// - Complexity: O(rows · width).
  public static func merge(
    into output: inout MutableSpan<Float>, lse: inout MutableSpan<Float>, otherOutput: Span<Float>,
    otherLSE: Span<Float>, width: Int, lseBase: LogarithmBase = .natural, isSelected: [Bool]? = nil
  ) throws(ProblemError) {
    guard width >= 0 else {
      throw ProblemError(.notPositive, "width", value: width, requirement: "must not be negative")
    }
    let rowCount = lse.count
    try check(output.count, "output", rowCount.multiplied(by: width, field: "width"))
    try check(otherOutput.count, "otherOutput", output.count)
    try check(otherLSE.count, "otherLSE", rowCount)
    if let isSelected { try check(isSelected.count, "isSelected", rowCount) }

    for row in 0..<rowCount where isSelected?[row] ?? true {
      let lses = (lse[row], otherLSE[row])
      let sum = WeightSum(stateCount: 2, base: lseBase, lse: { state in state == 0 ? lses.0 : lses.1 })
      let places = row * width..<(row + 1) * width
      let weight = sum.weight(lses.0)
      for place in places { output[place] = weight.map { $0 * output[place] } ?? 0 }
      if let weight = sum.weight(lses.1) {
        for place in places { output[place] += weight * otherOutput[place] }
      }
      lse[row] = sum.lse
    }
  }

  private static func check(
    _ count: Int, _ field: String, _ expected: Int, _ index: Int? = nil
  ) throws(ProblemError) {
    guard count == expected else {
      throw ProblemError(
        .mismatch, "\(field).count", index: index, value: count, requirement: "must be \(expected)")
    }
  }
}

/// The LSE of several states, and their shares in it. Doubles: there are few, and errors here hit a
/// whole row.
private struct WeightSum {
  private let base: LogarithmBase
  private let maximum: Double
  private let sum: Double

  init(stateCount: Int, base: LogarithmBase, lse: (Int) -> Float) {
    self.base = base
    var maximum = -Double.infinity
    for state in 0..<stateCount where Double(lse(state)) > maximum { maximum = Double(lse(state)) }
    var sum = 0.0
    for state in 0..<stateCount where lse(state) != -.infinity {
      sum += Self.power(base, Double(lse(state)) - maximum)
    }
    self.maximum = maximum
    self.sum = sum
  }

  /// LSE of all states together.
  var lse: Float { Float(maximum + (base == .natural ? log(sum) : log2(sum))) }

  /// Share of a state, or nil for one without keys.
  func weight(_ lse: Float) -> Float? {
    lse == -.infinity ? nil : Float(Self.power(base, Double(lse) - maximum) / sum)
  }

  private static func power(_ base: LogarithmBase, _ exponent: Double) -> Double {
    base == .natural ? exp(exponent) : exp2(exponent)
  }
}

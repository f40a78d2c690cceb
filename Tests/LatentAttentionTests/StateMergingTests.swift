import Foundation
import LatentAttention
import TestSupport
import Testing

@Suite struct StateMergingTests {
  /// Shares of ¼ and ¾: LSEs that differ by log 3.
  @Test func resultsComputedByHand() throws {
    let states: [(output: [Float], lse: [Float])] = [
      ([8, 0, 1, 1], [2, 5]), ([4, 4, 3, 5], [2 + log(3), 5]),
    ]
    let natural = try AttentionStates.merge(states, width: 2)
    expectClose(natural.output, [5, 3, 2, 3])
    expectClose(natural.lse, [2 + log(4), 5 + log(2)])

    let inBaseTwo: [(output: [Float], lse: [Float])] = [([8, 0], [6]), ([4, 4], [6 + log2(3)])]
    let two = try AttentionStates.merge(inBaseTwo, width: 2, lseBase: .two)
    expectClose(two.output, [5, 3])
    expectClose(two.lse, [8])
  }

  private func expectClose(
    _ got: [Float], _ expected: [Float], within relative: Float = 1e-6,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(got.count == expected.count, sourceLocation: sourceLocation)
    for (got, expected) in zip(got, expected) where got != expected {
      #expect(
        (got - expected).magnitude <= relative * max(1, expected.magnitude), sourceLocation: sourceLocation)
    }
  }

  @Test func statesWithoutKeysAreIgnored() throws {
    let merged = try AttentionStates.merge(
      [
        ([.nan, .nan, .infinity], [-.infinity, -.infinity, -.infinity]),
        ([1, 2, .nan], [0.5, -3, -.infinity]),
        ([.infinity, .nan, .nan], [-.infinity, -.infinity, -.infinity]),
      ], width: 1)
    #expect(merged.output == [1, 2, 0])
    #expect(merged.lse == [0.5, -3, -.infinity])
  }

  /// Strided tensors, into a state's own memory: as with arrays.
  @Test(arguments: [ElementType.float32, .bfloat16])
  func tensorsMergeAsArraysDo(type: ElementType) throws {
    let values = (0..<12).map { Float($0 * $0 % 7) }
    let lses: [Float] = [0.5, -1, -.infinity, 2]
    let whole = try OwnedTensor(type, (2, 2, 3), values)
    let wholeLSE = try OwnedTensor(.float32, (2, 2, 1), lses)
    // Two states of two tokens and one head, which interleave.
    func part(_ tensor: OwnedTensor, _ state: Int) throws -> MutableTensorView {
      let view = tensor.view
      let bytes = view.elementType.byteCount
      return unsafe try MutableTensorView(
        UnsafeMutableRawBufferPointer(
          start: tensor.rows.baseAddress + state * view.innerStride * bytes,
          count: (view.outerStride + view.width) * bytes), view.elementType, shape: (2, 1, view.width),
        strides: (view.outerStride, 0))
    }
    let outputs = try [part(whole, 0), part(whole, 1)]
    let stateLSEs = try [part(wholeLSE, 0), part(wholeLSE, 1)]
    let expected = try AttentionStates.merge(
      [
        (Array(values[0..<3] + values[6..<9]), [lses[0], lses[2]]),
        (Array(values[3..<6] + values[9..<12]), [lses[1], lses[3]]),
      ], width: 3)
    try AttentionStates.merge(
      zip(outputs, stateLSEs).map { (output: $0.view, lse: $1.view) }, into: outputs[0], lse: stateLSEs[0])
    for token in 0..<2 {
      expectClose(
        outputs[0].view.row(token, 0), Array(expected.output[token * 3..<token * 3 + 3]),
        within: Float(2 * type.roundingError))
      #expect(stateLSEs[0].view.row(token, 0) == [expected.lse[token]])
    }
    expectProblem(.overlap, "output") {
      try AttentionStates.merge(
        [(output: whole.view, lse: wholeLSE.view)],
        into: unsafe try MutableTensorView(
          UnsafeMutableRawBufferPointer(start: whole.rows.baseAddress, count: 12 * type.byteCount), type,
          shape: (2, 2, 3), strides: (3, 6)), lse: wholeLSE.rows)
    }
  }

  @Test func largeLSEsDoNotOverflow() throws {
    for offset in [-30_000, -1000, 1000, 30_000] as [Float] {
      for base in [LogarithmBase.natural, .two] {
        let merged = try AttentionStates.merge([([4], [offset]), ([2], [offset])], width: 1, lseBase: base)
        expectClose(merged.output, [3])
        #expect(merged.lse[0] == offset + (base == .natural ? log(2) : 1))
      }
    }
    let far = try AttentionStates.merge([([4], [-500]), ([2], [500])], width: 1)
    #expect(far == ([2], [500]))
  }

  @Test func brokenLSEsStayVisible() throws {
    for lse in [Float.nan, .infinity] {
      let merged = try AttentionStates.merge([([1], [lse]), ([2], [lse])], width: 1)
      #expect(merged.output[0].isNaN && merged.lse[0].isNaN)
    }
  }

  @Test func layoutIsTokenStateHead() throws {
    // Two tokens, three states, two heads, width 1. All LSEs 0: outputs are means over states.
    let outputs = (0..<12).map { Float($0) }
    var merged = Array(repeating: Float(0), count: 4)
    var lse = merged
    var mergedSpan = merged.mutableSpan
    var lseSpan = lse.mutableSpan
    try AttentionStates.merge(
      outputs: outputs.span, lses: Array(repeating: Float(0), count: 12).span, tokenCount: 2, stateCount: 3,
      headCount: 2, width: 1, into: &mergedSpan, lse: &lseSpan)
    expectClose(merged, [2, 3, 8, 9])
    expectClose(lse, Array(repeating: log(3), count: 4))
  }

  @Test func inPlaceAgreesAndLeavesUnselectedRows() throws {
    var generator = SplitMix64(seed: 9)
    let (rows, width) = (7, 5)
    func numbers(_ count: Int) -> [Float] { (0..<count).map { _ in generator.normal() } }
    let first: (output: [Float], lse: [Float]) = (numbers(rows * width), numbers(rows - 1) + [-.infinity])
    let second: (output: [Float], lse: [Float]) = (numbers(rows * width), [-.infinity] + numbers(rows - 1))
    let expected = try AttentionStates.merge([first, second], width: width, lseBase: .two)

    var (output, lse) = first
    try mergeInPlace(&output, &lse, second, width)
    expectClose(output, expected.output)
    expectClose(lse, expected.lse)

    (output, lse) = first
    let isSelected = (0..<rows).map { $0 % 2 == 0 }
    try mergeInPlace(&output, &lse, second, width, isSelected: isSelected)
    for row in 0..<rows {
      let source = isSelected[row] ? expected : first
      let columns = row * width..<(row + 1) * width
      expectClose(Array(output[columns]), Array(source.output[columns]))
      expectClose([lse[row]], [source.lse[row]])
    }
  }

  private func mergeInPlace(
    _ output: inout [Float], _ lse: inout [Float], _ other: (output: [Float], lse: [Float]), _ width: Int,
    isSelected: [Bool]? = nil
  ) throws {
    var outputSpan = output.mutableSpan
    var lseSpan = lse.mutableSpan
    try AttentionStates.merge(
      into: &outputSpan, lse: &lseSpan, otherOutput: other.output.span, otherLSE: other.lse.span,
      width: width, lseBase: .two, isSelected: isSelected)
  }

  @Test func inPlaceIgnoresAStateWithoutKeys() throws {
    var (output, lse): ([Float], [Float]) = ([.nan, 3], [-.infinity, -.infinity])
    try mergeInPlace(&output, &lse, ([7, .nan], [2, -.infinity]), 1)
    #expect(output == [7, 0])
    #expect(lse == [2, -.infinity])
  }

  @Test func shapesThatDoNotFit() throws {
    let (two, four): ([Float], [Float]) = ([1, 2], [1, 2, 3, 4])
    expectProblem(.tooShort, "states", value: "0") { _ = try AttentionStates.merge([], width: 1) }
    expectProblem(.mismatch, "states.lse.count", index: 1, value: "4") {
      _ = try AttentionStates.merge([(two, two), (four, four)], width: 1)
    }
    expectProblem(.mismatch, "states.output.count", index: 0, value: "2") {
      _ = try AttentionStates.merge([(two, two)], width: 2)
    }
    expectProblem(.mismatch, "states.output.count", index: 0, value: "2") {
      _ = try AttentionStates.merge([(two, two)], width: -1)
    }
    expectProblem(.overflow, "width") { _ = try AttentionStates.merge([(two, two)], width: .max) }
    var (output, lse) = (four, two)
    expectProblem(.mismatch, "output.count", value: "4") { try mergeInPlace(&output, &lse, (four, two), 1) }
    expectProblem(.mismatch, "otherOutput.count", value: "2") {
      try mergeInPlace(&output, &lse, (two, two), 2)
    }
    expectProblem(.mismatch, "otherLSE.count", value: "4") {
      try mergeInPlace(&output, &lse, (four, four), 2)
    }
    expectProblem(.notPositive, "width", value: "-2") { try mergeInPlace(&output, &lse, (four, two), -2) }
    expectProblem(.mismatch, "isSelected.count", value: "1") {
      try mergeInPlace(&output, &lse, (four, two), 2, isSelected: [true])
    }
    #expect(output == four && lse == two)
  }

  @Test func countsThatDoNotFit() throws {
    func merge(_ tokens: Int, _ states: Int, _ heads: Int, _ width: Int) throws {
      let numbers = Array(repeating: Float(0), count: 24)
      var (merged, lse) = (Array(repeating: Float(0), count: 12), Array(repeating: Float(0), count: 4))
      var mergedSpan = merged.mutableSpan
      var lseSpan = lse.mutableSpan
      try AttentionStates.merge(
        outputs: numbers.span, lses: numbers.span.extracting(first: 8), tokenCount: tokens,
        stateCount: states, headCount: heads, width: width, into: &mergedSpan, lse: &lseSpan)
    }
    try merge(2, 2, 2, 3)
    expectProblem(.notPositive, "tokenCount", value: "-2") { try merge(-2, 2, -2, 3) }
    expectProblem(.notPositive, "stateCount", value: "-2") { try merge(2, -2, 2, 3) }
    expectProblem(.notPositive, "headCount", value: "-1") { try merge(2, 2, -1, 3) }
    expectProblem(.notPositive, "width", value: "-3") { try merge(2, 2, 2, -3) }
    expectProblem(.overflow, "headCount") { try merge(.max, 2, 2, 3) }
    expectProblem(.overflow, "stateCount") { try merge(2, .max, 2, 3) }
    expectProblem(.mismatch, "lses.count", value: "8") { try merge(2, 3, 2, 3) }
    expectProblem(.mismatch, "outputs.count", value: "24") { try merge(2, 2, 2, 4) }
    expectProblem(.mismatch, "mergedLSE.count", value: "4") { try merge(2, 4, 1, 3) }
  }

  /// Keys split at random into parts, some of them empty: attention over parts merges into the whole.
  @Test(arguments: [1, 2, 3, 7])
  func mergedPartsAreTheWhole(partCount: Int) throws {
    var recipe = CaseRecipe("whole", seed: UInt64(partCount), requests: [CaseRecipe.Request(2, 40)])
    recipe.isCausal = false
    recipe.pageSize = 1
    recipe.headCount = 3
    let whole = try VerificationCase(recipe)
    var generator = SplitMix64(seed: UInt64(partCount))
    for base in [LogarithmBase.natural, .two] {
      var parts = Array(repeating: [Int32](), count: partCount)
      for page in whole.batch.pageIndices.prefix(40) {
        parts[Int.random(in: 0..<max(1, partCount - 1), using: &generator)].append(page)
      }
      let states = try parts.map { try state(of: whole, pages: $0, base) }
      let merged = try AttentionStates.merge(states, width: 512, lseBase: base)
      let expected = try state(of: whole, pages: Array(whole.batch.pageIndices.prefix(40)), base)
      expectClose(merged.lse, expected.lse)
      expectClose(merged.output, expected.output, within: 2e-6)
    }
  }

  private func state(
    of whole: VerificationCase, pages: [Int32], _ base: LogarithmBase
  ) throws -> (output: [Float], lse: [Float]) {
    let batch = try Batch(
      queryCounts: [2], pageLists: [pages], keyLengths: [pages.count], pageSize: 1,
      poolPageCount: whole.batch.poolPageCount, isCausal: false)
    let oracle = try Oracle(
      batch: batch, geometry: whole.geometry, queries: whole.queries, cache: whole.cache)
    let rows = try (0..<2).flatMap { try oracle.rows(request: 0, token: $0) }
    let unit = base == .two ? log(2.0) : 1
    return (rows.flatMap { $0.output.map(Float.init) }, rows.map { Float($0.lse / unit) })
  }
}

extension AttentionStates {
  /// Merges states that lie in tensors of any element type.
  ///
  /// - Parameters:
  ///   - states: outputs `[token, head, width]`, and LSEs `[token, head, 1]` of fp32.
  ///   - lseBase: base of the logarithm of all LSEs, those merged and the result.
  ///   - output: `[token, head, width]`; may be the very tensor of one state.
  ///   - lse: `[token, head, 1]` of fp32; may be the very tensor of one state.
  /// - Throws: `ProblemError`, before writing: `tooShort` for no states, `mismatch` for shapes or types that do not fit,
  ///   `overlap` for a result that shares memory with a state but is not its tensor.
  /// - Complexity: O(states · tokens · heads · width).
  public static func merge(
    _ states: [(output: TensorView, lse: TensorView)], lseBase: LogarithmBase = .natural,
    into output: MutableTensorView, lse: MutableTensorView
  ) throws(ProblemError) {
    guard !states.isEmpty else {
      throw ProblemError(.tooShort, "states", value: 0, requirement: "must have at least one entry")
    }
    let shape = (output.view.outerCount, output.view.innerCount, output.view.width)
    try check(lse.view, "lse", nil, (shape.0, shape.1, 1), isLSE: true)
    for (index, state) in states.enumerated() {
      try check(state.output, "states.output", index, shape, isLSE: false)
      try check(state.lse, "states.lse", index, (shape.0, shape.1, 1), isLSE: true)
      try checkApart(output.view, "output", index, state.output)
      try checkApart(lse.view, "lse", index, state.lse)
    }
    let width = shape.2
    var mergedOutput = [Float](repeating: 0, count: shape.1 * width)
    var mergedLSE = [Float](repeating: 0, count: shape.1)
    for token in 0..<shape.0 {
      let outputs = states.flatMap { state in (0..<shape.1).flatMap { state.output.row(token, $0) } }
      let lses = states.flatMap { state in (0..<shape.1).flatMap { state.lse.row(token, $0) } }
      var outputSpan = mergedOutput.mutableSpan
      var lseSpan = mergedLSE.mutableSpan
      try merge(
        outputs: outputs.span, lses: lses.span, tokenCount: 1, stateCount: states.count, headCount: shape.1,
        width: width, lseBase: lseBase, into: &outputSpan, lse: &lseSpan)
      for head in 0..<shape.1 {
        output.storeRow(token, head, mergedOutput.span.extracting(head * width..<(head + 1) * width))
        lse.storeRow(token, head, mergedLSE.span.extracting(head..<head + 1))
      }
    }
  }

  private static func check(
    _ view: TensorView, _ field: String, _ index: Int?, _ shape: (Int, Int, Int), isLSE: Bool
  ) throws(ProblemError) {
    let found = (view.outerCount, view.innerCount, view.width)
    guard found == shape else {
      throw ProblemError(
        .mismatch, "\(field).shape", index: index, value: "\(found)", requirement: "must be \(shape)")
    }
    guard !isLSE || view.elementType == .float32 else {
      throw ProblemError(
        .mismatch, "\(field).elementType", index: index, value: view.elementType.rawValue,
        requirement: "must be fp32")
    }
  }

  private static func checkApart(
    _ written: TensorView, _ field: String, _ index: Int, _ state: TensorView
  ) throws(ProblemError) {
    let isSame =
      written.addresses == state.addresses && written.outerStride == state.outerStride
      && written.innerStride == state.innerStride && written.elementType == state.elementType
    guard isSame || !written.overlaps(state) || written.interleaves(with: state) else {
      throw ProblemError(
        .overlap, field, value: "bytes \(written.addresses)",
        requirement: "must be the tensor of state \(index), or not overlap its bytes, \(state.addresses)")
    }
  }
}

extension TensorView {
  /// Whether the outer entries of two tensors alternate in memory without a byte in common, as states of one tensor do.
  fileprivate func interleaves(with other: TensorView) -> Bool {
    let step = outerStride * elementType.byteCount
    guard step > 0, step == other.outerStride * other.elementType.byteCount else { return false }
    let (first, second) = addresses.lowerBound <= other.addresses.lowerBound ? (self, other) : (other, self)
    let shift = Int(second.addresses.lowerBound - first.addresses.lowerBound) % step
    return first.entryByteCount <= shift && shift + second.entryByteCount <= step
  }

  /// Bytes from the first to past the last element of one outer entry; the view must not be empty.
  private var entryByteCount: Int { ((innerCount - 1) * innerStride + width) * elementType.byteCount }
}

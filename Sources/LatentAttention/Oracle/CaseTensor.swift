/// A tensor of a verification case with its own memory, and room before, between and after its rows.
final class CaseTensor {
  /// The rows, for filling in and for runs.
  let rows: MutableTensorView
  private let memory: AlignedMemory
  private let firstElement: Int

  /// NaN in 16 bits as well as in 32, where two of it lie side by side; no arithmetic makes it.
  private static let guardPattern: UInt16 = 0x7FF7
  /// Elements before the first row and after the last.
  private static let margin = 64

  /// A tensor all of whose memory is the guard pattern.
  init(
    _ elementType: ElementType, shape: (Int, Int, Int), layout: CaseRecipe.Layout, field: String
  ) throws(ProblemError) {
    let strides = layout.strides(outer: shape.0, inner: shape.1, width: shape.2)
    let reach = shape.0 * shape.1 == 0 ? 0 : (shape.0 - 1) * strides.0 + (shape.1 - 1) * strides.1 + shape.2
    // Rows that are padded by an odd number start at an odd element too.
    firstElement = Self.margin + layout.rowPadding % 2
    let count = firstElement + reach + Self.margin
    memory = try AlignedMemory(byteCount: count * elementType.byteCount, field: field)
    memory.fill(Self.guardPattern)
    let bytes = unsafe UnsafeMutableRawBufferPointer(
      rebasing: memory.bytes[firstElement * elementType.byteCount..<memory.bytes.count])
    unsafe rows = try MutableTensorView(bytes, elementType, shape: shape, strides: strides, field: field)
  }

  /// Overwrites all memory with NaNs of every kind and infinities: what unused slots may hold.
  func poison(_ generator: inout SplitMix64) {
    let patterns = Self.poisonPatterns(rows.view.elementType)
    let words = unsafe memory.bytes.bindMemory(to: UInt16.self)
    let step = patterns[0].count
    for start in stride(from: 0, to: words.count, by: step) {
      let pattern = generator.pick(patterns)
      for part in 0..<step { unsafe words[start + part] = pattern[part] }
    }
  }

  /// Quiet and signalling NaNs of both signs, NaN with all bits set, infinities: 16-bit words, low first.
  private static func poisonPatterns(_ elementType: ElementType) -> [[UInt16]] {
    switch elementType {
    case .bfloat16: [[0x7FC0], [0xFFC0], [0x7F81], [0xFF81], [0xFFFF], [0x7F80], [0xFF80]]
    case .float16: [[0x7E00], [0xFE00], [0x7C01], [0xFC01], [0xFFFF], [0x7C00], [0xFC00]]
    case .float32:
      [[0, 0x7FC0], [0, 0xFFC0], [1, 0x7F80], [1, 0xFF80], [0xFFFF, 0xFFFF], [0, 0x7F80], [0, 0xFF80]]
    case .float8: [[0x7F7F], [0xFFFF]]
    }
  }

  /// Offset of the first byte that no row owns and that is not the guard pattern any more, or nil.
  func strayWrite() -> Int? {
    let view = rows.view
    let wordsPerElement = view.elementType.byteCount / 2
    let words = unsafe memory.bytes.bindMemory(to: UInt16.self)
    var owned = Array(repeating: false, count: words.count)
    for outer in 0..<view.outerCount {
      for inner in 0..<view.innerCount {
        let first = (firstElement + outer * view.outerStride + inner * view.innerStride) * wordsPerElement
        for word in first..<first + view.width * wordsPerElement { owned[word] = true }
      }
    }
    let stray = words.indices.first { unsafe !owned[$0] && words[$0] != Self.guardPattern }
    return stray.map { 2 * $0 }
  }
}

import CPUMicrokernels
import LatentAttention

/// How large a worker's memory must be: grows, never shrinks.
struct WorkspaceSize: Equatable {
  /// Most packed rows in a piece.
  var rows = 0
  /// Latent width, rounded up to any set's column chunk.
  var latentWidth = 0
  /// Rope width, rounded up to whole lines of 16 words.
  var ropeWidth = 0

  /// What a plan needs.
  init(_ plan: AttentionPlan) {
    rows = plan.pieces.reduce(0) { max($0, $1.rowCount) }.roundedUp(to: Workspace.rowPadding)
    latentWidth = plan.geometry.latentWidth.roundedUp(to: Workspace.columnPadding)
    ropeWidth = plan.geometry.ropeWidth.roundedUp(to: Workspace.lineWords)
  }

  init() {}

  /// Large enough for both.
  func union(_ other: WorkspaceSize) -> WorkspaceSize {
    var size = self
    size.rows = max(rows, other.rows)
    size.latentWidth = max(latentWidth, other.latentWidth)
    size.ropeWidth = max(ropeWidth, other.ropeWidth)
    return size
  }
}

/// The memory of one worker, in one allocation: everything that lives as long as a piece.
@safe struct Workspace: ~Copyable, @unchecked Sendable {
  /// Rows are padded to the widest vector of any set.
  static let rowPadding = 16
  /// Latent widths are padded to the widest column chunk of any set.
  static let columnPadding = 64
  /// Words of 4 bytes in which keys are brought near: a cache line.
  static let lineWords = 16
  static let blockKeys = Int(MLA_BLOCK_KEYS)

  let size: WorkspaceSize
  private let memory: AlignedMemory
  /// Packed queries: `[key word][row]`, 4 bytes each.
  let packedQueries: UnsafeMutableRawPointer
  /// Scores of a block: `[key][row]`.
  let scores: UnsafeMutablePointer<Float>
  /// Probabilities of a block, in the set's format.
  let probabilities: UnsafeMutableRawPointer
  /// Outputs of the piece: `[chunk][row][column]`.
  let outputs: UnsafeMutablePointer<Float>
  /// Widened or decoded keys of a block: `[key][latent, rope]`.
  let widenedKeys: UnsafeMutablePointer<Float>
  /// Interleaved values of a column chunk.
  let valueScratch: UnsafeMutableRawPointer
  /// A key of zeros, which pads short blocks.
  let zeroKey: UnsafeMutableRawPointer
  /// One output row that a merge sums up.
  let mergedRow: UnsafeMutablePointer<Float>
  let rowMaximum: UnsafeMutablePointer<Float>
  let rowSum: UnsafeMutablePointer<Float>
  let rescale: UnsafeMutablePointer<Float>
  let visibleKeys: UnsafeMutablePointer<Int32>
  /// Addresses of latent rows in the cache: those of a block, then those of the next.
  let latentRows: UnsafeMutablePointer<UnsafeRawPointer?>
  /// Addresses of rope rows in the cache, or of latent tails, in the same order.
  let ropeRows: UnsafeMutablePointer<UnsafeRawPointer?>
  /// Addresses of the scales of latent rows, in the same order.
  let scaleRows: UnsafeMutablePointer<UnsafeRawPointer?>
  /// Addresses of the latent parts of `widenedKeys`.
  let wideLatentRows: UnsafeMutablePointer<UnsafeRawPointer?>
  /// Addresses of the rope parts of `widenedKeys`.
  let wideRopeRows: UnsafeMutablePointer<UnsafeRawPointer?>

  /// Allocates and clears.
  ///
  /// - Throws: `ProblemError.outOfRange` where the system has not that much memory.
  init(_ size: WorkspaceSize) throws(ProblemError) {
    self.size = size
    let keyWidth = size.latentWidth + size.ropeWidth
    let block = Self.blockKeys
    var layout = Layout()
    let packedQueries = layout.place(bytes: keyWidth * size.rows * 4)
    let scores = layout.place(bytes: block * size.rows * 4)
    let probabilities = layout.place(bytes: block * size.rows * 4)
    let outputs = layout.place(bytes: size.latentWidth * size.rows * 4)
    let widenedKeys = layout.place(bytes: block * keyWidth * 4)
    let valueScratch = layout.place(bytes: block * Self.columnPadding * 4)
    let zeroKey = layout.place(bytes: keyWidth * 4)
    let mergedRow = layout.place(bytes: size.latentWidth * 4)
    let perRow = (0..<4).map { _ in layout.place(bytes: size.rows * 4) }
    let addresses = (0..<5).map { _ in layout.place(bytes: 2 * block * MemoryLayout<UInt>.size) }
    // Layout starts on pages; so does the allocation, once there is room to move its start up to one.
    memory = try AlignedMemory(byteCount: layout.byteCount + Layout.alignment, field: "workspace")
    unsafe memory.bytes.initializeMemory(as: UInt8.self, repeating: 0)
    let base = unsafe memory.bytes.baseAddress!.alignedUp(toMultipleOf: Layout.alignment)
    unsafe self.packedQueries = base + packedQueries
    unsafe self.scores = (base + scores).assumingMemoryBound(to: Float.self)
    unsafe self.probabilities = base + probabilities
    unsafe self.outputs = (base + outputs).assumingMemoryBound(to: Float.self)
    unsafe self.widenedKeys = (base + widenedKeys).assumingMemoryBound(to: Float.self)
    unsafe self.valueScratch = base + valueScratch
    unsafe self.zeroKey = base + zeroKey
    unsafe self.mergedRow = (base + mergedRow).assumingMemoryBound(to: Float.self)
    unsafe rowMaximum = (base + perRow[0]).assumingMemoryBound(to: Float.self)
    unsafe rowSum = (base + perRow[1]).assumingMemoryBound(to: Float.self)
    unsafe rescale = (base + perRow[2]).assumingMemoryBound(to: Float.self)
    unsafe visibleKeys = (base + perRow[3]).assumingMemoryBound(to: Int32.self)
    unsafe latentRows = (base + addresses[0]).assumingMemoryBound(to: UnsafeRawPointer?.self)
    unsafe ropeRows = (base + addresses[1]).assumingMemoryBound(to: UnsafeRawPointer?.self)
    unsafe scaleRows = (base + addresses[4]).assumingMemoryBound(to: UnsafeRawPointer?.self)
    unsafe wideLatentRows = (base + addresses[2]).assumingMemoryBound(to: UnsafeRawPointer?.self)
    unsafe wideRopeRows = (base + addresses[3]).assumingMemoryBound(to: UnsafeRawPointer?.self)
  }

  /// Places arrays one after another on page borders, each shifted by a few cache lines against the last so
  /// that they do not fall into the same sets of the caches.
  private struct Layout {
    static let alignment = 4096
    private(set) var byteCount = 0
    private var shift = 0

    mutating func place(bytes: Int) -> Int {
      let start = byteCount.roundedUp(to: Self.alignment) + shift
      shift = (shift + 5 * 64) % Self.alignment
      // Tiles prefetch a little past their end; keep that inside the allocation.
      byteCount = start + bytes + 4096
      return start
    }
  }
}

/// Partial results of split tiles, shared by all workers of an engine.
@safe struct PartialStates: ~Copyable, @unchecked Sendable {
  let rowCount: Int
  let width: Int
  /// `[partial row][width]`, normalised.
  let outputs: UnsafeMutablePointer<Float>
  /// `[partial row]`, base 2.
  let lse: UnsafeMutablePointer<Float>
  /// `[partial row]`: largest scores, base 2.
  let maxima: UnsafeMutablePointer<Float>

  private let memory: AlignedMemory

  /// Allocates room for that many rows; contents are undefined.
  ///
  /// - Throws: `ProblemError` where sizes do not fit 64 bits or the system has not that much memory.
  init(rowCount: Int, width: Int) throws(ProblemError) {
    let field = "plan.partialRowCount"
    let outputCount = try rowCount.multiplied(by: width, field: field)
    let floatCount = try rowCount.multiplied(by: 2, field: field).added(to: outputCount, field: field)
    memory = try AlignedMemory(
      byteCount: floatCount.multiplied(by: MemoryLayout<Float>.size, field: field), field: field)
    self.rowCount = rowCount
    self.width = width
    unsafe outputs = memory.bytes.baseAddress!.assumingMemoryBound(to: Float.self)
    unsafe lse = outputs + outputCount
    unsafe maxima = lse + rowCount
  }
}

extension Int {
  /// The smallest multiple of `step` that is not below this number.
  func roundedUp(to step: Int) -> Int { (self + step - 1) / step * step }
}

import PTX

/// A piece as kernels read it: twelve 32-bit numbers, the last two unused.
///
/// A block finds its first piece under its own number, and there what else it has: looking that up elsewhere would take as
/// long as the first tile.
public struct PieceRecord: Sendable, Hashable {
  /// Numbers of a record.
  public static let wordCount = 12
  /// Which of them are of the piece, and which of the block whose first piece it is.
  static let (wordsOfPiece, wordsOfBlock) = (0..<8, 8..<12)

  /// First query token of the request, in the whole batch.
  public var firstToken: Int32
  /// First packed row, counted within the request.
  public var firstRow: Int32
  /// Packed rows, 1 to 64.
  public var rowCount: Int32
  /// First key.
  public var keyStart: Int32
  /// Past the last key.
  public var keyEnd: Int32
  /// Position of the request's page list in that of all.
  public var firstPage: Int32
  /// Keys that the request's first query token sees; with more queries than keys it may be negative.
  public var visibleKeyCount: Int32
  /// Partial row of the first row; −1 for a piece that writes the output.
  public var partialRow: Int32
  /// Of a block's first piece: the block's pieces, 0 if this is none.
  public var blockPieceCount: Int32 = 0
  /// Of a block's first piece: position of the second one's record, which the others' follow.
  public var secondPiece: Int32 = 0

  /// A record.
  public init(
    firstToken: Int32, firstRow: Int32, rowCount: Int32, keyStart: Int32, keyEnd: Int32, firstPage: Int32,
    visibleKeyCount: Int32, partialRow: Int32
  ) {
    self.firstToken = firstToken
    self.firstRow = firstRow
    self.rowCount = rowCount
    self.keyStart = keyStart
    self.keyEnd = keyEnd
    self.firstPage = firstPage
    self.visibleKeyCount = visibleKeyCount
    self.partialRow = partialRow
  }

  /// No rows and no keys.
  public static let none = PieceRecord(
    firstToken: 0, firstRow: 0, rowCount: 0, keyStart: 0, keyEnd: 0, firstPage: 0, visibleKeyCount: 0,
    partialRow: -1)

  /// The numbers in their order.
  public var words: [Int32] {
    [
      firstToken, firstRow, rowCount, keyStart, keyEnd, firstPage, visibleKeyCount, partialRow,
      blockPieceCount, secondPiece, 0, 0,
    ]
  }
}

/// A merge job as kernels read it: twelve 32-bit numbers, the last three unused.
public struct MergeRecord: Sendable, Hashable {
  /// Numbers of a record.
  public static let wordCount = 12

  /// How the threads of a block share a job.
  public enum Way: Int32, Sendable, Hashable, CaseIterable {
    /// Threads for as many rows as there are threads for, each of which adds up all pieces in registers.
    case registers = 0
    /// Rows one after another: groups of threads add up some pieces each, which come into shared memory in asynchronous
    /// copies, and what they have got is combined there.
    case sharedMemory = 1
  }

  /// First query token of the request, in the whole batch.
  public var firstToken: Int32
  /// First packed row, counted within the request.
  public var firstRow: Int32
  /// Packed rows.
  public var rowCount: Int32
  /// Partial row of the first piece's state of the first row.
  public var partialRow: Int32
  /// Partial rows from one piece to the next.
  public var partialStride: Int32
  /// Pieces.
  public var partialCount: Int32
  /// The columns that are combined: `MergeRecord.columnGranularity` times a power of two.
  public var columns: Range<Int32>
  /// How threads share the job.
  public var way: Way

  /// Columns of the smallest job, of which eight threads have 16 bytes each in 16-bit numbers.
  public static let columnGranularity = 64

  /// A record.
  public init(
    firstToken: Int32, firstRow: Int32, rowCount: Int32, partialRow: Int32, partialStride: Int32,
    partialCount: Int32, columns: Range<Int32>, way: Way
  ) {
    self.firstToken = firstToken
    self.firstRow = firstRow
    self.rowCount = rowCount
    self.partialRow = partialRow
    self.partialStride = partialStride
    self.partialCount = partialCount
    self.columns = columns
    self.way = way
  }

  /// The numbers in their order.
  public var words: [Int32] {
    [
      firstToken, firstRow, rowCount, partialRow, partialStride, partialCount, columns.lowerBound,
      Int32(columns.count), way.rawValue, 0, 0, 0,
    ]
  }
}

/// A record in registers.
struct LoadedRecord {
  private let words: [Value<S32>]

  /// Loads some numbers of record `index`, 16 bytes a time.
  init(
    _ k: KernelBuilder, _ records: Pointer<S32, Global>, _ index: Value<S32>, wordCount: Int,
    words loaded: Range<Int>
  ) {
    let record = records + index * wordCount
    words = stride(from: loaded.lowerBound, to: loaded.upperBound, by: 4).flatMap {
      k.load(record + $0, count: 4, isReadOnly: true)
    }
  }

  subscript(index: Int) -> Value<S32> { words[index] }
}

/// A piece in registers.
struct LoadedPiece {
  let firstToken, firstRow, rowCount, keyStart, keyEnd, firstPage, visibleKeyCount, partialRow: Value<S32>
  /// Tiles of 64 keys, the last of which may have fewer.
  let tileCount: Value<S32>

  init(_ k: KernelBuilder, _ call: ParameterStruct, _ index: Value<S32>) {
    let record = LoadedRecord(
      k, call[CallLayout.standard.pieces], index, wordCount: PieceRecord.wordCount,
      words: PieceRecord.wordsOfPiece)
    (firstToken, firstRow, rowCount, keyStart) = (record[0], record[1], record[2], record[3])
    (keyEnd, firstPage, visibleKeyCount, partialRow) = (record[4], record[5], record[6], record[7])
    tileCount = k.let("tile_count", (keyEnd - keyStart + 63) >> 6)
  }

  /// Past the last key that all rows see: the first token sees the fewest, and is that of the first row.
  func firstUnseenKey(_ k: KernelBuilder, _ call: ParameterStruct) -> Value<S32> {
    let first = RowPlace(k, call, row: firstRow)
    return k.min(visibleKeyCount + first.token * call[CallLayout.standard.keysPerToken], keyEnd)
  }
}

/// Where a packed row belongs.
struct RowPlace {
  /// Query token, counted within the request.
  let token: Value<S32>
  let head: Value<S32>

  /// The place of packed row `row`, counted within the request.
  init(_ k: KernelBuilder, _ call: ParameterStruct, row: Value<S32>) {
    let heads = call[CallLayout.standard.headCount]
    token = k.let("token", row / heads)
    head = k.let("head", row - token * heads)
  }

  /// Bytes from a tensor's first element to the row's.
  func offset(
    firstToken: Value<S32>, tokenStride: Value<U64>, headStride: Value<U64>
  ) -> Value<U64> {
    (firstToken + token).to(U64.self) * tokenStride + head.to(U64.self) * headStride
  }
}

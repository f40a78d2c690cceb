/// How the 16-byte units of a tile's rows are permuted, so that columns fall into different banks (PTX ISA 5.5.6).
/// TMA writes and `wgmma` reads with the same rule.
public enum SharedSwizzle: Sendable, Hashable, CaseIterable {
  case none, bytes32, bytes64, bytes128

  /// Bytes of a panel's row.
  public var span: Int {
    switch self {
    case .none: 16
    case .bytes32: 32
    case .bytes64: 64
    case .bytes128: 128
    }
  }

  /// To what a panel is aligned: eight of its rows.
  public var alignment: Int { 8 * span }

  /// Bits 62 and 63 of a matrix descriptor (PTX ISA 9.7.15.5.1).
  var code: UInt64 {
    switch self {
    case .none: 0
    case .bytes128: 1
    case .bytes64: 2
    case .bytes32: 3
    }
  }
}

/// A matrix in shared memory in the layout that TMA writes and `wgmma` reads: panels side by side, each of all rows
/// and as many columns as fill the swizzle's span. A TMA box of span × rows fills one panel.
///
/// 64 rows × 512 bf16 columns with a 128-byte swizzle, for one, are 8 panels of 64 rows of 128 bytes.
public struct SharedTile<Element: MemoryElement> {
  /// Of the first panel.
  public let pointer: Pointer<Element, Shared>
  /// Rows.
  public let rows: Int
  /// Columns: elements of a row, which lie next to each other within a panel.
  public let columns: Int
  /// Permutation of the rows' 16-byte units.
  public let swizzle: SharedSwizzle
  /// Bytes from a panel to the next: those of all rows, and of a part of a tile those of the whole one's.
  public let panelByteCount: Int

  /// Columns of a panel.
  public var panelColumns: Int { swizzle.span / Element.byteCount }
  /// Panels.
  public var panelCount: Int { columns / panelColumns }
  /// Bytes of its elements: what TMA boxes that fill it bring.
  public var byteCount: Int { rows * swizzle.span * panelCount }

  /// Where a panel begins: the destination of a TMA box.
  public func panel(_ index: Int) -> Pointer<Element, Shared> {
    if !(0..<panelCount).contains(index) {
      pointer.builder.fail(
        .outOfRange(what: "panel of a tile", value: index, allowed: "0..<\(panelCount)"))
    }
    return pointer.advanced(byBytes: index * panelByteCount)
  }

  /// One of the tile's parts of so many rows, a multiple of 8 that divides them. It has all columns.
  public func rowBlock(_ index: Value<U32>, of count: Int) -> SharedTile {
    if count < 8 || !count.isMultiple(of: 8) || !rows.isMultiple(of: count) {
      pointer.builder.fail(
        .outOfRange(what: "rows of a part", value: count, allowed: "a multiple of 8 that divides \(rows)"))
    }
    return SharedTile(
      pointer: pointer.indexed(index, stride: count * swizzle.span), rows: count, columns: columns,
      swizzle: swizzle, panelByteCount: panelByteCount)
  }

  /// One of the tile's parts of so many columns, whole panels that divide them. It has all rows.
  public func columnBlock(_ index: Value<U32>, of count: Int) -> SharedTile {
    if count < panelColumns || !count.isMultiple(of: panelColumns) || !columns.isMultiple(of: count) {
      pointer.builder.fail(
        .outOfRange(
          what: "columns of a part", value: count,
          allowed: "a multiple of \(panelColumns) that divides \(columns)"))
    }
    return SharedTile(
      pointer: pointer.indexed(index, stride: count / panelColumns * panelByteCount), rows: rows,
      columns: count, swizzle: swizzle, panelByteCount: panelByteCount)
  }

  /// Where an element lies, the swizzle applied. Neighbours up to a multiple of 8 (16-bit) columns follow it.
  public func element(row: Value<U32>, column: Int) -> Pointer<Element, Shared> {
    if !(0..<columns).contains(column) {
      pointer.builder.fail(
        .outOfRange(what: "column of a tile", value: column, allowed: "0..<\(columns)"))
    }
    let bytes = column * Element.byteCount
    let panel = pointer.advanced(byBytes: bytes / swizzle.span * panelByteCount)
    return panel.indexed(swizzled(row * swizzle.span + bytes % swizzle.span), stride: 1)
  }

  /// Where an element lies, the swizzle applied, the column known only when the kernel runs.
  public func element(row: Value<U32>, column: Value<U32>) -> Pointer<Element, Shared> {
    let bytes = column * Element.byteCount
    let panel = pointer.indexed(bytes / swizzle.span, stride: panelByteCount)
    return panel.indexed(swizzled(row * swizzle.span + bytes % swizzle.span), stride: 1)
  }

  /// Elements from the start of a panel to one in a column of it, the swizzle applied: the same in all panels, and in all
  /// tiles of this layout.
  public func offsetInPanel(row: Value<U32>, column: Value<U32>) -> Value<U32> {
    swizzled(row * swizzle.span + column * Element.byteCount) / Element.byteCount
  }

  /// Address bits from 7 on are added without carry to bits from 4 on, as many as a row has 16-byte units.
  private func swizzled(_ offset: Value<U32>) -> Value<U32> {
    let mask = (swizzle.span / 16 - 1) << 4
    return mask == 0 ? offset : offset ^ (offset >> 3 & mask)
  }
}

/// Equal tiles one after another, one for each stage of a pipeline.
public struct SharedTiles<Element: MemoryElement> {
  private let first: SharedTile<Element>
  /// Tiles.
  public let count: Int

  init(first: SharedTile<Element>, count: Int) {
    self.first = first
    self.count = count
  }

  /// The tile of a stage.
  public subscript(stage: Int) -> SharedTile<Element> {
    if !(0..<count).contains(stage) {
      first.pointer.builder.fail(.outOfRange(what: "tile", value: stage, allowed: "0..<\(count)"))
    }
    return tile(at: first.pointer.advanced(byBytes: stage * first.byteCount))
  }

  /// The tile of a stage.
  public subscript(stage: Value<U32>) -> SharedTile<Element> {
    tile(at: first.pointer.indexed(stage, stride: first.byteCount))
  }

  private func tile(at pointer: Pointer<Element, Shared>) -> SharedTile<Element> {
    SharedTile(
      pointer: pointer, rows: first.rows, columns: first.columns, swizzle: first.swizzle,
      panelByteCount: first.panelByteCount)
  }
}

extension KernelBuilder {
  /// Reserves tiles in dynamic shared memory.
  ///
  /// `rows` is a multiple of 8, and a row whole panels: a multiple of the swizzle's span.
  public func tiles<T>(
    _ type: T.Type, rows: Int, columns: Int, swizzle: SharedSwizzle = .bytes128, count: Int,
    file: String = #fileID, line: Int = #line
  ) -> SharedTiles<T> {
    locate(file, line)
    if rows < 8 || !rows.isMultiple(of: 8) {
      fail(.outOfRange(what: "rows of a tile", value: rows, allowed: "a multiple of 8"))
    }
    let span = swizzle.span / T.byteCount
    if columns < span || !columns.isMultiple(of: span) {
      fail(.outOfRange(what: "columns of a tile", value: columns, allowed: "a multiple of \(span)"))
    }
    let pointer = dynamicShared(
      type, count: rows.multipliedSaturating(by: columns).multipliedSaturating(by: count),
      alignment: Swift.max(swizzle.alignment, 128),
      file: file, line: line)
    return SharedTiles(
      first: SharedTile(
        pointer: pointer, rows: rows, columns: columns, swizzle: swizzle,
        panelByteCount: rows * swizzle.span), count: count)
  }

  /// Reserves one tile in dynamic shared memory.
  public func tile<T>(
    _ type: T.Type, rows: Int, columns: Int, swizzle: SharedSwizzle = .bytes128, file: String = #fileID,
    line: Int = #line
  ) -> SharedTile<T> {
    tiles(type, rows: rows, columns: columns, swizzle: swizzle, count: 1, file: file, line: line)[0]
  }

  /// A tile over memory reserved for something else, which it replaces.
  public func tile<T>(
    over pointer: Pointer<T, Shared>, rows: Int, columns: Int, swizzle: SharedSwizzle = .bytes128,
    file: String = #fileID, line: Int = #line
  ) -> SharedTile<T> {
    locate(file, line)
    pointer.check(alignedTo: Swift.max(swizzle.alignment, 128), "a tile")
    return SharedTile(
      pointer: pointer, rows: rows, columns: columns, swizzle: swizzle, panelByteCount: rows * swizzle.span)
  }
}

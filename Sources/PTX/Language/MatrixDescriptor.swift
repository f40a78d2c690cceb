/// Types of the operands of `wgmma`.
public protocol MatrixElement: MemoryElement {
  /// Types that may meet in one instruction share it.
  associatedtype Family
  /// Columns of A that one instruction consumes: 32 bytes.
  static var depth: Int { get }
}

extension MatrixElement {
  /// 32 bytes.
  public static var depth: Int { 32 / byteCount }
}

/// 16-bit operands, which may be stored along either dimension.
public protocol HalfMatrixElement: MatrixElement {}
/// What is summed up in fp32.
public protocol FloatMatrixElement: MatrixElement {}
/// What can be summed up in fp16.
public protocol ShortSumElement: FloatMatrixElement {}
/// What is summed up in 32-bit integers.
public protocol IntegerMatrixElement: MatrixElement {}

/// The family of fp8 operands.
public enum Float8Family {}
/// The family of 8-bit integers.
public enum Integer8Family {}

extension BF16: HalfMatrixElement, FloatMatrixElement {
  /// Itself.
  public typealias Family = BF16
}
extension F16: HalfMatrixElement, ShortSumElement {
  /// Itself.
  public typealias Family = F16
}
extension TF32: FloatMatrixElement {
  /// Itself.
  public typealias Family = TF32
}
extension E4M3: ShortSumElement {
  /// Both fp8 types.
  public typealias Family = Float8Family
}
extension E5M2: ShortSumElement {
  /// Both fp8 types.
  public typealias Family = Float8Family
}
extension U8: IntegerMatrixElement {
  /// Both 8-bit integers.
  public typealias Family = Integer8Family
}
extension S8: IntegerMatrixElement {
  /// Both 8-bit integers.
  public typealias Family = Integer8Family
}

/// Along which dimension an operand of `wgmma` is contiguous in shared memory.
public enum Major: Sendable, Hashable {
  /// Along K: the tile's rows are M or N, its columns K.
  case k
  /// Along M or N: the tile's rows are K, its columns M or N. 16-bit types only.
  case mn
}

/// How `wgmma` finds an operand in shared memory (PTX ISA 9.7.15.5.1): made from a described tile, moved along it by
/// constants.
public struct MatrixDescriptor<Element: MatrixElement> {
  let builder: KernelBuilder
  /// Of the tile's first element.
  let base: Value<B64>
  let tile: SharedTile<Element>
  /// Along which dimension it is contiguous.
  public let major: Major
  /// The place in the tile.
  let row: Int
  let column: Int

  /// The operand that begins so many rows and columns of the tile further on. Rows go in eights; columns along K in
  /// whole instructions, along M or N in whole panels.
  public func at(row: Int = 0, column: Int = 0) -> MatrixDescriptor {
    let moved = MatrixDescriptor(
      builder: builder, base: base, tile: tile, major: major, row: self.row + row,
      column: self.column + column)
    let step = major == .k ? Element.depth : tile.panelColumns
    if !moved.row.isMultiple(of: 8) || !(0..<tile.rows).contains(moved.row) {
      builder.fail(
        .outOfRange(
          what: "row of a matrix operand", value: moved.row, allowed: "a multiple of 8 below \(tile.rows)"))
    }
    if !moved.column.isMultiple(of: step) || !(0..<tile.columns).contains(moved.column) {
      builder.fail(
        .outOfRange(
          what: "column of a matrix operand", value: moved.column,
          allowed: "a multiple of \(step) below \(tile.columns)"))
    }
    return moved
  }

  /// The operand so far along K.
  public func alongK(_ position: Int) -> MatrixDescriptor {
    major == .k ? at(column: position) : at(row: position)
  }

  /// The descriptor's 64 bits in a register.
  var bits: Operand {
    let columnBytes = column * Element.byteCount
    let offset =
      row * tile.swizzle.span + columnBytes / tile.swizzle.span * tile.panelByteCount + columnBytes
      % tile.swizzle.span
    if offset == 0 { return builder.operand(base) }
    let moved: Value<B64> = builder.result(
      "add.s64", [builder.operand(base), .immediate(.integer(Int64(offset >> 4)))])
    return builder.operand(moved)
  }

  /// A mistake if the operand of so many rows or columns (M or N) and of one instruction's K goes beyond the tile.
  func check(extent: Int, _ name: String) {
    let rowsLeft = tile.rows - row
    let columnsLeft = tile.columns - column
    let (extentLeft, depthLeft) = major == .k ? (rowsLeft, columnsLeft) : (columnsLeft, rowsLeft)
    if extent > extentLeft {
      builder.fail(.outOfRange(what: "extent of \(name)", value: extent, allowed: "at most \(extentLeft)"))
    }
    if Element.depth > depthLeft {
      builder.fail(
        .outOfRange(what: "K of \(name)", value: Element.depth, allowed: "at most \(depthLeft)"))
    }
  }
}

extension KernelBuilder {
  /// The descriptor of a tile whose rows are M or N, and whose columns are K.
  public func descriptor<T: MatrixElement>(
    _ tile: SharedTile<T>, file: String = #fileID, line: Int = #line
  ) -> MatrixDescriptor<T> {
    locate(file, line)
    return describe(tile, .k)
  }

  /// The descriptor of a tile of 16-bit elements, contiguous along either dimension.
  public func descriptor<T: HalfMatrixElement>(
    _ tile: SharedTile<T>, major: Major, file: String = #fileID, line: Int = #line
  ) -> MatrixDescriptor<T> {
    locate(file, line)
    return describe(tile, major)
  }

  private func describe<T>(_ tile: SharedTile<T>, _ major: Major) -> MatrixDescriptor<T> {
    tile.pointer.check(alignedTo: Swift.max(tile.swizzle.alignment, 128), "a matrix operand")
    // Address bits 4 to 17 go to bits 0 to 13. Above them, addresses in a cluster have the block's rank.
    let address = tile.pointer.addressRegister()
    let place: Value<U32> = result(
      "bfe.u32", [.register(address), .immediate(.integer(4)), .immediate(.integer(14))])
    let wide: Value<B64> = result("cvt.u64.u32", [operand(place)])
    let constant = Int64(bitPattern: MatrixLayout(tile, major).constantBits)
    let base: Value<B64> = result("or.b64", [operand(wide), .immediate(.integer(constant))])
    return MatrixDescriptor(builder: self, base: base, tile: tile, major: major, row: 0, column: 0)
  }
}

/// Everything of a descriptor but the address: distances between the 8 × 16-byte cores of the operand.
struct MatrixLayout {
  /// Bytes, in steps of 16.
  var leadingOffset: Int
  /// Bytes, in steps of 16.
  var strideOffset: Int
  var swizzle: SharedSwizzle

  init<T>(_ tile: SharedTile<T>, _ major: Major) {
    swizzle = tile.swizzle
    // Groups of eight rows follow each other within a panel.
    let group = 8 * tile.swizzle.span
    switch (major, tile.swizzle) {
    case (.k, .none), (.mn, .bytes32), (.mn, .bytes64), (.mn, .bytes128):
      leadingOffset = tile.panelByteCount
      strideOffset = group
    case (.k, _):
      // With a swizzle an instruction's K lies within one panel: no leading offset.
      leadingOffset = 16
      strideOffset = group
    case (.mn, .none):
      leadingOffset = group
      strideOffset = tile.panelByteCount
    }
  }

  /// Bits 16 to 29, 32 to 45, 62 and 63.
  var constantBits: UInt64 {
    UInt64(leadingOffset >> 4 & 0x3FFF) << 16 | UInt64(strideOffset >> 4 & 0x3FFF) << 32 | swizzle.code << 62
  }
}

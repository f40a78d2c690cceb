/// A borrowed tensor of rank 3 with a contiguous last dimension: `[outer, inner, width]`.
///
/// Queries are `[token, head, width]`, caches `[page, slot, width]`, outputs `[token, head, width]` and
/// LSEs `[token, head, 1]`. The view owns nothing: the memory must stay valid, and for the time of a run
/// unchanged, while the view is in use. Strides count elements.
@safe public struct TensorView: @unchecked Sendable {
  /// First element, or nil for an empty tensor.
  let base: UnsafeRawPointer?
  /// Number format of the elements.
  public let elementType: ElementType
  /// Size of the first dimension.
  public let outerCount: Int
  /// Size of the second dimension.
  public let innerCount: Int
  /// Size of the last, contiguous dimension.
  public let width: Int
  /// Elements between neighbours in the first dimension.
  public let outerStride: Int
  /// Elements between neighbours in the second dimension.
  public let innerStride: Int

  /// Checks a shape and its strides against the memory they are laid over.
  ///
  /// - Parameters:
  ///   - buffer: the memory, starting at the first element.
  ///   - elementType: type of the numbers.
  ///   - shape: outer count, inner count, width; zeros are fine.
  ///   - strides: outer and inner stride in elements; nil means dense.
  ///   - field: the name that errors carry.
  /// - Throws: `ProblemError` for negative sizes or strides, products past 64 bits, a buffer smaller than
  ///   what shape and strides reach, or a base address that is not a multiple of the element size.
  @unsafe public init(
    _ buffer: UnsafeRawBufferPointer, _ elementType: ElementType, shape: (Int, Int, Int),
    strides: (Int, Int)? = nil, field: String = "tensor"
  ) throws(ProblemError) {
    for (index, size) in [shape.0, shape.1, shape.2].enumerated() where size < 0 {
      throw ProblemError(
        .notPositive, "\(field).shape", index: index, value: size, requirement: "must not be negative")
    }
    let denseInner = shape.2
    let denseOuter = try shape.1.multiplied(by: shape.2, field: "\(field).shape")
    let (outerStride, innerStride) = strides ?? (denseOuter, denseInner)
    for (index, stride) in [outerStride, innerStride].enumerated() where stride < 0 {
      throw ProblemError(
        .notPositive, "\(field).strides", index: index, value: stride, requirement: "must not be negative")
    }
    var reach = 0
    if shape.0 > 0, shape.1 > 0, shape.2 > 0 {
      let outerReach = try (shape.0 - 1).multiplied(by: outerStride, field: "\(field).strides")
      let innerReach = try (shape.1 - 1).multiplied(by: innerStride, field: "\(field).strides")
      reach = try outerReach.added(to: innerReach, field: "\(field).strides")
        .added(to: shape.2, field: "\(field).strides")
        .multiplied(by: elementType.byteCount, field: "\(field).strides")
    }
    guard reach <= buffer.count else {
      throw ProblemError(
        .bufferTooSmall, field, value: "\(buffer.count) bytes",
        requirement: "shape \(shape) with strides \((outerStride, innerStride)) reaches \(reach) bytes")
    }
    if let address = buffer.baseAddress,
      UInt(bitPattern: address) % UInt(elementType.byteCount) != 0
    {
      throw ProblemError(
        .misaligned, field, value: "address \(UInt(bitPattern: address))",
        requirement: "must be a multiple of the element size, \(elementType.byteCount)")
    }
    unsafe self.base = buffer.baseAddress
    self.elementType = elementType
    (self.outerCount, self.innerCount, self.width) = shape
    self.outerStride = outerStride
    self.innerStride = innerStride
  }

  private init(columns: Range<Int>, of view: TensorView) {
    unsafe base = view.base.map { unsafe $0 + columns.lowerBound * view.elementType.byteCount }
    elementType = view.elementType
    outerCount = view.outerCount
    innerCount = view.innerCount
    width = columns.count
    outerStride = view.outerStride
    innerStride = view.innerStride
  }

  /// The same rows, seen through some of their columns. `columns` must lie within `0 ..< width`.
  package func columns(_ columns: Range<Int>) -> TensorView {
    precondition(columns.lowerBound >= 0 && columns.upperBound <= width)
    return TensorView(columns: columns, of: self)
  }

  private init(outerCount: Int, of view: TensorView) {
    unsafe base = view.base
    elementType = view.elementType
    self.outerCount = outerCount
    innerCount = view.innerCount
    width = view.width
    outerStride = view.outerStride
    innerStride = view.innerStride
  }

  /// The first `count` of the first dimension, which must have as many.
  package func prefix(_ count: Int) -> TensorView {
    precondition((0...outerCount).contains(count))
    return TensorView(outerCount: count, of: self)
  }

  /// Whether the view has no element.
  public var isEmpty: Bool { outerCount == 0 || innerCount == 0 || width == 0 }

  /// Bytes from the first element to past the last; 0 for an empty view.
  package var byteReach: Int {
    isEmpty
      ? 0
      : ((outerCount - 1) * outerStride + (innerCount - 1) * innerStride + width) * elementType.byteCount
  }

  /// Addresses from the first byte to past the last.
  package var addresses: Range<UInt> {
    let first = unsafe UInt(bitPattern: base)
    return first..<first + UInt(byteReach)
  }

  /// Whether the spans of memory of two views, first byte to last, have a byte in common.
  func overlaps(_ other: TensorView) -> Bool {
    !isEmpty && !other.isEmpty && addresses.overlaps(other.addresses)
  }

  /// Address of the first element; only for a view that is not empty.
  package var baseAddress: UnsafeRawPointer {
    unsafe base!
  }

  /// The element at a place, as a double: for oracles and tests, not for speed.
  package func element(_ outer: Int, _ inner: Int, _ column: Int) -> Double {
    precondition(
      (0..<outerCount).contains(outer) && (0..<innerCount).contains(inner) && (0..<width).contains(column))
    let offset = (outer * outerStride + inner * innerStride + column) * elementType.byteCount
    let place = unsafe baseAddress + offset
    return switch elementType {
    case .bfloat16: Double(BFloat16Bits.value(unsafe place.load(as: UInt16.self)))
    case .float16: Double(unsafe place.load(as: Float16.self))
    case .float32: Double(unsafe place.load(as: Float.self))
    case .float8: Double(E4M3Bits.value(unsafe place.load(as: UInt8.self)))
    }
  }

  /// The byte at a place of a tensor of 8-bit elements.
  package func byte(_ outer: Int, _ inner: Int, _ column: Int) -> UInt8 {
    precondition(elementType.byteCount == 1 && column < width)
    return unsafe rowAddress(outer, inner).load(fromByteOffset: column, as: UInt8.self)
  }
}

/// A tensor that a run writes: a `TensorView` whose rows do not share memory with each other.
@safe public struct MutableTensorView: @unchecked Sendable {
  /// The same tensor, for reading.
  public let view: TensorView
  private let base: UnsafeMutableRawPointer?

  /// Checks as `TensorView` does, and also that no two rows overlap.
  ///
  /// - Throws: `ProblemError`; `overlap` where strides make rows share elements.
  @unsafe public init(
    _ buffer: UnsafeMutableRawBufferPointer, _ elementType: ElementType, shape: (Int, Int, Int),
    strides: (Int, Int)? = nil, field: String = "tensor"
  ) throws(ProblemError) {
    let view = unsafe try TensorView(
      UnsafeRawBufferPointer(buffer), elementType, shape: shape, strides: strides, field: field)
    guard view.isEmpty || Self.rowsAreDisjoint(view) else {
      throw ProblemError(
        .overlap, "\(field).strides", value: "(\(view.outerStride), \(view.innerStride))",
        requirement: "must keep the rows of shape \(shape) apart")
    }
    self.view = view
    unsafe base = buffer.baseAddress
  }

  private init(_ view: TensorView, base: UnsafeMutableRawPointer?) {
    self.view = view
    unsafe self.base = base
  }

  /// The first `count` of the first dimension, which must have as many.
  package func prefix(_ count: Int) -> MutableTensorView {
    unsafe MutableTensorView(view.prefix(count), base: base)
  }

  /// Rows are disjoint if one dimension's rows fit between neighbours of the other.
  private static func rowsAreDisjoint(_ view: TensorView) -> Bool {
    let innerReach = (view.innerCount - 1) * view.innerStride + view.width
    let outerReach = (view.outerCount - 1) * view.outerStride + view.width
    let innerFits = view.innerCount == 1 || view.innerStride >= view.width
    let outerFits = view.outerCount == 1 || view.outerStride >= view.width
    return innerFits && outerFits
      && (view.outerCount == 1 || view.outerStride >= innerReach || view.innerCount == 1
        || view.innerStride >= outerReach)
  }

  /// Address of the first element; only for a view that is not empty.
  package var baseAddress: UnsafeMutableRawPointer {
    unsafe base!
  }
}

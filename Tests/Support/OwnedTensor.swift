import LatentAttention

/// A dense tensor that owns its memory: keep it alive while its rows are in use.
public final class OwnedTensor {
  /// The tensor, for reading (`rows.view`) and writing.
  public let rows: MutableTensorView
  private let memory: AlignedMemory

  /// Makes a tensor of `values`, in order, rounded to the element type.
  public init(_ elementType: ElementType, _ shape: (Int, Int, Int), _ values: [Float]) throws {
    precondition(values.count == shape.0 * shape.1 * shape.2)
    memory = try AlignedMemory(byteCount: values.count * elementType.byteCount, field: "test tensor")
    unsafe rows = try MutableTensorView(memory.bytes, elementType, shape: shape)
    let width = shape.2
    for row in 0..<shape.0 * shape.1 {
      rows.storeRow(
        row / shape.1, row % shape.1, values.span.extracting(row * width..<(row + 1) * width))
    }
  }

  /// Makes a tensor of one number.
  public convenience init(_ elementType: ElementType, _ shape: (Int, Int, Int), repeating value: Float) throws
  {
    try self.init(elementType, shape, Array(repeating: value, count: shape.0 * shape.1 * shape.2))
  }

  /// The tensor, for reading.
  public var view: TensorView { rows.view }

  /// The numbers of a row. A view of a tensor that is not used any more may lie over memory that is freed; this does not.
  public func row(_ outer: Int, _ inner: Int) -> [Float] {
    withExtendedLifetime(self) { rows.view.row(outer, inner) }
  }
}

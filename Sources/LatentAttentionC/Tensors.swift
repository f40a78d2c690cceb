import LatentAttention
import LatentAttentionHeader

/// Number formats as the header numbers them.
private let elementTypes: [ElementType] = [.bfloat16, .float16, .float32, .float8]

/// A tensor as the caller describes it.
@safe struct TensorArgument {
  private let data: UnsafeMutableRawPointer?
  private let elementType: Int64
  private let shape: (Int, Int, Int)
  private let strides: (Int, Int)
  private let field: String

  init(_ tensor: mla_tensor, _ field: String) {
    unsafe data = tensor.data
    elementType = unsafe tensor.element_type
    shape = unsafe (Int(tensor.shape.0), Int(tensor.shape.1), Int(tensor.shape.2))
    // Strides of dimensions with one entry lead nowhere; whatever they are is fine.
    strides = unsafe (
      shape.0 <= 1 ? 0 : Int(tensor.strides.0), shape.1 <= 1 ? 0 : Int(tensor.strides.1)
    )
    self.field = field
  }

  /// Whether the caller means no tensor at all.
  private var isMissing: Bool { unsafe data == nil && shape == (0, 0, 0) }

  /// The tensor, for reading.
  func view() throws -> TensorView {
    let type = try choice(elementType, of: elementTypes, "\(field).element_type")
    return unsafe try TensorView(
      UnsafeRawBufferPointer(try memory()), type, shape: shape, strides: strides, field: field)
  }

  /// The tensor for reading, or nil if it is not given.
  func viewIfGiven() throws -> TensorView? { isMissing ? nil : try view() }

  /// The tensor, for writing.
  func mutableView() throws -> MutableTensorView {
    let type = try choice(elementType, of: elementTypes, "\(field).element_type")
    return unsafe try MutableTensorView(try memory(), type, shape: shape, strides: strides, field: field)
  }

  /// The tensor for writing, or nil if it is not given.
  func mutableViewIfGiven() throws -> MutableTensorView? { isMissing ? nil : try mutableView() }

  /// As much memory as shape and strides can reach, which is the caller's to have.
  private func memory() throws -> UnsafeMutableRawBufferPointer {
    guard shape.0 > 0, shape.1 > 0, shape.2 > 0 else {
      return unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }
    guard let data = unsafe data else { throw NullPointer(field: "\(field).data") }
    return unsafe UnsafeMutableRawBufferPointer(start: data, count: .max)
  }
}

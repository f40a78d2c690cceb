import GPUDevice

extension TensorMapFields {
  /// The tensor map of a valid description.
  ///
  /// - Throws: ``GPUDevice/GPUDeviceError/invalid(operation:field:value:requirement:)`` for what the simulator does
  ///   not have: interleaved layouts, and elements whose subnormal numbers are flushed.
  init(_ description: TensorMapDescription) throws(GPUDeviceError) {
    guard description.interleave == .none else {
      throw .invalid(
        operation: "tensor map", field: "interleave", value: description.interleave.rawValue,
        requirement: "none: the simulator has no interleaved layouts")
    }
    guard let element = TensorElement(description.elementType) else {
      throw .invalid(
        operation: "tensor map", field: "elementType", value: description.elementType.rawValue,
        requirement: "a type that the simulator copies as it is")
    }
    self.init(
      address: description.address.rawValue, element: element, sizes: description.sizes,
      strides: description.byteStrides, box: description.box, elementStrides: description.elementStrides,
      swizzle: Swizzle(description.swizzle), fillsWithNaN: description.outOfBoundsFill == .nan)
  }
}

extension TensorElement {
  fileprivate init?(_ type: TensorMapDescription.ElementType) {
    switch type {
    case .uint8: self = .u8
    case .uint16: self = .u16
    case .uint32: self = .u32
    case .uint64: self = .u64
    case .int32: self = .s32
    case .int64: self = .s64
    case .float16: self = .f16
    case .float32: self = .f32
    case .float64: self = .f64
    case .bfloat16: self = .bf16
    case .tfloat32: self = .tf32
    case .float32FlushingSubnormals, .tfloat32FlushingSubnormals: return nil
    }
  }
}

extension Swizzle {
  fileprivate init(_ swizzle: TensorMapDescription.Swizzle) {
    switch swizzle {
    case .none: self = .none
    case .bytes32: self = .bytes32
    case .bytes64: self = .bytes64
    case .bytes128: self = .bytes128
    }
  }
}

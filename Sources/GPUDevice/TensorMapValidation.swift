extension TensorMapDescription {
  /// Checks the documented rules of `cuTensorMapEncodeTiled` (CUDA driver API 13.0, 6.30). Every device calls it
  /// before it makes a tensor map.
  ///
  /// - Throws: ``GPUDeviceError/invalid(operation:field:value:requirement:)`` with the first field that breaks one.
  public func validate() throws(GPUDeviceError) {
    try validateShape()
    try validateMemory()
    try validateBox()
    try validateModes()
  }

  private func validateShape() throws(GPUDeviceError) {
    try require(
      (1...5).contains(rank) && (interleave == .none || rank >= 3), "sizes.count", rank,
      interleave == .none ? "from 1 to 5" : "from 3 to 5 with an interleaved layout")
    try require(byteStrides.count == rank - 1, "byteStrides.count", byteStrides.count, "\(rank - 1)")
    try require(box.count == rank, "box.count", box.count, "\(rank)")
    try require(elementStrides.count == rank, "elementStrides.count", elementStrides.count, "\(rank)")
  }

  private func validateMemory() throws(GPUDeviceError) {
    let alignment = interleave == .bytes32 ? 32 : 16
    try require(
      address.rawValue % UInt64(alignment) == 0, "address", address, "a multiple of \(alignment)")
    for (index, size) in sizes.enumerated() {
      try require((1...1 << 32).contains(size), "sizes[\(index)]", size, "from 1 to 2^32")
    }
    for (index, stride) in byteStrides.enumerated() {
      try require(
        (0..<1 << 40).contains(stride) && stride % alignment == 0, "byteStrides[\(index)]", stride,
        "a multiple of \(alignment) from 0, less than 2^40")
    }
  }

  private func validateBox() throws(GPUDeviceError) {
    for (index, size) in box.enumerated() {
      try require((1...256).contains(size), "box[\(index)]", size, "from 1 to 256")
    }
    for (index, stride) in elementStrides.enumerated() {
      try require((1...8).contains(stride), "elementStrides[\(index)]", stride, "from 1 to 8")
    }
    guard interleave == .none else { return }
    let inner = box[0] * elementType.byteCount
    try require(inner % 16 == 0, "box[0]", "\(box[0]), \(inner) bytes", "a multiple of 16 bytes")
    try require(
      swizzle == .none || inner <= swizzle.spanByteCount, "box[0]", "\(box[0]), \(inner) bytes",
      "at most the \(swizzle.spanByteCount) bytes of the swizzle")
  }

  private func validateModes() throws(GPUDeviceError) {
    try require(
      interleave != .bytes32 || swizzle == .bytes32, "swizzle", swizzle.rawValue,
      "bytes32, as the interleaved layout has slices of 32 bytes")
    try require(
      outOfBoundsFill == .zero || elementType.isFloatingPoint, "outOfBoundsFill", outOfBoundsFill.rawValue,
      "zero, as \(elementType.rawValue) has no NaN")
  }

  private func require(
    _ isMet: Bool, _ field: String, _ value: some Any, _ requirement: @autoclosure () -> String
  ) throws(GPUDeviceError) {
    guard !isMet else { return }
    throw .invalid(
      operation: "tensor map", field: field, value: String(describing: value), requirement: requirement())
  }
}

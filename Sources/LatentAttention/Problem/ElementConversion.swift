extension TensorView {
  /// Address of a row; the row must exist and not be empty.
  package func rowAddress(_ outer: Int, _ inner: Int) -> UnsafeRawPointer {
    precondition((0..<outerCount).contains(outer) && (0..<innerCount).contains(inner) && width > 0)
    return unsafe baseAddress + (outer * outerStride + inner * innerStride) * elementType.byteCount
  }

  /// The row at a place; every element type fits 32-bit floats exactly. O(width).
  package func row(_ outer: Int, _ inner: Int) -> [Float] {
    if width == 0 { return [] }
    let place = unsafe rowAddress(outer, inner)
    return unsafe Array(unsafeUninitializedCapacity: width) { buffer, count in
      switch elementType {
      case .bfloat16:
        let source = unsafe place.assumingMemoryBound(to: UInt16.self)
        for column in 0..<width { unsafe buffer[column] = BFloat16Bits.value(source[column]) }
      case .float16:
        let source = unsafe place.assumingMemoryBound(to: Float16.self)
        for column in 0..<width { unsafe buffer[column] = Float(source[column]) }
      case .float32:
        let source = unsafe place.assumingMemoryBound(to: Float.self)
        for column in 0..<width { unsafe buffer[column] = source[column] }
      case .float8:
        let source = unsafe place.assumingMemoryBound(to: UInt8.self)
        for column in 0..<width { unsafe buffer[column] = E4M3Bits.value(source[column]) }
      }
      count = width
    }
  }
}

extension MutableTensorView {
  /// Rounds `values`, as many as the tensor is wide, to the element type and stores them as a row. O(width).
  package func storeRow(_ outer: Int, _ inner: Int, _ values: Span<Float>) {
    precondition(values.count == view.width)
    if values.isEmpty { return }
    let place = unsafe UnsafeMutableRawPointer(mutating: view.rowAddress(outer, inner))
    switch view.elementType {
    case .bfloat16:
      let target = unsafe place.assumingMemoryBound(to: UInt16.self)
      for column in values.indices { unsafe target[column] = BFloat16Bits.rounding(values[column]) }
    case .float16:
      let target = unsafe place.assumingMemoryBound(to: Float16.self)
      for column in values.indices { unsafe target[column] = Float16(values[column]) }
    case .float32:
      let target = unsafe place.assumingMemoryBound(to: Float.self)
      for column in values.indices { unsafe target[column] = values[column] }
    case .float8:
      let target = unsafe place.assumingMemoryBound(to: UInt8.self)
      for column in values.indices { unsafe target[column] = E4M3Bits.rounding(values[column]) }
    }
  }

  /// Copies a row of `source`, which is as wide; bit for bit where the element types agree. O(width).
  package func copyRow(
    _ outer: Int, _ inner: Int, from source: TensorView, _ sourceOuter: Int, _ sourceInner: Int
  ) {
    precondition(source.width == view.width)
    if view.width == 0 { return }
    guard source.elementType == view.elementType else {
      storeRow(outer, inner, source.row(sourceOuter, sourceInner).span)
      return
    }
    let place = unsafe UnsafeMutableRawPointer(mutating: view.rowAddress(outer, inner))
    unsafe place.copyMemory(
      from: source.rowAddress(sourceOuter, sourceInner), byteCount: view.width * view.elementType.byteCount)
  }
}

import GPUDevice

/// What a box of a tensor must be in shared memory, worked out on the host byte by byte.
struct BoxExpectation {
  /// The tensor and the box.
  var map: TensorMapDescription
  /// Where the box begins, from the innermost coordinate; it may lie outside the tensor.
  var origin: [Int]

  /// Elements that are copied along each dimension.
  var copied: [Int] {
    zip(map.box, map.elementStrides).enumerated().map { dimension, sizes in
      dimension == 0 ? sizes.0 : (sizes.0 + sizes.1 - 1) / sizes.1
    }
  }

  /// Bytes that arrive in shared memory.
  var byteCount: Int { copied.reduce(map.elementType.byteCount, *) }

  /// Calls a body for each element of the box: its offset in shared memory, and its offset in the tensor's memory, or
  /// nil outside the tensor.
  func forEachElement(_ body: (_ inShared: Int, _ inTensor: Int?) -> Void) {
    let size = map.elementType.byteCount
    for linear in 0..<copied.reduce(1, *) {
      var rest = linear
      var offset: Int? = 0
      for (dimension, count) in copied.enumerated() {
        let step = dimension == 0 ? 1 : map.elementStrides[dimension]
        let coordinate = origin[dimension] + rest % count * step
        rest /= count
        let stride = dimension == 0 ? size : map.byteStrides[dimension - 1]
        offset =
          (0..<map.sizes[dimension]).contains(coordinate) ? offset.map { $0 + coordinate * stride } : nil
      }
      body(swizzled(linear * size), offset)
    }
  }

  /// Address bits 4…6, as many as the swizzle's span has, are combined with those three above the 128 bytes
  /// (CUDA C++ Programming Guide, 10.29.3: TMA swizzle patterns).
  private func swizzled(_ offset: Int) -> Int {
    let chunks = map.swizzle.spanByteCount / 16
    return chunks == 0 ? offset : offset ^ ((offset >> 7) % chunks) << 4
  }

  /// Shared memory after the box of a tensor with these bytes was loaded over 0xEE.
  func loaded(from tensor: [UInt8], outside: UInt8 = 0) -> [UInt8] {
    var tile = [UInt8](repeating: 0xEE, count: TensorMapText.tileByteCount)
    forEachElement { inShared, inTensor in
      for byte in 0..<map.elementType.byteCount {
        tile[inShared + byte] = inTensor.map { tensor[$0 + byte] } ?? outside
      }
    }
    return tile
  }

  /// The tensor's bytes after the box was stored from shared memory with these bytes.
  func stored(to tensor: [UInt8], from tile: [UInt8]) -> [UInt8] {
    var tensor = tensor
    forEachElement { inShared, inTensor in
      guard let inTensor else { return }
      for byte in 0..<map.elementType.byteCount { tensor[inTensor + byte] = tile[inShared + byte] }
    }
    return tensor
  }
}

/// How the codes of an 8-bit cache are scaled: a value is that of its code in e4m3 times a scale.
public struct CacheScales: Sendable {
  /// The scales of the latent part.
  public enum Latent: Sendable {
    /// One for all.
    case uniform(Float)
    /// One for each `width` columns of each token: `[page, slot, group]` of fp32.
    case groups(TensorView, width: Int)
    /// One for each `width` columns of each token, as an exponent: `2^(byte − 127)`, NaN for 255. A tensor of bytes,
    /// described as one of fp8: `[page, slot, group]`.
    case exponents(TensorView, width: Int)
  }

  /// The scales of the latent part.
  public var latent: Latent
  /// The scale of the rope part, where that is of 8 bits.
  public var rope: Float

  /// Describes scales.
  public init(latent: Latent = .uniform(1), rope: Float = 1) {
    self.latent = latent
    self.rope = rope
  }

  /// The tensor of scales, if there is one, and how many columns share one.
  package var groups: (scales: TensorView, width: Int)? {
    switch latent {
    case .uniform: nil
    case .groups(let scales, let width), .exponents(let scales, let width): (scales, width)
    }
  }

  /// The scale of a column of a token. For oracles and tests, not for speed.
  package func scale(page: Int, slot: Int, column: Int) -> Double {
    switch latent {
    case .uniform(let scale): Double(scale)
    case .groups(let scales, let width): scales.element(page, slot, column / width)
    case .exponents(let scales, let width): Self.power(scales.byte(page, slot, column / width))
    }
  }

  private static func power(_ exponent: UInt8) -> Double {
    exponent == 255 ? .nan : Double(sign: .plus, exponent: Int(exponent) - 127, significand: 1)
  }
}

extension CacheView {
  /// A cache of FlashMLA's 656-byte tokens: 512 codes, a fp32 scale for each 128 of them, and 64 rope numbers in bf16.
  ///
  /// - Parameters:
  ///   - memory: the first token first; slots follow each other.
  ///   - pageCount: pages.
  ///   - pageSize: tokens of a page.
  ///   - pageStride: bytes from page to page, nil where pages follow each other; a multiple of 4.
  /// - Throws: `ProblemError` where the memory does not hold as much or is not aligned to 4 bytes.
  @unsafe public init(
    tokensOf656Bytes memory: UnsafeRawBufferPointer, pageCount: Int, pageSize: Int, pageStride: Int? = nil
  ) throws(ProblemError) {
    let field = "cache"
    let dense = try pageSize.multiplied(by: 656, field: field)
    let stride = pageStride ?? dense
    func part(_ start: Int, _ type: ElementType, _ width: Int) throws(ProblemError) -> TensorView {
      let size = type.byteCount
      return unsafe try TensorView(
        memory.suffix(from: start, field), type, shape: (pageCount, pageSize, width),
        strides: (try stride.divided(by: size, field: field), 656 / size), field: field)
    }
    self.init(
      latent: try part(0, .float8, 512), rope: try part(528, .bfloat16, 64),
      scales: CacheScales(latent: .groups(try part(512, .float32, 4), width: 128)))
  }

  /// A cache of FlashMLA's 584-byte tokens, whose latent part is 448 codes and 64 numbers in bf16, without rope part. A page
  /// holds 576 bytes of codes and numbers of each token, and then 8 bytes of each, of which 7 are exponents of the scales
  /// of 64 codes each.
  ///
  /// - Parameters:
  ///   - memory: the first page first.
  ///   - pageCount: pages.
  ///   - pageSize: tokens of a page.
  ///   - pageStride: bytes from page to page, nil where pages follow each other; even.
  /// - Throws: `ProblemError` where the memory does not hold as much or is not aligned to 2 bytes.
  @unsafe public init(
    tokensOf584Bytes memory: UnsafeRawBufferPointer, pageCount: Int, pageSize: Int, pageStride: Int? = nil
  ) throws(ProblemError) {
    let field = "cache"
    let dense = try pageSize.multiplied(by: 584, field: field)
    let stride = pageStride ?? dense
    let scaleStart = try pageSize.multiplied(by: 576, field: field)
    let shape = (pageCount, pageSize)
    self.init(
      latent: unsafe try TensorView(
        memory, .float8, shape: (shape.0, shape.1, 448), strides: (stride, 576), field: field),
      latentTail: unsafe try TensorView(
        memory.suffix(from: 448, field), .bfloat16, shape: (shape.0, shape.1, 64),
        strides: (try stride.divided(by: 2, field: field), 288), field: field),
      rope: nil,
      scales: CacheScales(
        latent: .exponents(
          unsafe try TensorView(
            memory.suffix(from: scaleStart, field), .float8, shape: (shape.0, shape.1, 7),
            strides: (stride, 8), field: field), width: 64)))
  }
}

extension UnsafeRawBufferPointer {
  /// What comes after `start` bytes; nothing where there are fewer.
  fileprivate func suffix(from start: Int, _ field: String) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(rebasing: self[Swift.min(Swift.max(start, 0), count)...])
  }
}

extension Int {
  fileprivate func divided(by size: Int, field: String) throws(ProblemError) -> Int {
    guard self % size == 0 else {
      throw ProblemError(
        .misaligned, "\(field).pageStride", value: self, requirement: "must be a multiple of \(size)")
    }
    return self / size
  }
}

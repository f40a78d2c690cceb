import PTX

/// A row of the output.
struct OutputRow {
  private let k: KernelBuilder
  private let call: ParameterStruct
  private let firstToken: Value<S32>
  private let place: RowPlace
  /// Its first number.
  let output: Pointer<U8, Global>
  /// The `StorageFormat` of the numbers.
  let format: Value<U32>
  /// Not 0 if rows are aligned to 16 bytes.
  let isAligned: Value<U32>

  /// Packed row `row` of the request whose first query token is given.
  init(_ k: KernelBuilder, _ call: ParameterStruct, firstToken: Value<S32>, row: Value<S32>) {
    let fields = CallLayout.standard
    self.k = k
    self.call = call
    self.firstToken = firstToken
    place = RowPlace(k, call, row: row)
    let offset = place.offset(
      firstToken: firstToken, tokenStride: call[fields.outputToken], headStride: call[fields.outputHead])
    output = call[fields.output].advanced(by: offset, k)
    format = call[fields.outputFormat]
    isAligned = call[fields.outputIsAligned]
  }

  /// Records what is done for each way in which outputs may lie, of which the call has one: fp32 or `elementType`, rows
  /// aligned to 16 bytes or not.
  func forEachFormat(
    _ elementType: StorageFormat, _ body: (_ format: StorageFormat, _ areAligned: Bool) -> Void
  ) {
    HopperKernels.forEachFormat(k, format, of: [.float32, elementType]) { format in
      k.if(isAligned != 0, isUniform: true, { body(format, true) }, else: { body(format, false) })
    }
  }

  /// Stores the LSE, given in base 2, if it is wanted.
  func storeLSE(_ lse: Value<F32>) {
    let fields = CallLayout.standard
    let base = call[fields.lse]
    k.if(base.address64() != 0, isUniform: true) {
      let offset = place.offset(
        firstToken: firstToken, tokenStride: call[fields.lseToken], headStride: call[fields.lseHead])
      k.store(lse * call[fields.lseUnit], to: base.advanced(by: offset, k).reinterpreted(as: F32.self))
    }
  }
}

/// The partial results: rows of 512 numbers, and LSEs in base 2.
struct PartialRows {
  private let k: KernelBuilder
  private let outputs: Pointer<U8, Global>
  private let lses: Pointer<F32, Global>
  /// The `StorageFormat` of the numbers.
  let format: Value<U32>

  init(_ k: KernelBuilder, _ call: ParameterStruct) {
    self.k = k
    outputs = call[CallLayout.standard.partialOutput]
    lses = call[CallLayout.standard.partialLSE]
    format = call[CallLayout.standard.partialFormat]
  }

  /// The first number of a row.
  func row(_ row: Value<S32>, _ format: StorageFormat) -> Pointer<U8, Global> {
    outputs.advanced(by: row.to(U64.self) * (HopperKernels.latentWidth * format.byteCount), k)
  }

  /// The first number of a row, whatever the format.
  func row(_ row: Value<S32>) -> Pointer<U8, Global> {
    let isWide = format == Value(Int(StorageFormat.float32.rawValue))
    let byteCount = k.select(isWide, Value<U64>(4), 2) * HopperKernels.latentWidth
    return outputs.advanced(by: row.to(U64.self) * byteCount, k)
  }

  /// The LSE of a row.
  func lse(_ row: Value<S32>) -> Pointer<F32, Global> { lses + row }
}

extension HopperKernels {
  /// Records what is done for each of some formats, of which one is given.
  static func forEachFormat(
    _ k: KernelBuilder, _ format: Value<U32>, of formats: [StorageFormat], _ body: (StorageFormat) -> Void
  ) {
    for candidate in formats {
      k.if(format == Value(Int(candidate.rawValue)), isUniform: true) { body(candidate) }
    }
  }
}

extension StorageFormat {
  /// The number so many columns further on.
  func place(_ row: Pointer<U8, Global>, _ column: Value<U32>, _ k: KernelBuilder) -> Pointer<U8, Global> {
    row.advanced(by: (column * byteCount).to(U64.self), k)
  }

  /// Stores 2, 4 or 8 neighbouring numbers: in vectors of up to 16 bytes, to which they are aligned, or one by one.
  func store(
    _ k: KernelBuilder, _ numbers: [Value<F32>], to place: Pointer<U8, Global>, areVectors: Bool
  ) {
    guard areVectors else {
      for (index, number) in numbers.enumerated() {
        let place = place.advanced(byBytes: index * byteCount)
        switch self {
        case .float32: k.store(number, to: place.reinterpreted(as: F32.self))
        case .float16: k.store(number.to(F16.self), to: place.reinterpreted(as: F16.self))
        case .bfloat16: k.store(number.to(BF16.self), to: place.reinterpreted(as: BF16.self))
        }
      }
      return
    }
    let words = self == .float32 ? numbers.map { $0.bits(as: B32.self) } : pairs(k, numbers)
    for start in stride(from: 0, to: words.count, by: 4) {
      let part = Array(words[start..<min(start + 4, words.count)])
      let place = place.advanced(byBytes: 4 * start).reinterpreted(as: B32.self)
      if part.count == 1 { k.store(part[0], to: place) } else { k.store(part, to: place) }
    }
  }

  private func pairs(_ k: KernelBuilder, _ numbers: [Value<F32>]) -> [Value<B32>] {
    stride(from: 0, to: numbers.count, by: 2).map { pair(k, numbers[$0], numbers[$0 + 1]) }
  }

  /// Two numbers of 16 bits in a word.
  func pair(_ k: KernelBuilder, _ low: Value<F32>, _ high: Value<F32>) -> Value<B32> {
    self == .float16
      ? k.pack(F16x2.self, low, high).bits(as: B32.self) : k.pack(BF16x2.self, low, high).bits(as: B32.self)
  }

  /// The numbers in words of 32 bits.
  func numbers(_ k: KernelBuilder, _ words: [Value<B32>]) -> [Value<F32>] {
    switch self {
    case .float32: words.map { $0.bits(as: F32.self) }
    case .float16: words.flatMap { k.split($0, into: F16.self).map { $0.to(F32.self) } }
    case .bfloat16: words.flatMap { k.split($0, into: BF16.self).map { $0.to(F32.self) } }
    }
  }
}

/// Matrix instructions of one warp (PTX ISA 9.7.14).
extension KernelBuilder {
  /// Loads 1, 2 or 4 matrices of 8 × 8 16-bit elements: lane l gives the address of row l mod 8 of matrix l / 8, and
  /// gets of each matrix elements 2·(l mod 4) and the next of row l / 4; with `transposed`, of column l / 4.
  public func loadMatrices<T: MemoryElement>(
    _ row: Pointer<T, Shared>, count: Int, transposed: Bool = false, file: String = #fileID,
    line: Int = #line
  ) -> [Value<B32>] {
    locate(file, line)
    let transpose = matrixModifiers(row, count, transposed)
    let registers = (0..<Swift.min(Swift.max(count, 1), 4)).map { _ in newRegister(.b32) }
    record(
      "ldmatrix.sync.aligned\(transpose).m8n8.x\(count).shared.b16",
      [.vector(registers.map { .register($0) }), row.address])
    return registers.map { Value(builder: self, operand: .register($0)) }
  }

  /// Stores 1, 2 or 4 matrices, as `loadMatrices` loads them.
  public func storeMatrices<T: MemoryElement>(
    _ values: [Value<B32>], to row: Pointer<T, Shared>, transposed: Bool = false, file: String = #fileID,
    line: Int = #line
  ) {
    locate(file, line)
    let transpose = matrixModifiers(row, values.count, transposed)
    record(
      "stmatrix.sync.aligned\(transpose).m8n8.x\(values.count).shared.b16",
      [row.address, .vector(values.map { .register(register($0)) })])
  }

  private func matrixModifiers<T>(_ row: Pointer<T, Shared>, _ count: Int, _ transposed: Bool) -> String {
    if ![1, 2, 4].contains(count) {
      fail(.outOfRange(what: "matrices of ldmatrix or stmatrix", value: count, allowed: "1, 2 or 4"))
    }
    if T.byteCount != 2 { fail(.mismatch("ldmatrix and stmatrix of .\(T.scalarType.rawValue)")) }
    row.check(alignedTo: 16, "a row of a matrix")
    return transposed ? ".trans" : ""
  }

  /// Adds the product of a 16 × 16 and a 16 × 8 matrix of 16-bit elements to `d`, which has 4 registers; `a` has 4
  /// registers, `b` 2, of two elements each.
  public func multiplyWarp<T: PackedElement>(
    _ d: Fragment<F32>, a: [Value<T>], b: [Value<T>], file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    for (name, count, expected) in [("d", d.count, 4), ("a", a.count, 4), ("b", b.count, 2)]
    where count != expected {
      fail(.wrongCount(what: "registers of \(name) of mma.sync", count: count, expected: expected))
    }
    let type = T.Half.scalarType.rawValue
    record(
      "mma.sync.aligned.m16n8k16.row.col.f32.\(type).\(type).f32",
      [
        d.vector, .vector(a.map { .register(register($0)) }),
        .vector(b.map { .register(register($0)) }), d.vector,
      ])
  }
}

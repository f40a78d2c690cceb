/// Copies from global to shared memory by each thread, asynchronous (PTX ISA 9.7.9.25.3).
extension KernelBuilder {
  /// Copies 4, 8 or 16 bytes; 16 go around L1. Both addresses are aligned to the size.
  ///
  /// With `onlyBytes`, only so many are read and the rest is filled with zeros: 0 reads nothing.
  public func copyAsync<A: MemoryElement, B: MemoryElement>(
    from source: Pointer<A, Global>, to destination: Pointer<B, Shared>, byteCount: Int = 16,
    onlyBytes: Value<U32>? = nil, hints: CacheHints = .none, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    if ![4, 8, 16].contains(byteCount) {
      fail(.outOfRange(what: "bytes of cp.async", value: byteCount, allowed: "4, 8 or 16"))
    }
    destination.check(alignedTo: byteCount, "the destination of cp.async")
    let size = Operand.immediate(.integer(Int64(byteCount)))
    let read = onlyBytes.map { [operand($0)] } ?? []
    record(
      "cp.async.\(byteCount == 16 ? "cg" : "ca").shared.global\(hints.modifier)",
      [destination.address, source.address, size] + read + policyOperands(hints.policy))
  }

  /// Closes a group of the copies since the last one.
  public func commitCopies(file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("cp.async.commit_group")
  }

  /// Waits until at most so many of the thread's groups are pending.
  public func waitCopies(pending: Int, file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("cp.async.wait_group", [groupCount(pending)])
  }

  /// Waits for all of the thread's copies.
  public func waitAllCopies(file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("cp.async.wait_all")
  }

  /// The immediate of a `wait_group`.
  func groupCount(_ pending: Int) -> Operand {
    if !(0...7).contains(pending) {
      fail(.outOfRange(what: "pending groups", value: pending, allowed: "0 to 7"))
    }
    return .immediate(.integer(Int64(pending)))
  }
}

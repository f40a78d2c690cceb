/// What a bulk reduction does with what it meets in memory.
public enum BulkReduction: String, Sendable, Hashable {
  case add, min, max, and, or, xor
  case increment = "inc"
  case decrement = "dec"
}

/// Copies of contiguous bytes by the copy engine (PTX ISA 9.7.9.25.4): one thread issues them. Sizes and addresses
/// are multiples of 16 bytes.
extension KernelBuilder {
  /// Copies from global to shared memory; the barrier counts the bytes.
  ///
  /// With `multicast`, a bit for each block of the cluster, the bytes go to the same place in each of them, and
  /// the barrier of the same place in each is told.
  public func copyBulk<A, B>(
    from source: Pointer<A, Global>, to destination: Pointer<B, Shared>, byteCount: Value<U32>,
    signalling barrier: MemoryBarrier, multicast: Value<U16>? = nil, policy: Value<B64>? = nil,
    file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    check(byteCount, destination)
    let modifiers = "\(multicast == nil ? "" : ".multicast::cluster")\(policyModifier(policy))"
    let mask = multicast.map { [Operand.register(register($0))] } ?? []
    record(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes\(modifiers)",
      [destination.address, source.address, operand(byteCount), barrier.address] + mask
        + policyOperands(policy))
  }

  /// Copies into the shared memory of a block of the cluster; a barrier there counts the bytes.
  public func copyBulk<A, B>(
    from source: Pointer<A, Shared>, to destination: Pointer<B, SharedCluster>, byteCount: Value<U32>,
    signalling barrier: RemoteBarrier, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    check(byteCount, source)
    record(
      "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes",
      [destination.address, source.address, operand(byteCount), barrier.pointer.address])
  }

  /// Copies from shared to global memory; `commitBulk` and `waitBulk` follow.
  public func copyBulk<A, B>(
    from source: Pointer<A, Shared>, to destination: Pointer<B, Global>, byteCount: Value<U32>,
    policy: Value<B64>? = nil, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    check(byteCount, source)
    record(
      "cp.async.bulk.global.shared::cta.bulk_group\(policyModifier(policy))",
      [destination.address, source.address, operand(byteCount)] + policyOperands(policy))
  }

  /// Combines shared memory with what lies in global memory, element by element; `commitBulk` and `waitBulk`
  /// follow.
  public func reduceBulk<T>(
    _ reduction: BulkReduction, from source: Pointer<T, Shared>, to destination: Pointer<T, Global>,
    byteCount: Value<U32>, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    check(byteCount, source)
    let isHalf = T.self is any HalfElement.Type
    let isUntyped = [.and, .or, .xor].contains(reduction)
    let type = isUntyped ? T.scalarType.untyped : T.scalarType.rawValue
    let noFlush = isHalf && reduction == .add ? ".noftz" : ""
    record(
      "cp.reduce.async.bulk.global.shared::cta.bulk_group.\(reduction.rawValue)\(noFlush).\(type)",
      [destination.address, source.address, operand(byteCount)])
  }

  /// Brings bytes of global memory into L2.
  public func prefetchBulk<T>(
    _ source: Pointer<T, Global>, byteCount: Value<U32>, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    record("cp.async.bulk.prefetch.L2.global", [source.address, operand(byteCount)])
  }

  /// Closes a group of the thread's bulk copies out of shared memory since the last one.
  public func commitBulk(file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("cp.async.bulk.commit_group")
  }

  /// Waits until at most so many of the thread's groups are pending; `readOnly` only until they have read shared
  /// memory, so that it may be written again.
  public func waitBulk(
    pending: Int, readOnly: Bool = false, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    record("cp.async.bulk.wait_group\(readOnly ? ".read" : "")", [groupCount(pending)])
  }

  func policyModifier(_ policy: Value<B64>?) -> String { policy == nil ? "" : ".L2::cache_hint" }

  private func check<T>(_ byteCount: Value<U32>, _ pointer: Pointer<T, Shared>) {
    pointer.check(alignedTo: 16, "a bulk copy's shared memory")
    if let count = byteCount.constant, count <= 0 || count % 16 != 0 {
      fail(.outOfRange(what: "bytes of a bulk copy", value: Int(count), allowed: "a multiple of 16"))
    }
  }
}

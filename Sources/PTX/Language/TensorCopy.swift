/// A tensor in global memory as the copy engine sees it: base, sizes, strides, box and swizzle in 128 bytes that the
/// device's encoder makes.
public struct TensorMap<Element: MemoryElement> {
  let pointer: Pointer<U8, Generic>
  /// Dimensions of the tensor, 1 to 5.
  public let rank: Int

  /// Bytes of a map.
  public static var byteCount: Int { 128 }
  /// Of a map, in bytes.
  public static var alignment: Int { 64 }

  /// A map that lies in memory.
  public init(at pointer: Pointer<U8, Generic>, rank: Int) {
    self.init(pointer: pointer, rank: rank)
  }

  init(pointer: Pointer<U8, Generic>, rank: Int) {
    self.pointer = pointer
    self.rank = rank
    if !(1...5).contains(rank) {
      pointer.builder.fail(.outOfRange(what: "rank of a tensor map", value: rank, allowed: "1 to 5"))
    }
  }
}

/// Copies of boxes of a tensor by the copy engine (TMA; PTX ISA 9.7.9.25.5): one thread issues them. Coordinates are
/// those of the box's first element, innermost dimension first; the innermost, times the bytes of an element, is a
/// multiple of 16, also across a border (PTX ISA 5.5.3.1): else the device ends the kernel by an illegal instruction.
/// Shared memory is aligned to 128 bytes, with a swizzle to eight of its rows.
extension KernelBuilder {
  /// Loads a box into shared memory; the barrier counts the bytes of the whole box, those outside of the tensor,
  /// which become zeros, included.
  ///
  /// With `multicast`, a bit for each block of the cluster, the box goes to the same place in each of them, and
  /// the barrier of the same place in each is told.
  public func loadTensor<T>(
    _ map: TensorMap<T>, at coordinates: [Value<S32>], to destination: Pointer<T, Shared>,
    signalling barrier: MemoryBarrier, multicast: Value<U16>? = nil, policy: Value<B64>? = nil,
    file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    destination.check(alignedTo: 128, "a tensor copy's shared memory")
    let modifiers = "\(multicast == nil ? "" : ".multicast::cluster")\(policyModifier(policy))"
    let mask = multicast.map { [Operand.register(register($0))] } ?? []
    record(
      "cp.async.bulk.tensor.\(map.rank)d.shared::cluster.global.mbarrier::complete_tx::bytes\(modifiers)",
      [destination.address, box(map, coordinates), barrier.address] + mask + policyOperands(policy))
  }

  /// Stores a box out of shared memory; what lies past the tensor's end is left out. At a negative coordinate an H100 ends
  /// the kernel by an illegal instruction. `commitBulk` and `waitBulk` follow.
  public func storeTensor<T>(
    from source: Pointer<T, Shared>, to map: TensorMap<T>, at coordinates: [Value<S32>],
    policy: Value<B64>? = nil, file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    source.check(alignedTo: 128, "a tensor copy's shared memory")
    record(
      "cp.async.bulk.tensor.\(map.rank)d.global.shared::cta.bulk_group\(policyModifier(policy))",
      [box(map, coordinates), source.address] + policyOperands(policy))
  }

  /// Combines a box in shared memory with what lies in the tensor. `commitBulk` and `waitBulk` follow.
  public func reduceTensor<T>(
    _ reduction: BulkReduction, from source: Pointer<T, Shared>, to map: TensorMap<T>,
    at coordinates: [Value<S32>], file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    source.check(alignedTo: 128, "a tensor copy's shared memory")
    record(
      "cp.reduce.async.bulk.tensor.\(map.rank)d.global.shared::cta.\(reduction.rawValue).bulk_group",
      [box(map, coordinates), source.address])
  }

  /// Brings a box into L2.
  public func prefetchTensor<T>(
    _ map: TensorMap<T>, at coordinates: [Value<S32>], file: String = #fileID, line: Int = #line
  ) {
    locate(file, line)
    record("cp.async.bulk.prefetch.tensor.\(map.rank)d.L2.global", [box(map, coordinates)])
  }

  /// Brings a tensor map into the copy engine's cache.
  public func prefetch<T>(_ map: TensorMap<T>, file: String = #fileID, line: Int = #line) {
    locate(file, line)
    record("prefetch.tensormap", [map.pointer.address])
  }

  private func box<T>(_ map: TensorMap<T>, _ coordinates: [Value<S32>]) -> Operand {
    if coordinates.count != map.rank {
      fail(.wrongCount(what: "coordinates of a tensor copy", count: coordinates.count, expected: map.rank))
    }
    if map.pointer.builder !== self { fail(.foreignValue) }
    return .tensor(
      map.pointer.base, offset: Int64(map.pointer.offset), coordinates: coordinates.map { operand($0) })
  }
}

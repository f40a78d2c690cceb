// swift-format-ignore-file: AlwaysUseLowerCamelCase

// Functions here have the names of latent_attention.h.
import LatentAttention
import LatentAttentionHeader

/// Policies as the header numbers them.
private let policies: [PolicyName] = [.balanced, .flashInfer, .flashMLA, .batchInvariant]

/// Described in `latent_attention.h`.
@c @implementation
public func mla_plan_create(
  _ engine: OpaquePointer?, _ geometry: UnsafePointer<mla_geometry>?, _ batch: UnsafePointer<mla_batch>?,
  _ policy: Int64, _ plan: UnsafeMutablePointer<OpaquePointer?>?
) -> mla_status {
  answer {
    let engine = unsafe try Handle.object(engine, "engine", as: EngineObject.self)
    let target = unsafe try given(plan, "plan")
    let described = unsafe try given(batch, "batch")
    let made = unsafe try engine.engine.plan(
      described.batch(), geometry: given(geometry, "geometry").geometry(),
      policy: choice(policy, of: policies, "policy").policy)
    unsafe target.pointee = Handle.make(
      PlanObject(made, takesLargerCaches: described.pool_page_count == mla_pages_as_needed))
  }
}

/// Described in `latent_attention.h`.
@c @implementation
public func mla_plan_create_sparse(
  _ engine: OpaquePointer?, _ geometry: UnsafePointer<mla_geometry>?,
  _ lists: UnsafePointer<mla_token_lists>?,
  _ policy: Int64, _ plan: UnsafeMutablePointer<OpaquePointer?>?
) -> mla_status {
  answer {
    let engine = unsafe try Handle.object(engine, "engine", as: EngineObject.self)
    let target = unsafe try given(plan, "plan")
    let made = unsafe try engine.engine.plan(
      given(lists, "lists").batch(), geometry: given(geometry, "geometry").geometry(),
      policy: choice(policy, of: policies, "policy").policy)
    unsafe target.pointee = Handle.make(PlanObject(made, takesLargerCaches: false))
  }
}

extension mla_token_lists {
  fileprivate func batch() throws -> Batch {
    let (entryCount, overflow) = unsafe list_count.multipliedReportingOverflow(by: width)
    let entries = unsafe Array(try numbers(tokens, count: overflow ? .max : entryCount, "tokens"))
    let counts =
      unsafe lengths == nil ? nil : unsafe try numbers(lengths, count: list_count, "lengths").map(Int.init)
    return try Batch(
      tokenLists: entries.span, width: unsafe Int(width), lengths: counts, pageSize: unsafe Int(page_size),
      pageCount: unsafe Int(page_count))
  }
}

/// Described in `latent_attention.h`.
@c @implementation
public func mla_plan_destroy(_ plan: OpaquePointer?) -> mla_status {
  answer { unsafe Handle.release(plan, as: PlanObject.self) }
}

extension mla_geometry {
  fileprivate func geometry() throws(ProblemError) -> AttentionGeometry {
    try AttentionGeometry(
      headCount: Int(head_count), latentWidth: Int(latent_width), ropeWidth: Int(rope_width),
      softmaxScale: softmax_scale)
  }
}

extension mla_batch {
  fileprivate func batch() throws -> Batch {
    let offsetCount = try entryCount(ofOffsetsFor: unsafe request_count)
    let queryOffsets = unsafe try numbers(query_offsets, count: offsetCount, "query_offsets").map(Int.init)
    let pageOffsets = unsafe try numbers(page_offsets, count: offsetCount, "page_offsets").map(Int.init)
    let keyLengths = unsafe try numbers(key_lengths, count: request_count, "key_lengths").map(Int.init)
    let pageIndices = unsafe Array(try numbers(page_indices, count: page_index_count, "page_indices"))
    let (pageSize, pageCount) = unsafe (Int(page_size), Int(pool_page_count))
    return try Batch(
      queryOffsets: queryOffsets, pageOffsets: pageOffsets, pageIndices: pageIndices, keyLengths: keyLengths,
      pageSize: pageSize,
      poolPageCount: pageCount == mla_pages_as_needed
        ? Batch.neededPageCount(
          pageOffsets: pageOffsets, pageIndices: pageIndices, keyLengths: keyLengths, pageSize: pageSize)
        : pageCount,
      isCausal: choice(unsafe is_causal, of: [false, true], "is_causal"))
  }
}

/// Entries of a list of offsets.
func entryCount(ofOffsetsFor requestCount: Int64) throws(ProblemError) -> Int64 {
  guard (0..<Int64(Int32.max)).contains(requestCount) else {
    throw ProblemError(
      .outOfRange, "request_count", value: requestCount, requirement: "must be 0 ..< \(Int32.max)")
  }
  return requestCount + 1
}

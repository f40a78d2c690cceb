// swift-format-ignore-file: AlwaysUseLowerCamelCase

// Functions here have the names of latent_attention.h.
import LatentAttention
import LatentAttentionHeader

/// Bases as the header numbers them.
private let logarithmBases: [LogarithmBase] = [.natural, .two]

/// Described in `latent_attention.h`.
@c @implementation
public func mla_run(
  _ engine: OpaquePointer?, _ plan: OpaquePointer?, _ arguments: UnsafePointer<mla_run_arguments>?
) -> mla_status {
  answer {
    let engine = unsafe try Handle.object(engine, "engine", as: EngineObject.self)
    let plan = unsafe try Handle.object(plan, "plan", as: PlanObject.self)
    let views = unsafe try RunViews(try given(arguments, "arguments"), plan)
    try engine.engine.run(plan.plan, queries: views.queries, cache: views.cache, output: views.output)
  }
}

/// The tensors of a run, cut to what its plan is for.
private struct RunViews {
  let queries: QueryView
  let cache: CacheView
  let output: OutputView

  init(_ arguments: mla_run_arguments, _ plan: PlanObject) throws {
    let batch = plan.plan.batch
    let tokens = batch.queryTokenCount
    queries = QueryView(
      latent: try unsafe TensorArgument(arguments.query_latent, "query_latent").view().limited(to: tokens),
      rope: try unsafe TensorArgument(arguments.query_rope, "query_rope").viewIfGiven()?.limited(to: tokens))
    let pages = plan.takesLargerCaches ? batch.poolPageCount : .max
    let options = unsafe arguments.options == nil ? mla_run_options() : arguments.options.pointee
    let latent = try unsafe TensorArgument(arguments.cache_latent, "cache_latent").view().limited(to: pages)
    cache = CacheView(
      latent: latent,
      latentTail: try unsafe TensorArgument(options.latent_tail, "latent_tail").viewIfGiven()?.limited(
        to: pages),
      rope: try unsafe TensorArgument(arguments.cache_rope, "cache_rope").viewIfGiven()?.limited(to: pages),
      scales: latent.elementType == .float8 ? try unsafe Self.scales(options, pages) : nil)
    output = OutputView(
      output: try unsafe TensorArgument(arguments.output, "output").mutableView().limited(to: tokens),
      lse: try unsafe TensorArgument(arguments.lse, "lse").mutableViewIfGiven()?.limited(to: tokens),
      lseBase: try choice(unsafe arguments.lse_base, of: logarithmBases, "lse_base"),
      maximumScores: try unsafe TensorArgument(options.maximum_scores, "maximum_scores").mutableViewIfGiven()?
        .limited(to: tokens),
      sinks: unsafe options.sinks.map {
        unsafe Array(UnsafeBufferPointer(start: $0, count: plan.plan.geometry.headCount))
      })
  }

  private static func scales(_ options: mla_run_options, _ pages: Int) throws -> CacheScales {
    let groups = try unsafe TensorArgument(options.scales, "scales").viewIfGiven()?.limited(to: pages)
    let width = unsafe Int(options.group_width)
    guard let groups else {
      return unsafe CacheScales(latent: .uniform(options.latent_scale), rope: options.rope_scale)
    }
    return CacheScales(
      latent: groups.elementType == .float8
        ? .exponents(groups, width: width) : .groups(groups, width: width),
      rope: unsafe options.rope_scale)
  }
}

extension TensorView {
  fileprivate func limited(to count: Int) -> TensorView { outerCount > count ? prefix(count) : self }
}

extension MutableTensorView {
  fileprivate func limited(to count: Int) -> MutableTensorView {
    view.outerCount > count ? prefix(count) : self
  }
}

private let maximumStateCount: Int64 = 65_536

/// Described in `latent_attention.h`.
@c @implementation
public func mla_merge_states(
  _ stateCount: Int64, _ outputs: UnsafePointer<mla_tensor>?, _ lses: UnsafePointer<mla_tensor>?,
  _ lseBase: Int64, _ output: UnsafePointer<mla_tensor>?, _ lse: UnsafePointer<mla_tensor>?
) -> mla_status {
  answer {
    guard (1...maximumStateCount).contains(stateCount) else {
      throw ProblemError(
        .outOfRange, "state_count", value: stateCount, requirement: "must be 1 to \(maximumStateCount)")
    }
    let states = unsafe try zip(
      tensors(outputs, count: Int(stateCount), "outputs"), tensors(lses, count: Int(stateCount), "lses"))
    try AttentionStates.merge(
      states.map { (output: $0, lse: $1) }, lseBase: try choice(lseBase, of: logarithmBases, "lse_base"),
      into: unsafe TensorArgument(try given(output, "output"), "output").mutableView(),
      lse: unsafe TensorArgument(try given(lse, "lse"), "lse").mutableView())
  }
}

private func tensors(_ list: UnsafePointer<mla_tensor>?, count: Int, _ field: String) throws -> [TensorView] {
  guard let list = unsafe list else { throw NullPointer(field: field) }
  return try (0..<count).map { index in
    try unsafe TensorArgument(list[index], "\(field)[\(index)]").view()
  }
}

/// Described in `latent_attention.h`.
@c @implementation
public func mla_append(_ arguments: UnsafePointer<mla_append_arguments>?) -> mla_status {
  answer {
    let arguments = unsafe try given(arguments, "arguments")
    let latent = try unsafe TensorArgument(arguments.latent, "latent").view()
    let cache = try unsafe MutableCacheView(
      latent: TensorArgument(arguments.cache_latent, "cache_latent").mutableView(),
      rope: TensorArgument(arguments.cache_rope, "cache_rope").mutableViewIfGiven())
    try cache.store(
      latent: latent, rope: unsafe TensorArgument(arguments.rope, "rope").viewIfGiven(),
      at: unsafe arguments.places(tokenCount: Int64(latent.outerCount)))
  }
}

extension mla_append_arguments {
  fileprivate func places(tokenCount: Int64) throws -> TokenPlaces {
    let offsetCount = try entryCount(ofOffsetsFor: unsafe request_count)
    return try unsafe TokenPlaces(
      requests: numbers(requests, count: tokenCount, "requests").map(Int.init),
      positions: numbers(positions, count: tokenCount, "positions").map(Int.init),
      pageOffsets: numbers(page_offsets, count: offsetCount, "page_offsets").map(Int.init),
      pageIndices: Array(numbers(page_indices, count: page_index_count, "page_indices")))
  }
}

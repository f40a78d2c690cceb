/// A problem with known answer: inputs, a place for the result, and the comparison with the oracle.
///
/// The case owns the memory behind its views: keep it alive while a run uses them. Slots and pages that no
/// request needs hold NaNs and infinities, page lists go on with indices that are out of range, and rows
/// are padded with NaN.
public final class VerificationCase {
  /// What the case was made from.
  public let recipe: CaseRecipe
  /// The layer.
  public let geometry: AttentionGeometry
  /// The requests.
  public let batch: Batch
  /// The queries.
  public let queries: QueryView
  /// The cache.
  public let cache: CacheView
  /// Where a run is to write; NaN at first.
  public let output: OutputView
  private let outputTensor: CaseTensor
  private let lseTensor: CaseTensor?
  /// Owns the memory behind `queries` and `cache`.
  private let inputTensors: [CaseTensor]

  /// Makes the case of a recipe.
  ///
  /// - Throws: `ProblemError` for a recipe whose counts or widths no call may have.
  public init(_ recipe: CaseRecipe) throws(ProblemError) {
    try recipe.validate()
    self.recipe = recipe
    geometry = try AttentionGeometry(
      headCount: recipe.headCount, latentWidth: recipe.latentWidth, ropeWidth: recipe.ropeWidth,
      softmaxScale: recipe.softmaxScale)
    var generator = SplitMix64(seed: recipe.seed)
    batch = try Self.makeBatch(recipe, &generator)
    let rows = (batch.queryTokenCount, geometry.headCount)

    let queryTensors = try Self.inputTensors(
      recipe, outer: rows.0, inner: rows.1, isCombined: recipe.hasCombinedQueries,
      layout: recipe.queryLayout, field: "queries", &generator)
    let cacheTensors = try Self.inputTensors(
      recipe, outer: batch.poolPageCount, inner: batch.pageSize, isCombined: recipe.hasCombinedCache,
      layout: recipe.cacheLayout, field: "cache", &generator)
    inputTensors = queryTensors + cacheTensors
    if recipe.hasCombinedQueries {
      queries = try QueryView(combined: queryTensors[0].rows.view, geometry: geometry)
    } else {
      queries = QueryView(latent: queryTensors[0].rows.view, rope: queryTensors.dropFirst().first?.rows.view)
    }
    if recipe.hasCombinedCache {
      cache = try CacheView(combined: cacheTensors[0].rows.view, geometry: geometry)
    } else {
      cache = CacheView(latent: cacheTensors[0].rows.view, rope: cacheTensors.dropFirst().first?.rows.view)
    }

    outputTensor = try CaseTensor(
      recipe.outputType, shape: (rows.0, rows.1, geometry.latentWidth), layout: recipe.outputLayout,
      field: "output")
    if let layout = recipe.lseLayout {
      lseTensor = try CaseTensor(.float32, shape: (rows.0, rows.1, 1), layout: layout, field: "lse")
    } else {
      lseTensor = nil
    }
    output = OutputView(output: outputTensor.rows, lse: lseTensor?.rows, lseBase: recipe.lseBase)

    var values = CaseValues(recipe, generator)
    fillQueries(queryTensors, &values)
    fillCache(cacheTensors, &values)
  }

  /// Makes random case `index` of a seed.
  ///
  /// - Throws: `ProblemError` where the options hold it to something that no call may have.
  public convenience init(
    seed: UInt64, index: Int, options: VerificationOptions = VerificationOptions()
  ) throws(ProblemError) {
    try self.init(CaseRecipe.random(seed: seed, index: index, options: options))
  }

  /// The oracle of the case.
  public func oracle() throws(ProblemError) -> Oracle {
    try Oracle(batch: batch, geometry: geometry, queries: queries, cache: cache)
  }

  /// Compares all rows with the oracle, and looks for writes beside them.
  public func check() throws(ProblemError) -> Comparison {
    var comparison = try oracle().compare(output)
    if let offset = outputTensor.strayWrite() {
      comparison.note(.strayWrite(tensor: "output", byteOffset: offset))
    }
    if let offset = lseTensor?.strayWrite() {
      comparison.note(.strayWrite(tensor: "lse", byteOffset: offset))
    }
    return comparison
  }

  /// Pages in random order; requests that share start with the pages of the one before.
  private static func makeBatch(
    _ recipe: CaseRecipe, _ generator: inout SplitMix64
  ) throws(ProblemError) -> Batch {
    let needed = recipe.requests.map { ($0.keyLength + recipe.pageSize - 1) / recipe.pageSize }
    let poolPageCount = needed.reduce(3, +)
    var pages = (0..<Int32(poolPageCount)).shuffled(using: &generator)
    let garbage = [-1, .min, .max, Int32(poolPageCount)]
    var lists: [[Int32]] = []
    for (request, count) in needed.enumerated() {
      var list: [Int32] = []
      if recipe.sharesPages, request > 0 {
        let shared = min(count, needed[request - 1])
        list = Array(lists[request - 1].prefix(Int.random(in: 0...shared, using: &generator)))
      }
      let own = count - list.count
      list += pages.suffix(own)
      pages.removeLast(own)
      for _ in 0..<Int.random(in: 0...3, using: &generator) { list.append(generator.pick(garbage)) }
      lists.append(list)
    }
    return try Batch(
      queryCounts: recipe.requests.map(\.queryCount), pageLists: lists,
      keyLengths: recipe.requests.map(\.keyLength), pageSize: recipe.pageSize,
      poolPageCount: poolPageCount, isCausal: recipe.isCausal)
  }

  private static func inputTensors(
    _ recipe: CaseRecipe, outer: Int, inner: Int, isCombined: Bool, layout: CaseRecipe.Layout,
    field: String, _ generator: inout SplitMix64
  ) throws(ProblemError) -> [CaseTensor] {
    let separate = recipe.ropeWidth > 0 ? [recipe.latentWidth, recipe.ropeWidth] : [recipe.latentWidth]
    let widths = isCombined ? [recipe.latentWidth + recipe.ropeWidth] : separate
    var tensors: [CaseTensor] = []
    for width in widths {
      let tensor = try CaseTensor(
        recipe.elementType, shape: (outer, inner, width), layout: layout, field: field)
      tensor.poison(&generator)
      tensors.append(tensor)
    }
    return tensors
  }

  private func fillQueries(_ tensors: [CaseTensor], _ values: inout CaseValues) {
    for token in 0..<batch.queryTokenCount {
      for head in 0..<geometry.headCount {
        store(values.query(token: token, head: head), tensors, token, head)
      }
    }
  }

  private func fillCache(_ tensors: [CaseTensor], _ values: inout CaseValues) {
    for request in 0..<batch.count {
      for key in 0..<batch.keyLengths[request] {
        let page = batch.pageIndices[batch.pageOffsets[request] + key / batch.pageSize]
        let row = values.key(key, of: batch.keyLengths[request])
        store(row, tensors, Int(page), key % batch.pageSize)
      }
    }
  }

  /// Stores a latent and rope row in the one tensor or in both.
  private func store(_ row: [Float], _ tensors: [CaseTensor], _ outer: Int, _ inner: Int) {
    var start = 0
    for tensor in tensors {
      let width = tensor.rows.view.width
      tensor.rows.storeRow(outer, inner, row.span.extracting(start..<start + width))
      start += width
    }
  }
}

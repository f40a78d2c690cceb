import HopperEngine
import HopperKernels
import HopperSimulator
import LatentAttention
import Testing

/// Clusters of two blocks, in every way of sharing keys and with every pipeline.
@Suite("Hopper engine: clusters")
struct ClusterTests {
  private static func options(
    _ cluster: HopperEngineOptions.Cluster, _ pipeline: DecodeVariant.Pipeline = .twoWarpgroups
  ) -> HopperEngineOptions {
    var options = HopperEngineOptions()
    options.cluster = cluster
    options.pipeline = pipeline
    return options
  }

  /// Heads, query tokens and page sizes: rows that fill one block of two, one and a row, both, both and a row, and that end
  /// within a token.
  static let shapes = [
    (heads: 128, queries: 1, pageSize: 64), (65, 1, 32), (64, 2, 16), (96, 1, 64), (126, 2, 48), (3, 43, 64),
    (20, 4, 16), (24, 3, 32), (40, 5, 80), (48, 3, 64), (128, 3, 1), (193, 1, 64), (129, 1, 7),
  ]

  /// Of pieces one after another: none, one tile to four, the last one full or not; more queries than keys.
  static func recipe(_ shape: (heads: Int, queries: Int, pageSize: Int)) -> CaseRecipe {
    let lengths = [1, 0, 64, 2, 65, 129, 191, 256]
    var recipe = CaseRecipe(
      "\(shape.heads) heads, \(shape.queries) queries, pages of \(shape.pageSize)",
      requests: lengths.map { .init(shape.queries, $0) })
    recipe.headCount = shape.heads
    recipe.pageSize = shape.pageSize
    recipe.values = .rising
    return recipe
  }

  @Test("Shapes of all kinds", arguments: [HopperEngineOptions.Cluster.multicast, .sync])
  func shapes(cluster: HopperEngineOptions.Cluster) throws {
    let engine = HopperEngineTests.engine(Self.options(cluster))
    for (index, shape) in Self.shapes.enumerated() {
      let policies = PolicyName.allCases
      try HopperEngineTests.expectRight(
        Self.recipe(shape), on: engine, policy: policies[index % policies.count].policy)
    }
  }

  @Test(
    "Other pipelines", arguments: PipelineTests.pipelines, [HopperEngineOptions.Cluster.multicast, .sync])
  func pipelines(pipeline: DecodeVariant.Pipeline, cluster: HopperEngineOptions.Cluster) throws {
    let engine = HopperEngineTests.engine(Self.options(cluster, pipeline))
    for shape in [Self.shapes[1], Self.shapes[8], Self.shapes[10]] {
      try HopperEngineTests.expectRight(Self.recipe(shape), on: engine, policy: BalancedPolicy())
    }
  }

  /// Kernels of every element type and width, with boxes and without, tiles that are full and not.
  @Test(
    "Element types, with a rope part and without", arguments: DecodeVariant.Pipeline.allCases,
    [HopperEngineOptions.Cluster.multicast, .sync])
  func types(pipeline: DecodeVariant.Pipeline, cluster: HopperEngineOptions.Cluster) throws {
    let engine = HopperEngineTests.engine(Self.options(cluster, pipeline))
    for (type, ropeWidth, pageSize) in [
      (ElementType.float16, 64, 64), (.float16, 0, 32), (.bfloat16, 0, 64), (.float16, 0, 16),
      (.bfloat16, 0, 1),
    ] {
      var recipe = CaseRecipe(
        "\(type.rawValue), rope width \(ropeWidth)", requests: [65, 256, 1].map { .init(2, $0) })
      (recipe.elementType, recipe.outputType) = (type, type)
      (recipe.headCount, recipe.ropeWidth, recipe.pageSize) = (60, ropeWidth, pageSize)
      recipe.values = .rising
      try HopperEngineTests.expectRight(recipe, on: engine, policy: BalancedPolicy())
    }
  }

  /// All pieces of a request on few clusters, and the second stage in the same launch and in its own.
  @Test("Cut requests", arguments: HopperEngineOptions.SecondStage.allCases)
  func cutRequests(secondStage: HopperEngineOptions.SecondStage) throws {
    var recipe = CaseRecipe("cut requests", requests: [.init(1, 700), .init(2, 333), .init(1, 65)])
    recipe.headCount = 96
    var options = Self.options(.multicast)
    options.secondStage = secondStage
    let engine = HopperEngineTests.engine(options)
    for policy in [BatchInvariantPolicy(chunkKeys: 64), BatchInvariantPolicy(chunkKeys: 256)] {
      try HopperEngineTests.expectRight(recipe, on: engine, policy: policy)
    }
    try HopperEngineTests.expectRight(recipe, on: engine, policy: HopperEngineTests.OddPieces())
  }

  /// A result of a recipe: the bits, and what was read from L2.
  private func run(
    _ recipe: CaseRecipe, _ options: HopperEngineOptions, threads: Int? = nil
  ) throws -> (numbers: [[Double]], l2Bytes: UInt64) {
    let problem = try VerificationCase(recipe)
    let device = SimulatedGPU(.h100, threadCount: threads)
    let engine = HostHopperEngine(HopperEngine(device: device, options: options))
    let plan = try engine.plan(
      problem.batch, geometry: problem.geometry, policy: BatchInvariantPolicy(chunkKeys: 4096))
    try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
    let numbers = HopperEngineTests.numbers(problem)
    return (numbers, device.takeLaunches().reduce(0) { $0 + $1.report.memory.l2ReadBytes })
  }

  /// Each row is computed in the same order, whoever brings the keys. With multicast L2 gives them once for both blocks.
  @Test func sameBitsAndHalfTheReads() throws {
    var recipe = CaseRecipe("clusters", requests: [.init(1, 1280), .init(1, 640), .init(1, 1024)])
    recipe.headCount = 128
    let alone = try run(recipe, Self.options(.none))
    for (cluster, share) in [(HopperEngineOptions.Cluster.sync, 0.9...1.1), (.multicast, 0.5...0.65)] {
      for threads in [1, 3] {
        let shared = try run(recipe, Self.options(cluster), threads: threads)
        #expect(shared.numbers == alone.numbers)
        #expect(share.contains(Double(shared.l2Bytes) / Double(alone.l2Bytes)), "\(cluster)")
      }
    }
  }

  private func plan(
    _ heads: Int, queries: [Int] = [1], pageSize: Int = 64, _ cluster: HopperEngineOptions.Cluster,
    policy: any PlanningPolicy = BalancedPolicy()
  ) throws -> AttentionPlan {
    let batch = try Batch(
      queryCounts: queries, pageLists: queries.map { _ in (0..<Int32(320 / pageSize + 1)).map { $0 } },
      keyLengths: queries.map { _ in 300 }, pageSize: pageSize, poolPageCount: 400, isCausal: true)
    var options = Self.options(cluster)
    options.choices = []
    return try HopperEngine(device: SimulatedGPU(.h100), options: options).plan(
      batch, geometry: AttentionGeometry.deepSeek(headCount: heads), policy: policy)
  }

  private func tileRows(_ plan: AttentionPlan) -> Int { plan.pieces.map(\.rowCount).max() ?? 0 }

  @Test func tilesArePairedWhereItIsWorthIt() throws {
    #expect(tileRows(try plan(128, .automatic)) == 128)
    #expect(tileRows(try plan(64, queries: [2, 4], .automatic)) == 128)
    #expect(tileRows(try plan(128, .none)) == 64)
    #expect(tileRows(try plan(64, .multicast)) == 64)
    // A third of the blocks would be idle; no multicast of pages of one token.
    #expect(tileRows(try plan(192, .automatic)) == 64)
    #expect(tileRows(try plan(128, pageSize: 1, .automatic)) == 64)
    #expect(tileRows(try plan(192, .multicast)) == 128)
    #expect(tileRows(try plan(128, pageSize: 1, .multicast)) == 128)
    #expect(try plan(128, .automatic).workerCount == 66)
    // Cuts of a batch-invariant policy depend on no other request, so neither do its tiles.
    let invariant = BatchInvariantPolicy(chunkKeys: 64)
    #expect(tileRows(try plan(16, queries: [1, 8], .multicast, policy: invariant)) == 64)
    #expect(tileRows(try plan(128, queries: [1, 8], .automatic, policy: invariant)) == 128)
  }

  /// A plan for pairs needs them, and no pair takes more than 128 rows.
  @Test("Plans with taller tiles", arguments: [(128, HopperEngineOptions.Cluster.none), (256, .multicast)])
  func tallPlans(tileRows: Int, cluster: HopperEngineOptions.Cluster) throws {
    var recipe = CaseRecipe("tall tiles", requests: [.init(3, 70)])
    recipe.headCount = 128
    let problem = try VerificationCase(recipe)
    let planner = try Planner(workerCount: 2, tileRows: tileRows, costModel: .hopperEstimate)
    let plan = try planner.plan(problem.batch, geometry: problem.geometry)
    let engine = HopperEngineTests.engine(Self.options(cluster))
    #expect(throws: HopperEngineError.self) {
      try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
    }
  }

  /// More workers than clusters, and one.
  @Test("Plans for other numbers of workers", arguments: [1, 5, 100])
  func foreignPlans(workers: Int) throws {
    var recipe = CaseRecipe("plan for others", requests: [.init(2, 500), .init(1, 0), .init(3, 40)])
    recipe.headCount = 80
    let problem = try VerificationCase(recipe)
    let planner = try Planner(workerCount: workers, tileRows: 128, costModel: .hopperEstimate)
    let plan = try planner.plan(problem.batch, geometry: problem.geometry)
    let engine = HopperEngineTests.engine()
    try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
    let comparison = try problem.check()
    #expect(comparison.passed, "\(comparison)")
    #expect(engine.engine.device.takeFindings().isEmpty)
  }
}

extension FaultTests {
  /// Two row tiles, the last tile of keys not full.
  static let pairs: CaseRecipe = {
    var recipe = CaseRecipe("faults of clusters", requests: [.init(1, 640), .init(1, 333)])
    recipe.headCount = 128
    recipe.values = .rising
    return recipe
  }()

  private static func clusterFault(
    _ name: String, places: Int, _ pattern: String, _ replacement: String,
    cluster: HopperEngineOptions.Cluster = .multicast
  ) -> Fault {
    Fault(name, places: places, pattern, replacement, recipe: pairs, cluster: cluster)
  }

  /// Faults of what the blocks of a cluster do together.
  static let faultsOfClusters = [
    clusterFault(
      "the other block is not told of a free place", places: 5,
      #"@%is_first_lane[_0-9]* mbarrier\.arrive\.shared::cluster\.b64 _, \[%r\d+[+0-9]*\];"#,
      ""),
    clusterFault(
      "a block tells itself in place of the other", places: 1,
      #"(xor\.b32 %r\d+, %rank,) 1;"#, "$1 0;"),
    clusterFault(
      "a place is free when one block has released it", places: 4,
      #"(mbarrier\.init\.shared::cta\.b64 \[empty[+0-9]*\]), 8;"#, "$1, 4;"),
    clusterFault(
      "a block that is not in step: its place is free when one has released it", places: 4,
      #"(mbarrier\.init\.shared::cta\.b64 \[empty[+0-9]*\]), 8;"#, "$1, 4;", cluster: .sync),
    clusterFault("boxes go to one block only", places: 9, #"(mov\.u16 %rs\d+), 3;"#, "$1, 1;"),
    clusterFault("boxes go to a block that is none", places: 9, #"(mov\.u16 %rs\d+), 3;"#, "$1, 7;"),
    clusterFault(
      "both blocks load the same half", places: 4, #"(shl\.b32 %r\d+,) %rank, 5;"#, "$1 0, 5;"),
    clusterFault(
      "both halves go to the same place", places: 3, #"(mad\.lo\.u32 %r\d+, %rank,) 4096,"#, "$1 0,"),
    clusterFault(
      "halves overlap", places: 3, #"(mad\.lo\.u32 %r\d+, %rank,) 4096,"#, "$1 2048,"),
    clusterFault(
      "half of a panel's bytes are expected", places: 9, #"(expect_tx[^\n]*\]), 8192;"#, "$1, 4096;"),
    clusterFault(
      "no barrier of the cluster before it ends", places: 1,
      #"barrier\.cluster\.arrive\.release\.aligned;\s+barrier\.cluster\.wait\.acquire\.aligned;(?=\s+\.loc [^\n]*\s+ret;)"#,
      ""),
    clusterFault(
      "no barrier of the cluster before barriers are used", places: 1,
      #"barrier\.cluster\.arrive\.release\.aligned;\s+barrier\.cluster\.wait\.acquire\.aligned;(?!\s+\.loc [^\n]*\s+ret;)"#,
      "bar.sync 0;"),
  ]
}

import GPUDevice
import HopperEngine
import HopperSimulator
import LatentAttention
import TestSupport
import Testing

@Suite("Hopper engine on a simulated device")
struct HopperEngineTests {
  /// Every way to load and to merge; cases take turns.
  private static let options: [HopperEngineOptions] = {
    var alone = HopperEngineOptions()
    alone.secondStage = .dependentLaunch
    alone.mergeWay = .sharedMemory
    var rows = HopperEngineOptions()
    rows.usesTensorMaps = false
    rows.mergeWay = .registers
    // No less precise than the inputs: fp16 holds what bf16 does not.
    rows.partialType = .float16
    return [HopperEngineOptions(), alone, rows]
  }()

  static func engine(
    _ options: HopperEngineOptions = HopperEngineOptions(), threads: Int? = nil
  ) -> HostHopperEngine {
    HostHopperEngine(HopperEngine(device: SimulatedGPU(.h100, threadCount: threads), options: options))
  }

  static func expectRight(
    _ recipe: CaseRecipe, on engine: HostHopperEngine, policy: any PlanningPolicy
  ) throws {
    let problem = try VerificationCase(recipe)
    let plan = try engine.plan(problem.batch, geometry: problem.geometry, policy: policy)
    try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
    let comparison = try problem.check()
    #expect(comparison.passed, "\(recipe), \(policy.name): \(comparison)")
    let findings = engine.engine.device.takeFindings()
    #expect(findings.isEmpty, "\(recipe), \(policy.name): \(findings.map(\.description))")
  }

  /// Of the widths and types that the kernels take.
  static let awkwardRecipes = CaseRecipe.awkward.filter { recipe in
    recipe.elementType != .float32 && recipe.latentWidth == 512 && [0, 64].contains(recipe.ropeWidth)
  }

  @Test("Awkward cases", arguments: 0..<3)
  func awkwardCases(turn: Int) throws {
    let engine = Self.engine(Self.options[turn])
    let recipes = Self.awkwardRecipes.enumerated().filter { $0.offset % 3 == turn }
    #expect(recipes.count > 15)
    for (index, recipe) in recipes {
      let policies = PolicyName.allCases
      try Self.expectRight(recipe, on: engine, policy: policies[index % policies.count].policy)
    }
  }

  /// Pieces of many tiles, whose last one is not full: rows are loaded after boxes, into places that were used before.
  @Test("Long pieces, pages of every kind of box", arguments: [1, 16, 48, 32, 64, 80, 192])
  func longPieces(pageSize: Int) throws {
    var recipe = CaseRecipe("long pieces", requests: [.init(2, 333), .init(1, 640), .init(1, 257)])
    recipe.pageSize = pageSize
    try Self.expectRight(recipe, on: Self.engine(), policy: BatchInvariantPolicy(chunkKeys: 4096))
  }

  /// Few rows and many pieces: columns go to several blocks, and pieces to several groups of threads.
  @Test(
    "Every way to merge and to share what is merged, every type of partials",
    arguments: HopperEngineOptions.MergeWay.allCases, HopperEngineOptions.MergeShare.allCases)
  func mergeWays(way: HopperEngineOptions.MergeWay, share: HopperEngineOptions.MergeShare) throws {
    for (index, (heads, keys)) in [(1, 2100), (16, 2100), (40, 900), (96, 700)].enumerated() {
      var recipe = CaseRecipe("merges", requests: [.init(1, keys), .init(1, 165)])
      recipe.headCount = heads
      let types = [ElementType.bfloat16, .float16, .float32]
      var options = HopperEngineOptions()
      options.mergeWay = way
      options.mergeShare = share
      options.partialType = types[index % types.count]
      options.secondStage = index.isMultiple(of: 2) ? .sameLaunch : .dependentLaunch
      try Self.expectRight(recipe, on: Self.engine(options), policy: OddPieces())
    }
  }

  /// The planner balances what `mla fit` has found for the device.
  @Test("Plans use the device's costs", arguments: Set(FittedCosts.table.map(\.device)))
  func fittedCosts(device name: String) throws {
    let description = try #require(DeviceDescription(name: name))
    for (heads, cluster, sharing) in [
      (16, HopperEngineOptions.Cluster.none, KeySharing.none), (128, .none, .l2), (128, .automatic, .cluster),
    ] {
      let rows = FittedCosts.table.filter { $0.device == name && $0.sharing == sharing }
      try #require(rows.count == 1)
      var options = HopperEngineOptions()
      options.cluster = cluster
      let engine = HopperEngine(device: SimulatedGPU(description), options: options)
      let geometry = try AttentionGeometry.deepSeek(headCount: heads)
      let batch = try Batch(
        queryCounts: [1], pageLists: [[0]], keyLengths: [128], pageSize: 128, poolPageCount: 1, isCausal: true
      )
      let plan = try engine.plan(batch, geometry: geometry, policy: BatchInvariantPolicy(chunkKeys: 128))
      let expected = rows[0].perPiece + 2 * rows[0].perKeyTile
      #expect(abs(plan.statistics.makespan - expected) < 1e-6 * expected)
    }
    #expect(FittedCosts.ofDevice("something else").map(\.device) == ["h100", "h100", "h100"])
  }

  @Test("There are costs of every device, however keys are shared")
  func fittedDevices() {
    let pairs = FittedCosts.table.map { "\($0.device) \($0.sharing)" }
    let all = DeviceDescription.all.flatMap { device in KeySharing.allCases.map { "\(device.name) \($0)" } }
    #expect(pairs == all)
  }

  /// Blocks find in L2 what their neighbours read only if they read it at the same time.
  @Test("Row tiles of a request run side by side where all requests are alike")
  func neighboursShareKeys() throws {
    var options = HopperEngineOptions()
    options.cluster = .none
    let engine = HopperEngine(device: SimulatedGPU(.h100), options: options)
    for (batchSize, keys) in [(128, 1024), (66, 1024), (128, 2048), (132, 8192)] {
      let batch = try Batch(
        queryCounts: Array(repeating: 1, count: batchSize),
        pageLists: (0..<batchSize).map { [Int32($0)] }, keyLengths: Array(repeating: keys, count: batchSize),
        pageSize: keys, poolPageCount: batchSize, isCausal: true)
      let plan = try engine.plan(batch, geometry: .deepSeek(headCount: 128))
      let firsts = (0..<plan.workerCount).compactMap { worker in
        plan.pieces[plan.pieceOffsets[worker]..<plan.pieceOffsets[worker + 1]].first?.request
      }
      let shared = firsts.filter { request in firsts.count { $0 == request } > 1 }
      #expect(shared.count == firsts.count, "batch \(batchSize), \(keys) keys")
    }
  }

  /// No piece but the first begins with a tile or a box.
  struct OddPieces: PlanningPolicy {
    let name = "pieces of 83 keys"

    func assignPieces(_ problem: PlanningProblem) -> [PieceAssignment] {
      problem.tiles.enumerated().flatMap { tile, shape in
        stride(from: 0, to: shape.keyCount, by: 83).map {
          PieceAssignment(
            tile: tile, keyStart: $0, keyEnd: min($0 + 83, shape.keyCount), worker: $0 % problem.workerCount)
        }
      }
    }
  }

  @Test func piecesThatAreNoTiles() throws {
    var recipe = CaseRecipe("odd pieces", requests: [.init(3, 400), .init(1, 90)])
    recipe.pageSize = 32
    try Self.expectRight(recipe, on: Self.engine(), policy: OddPieces())
  }

  @Test("Plans for other numbers of workers", arguments: [1, 5, 300])
  func foreignPlans(workers: Int) throws {
    let recipe = CaseRecipe("plan for others", requests: [.init(2, 500), .init(1, 0), .init(3, 40)])
    let problem = try VerificationCase(recipe)
    let planner = try Planner(workerCount: workers, tileRows: 64, costModel: .hopperEstimate)
    let plan = try planner.plan(problem.batch, geometry: problem.geometry)
    try Self.engine().run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
    let comparison = try problem.check()
    #expect(comparison.passed, "\(comparison)")
  }

  @Test func sameBitsWithAnyNumberOfSimulatorThreads() throws {
    let recipe = CaseRecipe("threads", requests: [.init(2, 300), .init(1, 700)])
    let results = try [1, 3].map { threads in
      let problem = try VerificationCase(recipe)
      let engine = Self.engine(threads: threads)
      let plan = try engine.plan(problem.batch, geometry: problem.geometry)
      try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
      return Self.numbers(problem)
    }
    #expect(results[0] == results[1])
  }

  @Test("Times are the device's, launch included", arguments: HopperEngineOptions.SecondStage.allCases)
  func timesOfRuns(secondStage: HopperEngineOptions.SecondStage) throws {
    let problem = try VerificationCase(CaseRecipe("times", requests: [.init(1, 700)]))
    let device = SimulatedGPU(.h100)
    var options = HopperEngineOptions()
    options.secondStage = secondStage
    let engine = HostHopperEngine(HopperEngine(device: device, options: options))
    let plan = try engine.plan(problem.batch, geometry: problem.geometry)
    for _ in 0..<2 {
      let elapsed = try engine.timedRun(
        plan, queries: problem.queries, cache: problem.cache, output: problem.output)
      let launches = device.takeLaunches()
      #expect(launches.count == (secondStage == .sameLaunch ? 1 : 2))
      let start = try #require(launches.map(\.start).min())
      let end = try #require(launches.map(\.end).max())
      let launch = Duration.seconds(device.description.launchLatency.value * 1e-6)
      #expect(elapsed > launch && elapsed - (end - start + launch) < .nanoseconds(1))
      #expect(end - start + launch - elapsed < .nanoseconds(1))
    }
    withExtendedLifetime(problem) {}
  }

  /// Alone, a request has so few rows that several blocks share the columns of each.
  @Test(
    "Batch-invariant results do not depend on the batch", arguments: HopperEngineOptions.MergeWay.allCases,
    HopperEngineOptions.SecondStage.allCases)
  func batchInvariance(
    mergeWay: HopperEngineOptions.MergeWay, secondStage: HopperEngineOptions.SecondStage
  ) throws {
    var recipe = CaseRecipe(
      "batch", requests: [.init(2, 1100), .init(2, 70)] + Array(repeating: .init(1, 300), count: 6))
    (recipe.headCount, recipe.outputType) = (12, .float32)
    let problem = try VerificationCase(recipe)
    let (batch, geometry, policy) = (problem.batch, problem.geometry, BatchInvariantPolicy(chunkKeys: 64))
    var options = HopperEngineOptions()
    (options.mergeWay, options.secondStage) = (mergeWay, secondStage)
    let engine = Self.engine(options)
    let plan = try engine.plan(batch, geometry: geometry, policy: policy)
    try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
    let among = Self.numbers(problem, tokens: 2)
    let first = try Batch(
      queryOffsets: [0, 2], pageOffsets: Array(batch.pageOffsets[...1]), pageIndices: batch.pageIndices,
      keyLengths: [1100], pageSize: batch.pageSize, poolPageCount: batch.poolPageCount, isCausal: true)
    let output = OutputView(
      output: problem.output.output.prefix(2), lse: problem.output.lse?.prefix(2),
      lseBase: problem.output.lseBase)
    try engine.run(
      engine.plan(first, geometry: geometry, policy: policy),
      queries: QueryView(
        latent: problem.queries.latent.prefix(2), rope: problem.queries.rope?.prefix(2)),
      cache: problem.cache, output: output)
    #expect(Self.numbers(problem, tokens: 2) == among)
  }

  /// Outputs and LSEs of the first tokens, all when nil, exactly.
  static func numbers(_ problem: VerificationCase, tokens: Int? = nil) -> [[Double]] {
    withExtendedLifetime(problem) {
      let view = problem.output
      return (0..<(tokens ?? problem.batch.queryTokenCount)).map { token in
        (0..<view.output.view.innerCount).flatMap { head in
          view.output.view.row(token, head).map(Double.init)
            + (view.lse.map { [$0.view.element(token, head, 0)] } ?? [])
        }
      }
    }
  }

  @Test func whatTheKernelsAreNotMadeFor() throws {
    let engine = Self.engine()
    for (latent, rope, field) in [(256, 64, "latentWidth"), (512, 32, "ropeWidth")] {
      var recipe = CaseRecipe("widths", requests: [.init(1, 3)])
      recipe.latentWidth = latent
      recipe.ropeWidth = rope
      let problem = try VerificationCase(recipe)
      #expect(throws: Refusal(field)) {
        try Refusal.of { () throws(HopperEngineError) in
          _ = try engine.plan(problem.batch, geometry: problem.geometry)
        }
      }
    }
    var recipe = CaseRecipe("type", requests: [.init(1, 3)])
    (recipe.elementType, recipe.outputType) = (.float32, .float32)
    let problem = try VerificationCase(recipe)
    let plan = try engine.plan(problem.batch, geometry: problem.geometry)
    #expect(throws: Refusal("queries.latent.elementType")) {
      try Refusal.of { () throws(HopperEngineError) in
        try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
      }
    }
    let sixteenBit = try VerificationCase(CaseRecipe("tiles", requests: [.init(9, 3)]))
    let sinks = [Float](repeating: 0, count: sixteenBit.geometry.headCount)
    #expect(throws: Refusal("sinks")) {
      try Refusal.of { () throws(HopperEngineError) in
        try engine.run(
          engine.plan(sixteenBit.batch, geometry: sixteenBit.geometry), queries: sixteenBit.queries,
          cache: sixteenBit.cache, output: OutputView(output: sixteenBit.output.output, sinks: sinks))
      }
    }
    let wide = try Planner(workerCount: 2, tileRows: 256, costModel: .hopperEstimate)
    let tall = try wide.plan(sixteenBit.batch, geometry: sixteenBit.geometry)
    #expect(throws: Refusal("plan.pieces.rowCount")) {
      try Refusal.of { () throws(HopperEngineError) in
        try engine.run(
          tall, queries: sixteenBit.queries, cache: sixteenBit.cache, output: sixteenBit.output)
      }
    }
  }
}

/// The field that a problem names.
private struct Refusal: Error, Equatable {
  let field: String

  init(_ field: String) { self.field = field }

  static func of(_ body: () throws(HopperEngineError) -> Void) throws {
    do {
      try body()
    } catch {
      if case .problem(let problem) = error { throw Refusal(problem.field) }
      throw error
    }
  }
}

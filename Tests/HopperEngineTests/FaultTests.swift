import GPUDevice
import HopperEngine
import HopperKernels
import HopperSimulator
import LatentAttention
import Synchronization
import Testing

/// Faults planted in a copy of the decode kernel or of its plan: each must be noticed, by a wrong result, by what the device
/// notices, or by a launch that fails. A check that lets one pass is worth nothing.
@Suite("Hopper engine: planted faults")
struct FaultTests {
  /// A change of a kernel's text.
  struct Fault: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// How many places match.
    let places: Int
    let pattern: String
    let replacement: String
    /// The case that is run.
    let recipe: CaseRecipe
    /// Which kernel is changed.
    var options = HopperEngineOptions()
    /// How the case is cut into pieces.
    var policy: any PlanningPolicy = BatchInvariantPolicy(chunkKeys: 4096)

    init(
      _ name: String, places: Int, _ pattern: String, _ replacement: String,
      recipe: CaseRecipe = FaultTests.recipe, pipeline: DecodeVariant.Pipeline = .twoWarpgroups,
      cluster: HopperEngineOptions.Cluster = .none
    ) {
      (testDescription, self.places, self.pattern, self.replacement) = (name, places, pattern, replacement)
      self.recipe = recipe
      options.pipeline = pipeline
      options.cluster = cluster
    }
  }

  private static let fenceBeforeQueries =
    #"fence\.proxy\.async\.shared::cta;(?=\s+\.loc [^\n]*\s+xor\.b32 %queries_phase)"#
  private static let fenceBeforeScores =
    #"fence\.proxy\.async\.shared::cta;(?=\s+\.loc [^\n]*\s+wgmma\.fence)"#

  private static let faults = [
    Fault("no wait for the even tile's probabilities", places: 2, #"bar\.sync 1, 256;"#, ""),
    Fault("no wait for the odd tile's probabilities", places: 1, #"bar\.sync 2, 256;"#, ""),
    Fault(
      "an even tile is taken before it is there", places: 1, #"mov\.u32 %keys_phase, 0;"#,
      "mov.u32 %keys_phase, 1;"),
    Fault(
      "tiles are loaded before their places are free", places: 1, #"xor\.b32 %phases, %phases, %r\d+;"#, ""
    ),
    Fault(
      "the loader's warps overtake the one that waits", places: 1,
      #"bar\.sync 3, 128;(?=\s+\.loc [^\n]*\s+add\.s32 %r\d+, %tile_start)"#, ""),
    Fault(
      "no proxy fence after the probabilities", places: 2,
      #"fence\.proxy\.async\.shared::cta;(?=\s+\.loc [^\n]*\s+bar\.arrive)"#, ""),
    Fault(
      "no proxy fence after the first rows of a tile that cp.async brings", places: 1,
      #"(cp\.async\.wait_group 1;)\s+\.loc [^\n]*\s+fence\.proxy\.async\.shared::cta;"#, "$1"),
    Fault(
      "no proxy fence after the other rows of a tile that cp.async brings", places: 1,
      #"(cp\.async\.wait_group 0;)\s+\.loc [^\n]*\s+fence\.proxy\.async\.shared::cta;"#, "$1"),
    Fault("no proxy fence after queries", places: 1, fenceBeforeQueries, ""),
    Fault(
      "no proxy fence after queries that threads store", places: 1, fenceBeforeQueries, "",
      recipe: unalignedQueries),
    Fault("no proxy fence after rows", places: 4, fenceBeforeScores, "", recipe: rows),
    Fault(
      "no proxy fence after rows that threads store", places: 4, fenceBeforeScores, "",
      recipe: unaligned(keyLength: 150)),
    Fault(
      "threads arrive before their rows are there", places: 3,
      #"cp\.async\.mbarrier\.arrive\.noinc\.shared::cta\.b64 (\[[^\]]+\]);"#,
      "mbarrier.arrive.shared::cta.b64 _, $1;", recipe: rows),
    Fault(
      "products are not waited for", places: 7, #"wgmma\.wait_group\.sync\.aligned [01];"#, ""),
    Fault(
      "a panel is not waited for", places: 1,
      #"mbarrier\.try_wait\.parity\.shared::cta\.b64 (%p\d+), \[full\+8\], %r\d+;"#,
      "setp.eq.u32 $1, 0, 0;"),
    Fault(
      "no rescaling", places: 640,
      #"mul\.ftz\.f32 %output(?:_\d+)+, %output(?:_\d+)+, %correction(?:_\d+)?;"#, ""),
    Fault("a row sees one key more", places: 64, #"setp\.gt\.s32 (%p\d+, %seen)"#, "setp.ge.s32 $1"),
    Fault(
      "a row sees one key less", places: 4, #"sub\.s32 (%seen[_0-9]*), %r\d+, %column[_0-9]*;"#,
      "$0 sub.s32 $1, $1, 1;"),
    Fault(
      "a panel signals the next one's barrier", places: 1, #"(add\.u32 %r\d+, %first_panel,) 1;"#, "$1 2;"),
    Fault(
      "a panel is loaded twice, the next one not at all", places: 2,
      #"(add\.s32 %r\d+, %r\d+,) 64;(?=\s+mbarrier\.arrive\.expect_tx)"#, "$1 0;"),
  ]

  /// Pieces of many tiles, causal rows, tails, and maxima that rise to the end.
  static let recipe: CaseRecipe = {
    var recipe = CaseRecipe("faults", requests: [.init(2, 333), .init(1, 640), .init(1, 257)])
    recipe.values = .rising
    return recipe
  }()

  /// Tiles that come row by row.
  private static let rows: CaseRecipe = {
    var recipe = FaultTests.recipe
    recipe.pageSize = 1
    return recipe
  }()

  /// Queries that are aligned to no more than their numbers, and tiles in boxes.
  private static let unalignedQueries: CaseRecipe = {
    var recipe = CaseRecipe("unaligned queries", requests: [.init(1, 128)])
    recipe.queryLayout.rowPadding = 7
    return recipe
  }()

  /// Rows that are aligned to no more than their numbers, and come one by one.
  private static func unaligned(keyLength: Int) -> CaseRecipe {
    var recipe = CaseRecipe("unaligned", requests: [.init(1, keyLength)])
    recipe.queryLayout.rowPadding = 7
    recipe.cacheLayout.rowPadding = 7
    return recipe
  }

  private enum Outcome: Equatable {
    case unnoticed
    case wrongResult
    case findings
    case failedLaunch
  }

  /// Runs a case on a device that changes kernels, with a plan that may have been changed.
  private func outcome(
    _ recipe: CaseRecipe = recipe, options: HopperEngineOptions = HopperEngineOptions(),
    changingPlan: (AttentionPlan) -> AttentionPlan = { $0 },
    _ policy: any PlanningPolicy, _ change: @escaping @Sendable (String) -> String
  ) throws -> Outcome {
    let limits = LaunchLimits(instructionCount: 20_000_000)
    let device = ChangingDevice(SimulatedGPU(.h100, limits: limits), change)
    let engine = HostHopperEngine(HopperEngine(device: device, options: options))
    let problem = try VerificationCase(recipe)
    let plan = changingPlan(try engine.plan(problem.batch, geometry: problem.geometry, policy: policy))
    do {
      try engine.run(plan, queries: problem.queries, cache: problem.cache, output: problem.output)
    } catch .device(.kernelFailed) {
      return .failedLaunch
    }
    if !device.takeFindings().isEmpty { return .findings }
    return try problem.check().passed ? .unnoticed : .wrongResult
  }

  @Test func withoutFaultNothingIsNoticed() throws {
    for recipe in [Self.recipe, Self.rows, Self.unaligned(keyLength: 150), Self.unalignedQueries, Self.pairs]
    {
      #expect(try outcome(recipe, BatchInvariantPolicy(chunkKeys: 4096)) { $0 } == .unnoticed)
    }
    for fault in Self.faultsOfSecondStage.suffix(2) + Self.faultsOfTunedPipelines {
      #expect(try outcome(fault.recipe, options: fault.options, fault.policy) { $0 } == .unnoticed)
    }
  }

  @Test(
    "A fault of the kernel is noticed",
    arguments: faults + faultsOfOtherPipelines + faultsOfTunedPipelines + faultsOfClusters
      + faultsOfSecondStage)
  func kernelFault(_ fault: Fault) throws {
    let places = Mutex(0)
    let outcome = try self.outcome(fault.recipe, options: fault.options, fault.policy) { text in
      guard let pattern = try? Regex(fault.pattern) else { return text }
      return text.replacing(pattern) { match in
        places.withLock { $0 += 1 }
        let group = match.output.count > 1 ? match.output[1].substring.map(String.init) ?? "" : ""
        return fault.replacement.replacing("$0", with: text[match.range]).replacing("$1", with: group)
      }
    }
    #expect(places.withLock { $0 } == fault.places)
    #expect(outcome != .unnoticed)
  }

  @Test func partialSlotsSharedByTwoPieces() throws {
    let outcome = try self.outcome(
      changingPlan: { plan in
        var pieces = plan.pieces
        let partial = pieces.indices.filter { pieces[$0].partialRow != nil }
        pieces[partial[1]].partialRow = pieces[partial[0]].partialRow
        return AttentionPlan(
          geometry: plan.geometry, batch: plan.batch, pieces: pieces, pieceOffsets: plan.pieceOffsets,
          mergeJobs: plan.mergeJobs, mergeOffsets: plan.mergeOffsets, partialRowCount: plan.partialRowCount,
          statistics: plan.statistics)
      }, BatchInvariantPolicy(chunkKeys: 128)
    ) { $0 }
    #expect(outcome != .unnoticed)
  }
}

/// A device that changes the text of the modules that it loads.
private final class ChangingDevice: GPUDevice {
  private let device: any GPUDevice
  private let change: @Sendable (String) -> String

  init(_ device: any GPUDevice, _ change: @escaping @Sendable (String) -> String) {
    (self.device, self.change) = (device, change)
  }

  var properties: DeviceProperties { device.properties }
  var defaultStream: any GPUStream { device.defaultStream }

  func allocate(byteCount: Int) throws(GPUDeviceError) -> DeviceMemory {
    try device.allocate(byteCount: byteCount)
  }

  func load(ptx: String) throws(GPUDeviceError) -> any GPUModule { try device.load(ptx: change(ptx)) }

  func makeTensorMap(_ description: TensorMapDescription) throws(GPUDeviceError) -> TensorMap {
    try device.makeTensorMap(description)
  }

  func makeStream() throws(GPUDeviceError) -> any GPUStream { try device.makeStream() }
  func makeEvent() throws(GPUDeviceError) -> any GPUEvent { try device.makeEvent() }
  func synchronize() throws(GPUDeviceError) { try device.synchronize() }
  func takeFindings() -> [any LaunchFinding] { device.takeFindings() }
}

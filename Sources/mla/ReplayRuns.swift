import LatentAttention
import Reports
import Workloads

/// Replays requests: continuous batching over one pool.
struct StreamReplay {
  private var batcher: ContinuousBatcher
  private let geometry: AttentionGeometry
  private let tokenBudget: Int
  private let engine: ChosenEngine
  private let settings: ReplaySettings

  init(
    _ batcher: ContinuousBatcher, geometry: AttentionGeometry, tokenBudget: Int, engine: ChosenEngine,
    settings: ReplaySettings
  ) {
    self.batcher = batcher
    self.geometry = geometry
    self.tokenBudget = tokenBudget
    self.engine = engine
    self.settings = settings
  }

  /// Runs until the steps are done or the trace is.
  consuming func run() throws -> ReplayLog {
    var cache = try PagedCache(
      geometry: geometry, elementType: settings.elementType, pageSize: batcher.pageSize,
      pageCount: tokenBudget / batcher.pageSize)
    cache.fill(seed: settings.seed)
    let buffers = try CallBuffers(
      geometry: geometry, elementType: settings.elementType, tokenCount: batcher.maximumBatchSize,
      seed: settings.seed &+ 1)
    var log = ReplayLog()
    var tokenRow = TokenRow(geometry, seed: settings.seed &+ 2)
    let progress = ProgressBar(label: "replay", total: settings.steps)
    while log.steps.count < settings.steps, let step = batcher.nextStep() {
      for (slot, _) in zip(step.appendedTokens, step.requests) {
        tokenRow.draw()
        try cache.store(
          page: slot.page, slot: slot.slot, latent: tokenRow.latent.span, rope: tokenRow.rope.span)
      }
      let pool = step.poolUse
      let share = Double(pool.inUse) / Double(max(1, pool.inUse + pool.cached + pool.free))
      let view = cache.view
      try log.run(
        step.batch(), geometry: geometry, cache: view, buffers: buffers, engine: engine, settings: settings,
        poolUse: share)
      // The attention of all layers; everything else that a server does is left out.
      try batcher.advance(by: (log.steps.last?.seconds ?? 0) * Double(settings.layers))
      progress.update(log.steps.count)
    }
    progress.finish()
    log.batching = batcher.statistics
    return log
  }
}

/// Replays recorded calls, each with a pool of its own.
struct CallReplay {
  private let calls: [RecordedCall]
  private let defaultHeads: Int
  private let engine: ChosenEngine
  private let settings: ReplaySettings

  init(_ calls: [RecordedCall], defaultHeads: Int, engine: ChosenEngine, settings: ReplaySettings) {
    self.calls = calls
    self.defaultHeads = defaultHeads
    self.engine = engine
    self.settings = settings
  }

  /// Runs each call once, in the order of the file, up to the number of steps.
  func run() throws -> ReplayLog {
    var log = ReplayLog()
    var generator = SeededGenerator(seed: settings.seed)
    let calls = calls.prefix(settings.steps)
    let progress = ProgressBar(label: "replay", total: calls.count)
    for call in calls {
      let geometry = try AttentionGeometry.deepSeek(headCount: call.headCount ?? defaultHeads)
      let batch = try call.batch(using: &generator)
      var cache = try PagedCache(
        geometry: geometry, elementType: settings.elementType, pageSize: batch.pageSize,
        pageCount: batch.poolPageCount)
      cache.fill(seed: settings.seed)
      let buffers = try CallBuffers(
        geometry: geometry, elementType: settings.elementType, tokenCount: batch.queryTokenCount,
        seed: settings.seed &+ 1)
      let view = cache.view
      try withExtendedLifetime(buffers) {
        try log.run(
          batch, geometry: geometry, cache: view, buffers: buffers, engine: engine, settings: settings,
          poolUse: 1)
      }
      progress.update(log.steps.count)
    }
    progress.finish()
    return log
  }
}

/// The latent and rope numbers of a token that is appended.
private struct TokenRow {
  private(set) var latent: [Float]
  private(set) var rope: [Float]
  private var generator: SeededGenerator

  init(_ geometry: AttentionGeometry, seed: UInt64) {
    latent = Array(repeating: 0, count: geometry.latentWidth)
    rope = Array(repeating: 0, count: geometry.ropeWidth)
    generator = SeededGenerator(seed: seed)
  }

  mutating func draw() {
    for column in latent.indices { latent[column] = Float(generator.normal()) }
    for column in rope.indices { rope[column] = Float(generator.normal()) }
  }
}

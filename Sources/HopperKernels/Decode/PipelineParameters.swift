import PTX

/// The values of all parameters of a pipeline.
public struct PipelineParameters: Sendable, Hashable {
  /// Which warpgroup has how many registers.
  public internal(set) var registers: PipelineTuning.Registers
  /// When probabilities are handed on.
  public internal(set) var probabilities: PipelineTuning.Probabilities
  /// Places in shared memory for tiles of keys.
  public internal(set) var keyStages: Int
  /// How often the body of the loop over tiles stands in the program.
  public internal(set) var unroll: Int

  /// What is otherwise than in `standard`.
  func differences(from standard: PipelineParameters) -> PipelineTuning {
    PipelineTuning(
      registers: registers == standard.registers ? nil : registers,
      probabilities: probabilities == standard.probabilities ? nil : probabilities,
      keyStages: keyStages == standard.keyStages ? nil : keyStages,
      unroll: unroll == standard.unroll ? nil : unroll)
  }

  mutating func set(_ tuning: PipelineTuning) {
    registers = tuning.registers ?? registers
    probabilities = tuning.probabilities ?? probabilities
    keyStages = tuning.keyStages ?? keyStages
    unroll = tuning.unroll ?? unroll
  }

  /// Refuses values that a pipeline cannot have, where keys have so many panels.
  func check(_ pipeline: DecodeVariant.Pipeline, panelCount: Int) throws(PipelineTuningError) {
    try checkRegisters(pipeline)
    try checkStages(pipeline, panelCount: panelCount)
    guard (1...2).contains(unroll) else { throw PipelineTuningError("unroll", unroll, "must be 1 or 2") }
  }

  /// What `setmaxnreg` takes (PTX ISA 9.7.19), and no more in all than the block has: else it waits for ever.
  private func checkRegisters(_ pipeline: DecodeVariant.Pipeline) throws(PipelineTuningError) {
    let needsScores = pipeline.parameters.registers.scores != nil
    guard needsScores == (registers.scores != nil) else {
      throw PipelineTuningError(
        "registers.scores", registers.scores.map(String.init) ?? "none",
        needsScores
          ? "must be given with four warpgroups" : "only with four warpgroups is there one for scores")
    }
    let fields = [("holders", registers.holders), ("scores", registers.scores), ("loader", registers.loader)]
    for (name, count) in fields {
      guard let count else { continue }
      guard (24...256).contains(count), count.isMultiple(of: 8) else {
        throw PipelineTuningError("registers.\(name)", count, "must be a multiple of 8 from 24 to 256")
      }
    }
    let total = Kernel.warpgroupThreadCount * (registers.holders + registers.counts.reduce(0, +))
    let most = pipeline.registersAtEntry * pipeline.threadCount
    guard total <= most else {
      throw PipelineTuningError(
        "registers", registers.counts.map(String.init).joined(separator: ","),
        "must be at most \(most) in all \(pipeline.threadCount) threads, and are \(total)")
    }
  }

  private func checkStages(
    _ pipeline: DecodeVariant.Pipeline, panelCount: Int
  ) throws(PipelineTuningError) {
    let least = pipeline == .twoWarpgroups ? 2 : 1
    let byteCount = { DecodeMemory<BF16>.byteCount(panelCount: panelCount, stages: $0) }
    let most = (Kernel.sharedByteLimit - byteCount(0)) / (byteCount(1) - byteCount(0))
    guard keyStages <= most else {
      throw PipelineTuningError(
        "keyStages", keyStages,
        "must be at most \(most): \(most + 1) take \(byteCount(most + 1)) bytes of shared memory, and a block has "
          + "\(Kernel.sharedByteLimit)")
    }
    guard keyStages >= least else {
      throw PipelineTuningError(
        "keyStages", keyStages,
        least == 1
          ? "must be at least 1" : "must be 2 with two warpgroups, each of which has a tile of its own")
    }
    guard keyStages > 1 || probabilities == .immediate else {
      throw PipelineTuningError(
        "probabilities", probabilities.rawValue,
        "must be immediate with one place for keys: the next tile comes when the values are done")
    }
  }
}

extension DecodeVariant.Pipeline {
  /// What the pipeline is by itself.
  public var parameters: PipelineParameters {
    switch self {
    case .twoWarpgroups:
      PipelineParameters(
        registers: .init(holders: 216, loader: 72), probabilities: .deferred, keyStages: 2, unroll: 1)
    case .threeWarpgroups:
      PipelineParameters(
        registers: .init(holders: 216, loader: 72), probabilities: .immediate, keyStages: 2, unroll: 1)
    case .fourWarpgroups:
      PipelineParameters(
        registers: .init(holders: 168, scores: 112, loader: 64), probabilities: .immediate, keyStages: 2,
        unroll: 1)
    }
  }

  /// Registers that each thread begins with: a block of the processor's 65,536 has them in steps of 8.
  var registersAtEntry: Int { 65_536 / threadCount / 8 * 8 }

  /// The parameters that can be set one by one.
  public enum Parameter: Sendable, Hashable, CaseIterable {
    case probabilities, keyStages, unroll, registers
  }

  /// Other values of a parameter than the pipeline's own: those that are assembled, tested and searched.
  public func alternatives(_ parameter: Parameter) -> [PipelineTuning] {
    switch parameter {
    case .probabilities:
      PipelineTuning.Probabilities.allCases.filter { $0 != parameters.probabilities }.map {
        PipelineTuning(probabilities: $0)
      }
    case .keyStages: self == .twoWarpgroups ? [] : [PipelineTuning(keyStages: 1)]
    case .unroll:
      // With three warpgroups that start the next scores behind the values `ptxas` spills.
      [PipelineTuning(probabilities: self == .threeWarpgroups ? .deferred : nil, unroll: 2)]
    case .registers: registerSplits.map { PipelineTuning(registers: $0) }
    }
  }

  /// Those that `ptxas` makes do with: `mla kernels check --registers` says of others what spills.
  private var registerSplits: [PipelineTuning.Registers] {
    switch self {
    case .twoWarpgroups: [.init(holders: 208, loader: 88), .init(holders: 200, loader: 104)]
    case .threeWarpgroups: [.init(holders: 208, loader: 88)]
    case .fourWarpgroups:
      [.init(holders: 160, scores: 128, loader: 64), .init(holders: 176, scores: 96, loader: 64)]
    }
  }
}

extension DecodeVariant {
  /// The variant with some of its pipeline's parameters set.
  ///
  /// - Throws: `PipelineTuningError` for a value that the pipeline cannot have.
  public func tuned(_ tuning: PipelineTuning) throws(PipelineTuningError) -> DecodeVariant {
    let tuned = setting(tuning)
    try tuned.parameters.check(pipeline, panelCount: panelCount)
    return tuned
  }

  private func setting(_ tuning: PipelineTuning) -> DecodeVariant {
    var tuned = self
    tuned.parameters.set(tuning)
    return tuned
  }

  /// What of the pipeline's parameters has been set to something else.
  public var tuning: PipelineTuning { parameters.differences(from: pipeline.parameters) }

  /// Variants with every other value of every parameter, those that load rows where registers or places for tiles are
  /// set; and with several set at a time, in clusters too.
  public static let allTuned: [DecodeVariant] = Pipeline.allCases.flatMap { pipeline in
    func variant(_ loading: Loading, _ cluster: Cluster = .none) -> DecodeVariant {
      DecodeVariant(
        elementType: .bfloat16, hasRope: true, loading: loading, pipeline: pipeline, cluster: cluster)
    }
    let boxes = Loading.boxes(tokens: 64)
    let alone = Pipeline.Parameter.allCases.flatMap { parameter in
      let loadings = parameter == .registers || parameter == .keyStages ? [boxes, .rows] : [boxes]
      return loadings.flatMap { loading in
        pipeline.alternatives(parameter).map { variant(loading).setting($0) }
      }
    }
    let unrolled = PipelineTuning(unroll: 2)
    let together = [Pipeline.Parameter.probabilities, .keyStages].flatMap { parameter in
      pipeline.alternatives(parameter).map { $0.setting(unrolled) }
    }
    .flatMap { [variant(boxes).setting($0), variant(boxes, .multicast).setting($0)] }
    return alone + together.filter { !alone.contains($0) }
  }
}

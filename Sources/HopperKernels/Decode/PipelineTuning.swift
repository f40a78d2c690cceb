/// What can be set of a pipeline. What is nil is as the pipeline has it by itself, `DecodeVariant.Pipeline.parameters`.
public struct PipelineTuning: Sendable, Hashable, Codable {
  /// Registers that `setmaxnreg` gives each thread, by what its warpgroup does.
  public struct Registers: Sendable, Hashable, Codable {
    /// In the two warpgroups that hold the output.
    public var holders: Int
    /// In the warpgroup that computes scores beside them; nil where there is none.
    public var scores: Int?
    /// In the warpgroup that loads.
    public var loader: Int

    /// A split.
    public init(holders: Int, scores: Int? = nil, loader: Int) {
      (self.holders, self.scores, self.loader) = (holders, scores, loader)
    }

    /// In the order of the warpgroups, of the holders once.
    public var counts: [Int] { [holders] + (scores.map { [$0] } ?? []) + [loader] }
  }

  /// Whether a warpgroup that has put probabilities into shared memory says so at once, and waits for those of others, or
  /// starts the products that come next before.
  public enum Probabilities: String, Sendable, Hashable, Codable, CaseIterable {
    /// At once.
    case immediate
    /// After its own values have been started, with two warpgroups; after the next tile's scores have been started, with
    /// three and four.
    case deferred
  }

  /// Which warpgroup has how many registers.
  public var registers: Registers?
  /// When probabilities are handed on.
  public var probabilities: Probabilities?
  /// Places in shared memory for tiles of keys.
  public var keyStages: Int?
  /// How often the body of the loop over tiles, one for each place, stands in the program.
  public var unroll: Int?

  /// What is not said is as the pipeline has it.
  public init(
    registers: Registers? = nil, probabilities: Probabilities? = nil, keyStages: Int? = nil,
    unroll: Int? = nil
  ) {
    self.registers = registers
    self.probabilities = probabilities
    self.keyStages = keyStages
    self.unroll = unroll
  }

  /// What `other` sets, and what it leaves open as it is here.
  public func setting(_ other: PipelineTuning) -> PipelineTuning {
    PipelineTuning(
      registers: other.registers ?? registers, probabilities: other.probabilities ?? probabilities,
      keyStages: other.keyStages ?? keyStages, unroll: other.unroll ?? unroll)
  }

  /// What is set, as in kernel names: `deferred`, `stages1`, `unroll2`, `registers216_72`.
  public var labels: [String] {
    [
      probabilities?.rawValue, keyStages.map { "stages\($0)" }, unroll.map { "unroll\($0)" },
      registers.map { "registers" + $0.counts.map(String.init).joined(separator: "_") },
    ].compactMap { $0 }
  }
}

/// A value that a pipeline's parameter cannot have.
public struct PipelineTuningError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The parameter, as in `registers.loader`.
  public let field: String
  /// The value that it was given.
  public let value: String
  /// What would have been right.
  public let requirement: String

  init(_ field: String, _ value: some CustomStringConvertible, _ requirement: String) {
    (self.field, self.value, self.requirement) = (field, value.description, requirement)
  }

  /// One line: `registers.loader = 60: must be a multiple of 8 from 24 to 256`.
  public var description: String { "\(field) = \(value): \(requirement)" }
}

import ArgumentParser
import HopperKernels

extension PipelineTuning.Probabilities: ExpressibleByArgument {}

/// Values of a pipeline's parameters, where they are not to be its own.
struct PipelineTuningOptions: ParsableArguments {
  @Option(
    help: """
      Registers of a thread of the warpgroups that hold the output, of the one that computes scores where there is \
      one, and of the one that loads, as 216,72 or 160,128,64.
      """)
  var registers: CommaList<Int>?
  @Option(name: .customLong("p-sync"), help: "When warpgroups meet for a tile's probabilities.")
  var probabilities: PipelineTuning.Probabilities?
  @Option(help: "Places in shared memory for tiles of keys.") var keyStages: Int?
  @Option(help: "How often the body of the loop over tiles stands in the kernel.") var unroll: Int?

  func validate() throws {
    if let counts = registers?.values, !(2...3).contains(counts.count) {
      throw ValidationError(
        "--registers = \(counts.map(String.init).joined(separator: ",")): must be two or three counts")
    }
  }

  /// What is set; nil if nothing is.
  var tuning: PipelineTuning? {
    let split = registers.map { list in
      PipelineTuning.Registers(
        holders: list.values[0], scores: list.values.count > 2 ? list.values[1] : nil,
        loader: list.values[list.values.count - 1])
    }
    let tuning = PipelineTuning(
      registers: split, probabilities: probabilities, keyStages: keyStages, unroll: unroll)
    return tuning == PipelineTuning() ? nil : tuning
  }

  /// The options as they are given on a command line.
  var words: [String] {
    [
      ("--registers", registers?.defaultValueDescription), ("--p-sync", probabilities?.rawValue),
      ("--key-stages", keyStages.map(String.init)), ("--unroll", unroll.map(String.init)),
    ].compactMap { name, value in value.map { "\(name) \($0)" } }
  }
}

extension DecodeVariant {
  /// The variant with parameters from a command line.
  ///
  /// - Throws: `ValidationError` for those that its pipeline cannot have.
  func tunedForCommand(_ tuning: PipelineTuning) throws -> DecodeVariant {
    do { return try tuned(tuning) } catch { throw ValidationError(error.description) }
  }
}

import ArgumentParser

/// The command: replay a trace, measure, check, and look at plans.
@main
struct Mla: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mla",
    abstract: "Multi-head latent attention: replay request traces, measure, verify, plan.",
    subcommands: [Replay.self, Bench.self, Verify.self, Plan.self, Simulate.self, Kernels.self])
}

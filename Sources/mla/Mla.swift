import ArgumentParser

/// The command: replay a trace, measure, check, look at plans, and run PTX on a simulated device.
@main
struct Mla: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mla",
    abstract: "Multi-head latent attention: replay request traces, measure, verify, plan, run PTX.",
    subcommands: [
      Replay.self, Bench.self, Verify.self, Plan.self, Simulate.self, Compare.self, Tune.self, Fit.self,
      Partials.self,
      Kernels.self,
      PTXCommand.self,
    ])
}

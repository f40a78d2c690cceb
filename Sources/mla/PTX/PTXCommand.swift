import ArgumentParser

/// PTX on the simulated device.
struct PTXCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ptx", abstract: "Run and check PTX on a simulated Hopper GPU.",
    subcommands: [RunKernel.self, CheckText.self, ListDevices.self])
}

import ArgumentParser
import HopperSimulator
import Reports

/// What the simulator knows of each device.
struct ListDevices: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices", abstract: "List the simulated devices, every constant with its source.",
    discussion: """
      Each constant is documented by the vendor, measured by others, or estimated: the last have no measurement behind \
      them. Latencies are in cycles of the multiprocessors.
      """)

  @Option(help: "Only this device.") var device: SimulatedDeviceName?
  @Option(help: "Write the constants to a JSON file.") var json: String?

  func run() throws {
    let devices = device.map { [$0.device] } ?? DeviceDescription.all
    for device in devices {
      var table = TextTable(columns: [.text("constant"), .number("value"), .text(""), .text("source")])
      for (name, constant) in device.constants {
        table.append([name, "\(constant.value)", constant.kind.rawValue, constant.source])
      }
      print("\(device.name): \(device.fullName)\n\(table.text())")
    }
    if let json { try JSONOutput.write(devices.map(Row.init), to: json) }
  }

  /// A device in JSON.
  private struct Row: Encodable {
    struct Constant: Encodable {
      var name: String
      var value: Double
      var kind: String
      var source: String
    }

    var device: String
    var fullName: String
    var constants: [Constant]

    init(_ device: DeviceDescription) {
      self.device = device.name
      fullName = device.fullName
      constants = device.constants.map { name, constant in
        Constant(name: name, value: constant.value, kind: constant.kind.rawValue, source: constant.source)
      }
    }
  }
}

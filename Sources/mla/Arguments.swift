import ArgumentParser
import CPUEngine
import HopperSimulator
import LatentAttention

extension ElementType: ExpressibleByArgument {
  /// Types that queries may have too.
  public init?(argument: String) {
    guard let type = ElementType(rawValue: argument), Self.allCases.contains(type) else { return nil }
    self = type
  }
}

/// An element type of caches, those of 8 bits among them.
struct CacheType: ExpressibleByArgument, CustomStringConvertible {
  let type: ElementType

  init(_ type: ElementType) { self.type = type }

  init?(argument: String) {
    guard let type = ElementType(rawValue: argument) else { return nil }
    self.type = type
  }

  var description: String { type.rawValue }
}

extension ElementType {
  /// The type of queries and outputs beside a cache of this type.
  var queryType: ElementType { self == .float8 ? .bfloat16 : self }
}

extension InstructionSet: ExpressibleByArgument {}
extension PolicyName: ExpressibleByArgument {}

/// A list given as `16,128`.
struct CommaList<Element: ExpressibleByArgument & Sendable>: ExpressibleByArgument, Sendable {
  let values: [Element]

  init(_ values: [Element]) {
    self.values = values
  }

  init?(argument: String) {
    var values: [Element] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      guard let value = Element(argument: String(part)) else { return nil }
      values.append(value)
    }
    self.values = values
  }

  var defaultValueDescription: String { values.map { "\($0)" }.joined(separator: ",") }
}

/// Counts past this are refused: products of any two then fit 64 bits.
let maximumCount = Int(Int32.max)

/// Heads that a layer can have.
let headCounts = 1...AttentionGeometry.maximumHeadCount

/// Refuses a count outside `range`, naming the option.
func validate(_ option: String, _ value: Int, in range: ClosedRange<Int> = 1...maximumCount) throws {
  guard range.contains(value) else {
    throw ValidationError(
      "\(option) = \(value): must be \(range.lowerBound) to \(range.upperBound)")
  }
}

extension CommaList<Int> {
  /// Refuses counts outside `range`, naming the option and the position.
  func validate(_ option: String, in range: ClosedRange<Int> = 1...maximumCount) throws {
    for (index, value) in values.enumerated() { try mla.validate("\(option)[\(index)]", value, in: range) }
  }
}

/// A device description by its name.
struct SimulatedDeviceName: ExpressibleByArgument, CustomStringConvertible {
  let device: DeviceDescription

  init?(argument: String) {
    guard let device = DeviceDescription(name: argument) else { return nil }
    self.device = device
  }

  init(_ device: DeviceDescription) {
    self.device = device
  }

  var description: String { device.name }

  static var allValueStrings: [String] { DeviceDescription.all.map(\.name) }
}

/// A device that calls are timed on: a simulated one by its name, or this machine's GPU.
enum TimedDeviceName: ExpressibleByArgument, CustomStringConvertible {
  case simulated(DeviceDescription)
  case cuda

  init?(argument: String) {
    if argument == DeviceName.cuda.rawValue {
      self = .cuda
    } else if let device = DeviceDescription(name: argument) {
      self = .simulated(device)
    } else {
      return nil
    }
  }

  init(_ device: DeviceDescription) { self = .simulated(device) }

  var description: String {
    switch self {
    case .simulated(let device): device.name
    case .cuda: DeviceName.cuda.rawValue
    }
  }

  static var allValueStrings: [String] { DeviceDescription.all.map(\.name) + [DeviceName.cuda.rawValue] }

  /// What times calls on it.
  ///
  /// - Parameter threads: of a simulator.
  func timer(threads: Int?) throws -> any CallTimer {
    switch self {
    case .simulated(let device): SimulatedCallTimer(description: device, threads: threads)
    case .cuda: try MeasuringCallTimer()
    }
  }
}

/// All combinations of `items` with the values of a field, the items outermost.
func vary<Item, Value>(_ items: [Item], _ field: WritableKeyPath<Item, Value>, _ values: [Value]) -> [Item] {
  items.flatMap { item in
    values.map { value in
      var varied = item
      varied[keyPath: field] = value
      return varied
    }
  }
}
